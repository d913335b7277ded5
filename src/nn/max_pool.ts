import { checkDisjoint, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type LayerKind, sizeOf } from "./layer.ts";
import { callPool, checkPooled, checkPooling, type Pooling, type PoolLayerOptions, type PoolOptions, pooledShape, pooling } from "./pooling.ts";
import type { Pair } from "./window.ts";

type F32 = Tensor<"f32">;

export interface MaxPoolOptions extends PoolOptions {
  /** [m, oh, ow, c], written: where each maximum stands, as the offset (y w + x) c + channel in its image. {@link maxPoolBackward} takes it. */
  readonly winners?: Tensor<"u32">;
}

/**
 * out <- the largest value of each window, channel by channel. A NaN makes its windows NaN.
 * @param x [m, h, w, c]
 * @param out [m, oh, ow, c], written; oh = floor((h - kh) / sh) + 1, with padding "same" ceil(h / sh), and so for columns
 * @throws {@link ShapeError} when the shapes do not fit; out is unchanged
 * @example
 * const x = engine.tensor("f32", [1, 2, 4, 1], [1, 5, 2, 2, 3, 4, 2, 0]);
 * const winners = engine.tensor("u32", [1, 1, 2, 1]);
 * maxPoolForward(x, engine.tensor("f32", [1, 1, 2, 1]), { poolSize: 2, winners }).toArray(); // 5, 2
 * winners.toArray(); // 1, 2: of equal values the first wins
 */
export function maxPoolForward(x: F32, out: F32, options: MaxPoolOptions): F32 {
  const op = "maxPoolForward";
  checkOptions(op, options, ["poolSize", "strides", "padding", "winners"]);
  const { poolSize, winners, ...rest } = options;
  const pool = pooling(op, op, poolSize, rest);
  const [m, image, output] = checkPooled(op, pool, ["x", x], ["out", out]);
  checkSameEngine(op, { x, out });
  checkDisjoint(op, { x }, "out", out);
  if (winners) {
    checkTensor(op, "winners", winners, "u32", { shape: out.shape });
    checkSameEngine(op, { x, winners });
  }
  callPool(x.engine.kernels.max_pool_f32, m, pool, image, output, x.address, out.address, winners?.address);
  return out;
}

/**
 * dx <- the gradient of each window where its maximum stood, 0 elsewhere; gradients that meet are added.
 * @param winners [m, oh, ow, c], as {@link maxPoolForward} left them
 * @param dy [m, oh, ow, c]
 * @param dx [m, h, w, c], written
 * @throws {@link ParameterError} for a winner outside its image; dx is unchanged
 */
export function maxPoolBackward(winners: Tensor<"u32">, dy: F32, dx: F32): F32 {
  const op = "maxPoolBackward";
  checkTensor(op, "winners", winners, "u32", { rank: 4 });
  const [m, oh, ow, c] = winners.shape as [number, number, number, number];
  checkTensor(op, "dy", dy, "f32", { shape: winners.shape });
  checkTensor(op, "dx", dx, "f32", { shape: [m, -1, -1, c] });
  checkSameEngine(op, { winners, dy, dx });
  checkDisjoint(op, { dy }, "dx", dx);
  const n = m === 0 ? 0 : dx.size / m;
  const view = winners.view;
  for (let i = 0; i < view.length; i++) {
    if (view[i]! >= n) throw new ParameterError(`${op}: expected winners below ${n}, got ${view[i]} at index ${i}`, { argument: "winners", index: i });
  }
  winners.engine.kernels.max_pool_backward_f32(m, n, oh * ow * c, winners.address, dy.address, dx.address);
  return dx;
}

/** Description of a max pooling layer: [h, w, c] to [oh, ow, c]. */
export interface MaxPool2dLayer extends Pooling {
  readonly type: "maxPool2d";
}

/**
 * A max pooling layer, as Keras's MaxPooling2D. Of equal values in a window the first, by rows and then columns, has the gradient.
 * @param poolSize rows and columns of a window, or one number for both
 */
export function maxPool2d(poolSize: number | Pair, options: PoolLayerOptions = {}): MaxPool2dLayer {
  return pooling("maxPool2d", "maxPool2d", poolSize, options);
}

/** @internal The winners are the state: backward reads neither x nor y. */
export const maxPool2dKind: LayerKind<MaxPool2dLayer> = {
  check: checkPooling,
  shape: (op, layer, [image]) => pooledShape(op, layer, image!),
  reads: { x: false, y: false },
  stateBytes: ({ output }, batch) => 4 * batch * sizeOf(output),
  forward: (kernels, { layer, inputs, output, x, y, state }, { m }) => callPool(kernels.max_pool_f32, m, layer, inputs[0]!, output, x[0]!, y, state),
  backward: (kernels, { inputs, output, state, dy, dx }, { m }) => kernels.max_pool_backward_f32(m, sizeOf(inputs[0]!), sizeOf(output), state, dy, dx[0]!),
};
