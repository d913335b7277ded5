// What max and average pooling have in common: the description of their windows, its checks and the counts that their kernels take.
import { checkChoice, checkOptions, checkTensor } from "../engine/check.ts";
import { ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Shape } from "./layer.ts";
import { checkPair, PADDINGS, type Padding, type Pair, paddingBefore, windows } from "./window.ts";

type F32 = Tensor<"f32">;

/** Windows of a pooling layer. */
export interface Pooling {
  /** Cells of a window. */
  readonly poolSize: Pair;
  /** Cells from one window to the next. */
  readonly strides: Pair;
  readonly padding: Padding;
}

/** How a pooling layer moves its windows. */
export interface PoolLayerOptions {
  /** Cells from one window to the next, default poolSize. */
  readonly strides?: number | Pair;
  /** Default "valid". Padded cells take no part: they are never a maximum and an average does not count them. */
  readonly padding?: Padding;
}
export interface PoolOptions extends PoolLayerOptions {
  /** Cells of a window: rows and columns, or one number for both. */
  readonly poolSize: number | Pair;
}

/** Options as a frozen description, whatever its type. */
export function pooling<T extends string>(op: string, type: T, poolSize: number | Pair, options: PoolLayerOptions): Pooling & { readonly type: T } {
  checkOptions(op, options, ["strides", "padding"]);
  const size = checkPair(op, "poolSize", poolSize);
  const { strides = size, padding = "valid" } = options;
  checkChoice(op, "padding", padding, PADDINGS);
  return Object.freeze({ type, poolSize: size, strides: checkPair(op, "strides", strides), padding });
}

export function checkPooling(op: string, { poolSize, strides, padding }: Pooling): void {
  checkPair(op, "poolSize", poolSize);
  checkPair(op, "strides", strides);
  checkChoice(op, "padding", padding, PADDINGS);
}

/** [h, w, c] to [rows of windows, columns of windows, c]. */
export function pooledShape(op: string, { poolSize, strides, padding }: Pooling, image: Shape): Shape {
  if (image.length !== 3) throw new ShapeError(`${op}: expected images of shape [h, w, c], got shape [${image}]`);
  const [h, w, c] = image as readonly [number, number, number];
  const [rows, columns] = [windows(h, poolSize[0], strides[0], padding), windows(w, poolSize[1], strides[1], padding)];
  if (padding === "valid" && (rows < 1 || columns < 1))
    throw new ShapeError(`${op}: expected images of ${poolSize[0]}x${poolSize[1]} or more for windows of that size, got shape [${image}]`);
  return [rows, columns, c];
}

/** Images [m, h, w, c] and their pooled values fit. @returns m, the shape of an image and of what pooling gives */
export function checkPooled(
  op: string,
  pool: Pooling,
  images: readonly [string, F32],
  pooled: readonly [string, F32],
): [m: number, image: Shape, output: Shape] {
  checkTensor(op, images[0], images[1], "f32", { rank: 4 });
  const [m, ...image] = images[1].shape as [number, ...number[]];
  const output = pooledShape(op, pool, image);
  checkTensor(op, pooled[0], pooled[1], "f32", { shape: [m, ...output] });
  return [m, image, output];
}

type Counts = [m: number, h: number, w: number, c: number, kh: number, kw: number, sh: number, sw: number, top: number, left: number, oh: number, ow: number];
type PoolKernel = (...of: [...Counts, a: number, b: number, c: number]) => void;

/** Calls a pooling kernel with the counts of its geometry and up to three addresses. */
export function callPool(kernel: PoolKernel, m: number, pool: Pooling, image: Shape, output: Shape, a: number, b: number, c = 0): void {
  const { poolSize, strides, padding } = pool;
  const [kh, kw, sh, sw] = [poolSize[0], poolSize[1], strides[0], strides[1]];
  const [h, w] = [image[0]!, image[1]!];
  kernel(m, h, w, image[2]!, kh, kw, sh, sw, paddingBefore(h, kh, sh, padding), paddingBefore(w, kw, sw, padding), output[0]!, output[1]!, a, b, c);
}
