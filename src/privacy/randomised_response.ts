// Local differential privacy of categories: each answer is private by itself, whoever collects it.
import { checkChoice, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { expMinus, rational } from "../random/law.ts";

const WORDS_PER_BLOCK = 8;
const ALL = 1n << 64n;
const PRECISION = 256;
/** Together they keep the odds of the truth above 1: rounding moves them by k / a, a about 2^64 / k. */
const MIN_EPSILON = 1e-6;
const MAX_CATEGORIES = 2 ** 20;

/** The least a, or one above it, with a 2^-64 >= 1 / (e^(epsilon / parts) + others): rounded towards privacy. */
function wrongAnswers(epsilon: number, parts: bigint, others: bigint): bigint {
  const [n, d] = rational(epsilon);
  const [, t] = expMinus(n, d * parts, PRECISION); // at least e^(-epsilon / parts)
  const below = (1n << BigInt(PRECISION)) + others * t;
  return (ALL * t + below - 1n) / below;
}

/** ln(odds), at most what was asked for, up to 2^-50. */
const logOdds = (yes: bigint, no: bigint): number => (Math.log(Number(yes)) - Math.log(Number(no))) * (1 + 2 ** -50);
const probability = (a: bigint): number => Number(a) / 2 ** 64;

interface Options {
  /** Local epsilon: no answer is more than e^epsilon times likelier for one truth than for another. 1e-6 to 64. */
  readonly epsilon: number;
  /** Categories 0 .. categories - 1. */
  readonly categories: number;
}
function checkCommon(op: string, { epsilon, categories }: Options): void {
  checkNumber(op, "epsilon", epsilon, { min: MIN_EPSILON, max: 64 });
  checkNumber(op, "categories", categories, { min: 2, max: MAX_CATEGORIES, integer: true });
}

/** How often each category was reported. @throws {@link ParameterError} for a report that is none */
function tally(op: string, reports: Tensor, categories: number, what: string, kernel: (counts: number) => number): Uint32Array {
  const { arena } = reports.engine;
  const counts = arena.allocate(4 * categories);
  try {
    const strange = kernel(counts);
    if (strange > 0) throw new ParameterError(`${op}: expected reports ${what}, got ${strange} others`, { argument: "reports", strange });
    return new Uint32Array(arena.memory.buffer, counts, categories).slice();
  } finally {
    arena.free(counts);
  }
}

/** The unbiased estimate behind both mechanisms: a category is reported with probability p by who has it and q by who has not. */
class Frequencies {
  readonly categories: number;
  /** Probability that a category is reported by one whose truth it is; an exact multiple of 2^-64, rounded to f64. */
  readonly p: number;
  /** Probability that it is reported by one whose truth it is not. */
  readonly q: number;
  /** The epsilon that the probabilities give, at most that which was asked for. */
  readonly epsilon: number;

  constructor(categories: number, p: bigint, q: bigint, epsilon: number) {
    this.categories = categories;
    this.p = probability(p);
    this.q = probability(q);
    this.epsilon = epsilon;
  }

  /** Standard deviation of the estimated count of a category that `count` of `reports` have. */
  deviation(reports: number, count = 0): number {
    const { p, q } = this;
    return Math.sqrt(count * p * (1 - p) + (reports - count) * q * (1 - q)) / (p - q);
  }

  protected unbiased(counts: Uint32Array, reports: number): Float64Array {
    return Float64Array.from(counts, (c) => (c - reports * this.q) / (this.p - this.q));
  }
}

export type RandomisedResponseOptions = Options;

/** k-ary randomised response. Made by {@link randomisedResponse}. */
export class RandomisedResponse extends Frequencies {
  readonly #other: bigint;

  /** @internal Use randomisedResponse(). */
  constructor({ epsilon, categories }: RandomisedResponseOptions) {
    const others = BigInt(categories - 1);
    const a = wrongAnswers(epsilon, 1n, others);
    const truth = ALL - others * a;
    super(categories, truth, a, Math.min(epsilon, logOdds(truth, a)));
    this.#other = a;
  }

  /** Exact odds of the truth against any one other answer, both over 2^64. */
  get odds(): readonly [truth: bigint, other: bigint] {
    return [ALL - BigInt(this.categories - 1) * this.#other, this.#other];
  }

  /**
   * out <- each truth, or another category: the answers that may leave the device.
   * @param x categories below `categories`
   * @param stream a private one; advances by ceil(n/8) blocks
   * @param out as long as x, defaults to x
   * @throws {@link ParameterError} when x holds what is no category; out is unchanged
   */
  respond(x: Tensor<"u32">, stream: RandomStream, out: Tensor<"u32"> = x): Tensor<"u32"> {
    const op = "randomisedResponse.respond";
    checkTensor(op, "x", x, "u32");
    checkStream(op, stream);
    checkTensor(op, "out", out, "u32", { size: x.size });
    checkSameEngine(op, { x, out });
    const { kernels } = x.engine;
    tally(op, x, this.categories, `below ${this.categories}`, (counts) => kernels.count_u32(x.size, this.categories, x.address, counts));
    stream.use(x.engine, Math.ceil(x.size / WORDS_PER_BLOCK), kernels.randomise_scratch_u32(), (counter, key, nonce, scratch) => {
      kernels.randomise_u32(x.size, this.categories, this.#other, counter, key, nonce, x.address, out.address, scratch);
      return undefined;
    });
    return out;
  }

  /** Unbiased estimates of how many had each category, from all answers; they may be negative. */
  estimate(reports: Tensor<"u32">): Float64Array {
    const op = "randomisedResponse.estimate";
    checkTensor(op, "reports", reports, "u32");
    const { kernels } = reports.engine;
    const counts = tally(op, reports, this.categories, `below ${this.categories}`, (to) =>
      kernels.count_u32(reports.size, this.categories, reports.address, to),
    );
    return this.unbiased(counts, reports.size);
  }
}

/**
 * k-ary randomised response: the truth with probability e^epsilon / (e^epsilon + k - 1), any other category alike. Two categories are Warner's: bits.
 * Probabilities are exact multiples of 2^-64, rounded so that the odds never exceed e^epsilon. Good for few categories; {@link unaryEncoding} for many.
 * @throws {@link ParameterError} for options out of range
 * Source: Warner 1965; Kairouz, Bonawitz, Ramage 2016 (arXiv:1602.07387).
 * @example
 * const survey = randomisedResponse({ epsilon: 1, categories: 2 });
 * survey.respond(answers, stream); // true with probability 0.731
 * survey.estimate(answers); // about how many said 0, how many 1
 */
export function randomisedResponse(options: RandomisedResponseOptions): RandomisedResponse {
  const op = "randomisedResponse";
  checkOptions(op, options, ["epsilon", "categories"]);
  checkCommon(op, options);
  return new RandomisedResponse(options);
}

export interface UnaryEncodingOptions extends Options {
  /**
   * "optimised" (default): the bit of the truth is a fair coin, the others are 1 with probability 1/(e^epsilon + 1): the least variance.
   * "symmetric": every bit flips with probability 1/(e^(epsilon/2) + 1), as in basic RAPPOR.
   */
  readonly type?: "optimised" | "symmetric";
}

/** Unary encoding with randomised bits. Made by {@link unaryEncoding}. */
export class UnaryEncoding extends Frequencies {
  /** Exact probabilities of a 1, over 2^64: at the truth, elsewhere. */
  readonly thresholds: readonly [p: bigint, q: bigint];

  /** @internal Use unaryEncoding(). */
  constructor({ epsilon, categories, type = "optimised" }: UnaryEncodingOptions) {
    const q = wrongAnswers(epsilon, type === "optimised" ? 1n : 2n, 1n);
    const p = type === "optimised" ? ALL / 2n : ALL - q;
    // Two truths differ in two bits: (p / (1 - p)) ((1 - q) / q).
    super(categories, p, q, Math.min(epsilon, logOdds(p * (ALL - q), (ALL - p) * q)));
    this.thresholds = [p, q];
  }

  /**
   * One row of random bits for each truth: what may leave the device.
   * @param x n categories below `categories`
   * @param stream a private one; advances by ceil(n categories / 8) blocks
   * @returns u8 [n, categories] of 0 and 1, a new tensor
   * @throws {@link ParameterError} when x holds what is no category
   */
  respond(x: Tensor<"u32">, stream: RandomStream): Tensor<"u8"> {
    const op = "unaryEncoding.respond";
    checkTensor(op, "x", x, "u32");
    checkStream(op, stream);
    const { engine, size } = x;
    const { kernels } = engine;
    const { categories, thresholds } = this;
    tally(op, x, categories, `below ${categories}`, (counts) => kernels.count_u32(size, categories, x.address, counts));
    const out = engine.tensor("u8", [size, categories]);
    try {
      stream.use(engine, Math.ceil((size * categories) / WORDS_PER_BLOCK), kernels.randomise_scratch_u32(), (counter, key, nonce, scratch) => {
        kernels.unary_u32_u8(size, categories, ...thresholds, counter, key, nonce, x.address, out.address, scratch);
        return undefined;
      });
    } catch (error) {
      out.dispose();
      throw error;
    }
    return out;
  }

  /** Unbiased estimates of how many had each category, from the rows of all; they may be negative. */
  estimate(reports: Tensor<"u8">): Float64Array {
    const op = "unaryEncoding.estimate";
    checkTensor(op, "reports", reports, "u8", { shape: [-1, this.categories] });
    const { kernels } = reports.engine;
    const rows = reports.shape[0]!;
    const counts = tally(op, reports, this.categories, "of 0 and 1", (to) => kernels.count_columns_u8(rows, this.categories, reports.address, to));
    return this.unbiased(counts, rows);
  }
}

/**
 * Unary encoding: a row of bits, one a category, each randomised by itself. Its error does not grow with the number of categories: a private histogram.
 * @throws {@link ParameterError} for options out of range
 * Source: Erlingsson, Pihur, Korolova 2014 (arXiv:1407.6981), basic RAPPOR; Wang et al. 2017 (USENIX Security), OUE.
 */
export function unaryEncoding(options: UnaryEncodingOptions): UnaryEncoding {
  const op = "unaryEncoding";
  checkOptions(op, options, ["epsilon", "categories", "type"]);
  checkCommon(op, options);
  if (options.type !== undefined) checkChoice(op, "type", options.type, ["optimised", "symmetric"]);
  return new UnaryEncoding(options);
}
