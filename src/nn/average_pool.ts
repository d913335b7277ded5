import { checkDisjoint, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Kernels } from "../engine/engine.ts";
import { ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { LayerKind, Shape } from "./layer.ts";
import { callPool, checkPooled, checkPooling, type Pooling, type PoolLayerOptions, type PoolOptions, pooledShape, pooling } from "./pooling.ts";
import type { Pair } from "./window.ts";

type F32 = Tensor<"f32">;

function describePool(op: string, options: PoolOptions): Pooling {
  checkOptions(op, options, ["poolSize", "strides", "padding"]);
  const { poolSize, ...rest } = options;
  return pooling(op, op, poolSize, rest);
}

/**
 * out <- the mean of each window, channel by channel; padded cells are not counted.
 * @param x [m, h, w, c]
 * @param out [m, oh, ow, c], written; oh = floor((h - kh) / sh) + 1, with padding "same" ceil(h / sh), and so for columns
 * @throws {@link ShapeError} when the shapes do not fit; out is unchanged
 */
export function averagePoolForward(x: F32, out: F32, options: PoolOptions): F32 {
  const op = "averagePoolForward";
  const pool = describePool(op, options);
  const [m, image, output] = checkPooled(op, pool, ["x", x], ["out", out]);
  checkSameEngine(op, { x, out });
  checkDisjoint(op, { x }, "out", out);
  callPool(x.engine.kernels.average_pool_f32, m, pool, image, output, x.address, out.address);
  return out;
}

/**
 * dx <- each window's gradient shared equally among its cells; what meets in a cell is added.
 * @param dy [m, oh, ow, c]
 * @param dx [m, h, w, c], written
 * @param options those of {@link averagePoolForward}
 */
export function averagePoolBackward(dy: F32, dx: F32, options: PoolOptions): F32 {
  const op = "averagePoolBackward";
  const pool = describePool(op, options);
  const [m, image, output] = checkPooled(op, pool, ["dx", dx], ["dy", dy]);
  checkSameEngine(op, { dy, dx });
  checkDisjoint(op, { dy }, "dx", dx);
  callPool(dy.engine.kernels.average_pool_backward_f32, m, pool, image, output, dy.address, dx.address);
  return dx;
}

/** Calls a kernel with the whole image for a window. */
function callGlobal(kernel: Kernels["average_pool_f32"], m: number, image: Shape, a: number, b: number): void {
  const [h, w, c] = [image[0]!, image[1]!, image[2]!];
  kernel(m, h, w, c, h, w, 1, 1, 0, 0, 1, 1, a, b);
}
function checkGlobal(op: string, images: [string, F32], means: [string, F32]): [m: number, image: Shape] {
  checkTensor(op, images[0], images[1], "f32", { rank: 4 });
  const [m, ...image] = images[1].shape as [number, ...number[]];
  if (image[0]! * image[1]! === 0) throw new ShapeError(`${op}: expected images with one position or more, got shape [${images[1].shape}]`);
  checkTensor(op, means[0], means[1], "f32", { shape: [m, image[2]!] });
  return [m, image];
}

/** out <- the mean of each channel over all positions. @param x [m, h, w, c] @param out [m, c], written */
export function globalAveragePoolForward(x: F32, out: F32): F32 {
  const op = "globalAveragePoolForward";
  const [m, image] = checkGlobal(op, ["x", x], ["out", out]);
  checkSameEngine(op, { x, out });
  checkDisjoint(op, { x }, "out", out);
  callGlobal(x.engine.kernels.average_pool_f32, m, image, x.address, out.address);
  return out;
}

/** dx <- dy divided by the number of positions, at each of them. @param dy [m, c] @param dx [m, h, w, c], written */
export function globalAveragePoolBackward(dy: F32, dx: F32): F32 {
  const op = "globalAveragePoolBackward";
  const [m, image] = checkGlobal(op, ["dx", dx], ["dy", dy]);
  checkSameEngine(op, { dy, dx });
  checkDisjoint(op, { dy }, "dx", dx);
  callGlobal(dy.engine.kernels.average_pool_backward_f32, m, image, dy.address, dx.address);
  return dx;
}

/** Description of an average pooling layer: [h, w, c] to [oh, ow, c]. */
export interface AveragePool2dLayer extends Pooling {
  readonly type: "averagePool2d";
}

/**
 * An average pooling layer, as Keras's AveragePooling2D.
 * @param poolSize rows and columns of a window, or one number for both
 */
export function averagePool2d(poolSize: number | Pair, options: PoolLayerOptions = {}): AveragePool2dLayer {
  return pooling("averagePool2d", "averagePool2d", poolSize, options);
}

/** @internal */
export const averagePool2dKind: LayerKind<AveragePool2dLayer> = {
  check: checkPooling,
  shape: (op, layer, [image]) => pooledShape(op, layer, image!),
  reads: { x: false, y: false },
  forward: (kernels, { layer, inputs, output, x, y }, { m }) => callPool(kernels.average_pool_f32, m, layer, inputs[0]!, output, x[0]!, y),
  backward: (kernels, { layer, inputs, output, dy, dx }, { m }) => callPool(kernels.average_pool_backward_f32, m, layer, inputs[0]!, output, dy, dx[0]!),
};

/** Description of a global average pooling layer: [h, w, c] to [c]. */
export interface GlobalAveragePool2dLayer {
  readonly type: "globalAveragePool2d";
}

/** The mean of each channel over all positions, as Keras's GlobalAveragePooling2D. */
export function globalAveragePool2d(): GlobalAveragePool2dLayer {
  return Object.freeze({ type: "globalAveragePool2d" });
}

/** @internal */
export const globalAveragePool2dKind: LayerKind<GlobalAveragePool2dLayer> = {
  check: () => {},
  shape(op, _layer, [image]) {
    if (image!.length !== 3) throw new ShapeError(`${op}: expected images of shape [h, w, c], got shape [${image}]`);
    return [image![2]!];
  },
  reads: { x: false, y: false },
  forward: (kernels, { inputs: [image], x, y }, { m }) => callGlobal(kernels.average_pool_f32, m, image!, x[0]!, y),
  backward: (kernels, { inputs: [image], dy, dx }, { m }) => callGlobal(kernels.average_pool_backward_f32, m, image!, dy, dx[0]!),
};
