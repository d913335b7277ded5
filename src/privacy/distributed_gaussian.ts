// Noise that the clients add together: every client rotates, rounds and noises its update in integers, a server adds them modulo 2^bits,
// and only the sum, with the noise of all, can be read. docs/derivations/distributed_gaussian.md.
import { createModularSum, type ModularSum, modularClip, rangeOf } from "../aggregate/modular.ts";
import { stochasticRound } from "../compress/stochastic_round.ts";
import { checkChoice, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { paddedSize, rotate, rotateBack } from "../linalg/hadamard.ts";
import { scale } from "../linalg/vector.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import type { Mechanism, PrivacyEvent } from "./accounting/event.ts";
import { erfc } from "./accounting/special.ts";
import { clipByNorm } from "./clip.ts";
import { addDiscreteGaussian, discreteGaussianSigma } from "./discrete_gaussian.ts";
import { addSkellam } from "./skellam.ts";

const MAX_SIGMA = 2 ** 24;
const MAX_VARIANCE = 2 ** 26;
const MAX_NORM = 2 ** 30;

export interface InflatedNormOptions {
  /** L2 bound before rounding. */
  readonly clip: number;
  /** Distance of the grid's points, in the same units. */
  readonly granularity: number;
  /** Coordinates that are rounded. */
  readonly dimension: number;
  /** Probability that a rounding may exceed the bound and is drawn again, 0 to below 1. */
  readonly beta: number;
}

/**
 * The L2 bound after stochastic rounding: min(c + g sqrt d, sqrt(c^2 + g^2 d / 4 + sqrt(2 ln(1 / beta)) g (c + g sqrt d / 2))).
 * A rounding exceeds it with probability beta at most, never for the first term (beta 0).
 * Source: Kairouz, Liu, Steinke 2021 (arXiv:2102.06387), conditional randomised rounding.
 */
export function inflatedNorm(options: InflatedNormOptions): number {
  const op = "inflatedNorm";
  checkOptions(op, options, ["clip", "granularity", "dimension", "beta"]);
  const { clip: c, granularity: g, dimension, beta } = options;
  checkNumber(op, "clip", c, { above: 0 });
  checkNumber(op, "granularity", g, { min: 0 });
  checkNumber(op, "dimension", dimension, { min: 1, integer: true });
  checkNumber(op, "beta", beta, { min: 0, below: 1 });
  const root = Math.sqrt(dimension);
  const certain = c + g * root;
  if (beta === 0) return certain;
  return Math.min(certain, Math.sqrt(c * c + (g * g * dimension) / 4 + Math.sqrt(2 * Math.log(1 / beta)) * g * (c + (g * root) / 2)));
}

/** y >= 0 with erfc(y) = p, 0 < p <= 1. */
function inverseErfc(p: number): number {
  let [low, high] = [0, 27];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (erfc(middle) > p) low = middle;
    else high = middle;
  }
  return high;
}

export interface DistributedGaussianOptions {
  /** Elements of an update. */
  readonly size: number;
  /** L2 bound of an update. */
  readonly clip: number;
  /** Standard deviation of the noise of the whole sum, over `clip`. */
  readonly noiseMultiplier: number;
  /** Clients whose noise the sum is sure to hold: with fewer it is less than accounted for. */
  readonly clients: number;
  /** The sum is taken modulo 2^bits, 2 to 32: bits that a coordinate costs a client. */
  readonly bits: number;
  /** Probability of rounding anew. Default exp(-1/2). */
  readonly beta?: number;
  /** Probability that a coordinate of the sum wraps, of the normal approximation that chooses the grid. Default 1e-4. */
  readonly modularClipProbability?: number;
  /** The law of a client's share. Default "discrete-gaussian". */
  readonly noise?: "discrete-gaussian" | "skellam";
}

/** Where the randomness of an update comes from. */
export interface EncodeStreams {
  /** The rotation: a stream in the same position for all clients and the server, for instance a fork for the round of a shared seed. It need not be secret. */
  readonly rotation: RandomStream;
  /** Rounding and noise: the client's own, private, never shared. */
  readonly noise: RandomStream;
}

/** Everything that clients and server agree on, fixed by the options alone. Made by {@link distributedGaussian}. */
export class DistributedGaussian {
  readonly size: number;
  readonly clip: number;
  readonly clients: number;
  readonly bits: number;
  readonly noise: "discrete-gaussian" | "skellam";
  /** Length of an encoded update: size padded to a power of two. */
  readonly dimension: number;
  /** What one unit of the integers is worth. */
  readonly granularity: number;
  /** Parameter of a client's noise, in integer units: sigma of the discrete Gaussian, standard deviation of the Skellam. */
  readonly sigma: number;
  /** L2 bound of a client's integers before noise; never exceeded. */
  readonly l2: number;
  /** L1 bound of the same. */
  readonly l1: number;

  /** @internal Use distributedGaussian(). */
  constructor(options: DistributedGaussianOptions) {
    const op = "distributedGaussian";
    checkOptions(op, options, ["size", "clip", "noiseMultiplier", "clients", "bits", "beta", "modularClipProbability", "noise"]);
    const { size, clip, noiseMultiplier, clients, bits, beta = Math.exp(-0.5), modularClipProbability = 1e-4, noise = "discrete-gaussian" } = options;
    checkNumber(op, "size", size, { min: 1, max: 2 ** 29, integer: true });
    checkNumber(op, "clip", clip, { min: 2 ** -64, max: 2 ** 64 });
    checkNumber(op, "noiseMultiplier", noiseMultiplier, { above: 0 });
    checkNumber(op, "clients", clients, { min: 1, max: 2 ** 31, integer: true });
    checkNumber(op, "bits", bits, { min: 2, max: 32, integer: true });
    checkNumber(op, "beta", beta, { min: 0, below: 1 });
    checkNumber(op, "modularClipProbability", modularClipProbability, { min: 1e-300, below: 1 });
    checkChoice(op, "noise", noise, ["discrete-gaussian", "skellam"]);
    const dimension = paddedSize(size);
    // 2^bits = (2 k / g) sqrt(c^2 n^2 / d + n (g^2 / 4 + sigma^2)): k deviations of a coordinate of the sum to either side fit.
    const k = Math.SQRT2 * inverseErfc(modularClipProbability);
    const share = (noiseMultiplier * clip) / Math.sqrt(clients);
    const room = 4 ** bits - clients * k * k;
    if (!(room > 0)) {
      throw new ParameterError(`${op}: expected bits above ${Math.log2(k * Math.sqrt(clients)).toFixed(1)} for ${clients} clients, got ${bits}`, {
        argument: "bits",
      });
    }
    const units = Math.sqrt(room) / (2 * k * Math.hypot((clip * clients) / Math.sqrt(dimension), Math.sqrt(clients) * share)); // 1 / g
    const l2 = inflatedNorm({ clip: clip * units, granularity: 1, dimension, beta });
    const sigma = share * units;
    if (l2 + Math.sqrt(dimension) >= MAX_NORM) throw tooFine(op, "integers of norm below 2^30", l2);
    if (noise === "discrete-gaussian" && sigma > MAX_SIGMA) throw tooFine(op, "a noise share below 2^24 units", sigma);
    if (noise === "skellam" && sigma ** 2 > MAX_VARIANCE) throw tooFine(op, "a Skellam share of variance below 2^26 units", sigma ** 2);
    this.size = size;
    this.clip = clip;
    this.clients = clients;
    this.bits = bits;
    this.noise = noise;
    this.dimension = dimension;
    this.granularity = 1 / units;
    this.sigma = noise === "skellam" ? sigma : discreteGaussianSigma(sigma);
    this.l2 = l2;
    this.l1 = Math.min(l2 * Math.sqrt(dimension), l2 * l2); // of integers |x| <= x^2
  }

  /** What the accountant is told of one sum over all clients that take part. */
  get event(): PrivacyEvent {
    const { sigma, clients, l2, l1, dimension } = this;
    const mechanism: Mechanism =
      this.noise === "skellam"
        ? { type: "skellam", variance: clients * sigma ** 2, l2, l1 }
        : { type: "distributed-discrete-gaussian", sigma, clients, l2, l1, dimension };
    return { mechanism, sampling: { type: "all" } };
  }

  /** Standard deviation of a coordinate of the decoded sum, of noise and rounding together, where nothing wraps: g sqrt(n (sigma^2 + 1/4)) at most. */
  get deviation(): number {
    return this.granularity * Math.sqrt(this.clients * (this.sigma ** 2 + 0.25));
  }

  /**
   * One client's update as integers in [-2^(bits - 1), 2^(bits - 1)): clipped, rotated, scaled, rounded within the bound, noised, wrapped. x is left as it is.
   * @param x `size` elements
   * @returns `dimension` integers, a new tensor: what a client may send, under secure aggregation
   * @throws {@link PrivacyError} when x holds NaN or Infinity; the streams stay where they were
   */
  encode(x: Tensor<"f32">, streams: EncodeStreams): Tensor<"i32"> {
    const op = "distributedGaussian.encode";
    checkTensor(op, "x", x, "f32", { size: this.size });
    checkOptions(op, streams, ["rotation", "noise"]);
    checkStream(op, streams.rotation);
    checkStream(op, streams.noise);
    const { engine } = x;
    const integers = engine.tensor("i32", this.dimension);
    const clipped = engine.tensorOutsideScopes("f32", this.size);
    const flat = engine.tensorOutsideScopes("f32", this.dimension);
    const norm = this.clip / this.granularity;
    try {
      clipByNorm(x, this.clip, clipped);
      rotate(clipped, streams.rotation, flat);
      scale(1 / this.granularity, flat);
      clipByNorm(flat, norm); // again, for what rounding to f32 added
      stochasticRound(flat, streams.noise, integers, { maxSquaredNorm: this.#maxSquaredNorm });
      if (this.noise === "skellam") addSkellam(integers, { variance: this.sigma ** 2 }, streams.noise);
      else addDiscreteGaussian(integers, { sigma: this.sigma }, streams.noise);
      return modularClip(integers, rangeOf(this.bits));
    } catch (error) {
      integers.dispose({ wipe: true });
      throw error;
    } finally {
      clipped.dispose({ wipe: true });
      flat.dispose({ wipe: true });
    }
  }

  /** An empty sum of encoded updates. */
  sum(engine: Engine): ModularSum {
    return createModularSum(engine, { size: this.dimension, bits: this.bits });
  }

  /**
   * out <- the noisy sum of the clipped updates: unwrapped, rotated back, in the units of the updates. Divide by the number of clients for the mean.
   * @param total `dimension` integers, the sum of encoded updates modulo 2^bits
   * @param rotation in the position that the clients' had
   * @param out `size` elements
   */
  decode(total: Tensor<"i32">, rotation: RandomStream, out: Tensor<"f32">): Tensor<"f32"> {
    const op = "distributedGaussian.decode";
    checkTensor(op, "total", total, "i32", { size: this.dimension });
    checkStream(op, rotation);
    checkTensor(op, "out", out, "f32", { size: this.size });
    checkSameEngine(op, { total, out });
    const { engine } = total;
    return engine.scope(() => {
      const wrapped = modularClip(total, rangeOf(this.bits), engine.tensor("i32", this.dimension));
      const flat = engine.tensor("f32", this.dimension);
      engine.kernels.convert_i32_f32(this.dimension, wrapped.address, flat.address);
      rotateBack(scale(this.granularity, flat), rotation, out);
      return out;
    });
  }

  /** Largest sum of squares within l2; an ulp of the square is taken off, so that its root cannot exceed l2. */
  get #maxSquaredNorm(): number {
    return Math.floor(this.l2 ** 2 * (1 - 2 ** -52));
  }
}

function tooFine(op: string, wanted: string, got: number): ParameterError {
  return new ParameterError(`${op}: expected ${wanted}, got ${got}; take fewer bits`, { argument: "bits" });
}

/**
 * Plans the distributed discrete Gaussian (or Skellam) mechanism: chooses the grid for the bits at hand, the bound and the noise of each client.
 * Privacy holds for the sum alone, if at least `clients` honest clients add their noise and the server sees nothing but the sum: that is what secure
 * aggregation is for. Account with `plan.event`.
 * @throws {@link ParameterError} for options out of range, for too few bits for so many clients, for more bits than the integers hold
 * Source: Kairouz, Liu, Steinke 2021 (arXiv:2102.06387).
 * @example
 * const plan = distributedGaussian({ size: update.size, clip: 1, noiseMultiplier: 1, clients: 100, bits: 16 });
 * const sent = plan.encode(update, { rotation: shared.fork(round, 0), noise });
 * const sum = plan.sum(engine).add(sent); // ... and those of the others
 * const total = plan.decode(sum.result(engine.tensor("i32", plan.dimension)), shared.fork(round, 0), engine.tensor("f32", plan.size));
 */
export function distributedGaussian(options: DistributedGaussianOptions): DistributedGaussian {
  return new DistributedGaussian(options);
}
