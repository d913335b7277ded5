import { checkDisjoint, checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";

/**
 * factors_i <- min(1, maxNorm / sqrt(squaredNorms_i)), rounded so that factor times norm never exceeds maxNorm.
 * With them {@link scaleRows} turns the output gradients of a batch into those of the clipped examples: one weighted backward product then
 * gives the sum of the clipped gradients. A norm that is not finite gets the factor 0: that example adds nothing.
 * The promise is about the norms given; the f32 roundings of the product that follows are not in it.
 * @param squaredNorms [m], f64: squared L2 norm of every example's gradient
 * @param maxNorm bound, > 0 and finite
 * @param factors [m], written
 * @returns how many norms were not finite
 * Source: Goodfellow 2015 (arXiv:1510.01799); Abadi et al. 2016 (arXiv:1607.00133), algorithm 1.
 */
export function clipFactors(squaredNorms: Tensor<"f64">, maxNorm: number, factors: Tensor<"f32">): number {
  const op = "clipFactors";
  checkTensor(op, "squaredNorms", squaredNorms, "f64", { rank: 1 });
  checkNumber(op, "maxNorm", maxNorm, { above: 0 });
  checkTensor(op, "factors", factors, "f32", { shape: squaredNorms.shape });
  checkSameEngine(op, { squaredNorms, factors });
  return squaredNorms.engine.kernels.clip_factors_f64_f32(squaredNorms.size, maxNorm, squaredNorms.address, factors.address);
}

/**
 * out_i <- factors_i x_i, row by row. A factor of 0 clears the row, NaN and Infinity included; a factor of 1 leaves it bit for bit.
 * @param x [m, n]
 * @param factors [m]
 * @param out [m, n], defaults to x
 * Source: Li et al. 2021 (arXiv:2110.05679), section 4 (ghost clipping).
 */
export function scaleRows(x: Tensor<"f32">, factors: Tensor<"f32">, out: Tensor<"f32"> = x): Tensor<"f32"> {
  const op = "scaleRows";
  checkTensor(op, "x", x, "f32", { rank: 2 });
  const [m, n] = x.shape as [number, number];
  checkTensor(op, "factors", factors, "f32", { shape: [m] });
  checkTensor(op, "out", out, "f32", { shape: [m, n] });
  checkSameEngine(op, { x, factors, out });
  checkDisjoint(op, { factors }, "out", out);
  x.engine.kernels.scale_rows_f32(m, n, factors.address, x.address, out.address);
  return out;
}
