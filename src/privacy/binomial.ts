import { checkNumber, checkOptions } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { RandomStream } from "../random/chacha.ts";
import { addSamples, memoise } from "../random/discrete.ts";
import { type Bounds, type Law, tableLaw } from "../random/law.ts";

/** The most trials of one table; more is a sum, which is binomial again. */
const PART = 2 ** 22;
const MAX_TRIALS = 2 ** 28;
/** Below, weights are whole binomial coefficients: thresholds may be dyadic, and exact numbers decide them. */
const WHOLE = 512;
/** P(|X| >= sqrt(90 n)) <= 2 exp(-2 90) < 2^-258 (Hoeffding). */
const REACH = 90;

/** @internal The law of Binomial(n, 1/2) - n/2, n even: P(k) proportional to C(n, n/2 + k). */
export function binomialLaw(trials: number): Law {
  const half = trials / 2;
  const cells = 1 + (trials <= WHOLE ? half : Math.min(half, Math.ceil(Math.sqrt(REACH * trials))));
  return tableLaw((precision) => {
    // The common factor: C(n, n/2 + k) itself, or 2^precision C(n, n/2 + k) / C(n, n/2).
    let one = 1n << BigInt(precision);
    if (trials <= WHOLE) {
      one = 1n;
      for (let i = 1n; i <= BigInt(half); i++) one = (one * (BigInt(half) + i)) / i;
    }
    const weights: Bounds[] = [[one, one]];
    for (let k = 0; k + 1 < cells; k++) {
      const [low, high] = weights[k]!;
      const [up, down] = [BigInt(half - k), BigInt(half + k + 1)];
      weights.push([(low * up) / down, (high * up + down - 1n) / down]);
    }
    return weights;
  });
}

const lawOf = memoise(binomialLaw);

/**
 * x <- x + noise, modulo 2^32; the noise of each element is an independent Binomial(trials, 1/2) - trials/2: variance trials / 4.
 * Exact up to 512 trials; beyond, but for the tail: below 2^-250 in total variation. Time depends on the noise.
 * @param x integers, in units of the grid
 * @param options.trials an even number, 0 to 2^28; 0 adds nothing. Beyond 2^22 the sum of as many tables' samples as it takes
 * @param stream as in {@link addDiscreteGaussian}; n/8 blocks for each 2^22 trials begun
 * @throws {@link ParameterError} for trials odd or out of range; {@link PrivacyError} when the stream is used up; x is unchanged
 * Source: Agarwal et al. 2018 (cpSGD, arXiv:1805.10559), section 4; docs/derivations/discrete_gaussian.md.
 */
export function addBinomial(x: Tensor<"i32">, options: { readonly trials: number }, stream: RandomStream): Tensor<"i32"> {
  const op = "addBinomial";
  checkOptions(op, options, ["trials"]);
  const { trials } = options;
  checkNumber(op, "trials", trials, { min: 0, max: MAX_TRIALS, integer: true });
  if (trials % 2 !== 0) throw new ParameterError(`${op}: expected trials to be even, got ${trials}`, { argument: "trials", value: trials });
  const rest = trials % PART;
  const parts = [
    { trials: PART, times: Math.floor(trials / PART) },
    { trials: rest, times: 1 },
  ].filter((part) => part.trials > 0 && part.times > 0);
  return addSamples(
    op,
    x,
    parts.map((part) => ({ law: lawOf(part.trials), times: part.times })),
    stream,
  );
}
