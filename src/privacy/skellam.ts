import { checkNumber, checkOptions } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { RandomStream } from "../random/chacha.ts";
import { addSamples, memoise } from "../random/discrete.ts";
import { type Bounds, type Law, rational, tableLaw, times } from "../random/law.ts";

/** The largest variance of one table; more is a sum, which is Skellam again. */
const PART = 2 ** 20;
const MAX_VARIANCE = 2 ** 26;
/** -ln of the tail left out: 2 exp(-180) < 2^-258. */
const TAIL = 180;

/** The least k with P(X >= k) <= exp(-TAIL): Chernoff's bound ln P <= sqrt(k^2 + m^2) - m - k asinh(k / m), a little beyond. */
function reach(variance: number): number {
  const exponent = (k: number) => k * Math.asinh(k / variance) - (k * k) / (Math.hypot(k, variance) + variance);
  let k = 2;
  while (exponent(k) < 1.001 * TAIL) k = Math.ceil(1.05 * k);
  return k;
}

/**
 * @internal The law of the difference of two Poisson variables of mean variance / (2 parts): P(k) proportional to I_k(m), m = variance / parts.
 * With rho_k = I_(k+1) / I_k: I_(k-1) = I_(k+1) + (2 k / m) I_k, so rho_(k-1) = 1 / (2 k / m + rho_k), from any bounds of a late rho down.
 */
export function skellamLaw(variance: number, parts = 1): Law {
  const [n, d0] = rational(variance);
  const d = d0 * BigInt(parts);
  const cells = reach(variance / parts);
  return tableLaw((precision) => {
    const one = 1n << BigInt(precision);
    const square = one << BigInt(precision);
    const ratios = new Array<Bounds>(cells - 1);
    let [low, high] = [0n, one]; // 0 < rho < 1
    // The error of a late ratio shrinks by rho^2 at each step.
    for (let k = cells + Math.ceil((precision * (Math.sqrt(variance / parts) + 1)) / 50) + 8; k >= 1; k--) {
      const slope = (BigInt(2 * k) * d * one) / n;
      [low, high] = [square / (slope + 1n + high), square / (slope + low) + 1n];
      if (k < cells) ratios[k - 1] = [low, high];
    }
    const weights: Bounds[] = [[one, one]];
    for (const ratio of ratios) weights.push(times(weights.at(-1)!, ratio, precision));
    return weights;
  });
}

const parts = (variance: number): number => Math.ceil(variance / PART);
const lawOf = memoise((variance) => skellamLaw(variance, parts(variance)));

/**
 * x <- x + noise, modulo 2^32; the noise of each element is an independent Skellam variable: Poisson(variance / 2) - Poisson(variance / 2).
 * Sums of Skellam variables are Skellam, which makes it the noise of a sum under secure aggregation. Exact for every f64 variance, but for the tail:
 * below 2^-250 in total variation. Time depends on the noise.
 * @param x integers, in units of the grid
 * @param options.variance 0 to 2^26, in units of the grid squared; 0 adds nothing. Beyond 2^20 the sum of as many tables' samples as it takes
 * @param stream as in {@link addDiscreteGaussian}; n/8 blocks for each 2^20 of variance begun
 * @throws {@link ParameterError} for variance out of range; {@link PrivacyError} when the stream is used up; x is unchanged
 * Source: Agarwal, Kairouz, Liu 2021 (arXiv:2110.04995), section 3; docs/derivations/discrete_gaussian.md.
 */
export function addSkellam(x: Tensor<"i32">, options: { readonly variance: number }, stream: RandomStream): Tensor<"i32"> {
  const op = "addSkellam";
  checkOptions(op, options, ["variance"]);
  checkNumber(op, "variance", options.variance, { min: 0, max: MAX_VARIANCE });
  const { variance } = options;
  return addSamples(op, x, variance === 0 ? [] : [{ law: lawOf(variance), times: parts(variance) }], stream);
}
