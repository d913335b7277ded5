import { checkDisjoint, checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";

const SIGNS_PER_BLOCK = 512;
const MAX_SIZE = 2 ** 29;

/** The least power of two that is at least n: the length of a rotated vector. */
export function paddedSize(n: number): number {
  checkNumber("paddedSize", "n", n, { min: 1, max: MAX_SIZE, integer: true });
  return 2 ** (32 - Math.clz32(n - 1));
}

function checkPower(op: string, name: string, x: Tensor<"f32">): void {
  checkTensor(op, name, x, "f32");
  if (x.size === 0 || (x.size & (x.size - 1)) !== 0) {
    throw new ShapeError(`${op}: expected ${name} of a power of two of elements, got ${x.size}`, { argument: name, size: x.size });
  }
}

function transform(x: Tensor<"f32">): void {
  const { kernels } = x.engine;
  kernels.scale_f32(x.size, 1 / Math.sqrt(x.size), x.address, x.address); // first, so that sums of finite elements of norm below 3.4e38 stay finite
  kernels.hadamard_f32(x.size, x.address);
}

function flip(stream: RandomStream, x: Tensor<"f32">): void {
  const { engine } = x;
  stream.use(engine, Math.ceil(x.size / SIGNS_PER_BLOCK), engine.kernels.signs_scratch_f32(), (counter, key, nonce, scratch) => {
    engine.kernels.signs_f32(x.size, counter, key, nonce, x.address, x.address, scratch);
    return undefined;
  });
}

/**
 * x <- H x / sqrt n in place, H the Walsh-Hadamard matrix: orthonormal, its own inverse. NaN and Infinity spread.
 * @param x a power of two of elements
 * @throws {@link ShapeError} for another length
 */
export function hadamard(x: Tensor<"f32">): Tensor<"f32"> {
  checkPower("hadamard", "x", x);
  transform(x);
  return x;
}

/**
 * out <- H D x / sqrt n: a random rotation. D flips the signs by the stream's bits, x is padded with zeros. The norm stays, up to rounding, and whatever x is,
 * a coordinate of the result is sub-Gaussian with variance |x|^2 / n.
 * @param x n elements, n >= 1
 * @param stream advances by ceil(padded / 512) blocks; whoever rotates back needs a stream in the same position (a fork of one seed)
 * @param out {@link paddedSize}(n) elements, another tensor than x
 * Source: Suresh et al. 2017 (arXiv:1611.00429), section 3.
 */
export function rotate(x: Tensor<"f32">, stream: RandomStream, out: Tensor<"f32">): Tensor<"f32"> {
  const op = "rotate";
  checkTensor(op, "x", x, "f32");
  checkStream(op, stream);
  checkTensor(op, "out", out, "f32", { size: paddedSize(x.size) });
  checkSameEngine(op, { x, out });
  checkDisjoint(op, { x }, "out", out);
  const view = out.view;
  view.set(x.view);
  view.fill(0, x.size);
  flip(stream, out);
  transform(out);
  return out;
}

/**
 * out <- the first out.size elements of D H y / sqrt n: takes a rotation back. y is used up: it holds the whole result afterwards.
 * @param y {@link paddedSize}(out.size) elements
 * @param stream in the position that rotate() had
 */
export function rotateBack(y: Tensor<"f32">, stream: RandomStream, out: Tensor<"f32">): Tensor<"f32"> {
  const op = "rotateBack";
  checkPower(op, "y", y);
  checkStream(op, stream);
  checkTensor(op, "out", out, "f32");
  checkTensor(op, "y", y, "f32", { size: paddedSize(out.size) });
  checkSameEngine(op, { y, out });
  checkDisjoint(op, { y }, "out", out);
  transform(y);
  flip(stream, y);
  out.view.set(y.view.subarray(0, out.size));
  return out;
}
