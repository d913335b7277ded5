// A clipping bound that follows a quantile of the clients' update norms, under differential privacy.
import { checkChoice, checkNumber, checkOptions, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { addDiscreteGaussian } from "./discrete_gaussian.ts";

/** Options of {@link createQuantileClip}. */
export interface QuantileClipOptions {
  /** First bound C: > 0, or >= 0 with the arithmetic rule. To resume, the bound at which it stopped: there is no other state. */
  readonly initial: number;
  /** Quantile to follow, the fraction of clients whose norm is at or below C, in [0, 1]. */
  readonly target: number;
  /** Step of the rule, > 0. Default 0.2 (geometric: C moves by at most about 20 % a round). */
  readonly learningRate?: number;
  /** Default "geometric": it does not depend on the unit of the norms. "arithmetic" can reach 0, and then nothing passes. */
  readonly rule?: "geometric" | "arithmetic";
  /** Clients expected in a round, > 0: the fixed denominator. Not the number that came, which is private under Poisson sampling. */
  readonly clients: number;
  /** Standard deviation s_b of the noise on the sum of b_i = 1[norm <= C] - 1/2, >= 0. Default clients / 20; 0 where nothing is to be private. */
  readonly countNoise?: number;
}

const RULES = ["geometric", "arithmetic"] as const;
const DEFAULT_RATE = 0.2;
/** Bounds stay where f32 vectors can be clipped to them and noise scaled by them. */
const [LEAST, MOST] = [2 ** -100, 2 ** 100];

/**
 * A clipping bound C with the rule that moves it. Made by {@link createQuantileClip}; plain arithmetic, no randomness of its own.
 *
 * A round: every client clips to `bound` and sends `vote(norm)`; the server sums the votes, adds integer noise of standard deviation
 * `voteNoise` (votes are integers, so the sum is exact and noise on the integers fits it), and calls `update(noisy sum)`.
 */
export class QuantileClip {
  readonly target: number;
  readonly learningRate: number;
  readonly rule: "geometric" | "arithmetic";
  readonly clients: number;
  /** s_b, of the sum of b_i = vote_i / 2. */
  readonly countNoise: number;
  #bound: number;

  /** @internal Use createQuantileClip(). */
  constructor(options: Required<QuantileClipOptions>) {
    this.target = options.target;
    this.learningRate = options.learningRate;
    this.rule = options.rule;
    this.clients = options.clients;
    this.countNoise = options.countNoise;
    this.#bound = options.initial;
  }

  /** C, to which updates of this round are clipped. */
  get bound(): number {
    return this.#bound;
  }

  /** Standard deviation of the noise that the sum of votes needs: 2 s_b. A client more or less moves the sum by 1, so it is also the noise multiplier of the votes. */
  get voteNoise(): number {
    return 2 * this.countNoise;
  }

  /** What a client sends: 1 when its norm is at or below the bound, else -1 (a norm that is not a number too). Twice the b_i of the paper. */
  vote(norm: number): 1 | -1 {
    return norm <= this.#bound ? 1 : -1;
  }

  /**
   * Moves the bound: with b = (sum / clients + 1) / 2, the noisy fraction of norms at or below it,
   * C <- C exp(-learningRate (b - target)), or arithmetic C <- max(0, C - learningRate (b - target)).
   * @param sum noisy sum of the votes of a round
   * @returns the next bound, kept within [2^-100, 2^100] by the geometric rule
   */
  update(sum: number): number {
    checkNumber("quantileClip.update", "sum", sum);
    const step = this.learningRate * ((sum / this.clients + 1) / 2 - this.target);
    if (this.rule === "arithmetic") this.#bound = Math.min(Math.max(this.#bound - step, 0), MOST);
    else this.#bound = Math.min(Math.max(this.#bound * Math.exp(-step), LEAST), MOST);
    return this.#bound;
  }

  /**
   * Noise multiplier for the sum of updates, such that it and the votes together are one Gaussian mechanism of noise multiplier z:
   * z_delta = (z^-2 - (2 s_b)^-2)^(-1/2). Noise on the sum of updates is then z_delta times the bound; the accountant is told z, once a round.
   * With noise on a grid, whose sensitivity is a little above the bound, that is (m^-2 + voteNoise^-2)^(-1/2) in place of z, m that of grid.mechanism.
   * @param noiseMultiplier z > 0 of the round; 0 gives 0
   * @throws {@link ParameterError} unless z < 2 s_b: the votes alone would spend more than the round may
   */
  splitNoise(noiseMultiplier: number): number {
    const op = "quantileClip.splitNoise";
    checkNumber(op, "noiseMultiplier", noiseMultiplier, { min: 0 });
    if (!(noiseMultiplier < this.voteNoise) && noiseMultiplier > 0) {
      throw new ParameterError(
        `${op}: expected noiseMultiplier below 2 countNoise = ${this.voteNoise}, got ${noiseMultiplier}: the votes alone would spend more; raise countNoise`,
        { argument: "noiseMultiplier" },
      );
    }
    // As z / sqrt((1 - z/2s)(1 + z/2s)): no overflow of squares, and full precision where z is close to 2 s.
    const part = noiseMultiplier / this.voteNoise;
    return noiseMultiplier === 0 ? 0 : noiseMultiplier / Math.sqrt((1 - part) * (1 + part));
  }
}

/**
 * An adaptive clipping bound.
 * @throws {@link ParameterError} naming the option
 * Source: Andrew et al. 2021 (arXiv:1905.03871), algorithm 1; noise split: theorem 1.
 * @example
 * const clip = createQuantileClip({ initial: 0.1, target: 0.5, clients: 100 });
 * const zDelta = clip.splitNoise(1); // a little over 1
 * let votes = 0;
 * for (const update of updates) votes += clip.vote(clipByNorm(update, clip.bound).norm);
 * clip.update(noisyVotes(engine, votes, clip, stream));
 */
export function createQuantileClip(options: QuantileClipOptions): QuantileClip {
  const op = "createQuantileClip";
  checkOptions(op, options, ["initial", "target", "learningRate", "rule", "clients", "countNoise"]);
  const { initial, target, learningRate = DEFAULT_RATE, rule = "geometric", clients, countNoise = clients / 20 } = options;
  checkChoice(op, "rule", rule, RULES);
  checkNumber(op, "initial", initial, { min: rule === "geometric" ? LEAST : 0, max: MOST });
  checkNumber(op, "target", target, { min: 0, max: 1 });
  checkNumber(op, "learningRate", learningRate, { above: 0 });
  checkNumber(op, "clients", clients, { above: 0 });
  checkNumber(op, "countNoise", countNoise, { min: 0 });
  return new QuantileClip({ initial, target, learningRate, rule, clients, countNoise });
}

/**
 * The sum of a round's votes with a discrete Gaussian of parameter `clip.voteNoise` added: exact, on the integers. Its Renyi divergences are
 * no larger than those of the Gaussian in whose place the split counts it (Canonne, Kamath, Steinke 2020, arXiv:2004.00010, theorem 4).
 * @param votes sum of the votes, an integer within 2^30
 * @param stream a private one, of its own position: one draw a round
 * @throws {@link ParameterError} for a sum that is no integer, or countNoise above 2^23; nothing is drawn
 */
export function noisyVotes(engine: Engine, votes: number, clip: QuantileClip, stream: RandomStream): number {
  const op = "noisyVotes";
  checkNumber(op, "votes", votes, { min: -(2 ** 30), max: 2 ** 30, integer: true });
  if (!(clip instanceof QuantileClip))
    throw new ParameterError(`${op}: expected clip to be made by createQuantileClip(), got ${describe(clip)}`, { argument: "clip" });
  checkNumber(op, "clip.countNoise", clip.countNoise, { min: 0, max: 2 ** 23 });
  checkStream(op, stream);
  const sum = engine.tensorOutsideScopes("i32", 1, [votes]);
  try {
    return addDiscreteGaussian(sum, { sigma: clip.voteNoise }, stream).item();
  } finally {
    sum.dispose({ wipe: true });
  }
}
