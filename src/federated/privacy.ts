// How a simulated federation keeps to a privacy budget: where noise is added, whose data it hides, and what a round costs.
//
//   mode          unit      neighbours    sampling a release                            noise
//   central       client    add-remove    each client with probability clientFraction   once, by the server, on the sum of clipped updates
//   local         client    replace-one   all: no amplification                         by every client on its own update
//   distributed   client    add-remove    all: no amplification                         a share by every client, under a secure sum
//   dp-sgd        example   add-remove    each example with probability batch / n       by every client in every local step
//
// In the last three a client takes part at most once in a cycle of rounds, so that the number of its releases is known beforehand.
import { checkChoice, checkNumber, checkOptions } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { IntegerBits } from "../formats/integers.ts";
import { calibrateNoise } from "../privacy/accounting/calibrate.ts";
import type { Adjacency, PrivacyEvent, Unit } from "../privacy/accounting/event.ts";
import { type DistributedGaussianOptions, distributedGaussian } from "../privacy/distributed_gaussian.ts";
import { gaussianGrid } from "../privacy/grid.ts";

export const PRIVACY_MODES = ["central", "local", "distributed", "dp-sgd"] as const;
export type PrivacyMode = (typeof PRIVACY_MODES)[number];

/** What a simulation promises, were its noise not seeded. */
export interface SimulationPrivacy {
  readonly mode: PrivacyMode;
  /** The budget: training stops before it would be exceeded. */
  readonly epsilon: number;
  readonly delta: number;
  /** L2 bound of a client's update; with "dp-sgd" of the gradient of an example. */
  readonly clipNorm: number;
  /** Standard deviation of the noise over clipNorm. Absent: the smallest with which the budget lasts for all rounds. */
  readonly noiseMultiplier?: number;
  /** "distributed": bits of a coordinate in the secure sum, 8, 16 (default) or 32. */
  readonly bits?: IntegerBits;
}

/** A simulation's promise worked out: made once, before the first round. */
export interface PrivacyPlan {
  readonly mode: PrivacyMode;
  readonly unit: Unit;
  readonly adjacency: Adjacency;
  /** Standard deviation of the noise: of a sum or, with "local", of one update. */
  readonly sigma: number;
  readonly noiseMultiplier: number;
  readonly accountant: "pld" | "rdp";
  /** What one more participation of the most exposed unit costs. */
  readonly event: PrivacyEvent;
  /** Rounds in which no client takes part twice; 1 where every round counts for everybody. */
  readonly cycle: number;
}

/** @throws {@link ParameterError} naming the option */
export function checkPrivacy(op: string, privacy: SimulationPrivacy): void {
  checkOptions(op, privacy, ["mode", "epsilon", "delta", "clipNorm", "noiseMultiplier", "bits"]);
  const { mode, epsilon, delta, clipNorm, noiseMultiplier, bits } = privacy;
  checkChoice(op, "privacy.mode", mode, PRIVACY_MODES);
  checkNumber(op, "privacy.epsilon", epsilon, { above: 0 });
  checkNumber(op, "privacy.delta", delta, { above: 0, below: 1 });
  checkNumber(op, "privacy.clipNorm", clipNorm, { above: 0, f32: true });
  if (noiseMultiplier !== undefined) checkNumber(op, "privacy.noiseMultiplier", noiseMultiplier, { above: 0 });
  if (bits !== undefined) {
    if (mode !== "distributed")
      throw new ParameterError(`${op}: expected privacy.bits only with mode "distributed", got it with "${mode}"`, { argument: "privacy.bits" });
    if (![8, 16, 32].includes(bits)) throw new ParameterError(`${op}: expected privacy.bits to be 8, 16 or 32, got ${bits}`, { argument: "privacy.bits" });
  }
}

/** What of a configuration decides the releases. */
export interface ReleaseShape {
  /** Parameters of the model. */
  readonly size: number;
  readonly clientFraction: number;
  readonly rounds: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Examples by client. */
  readonly examples: readonly number[];
}

/** A bound is 1 to 2^30 units of its grid: less noise than the first, or more than the second, has none. */
const [LEAST_NOISE, MOST_NOISE] = [2 ** -9, 2 ** 19];

/** Clients of a round where their number is fixed. */
export function clientsOfRound(clients: number, fraction: number): number {
  return Math.max(1, Math.round(fraction * clients));
}

/** ln 1e18: batches beyond the bound of {@link largestBatch} have a probability below 1e-18. */
const RARE = 41.5;
/** A size that a Poisson sample of n examples at a rate does not pass (Bernstein's inequality), but for 1e-18. */
function largestBatch(n: number, rate: number): number {
  const mean = n * rate;
  return Math.min(n, Math.ceil(mean + Math.sqrt(2 * mean * (1 - rate) * RARE + RARE ** 2 / 9) + RARE / 3));
}

/**
 * One DP-SGD step of a client as an accountant sees it: localUpdate() with `noise` on n examples. The sum of m clipped gradients is made in f32,
 * so it is off by at most m 2^-24 m C, and rounding it to the grid moves it by g sqrt(d) / 2 at most: twice both, for the two neighbours, is added
 * to the bound C. What it leaves out, and why M is what it is: docs/derivations/dp_sgd.md.
 * Source: Abadi et al. 2016 (arXiv:1607.00133), algorithm 1.
 */
export function dpSgdEvent(options: { clipNorm: number; noiseMultiplier: number; batchSize: number; examples: number; size: number }): PrivacyEvent {
  const op = "dpSgdEvent";
  checkOptions(op, options, ["clipNorm", "noiseMultiplier", "batchSize", "examples", "size"]);
  const { clipNorm, noiseMultiplier, batchSize, examples, size } = options;
  checkNumber(op, "clipNorm", clipNorm, { above: 0, f32: true });
  checkNumber(op, "noiseMultiplier", noiseMultiplier, { above: 0 });
  checkNumber(op, "batchSize", batchSize, { min: 1, integer: true });
  checkNumber(op, "examples", examples, { min: 1, integer: true });
  const rate = Math.min(1, batchSize / examples);
  const sigma = noiseMultiplier * clipNorm;
  const { spacing } = gaussianGrid({ sigma, clipNorm, size });
  const slack = 2 * largestBatch(examples, rate) ** 2 * 2 ** -24 * clipNorm + spacing * Math.sqrt(size);
  const mechanism = { type: "gaussian", noiseMultiplier: (sigma / (clipNorm + slack)) * (1 - 2 ** -50) } as const;
  return { mechanism, sampling: rate === 1 ? { type: "all" } : { type: "poisson", rate } };
}

/** The pipeline of mode "distributed". */
export function distributedOptions(
  { clipNorm, bits = 16 }: SimulationPrivacy,
  { size, examples, clientFraction }: ReleaseShape,
  noiseMultiplier: number,
): DistributedGaussianOptions {
  return { size, clip: clipNorm, noiseMultiplier, clients: clientsOfRound(examples.length, clientFraction), bits };
}

/** What one participation of the most exposed unit costs, with the noise multiplier z. */
function eventOf(privacy: SimulationPrivacy, shape: ReleaseShape, z: number): PrivacyEvent {
  const { mode, clipNorm } = privacy;
  const { size, clientFraction, batchSize, epochs, examples } = shape;
  const sigma = z * clipNorm;
  const all = { type: "all" } as const;
  switch (mode) {
    case "central":
      return { mechanism: gaussianGrid({ sigma, clipNorm, size }).mechanism, sampling: clientFraction === 1 ? all : { type: "poisson", rate: clientFraction } };
    case "local":
      return { mechanism: gaussianGrid({ sigma, clipNorm, size }).mechanism, sampling: all };
    case "distributed":
      return distributedGaussian(distributedOptions(privacy, shape, z)).event;
    case "dp-sgd": {
      // The smallest client takes its examples at the highest rate, the largest does the most steps and has the largest batches (and so the widest
      // bound): all of it is charged to everybody.
      const some = examples.filter((n) => n > 0);
      const [fewest, most] = [Math.min(...some), Math.max(...some)];
      const of = (examples: number) => dpSgdEvent({ clipNorm, noiseMultiplier: z, batchSize, examples, size });
      return { mechanism: of(most).mechanism, sampling: of(fewest).sampling, count: epochs * Math.ceil(most / Math.min(batchSize, most)) };
    }
  }
}

/**
 * The plan for a run of `rounds` rounds: noise calibrated so that the budget lasts for all of them, unless it is given.
 * @throws {@link ParameterError} for options out of range; {@link PrivacyError} for a budget that no noise can keep
 */
export function planPrivacy(op: string, privacy: SimulationPrivacy, shape: ReleaseShape): PrivacyPlan {
  checkPrivacy(op, privacy);
  const { mode, epsilon, delta } = privacy;
  const unit = mode === "dp-sgd" ? "example" : "client";
  const adjacency = mode === "local" ? "replace-one" : "add-remove";
  const clients = shape.examples.length;
  const cycle = mode === "central" ? 1 : Math.floor(clients / clientsOfRound(clients, shape.clientFraction));
  const participations = Math.ceil(shape.rounds / cycle);
  const accountant = mode === "distributed" ? "rdp" : "pld";
  const at = (z: number) => eventOf(privacy, shape, Math.min(MOST_NOISE, Math.max(LEAST_NOISE, z)));
  const { sampling, count = 1 } = at(1);
  const target = { epsilon, delta, adjacency, unit, accountant } as const;
  const noiseMultiplier =
    privacy.noiseMultiplier ?? Math.max(LEAST_NOISE, calibrateNoise({ ...target, sampling, steps: participations * count, mechanism: (z) => at(z).mechanism }));
  return {
    mode,
    unit,
    adjacency,
    accountant,
    noiseMultiplier,
    sigma: noiseMultiplier * privacy.clipNorm,
    event: eventOf(privacy, shape, noiseMultiplier),
    cycle,
  };
}
