// Banded matrix-factorization noise: the noise of a round takes back part of the noise of the rounds before it. docs/derivations/tree.md.
import { checkNumber, checkOptions, checkTensor } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError, EngineMismatchError, PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { Nodes, type RoundNoiseOptions } from "./round_noise.ts";

export interface BandedNoiseOptions extends RoundNoiseOptions {
  /** Bands b of the strategy matrix, 1 to 64: a client may take part every b rounds or more seldom. 1 is independent noise a round. */
  readonly bands: number;
}

/** Forks of the key: above the levels of any tree. */
const NODE = 64;
const MAX_BANDS = 64;
/** Coefficients are integers, the first 2^6: that makes the noise exact on the grid. A larger scale would gain under 0.1 % and want a finer grid. */
const SCALE = 2 ** 6;
const MAX_STEPS = 2 ** 20;

/**
 * The first column of the strategy matrix C, a lower triangular Toeplitz matrix: round(2^6 r_k), k < bands, where r_k = binom(2k, k) / 4^k
 * is that of the square root of the prefix-sum matrix. They never rise and the second is below the first, so that all roots of their polynomial lie
 * outside the unit circle (Enestroem and Kakeya) and the recursion of the noise is stable.
 * @param bands 1 to 64
 * Source: Fichtenberger et al. 2022 (arXiv:2202.11205), theorem 1; truncated as in Kalinin and Lampert 2024 (arXiv:2405.13763).
 */
export function bandedCoefficients(bands: number): readonly number[] {
  checkNumber("bandedCoefficients", "bands", bands, { min: 1, max: MAX_BANDS, integer: true });
  const out: number[] = [];
  for (let k = 0, r = 1; k < bands; k++, r *= (2 * k - 1) / (2 * k)) out.push(Math.round(SCALE * r));
  return out;
}

/** Noise for a stream of rounds. Made by {@link createBandedNoise}. Dispose of it when done: it holds noise. */
export class BandedNoise {
  readonly engine: Engine;
  readonly size: number;
  readonly bands: number;
  /** False when the key came from a seed. */
  readonly private: boolean;
  readonly #nodes: Nodes;
  readonly #coefficients: readonly number[];
  /** The noise of the last rounds, at most `bands` of them, the last one first. */
  #rows: Int32Array[] | undefined = [];
  #step = 0;

  /** @internal Use createBandedNoise(). */
  constructor(nodes: Nodes, bands: number) {
    this.engine = nodes.engine;
    this.size = nodes.size;
    this.bands = bands;
    this.private = nodes.stream.private;
    this.#nodes = nodes;
    this.#coefficients = bandedCoefficients(bands);
  }

  /** Rounds done. With the key it is all there is to store. */
  get step(): number {
    return this.#step;
  }

  /**
   * x <- x + y_t for the next round t, where sum_(j < bands) c_j y_(t-j) = Z_t up to rounding, Z_t fresh noise of node t.
   * @param x the round's sum of clipped contributions, integers on the grid
   * @throws {@link PrivacyError} after 2^20 rounds, or when noise leaves 32 bits; x and the step are unchanged
   */
  next(x: Tensor<"i32">): Tensor<"i32"> {
    const op = "bandedNoise.next";
    if (!this.#rows) throw new DisposedError(`${op}: expected live noise, got one that was disposed`);
    checkTensor(op, "x", x, "i32", { size: this.size });
    if (x.engine !== this.engine) throw new EngineMismatchError(`${op}: expected x in the engine of the noise, got a tensor of another`, { argument: "x" });
    if (this.#step === MAX_STEPS) throw new PrivacyError(`${op}: expected at most ${MAX_STEPS} rounds, got another; start again with another key`);
    const row = this.#draw();
    const out = x.view;
    for (let i = 0; i < out.length; i++) out[i] = out[i]! + row[i]!;
    return x;
  }

  /** @internal Does so many rounds without giving out their noise. */
  skip(rounds: number): void {
    for (let i = 0; i < rounds; i++) this.#draw();
  }

  /**
   * L2 sensitivity of all rounds together to a client that takes part in `rounds` rounds, at least `bands` apart, with contributions of norm
   * 1: sqrt(rounds) |c|, since such columns of C do not overlap. The noise multiplier is the noise's deviation over this times the bound.
   */
  sensitivity(rounds = 1): number {
    checkNumber("bandedNoise.sensitivity", "rounds", rounds, { min: 1, max: MAX_STEPS, integer: true });
    return Math.sqrt(rounds * this.#coefficients.reduce((sum, c) => sum + c * c, 0)); // integers below 2^53: exact before the root
  }

  /** Wipes; the noise cannot be used afterwards. The stream stays its owner's. */
  dispose(): void {
    for (const row of this.#rows ?? []) row.fill(0);
    this.#rows = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** y_t = round((Z_t - sum_(j >= 1) c_j y_(t-j)) / c_0), ties up: every number is an integer below 2^53, and c_0 a power of two. */
  #draw(): Int32Array {
    const rows = this.#rows!;
    if (rows.length === this.bands) rows.pop()!.fill(0); // of bands rounds ago: the last band does not reach it
    const rest = new Float64Array(this.size);
    this.#nodes.with([[NODE, this.#step]], (fresh) => rest.set(fresh.view));
    rows.forEach((row, j) => {
      const c = this.#coefficients[j + 1]!;
      for (let i = 0; i < rest.length; i++) rest[i] = rest[i]! - c * row[i]!;
    });
    const row = new Int32Array(this.size);
    for (let i = 0; i < rest.length; i++) {
      const value = Math.floor((rest[i]! + SCALE / 2) / SCALE);
      row[i] = value;
      if (row[i] !== value) throw new PrivacyError(`bandedNoise: expected noise within 32 bits, got ${value}; choose a coarser grid`);
    }
    rest.fill(0);
    rows.unshift(row);
    this.#step++;
    return row;
  }
}

/**
 * Noise for a stream of rounds by banded matrix factorization. More bands give running sums less noise, and let a client take part less often:
 * over 1024 rounds with one participation, 64 bands leave 0.35 of the variance of a plain tree, 16 bands about as much as it.
 * The sum of a round is multiplied by 2^6 in the strategy, and so is the sensitivity: see {@link BandedNoise.sensitivity}. The noise that a
 * round gets has about 1/56 of the deviation of Z.
 * @param options size, noise of Z, stream, step, bands
 * @throws {@link ParameterError} naming the option; {@link PrivacyError} for a stream that is a fork
 * Source: Choquette-Choo et al. 2023 (arXiv:2306.08153), sections 3 and 4.
 * @example
 * const grid = gaussianGrid({ sigma: 100, clipNorm: 1, size: model.size });
 * const noise = createBandedNoise(engine, { size: model.size, bands: 16, noise: grid, stream: await job.stream({ role: "noise" }) });
 * noise.next(sum); // every round; sum: i32, of what clipToGrid() gave
 * const noiseMultiplier = grid.mechanism.noiseMultiplier / noise.sensitivity(); // of all rounds together, one event
 */
export function createBandedNoise(engine: Engine, options: BandedNoiseOptions): BandedNoise {
  const op = "createBandedNoise";
  checkOptions(op, options, ["size", "noise", "stream", "step", "bands"]);
  const { bands, step = 0 } = options;
  checkNumber(op, "bands", bands, { min: 1, max: MAX_BANDS, integer: true });
  checkNumber(op, "step", step, { min: 0, max: MAX_STEPS, integer: true });
  const noise = new BandedNoise(new Nodes(op, engine, options), bands);
  noise.skip(step);
  return noise;
}
