import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";

type F32 = Tensor<"f32">;

function checkThree(op: string, x: F32, y: F32, out: F32): void {
  checkTensor(op, "x", x, "f32");
  checkTensor(op, "y", y, "f32", { size: x.size });
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, y, out });
}

/**
 * y <- a x + y, in place.
 * @param a finite
 * @param x n elements, any shape
 * @param y n elements, written
 * @throws {@link ShapeError}, {@link DTypeError}, {@link ParameterError}; y is unchanged
 */
export function axpy(a: number, x: F32, y: F32): F32 {
  const op = "axpy";
  checkNumber(op, "a", a, { f32: true });
  checkTensor(op, "x", x, "f32");
  checkTensor(op, "y", y, "f32", { size: x.size });
  checkSameEngine(op, { x, y });
  x.engine.kernels.axpy_f32(x.size, a, x.address, y.address);
  return y;
}

/** out <- a x. `out` defaults to x itself. */
export function scale(a: number, x: F32, out: F32 = x): F32 {
  const op = "scale";
  checkNumber(op, "a", a, { f32: true });
  checkTensor(op, "x", x, "f32");
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, out });
  x.engine.kernels.scale_f32(x.size, a, x.address, out.address);
  return out;
}

/** out <- x + y, element by element. `out` may be x or y. */
export function add(x: F32, y: F32, out: F32): F32 {
  checkThree("add", x, y, out);
  x.engine.kernels.add_f32(x.size, x.address, y.address, out.address);
  return out;
}

/** out <- x - y, element by element. `out` may be x or y. */
export function subtract(x: F32, y: F32, out: F32): F32 {
  checkThree("subtract", x, y, out);
  x.engine.kernels.sub_f32(x.size, x.address, y.address, out.address);
  return out;
}

/**
 * acc <- acc + weight x in f64. For sums that several parties must agree on use createMean(), whose result does not depend on order.
 * @param weight finite
 * @param x n elements, f32
 * @param acc n elements, f64, written
 */
export function accumulate(weight: number, x: F32, acc: Tensor<"f64">): Tensor<"f64"> {
  const op = "accumulate";
  checkNumber(op, "weight", weight);
  checkTensor(op, "x", x, "f32");
  checkTensor(op, "acc", acc, "f64", { size: x.size });
  checkSameEngine(op, { x, acc });
  x.engine.kernels.accumulate_f32_f64(x.size, weight, x.address, acc.address);
  return acc;
}
