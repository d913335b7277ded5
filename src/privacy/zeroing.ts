// Zeroing of outliers: an update far above what updates are is replaced by zero, rather than pulled onto the bound.
import { checkNumber, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";

/** What zeroing found. */
export interface Zeroed {
  /** L2 norm before, in f64; NaN or Infinity for an update that is not finite. */
  readonly norm: number;
  readonly zeroed: boolean;
}

/**
 * x <- 0 where |x|_2 > threshold or x is not finite; else x stays bit for bit. A zeroed update still counts as a client's, and is reported,
 * so that a server sees how many were. Zeroing does not bound an update tightly: clip as well.
 *
 * The threshold should lie well above a high quantile of the norms, which a {@link QuantileClip} follows: 2 C + 1 with target 0.98 is the
 * default of TensorFlow Federated (which takes the largest element for the norm).
 * @param x flat update, any shape, written
 * @param threshold largest norm that passes, >= 0
 * Source: TensorFlow Federated, `aggregators.zeroing_factory`; quantile: Andrew et al. 2021 (arXiv:1905.03871).
 * @example
 * const usual = createQuantileClip({ initial: 10, target: 0.98, learningRate: Math.log(10), clients: 100, countNoise: 0 });
 * const { norm, zeroed } = zeroOutlier(update, 2 * usual.bound + 1);
 */
export function zeroOutlier(x: Tensor<"f32">, threshold: number): Zeroed {
  const op = "zeroOutlier";
  checkTensor(op, "x", x, "f32");
  checkNumber(op, "threshold", threshold, { min: 0 });
  const norm = Math.sqrt(x.engine.kernels.squared_norm_f32(x.size, x.address));
  const zeroed = !(norm <= threshold);
  if (zeroed) x.view.fill(0);
  return { norm, zeroed };
}
