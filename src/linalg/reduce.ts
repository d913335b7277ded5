import { checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";

type F32 = Tensor<"f32">;

/** sum_i x_i y_i, accumulated in f64; the same bits in every build. 0 for empty tensors; NaN and Inf propagate. */
export function dot(x: F32, y: F32): number {
  checkTensor("dot", "x", x, "f32");
  checkTensor("dot", "y", y, "f32", { size: x.size });
  checkSameEngine("dot", { x, y });
  return x.engine.kernels.dot_f32(x.size, x.address, y.address);
}

/** sum_i x_i, accumulated in f64. */
export function sum(x: F32): number {
  checkTensor("sum", "x", x, "f32");
  return x.engine.kernels.sum_f32(x.size, x.address);
}

/** sum_i x_i^2, accumulated in f64: no finite input overflows. */
export function squaredNorm(x: F32): number {
  checkTensor("squaredNorm", "x", x, "f32");
  return x.engine.kernels.squared_norm_f32(x.size, x.address);
}

/** max_i |x_i|, exact. NaN if any element is NaN. */
export function maxAbs(x: F32): number {
  checkTensor("maxAbs", "x", x, "f32");
  return x.engine.kernels.max_abs_f32(x.size, x.address);
}
