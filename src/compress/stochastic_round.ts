import { checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError, PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { notFinite } from "../privacy/clip.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";

const WORDS_PER_BLOCK = 16;
/** Sums of squares stay below 2^63. */
const MAX_NORM = 2 ** 31;
const MAX_ATTEMPTS = 1000;

export interface StochasticRoundOptions {
  /** Rounds anew, all elements, until the sum of squares of the integers is at most this. Default: takes the first rounding. */
  readonly maxSquaredNorm?: number;
}

/**
 * out_i <- floor(x_i) or floor(x_i) + 1, the latter with probability x_i - floor(x_i) (within 2^-32): E out = x. Integers stay.
 * With maxSquaredNorm the roundings of which the norm exceeds it are drawn again: "conditional" rounding. That bounds the norm for certain and biases
 * the mean by what the condition takes away.
 * @param x |x| at most 2^31
 * @param stream a private one where the result is the base of a private release; advances by ceil(n/16) blocks an attempt
 * @param out i32, as long as x
 * @throws {@link PrivacyError} for NaN or Infinity in x, or when a thousand roundings exceed maxSquaredNorm; {@link ParameterError} for |x| beyond 2^31.
 * `out` is unchanged but in the second case, where it is zero
 * Source: Kairouz, Liu, Steinke 2021 (arXiv:2102.06387).
 */
export function stochasticRound(x: Tensor<"f32">, stream: RandomStream, out: Tensor<"i32">, options: StochasticRoundOptions = {}): Tensor<"i32"> {
  const op = "stochasticRound";
  checkTensor(op, "x", x, "f32");
  checkStream(op, stream);
  checkTensor(op, "out", out, "i32", { size: x.size });
  checkSameEngine(op, { x, out });
  checkOptions(op, options, ["maxSquaredNorm"]);
  const { maxSquaredNorm } = options;
  if (maxSquaredNorm !== undefined) checkNumber(op, "maxSquaredNorm", maxSquaredNorm, { min: 0 });
  const { engine, size } = x;
  const { kernels } = engine;
  const norm = Math.sqrt(kernels.squared_norm_f32(size, x.address));
  if (!Number.isFinite(norm)) throw notFinite(op, "x", x);
  if (norm + Math.sqrt(size) >= MAX_NORM) throw new ParameterError(`${op}: expected |x| + sqrt(n) below 2^31, got |x| = ${norm}`, { argument: "x" });
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    stream.use(engine, Math.ceil(size / WORDS_PER_BLOCK), kernels.stochastic_round_scratch_f32(), (counter, key, nonce, scratch) => {
      kernels.stochastic_round_f32_i32(size, counter, key, nonce, x.address, out.address, scratch);
      return undefined;
    });
    if (maxSquaredNorm === undefined || kernels.squared_norm_i32(size, out.address) <= maxSquaredNorm) return out;
  }
  out.view.fill(0);
  throw new PrivacyError(`${op}: expected a rounding of squared norm <= ${maxSquaredNorm}, got ${MAX_ATTEMPTS} beyond it; |x|^2 is ${norm ** 2}`, {
    argument: "maxSquaredNorm",
  });
}
