import { checkNumber, checkOptions } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { RandomStream } from "../random/chacha.ts";
import { addSamples, memoise } from "../random/discrete.ts";
import { type Bounds, expMinus, type Law, rational, times } from "../random/law.ts";

/** From here on cells hold several integers: 16 to 32 cells a scale. */
const WIDE = 32;
const CELLS_LOG2 = 4;
/** 178 scales: P(|X| >= 178 b) <= 2 exp(-178) < 2^-255. */
const REACH = 178;
const MAX_SCALE = 2 ** 23;

/** @internal The law P(x) = exp(-|x| / b) / Z. */
export function discreteLaplaceLaw(scale: number): Law {
  const shift = scale < WIDE ? 0 : Math.floor(Math.log2(scale)) - CELLS_LOG2;
  const [n, d] = rational(scale);
  const cells = Math.ceil((REACH * scale) / 2 ** shift) + 1;
  return {
    shift,
    q: shift === 0 ? 1n : n, // below 2^53, for d = 1 or n is the significand
    a: 0n,
    b: 0n,
    c: shift === 0 ? 0n : d,
    weights: (precision) => {
      const e = expMinus(d << BigInt(shift), n, precision);
      const one = 1n << BigInt(precision);
      const weights: Bounds[] = [[one, one]];
      for (let j = 1; j < cells; j++) weights.push(times(weights[j - 1]!, e, precision));
      return weights;
    },
  };
}

const lawOf = memoise(discreteLaplaceLaw);

/**
 * x <- x + noise, modulo 2^32; the noise of each element is an independent discrete Laplace: P(k) proportional to exp(-|k| / scale) on the integers.
 * Exact for every f64 scale, but for the tail beyond 178 scales: below 2^-255 in total variation. Time depends on the noise.
 * @param x integers, in units of the grid
 * @param options.scale b = L1 bound / epsilon, 0 to 2^23, in the same units; 0 adds nothing
 * @param stream as in {@link addDiscreteGaussian}
 * @throws {@link ParameterError} for scale out of range; {@link PrivacyError} when the stream is used up; x is unchanged
 * Source: Ghosh, Roughgarden, Sundararajan 2012 (the geometric mechanism); docs/derivations/discrete_gaussian.md.
 */
export function addDiscreteLaplace(x: Tensor<"i32">, options: { readonly scale: number }, stream: RandomStream): Tensor<"i32"> {
  const op = "addDiscreteLaplace";
  checkOptions(op, options, ["scale"]);
  checkNumber(op, "scale", options.scale, { min: 0, max: MAX_SCALE });
  return addSamples(op, x, options.scale === 0 ? [] : [{ law: lawOf(options.scale), times: 1 }], stream);
}
