// What an accountant is told: which mechanism ran, on which sample, how often.
import { checkChoice, checkNumber, checkOptions, describe } from "../../engine/check.ts";
import { ParameterError } from "../../engine/errors.ts";

/** Whose data one unit of privacy is: all of a client's, or one example. */
export type Unit = "client" | "example";
export const UNITS = ["client", "example"] as const satisfies readonly Unit[];

/**
 * Which data sets count as neighbours: one has a unit more ("add-remove"), or a unit differs ("replace-one").
 * The second moves a sum of clipped contributions twice as far, so the same noise protects less.
 */
export type Adjacency = "add-remove" | "replace-one";
export const ADJACENCIES = ["add-remove", "replace-one"] as const satisfies readonly Adjacency[];

/**
 * A mechanism that adds noise to a sum of contributions, each within a bound. Bounds are those of one contribution: the accountant
 * doubles them for "replace-one".
 */
export type Mechanism =
  /** noiseMultiplier = standard deviation over the L2 bound. */
  | { readonly type: "gaussian"; readonly noiseMultiplier: number }
  /** noiseMultiplier = scale b over the L1 bound. */
  | { readonly type: "laplace"; readonly noiseMultiplier: number }
  /** One discrete Gaussian of parameter sigma a coordinate, on integers with an L2 bound; `dimension` 1 says that it is a scalar. */
  | { readonly type: "discrete-gaussian"; readonly sigma: number; readonly l2: number; readonly dimension?: number }
  /** The sum of `clients` independent discrete Gaussians of parameter sigma each; bounds in integer units (arXiv:2102.06387). */
  | {
      readonly type: "distributed-discrete-gaussian";
      readonly sigma: number;
      readonly clients: number;
      readonly l2: number;
      readonly l1: number;
      readonly dimension: number;
    }
  /** Skellam noise of total variance `variance` over all clients; bounds in integer units (arXiv:2110.04995). */
  | { readonly type: "skellam"; readonly variance: number; readonly l2: number; readonly l1: number };

/** Which units a release used: all, each independently with probability `rate`, or `size` of `population` without replacement. */
export type Sampling =
  | { readonly type: "all" }
  | { readonly type: "poisson"; readonly rate: number }
  | { readonly type: "without-replacement"; readonly size: number; readonly population: number };

/** `count` releases of one mechanism, each on a fresh sample. */
export interface PrivacyEvent {
  readonly mechanism: Mechanism;
  readonly sampling: Sampling;
  /** Default 1. */
  readonly count?: number;
}

/** @internal Refuses what are no events, no options, or options that leave open what the answer is about. */
export function checkAsked(op: string, events: readonly PrivacyEvent[], options: { readonly adjacency: Adjacency; readonly unit: Unit }): void {
  if (!Array.isArray(events)) throw new ParameterError(`${op}: expected events to be an array, got ${describe(events)}`, { argument: "events" });
  if (typeof options !== "object" || options === null)
    throw new ParameterError(`${op}: expected options with adjacency and unit, got ${describe(options)}`, { argument: "options" });
  checkChoice(op, "adjacency", options.adjacency, ADJACENCIES);
  checkChoice(op, "unit", options.unit, UNITS);
}

const POSITIVE = { above: 0 };
const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true };

/** @internal Refuses what is no event, in the caller's words. */
export function checkEvent(op: string, event: PrivacyEvent): void {
  checkOptions(op, event, ["mechanism", "sampling", "count"]);
  const { mechanism, sampling, count = 1 } = event;
  checkNumber(op, "count", count, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  checkMechanism(op, mechanism);
  checkSampling(op, sampling);
}

function checkMechanism(op: string, mechanism: Mechanism): void {
  checkOptions(op, mechanism, ["type", "noiseMultiplier", "sigma", "clients", "l2", "l1", "dimension", "variance"]);
  checkChoice(op, "mechanism.type", mechanism.type, ["gaussian", "laplace", "discrete-gaussian", "distributed-discrete-gaussian", "skellam"]);
  const { type, ...numbers } = mechanism;
  const wanted: Record<string, object> = {
    gaussian: { noiseMultiplier: { min: 0 } },
    laplace: { noiseMultiplier: { min: 0 } },
    "discrete-gaussian": { sigma: { min: 0 }, l2: POSITIVE, ...("dimension" in mechanism && { dimension: COUNT }) },
    "distributed-discrete-gaussian": { sigma: { min: 0 }, clients: COUNT, l2: POSITIVE, l1: POSITIVE, dimension: COUNT },
    skellam: { variance: { min: 0 }, l2: POSITIVE, l1: POSITIVE },
  }[type];
  checkOptions(op, numbers, Object.keys(wanted));
  for (const [name, range] of Object.entries(wanted)) checkNumber(op, `mechanism.${name}`, (numbers as Record<string, number>)[name]!, range);
}

function checkSampling(op: string, sampling: Sampling): void {
  checkOptions(op, sampling, ["type", "rate", "size", "population"]);
  if ((sampling.type as string) === "shuffled") {
    throw new ParameterError(
      `${op}: expected sampling "all", "poisson" or "without-replacement", got "shuffled": batches cut from a shuffled epoch have no amplification by sampling; sample each batch anew (poissonSample), or account with { type: "all" }`,
      { argument: "sampling.type" },
    );
  }
  checkChoice(op, "sampling.type", sampling.type, ["all", "poisson", "without-replacement"]);
  checkOptions(op, sampling, { all: ["type"], poisson: ["type", "rate"], "without-replacement": ["type", "size", "population"] }[sampling.type]);
  if (sampling.type === "poisson") checkNumber(op, "sampling.rate", sampling.rate, { min: 0, max: 1 });
  if (sampling.type === "without-replacement") {
    checkNumber(op, "sampling.population", sampling.population, COUNT);
    checkNumber(op, "sampling.size", sampling.size, { min: 0, max: sampling.population, integer: true });
  }
}
