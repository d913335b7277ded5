import { checkNumber, checkOptions } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { RandomStream } from "../random/chacha.ts";
import { addSamples, memoise } from "../random/discrete.ts";
import { type Bounds, expMinus, type Law, rational, times } from "../random/law.ts";

/** From here on cells hold several integers: 64 to 128 cells a sigma. */
const WIDE = 128;
const CELLS_LOG2 = 6;
/** 19 sigma: P(|X| >= 19 sigma) <= 2 exp(-19^2 / 2) < 2^-259. */
const REACH = 19;
const MAX_SIGMA = 2 ** 24;
/** q = 2 (2^k sigma)^2 must stay below 2^55. */
const SIGNIFICANT_BITS = 27;

/**
 * The parameter that addDiscreteGaussian uses for a sigma: below 128 sigma itself, exactly; from 128 on, sigma rounded up to 27 significant bits
 * (more by less than 1.5e-8, relatively, never less).
 * @param sigma 0 to 2^24
 */
export function discreteGaussianSigma(sigma: number): number {
  checkNumber("discreteGaussianSigma", "sigma", sigma, { min: 0, max: MAX_SIGMA });
  if (sigma < WIDE) return sigma;
  const unit = 2 ** (Math.floor(Math.log2(sigma)) - (SIGNIFICANT_BITS - 1));
  return Math.ceil(sigma / unit) * unit;
}

/** @internal The law P(x) = exp(-x^2 / (2 sigma^2)) / Z for a sigma that is its own discreteGaussianSigma(). */
export function discreteGaussianLaw(sigma: number): Law {
  const shift = sigma < WIDE ? 0 : Math.floor(Math.log2(sigma)) - CELLS_LOG2;
  const [n, d] = rational(sigma); // an integer over a power of two
  const width = 1n << BigInt(shift);
  const square = d * d;
  return {
    shift,
    // (x^2 - (2^shift j)^2) / (2 sigma^2) = r (2 2^shift j + r) d^2 / (2 n^2)
    q: shift === 0 ? 1n : 2n * n * n,
    a: shift === 0 ? 0n : 2n * width * square,
    b: shift === 0 ? 0n : square,
    c: 0n,
    weights: (precision) => gaussianWeights(Math.ceil((REACH * sigma) / 2 ** shift) + 1, expMinus(width * width * square, 2n * n * n, precision), precision),
  };
}

/** Bounds of e^(j^2), j below cells: each is the one before times e^(2 j - 1). */
function gaussianWeights(cells: number, e: Bounds, precision: number): Bounds[] {
  const one = 1n << BigInt(precision);
  const weights: Bounds[] = [[one, one]];
  const e2 = times(e, e, precision);
  for (let j = 1, odd = e; j < cells; j++, odd = times(odd, e2, precision)) weights.push(times(weights[j - 1]!, odd, precision));
  return weights;
}

const lawOf = memoise(discreteGaussianLaw);

/**
 * x <- x + noise, modulo 2^32; the noise of each element is an independent discrete Gaussian: P(k) proportional to exp(-k^2 / (2 sigma^2)) on the integers.
 * Exact: no floating-point number takes part in a decision, and the law differs from the true one by the tail beyond 19 sigma alone, below 2^-259 in total
 * variation. The parameter is {@link discreteGaussianSigma}(sigma). Its variance is below sigma^2, by little from sigma 1 on. Time depends on the noise.
 * @param x integers, in units of the grid
 * @param options.sigma 0 to 2^24, in the same units; 0 adds nothing
 * @param stream a private one for anything that leaves the device; advances by about n/8 blocks, n/4 from sigma 128 on
 * @throws {@link ParameterError} for sigma out of range; {@link PrivacyError} when the stream is used up; x is unchanged
 * Source: Canonne, Kamath, Steinke 2020 (arXiv:2004.00010), definition 1 and algorithm 1; docs/derivations/discrete_gaussian.md.
 * @example
 * addDiscreteGaussian(update, { sigma: 4.5 }, stream);
 */
export function addDiscreteGaussian(x: Tensor<"i32">, options: { readonly sigma: number }, stream: RandomStream): Tensor<"i32"> {
  const op = "addDiscreteGaussian";
  checkOptions(op, options, ["sigma"]);
  checkNumber(op, "sigma", options.sigma, { min: 0, max: MAX_SIGMA });
  const { sigma } = options;
  return addSamples(op, x, sigma === 0 ? [] : [{ law: lawOf(discreteGaussianSigma(sigma)), times: 1 }], stream);
}
