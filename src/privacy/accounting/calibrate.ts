// The inverse of an accountant: how much noise, how many steps, how large a sample a budget allows.
import { checkChoice, checkNumber, checkOptions } from "../../engine/check.ts";
import { PrivacyError } from "../../engine/errors.ts";
import { ACCOUNTANTS, type AccountantName, epsilonOf } from "./accountant.ts";
import { ADJACENCIES, type Adjacency, checkEvent, type Mechanism, type PrivacyEvent, type Sampling, UNITS, type Unit } from "./event.ts";

interface Target {
  readonly epsilon: number;
  readonly delta: number;
  readonly adjacency: Adjacency;
  readonly unit: Unit;
  /** Default "pld"; events it does not know are left to "rdp". */
  readonly accountant?: AccountantName;
}
export interface CalibrateNoiseOptions extends Target {
  readonly sampling: Sampling;
  /** Releases in all. */
  readonly steps: number;
  /** "gaussian" (default) or "laplace", whose noise multiplier is looked for; or the mechanism as a function of a number that grows with its noise. */
  readonly mechanism?: "gaussian" | "laplace" | ((noise: number) => Mechanism);
}
export interface CalibrateStepsOptions extends Target {
  readonly mechanism: Mechanism;
  readonly sampling: Sampling;
}
export interface CalibrateSamplingRateOptions extends Target {
  readonly mechanism: Mechanism;
  readonly steps: number;
}

const TARGET = ["epsilon", "delta", "adjacency", "unit", "accountant"];
const STEPS = { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true };
/** Answers lie this close, in their logarithm, to the best possible. */
const TOLERANCE = 4e-4;
const LARGEST_NOISE = 1e15;
/** More releases than anybody makes. */
const MAX_STEPS = 1e12;

/**
 * The smallest noise with which `steps` releases keep to (epsilon, delta): never less than needed, at most .1 % more.
 * @returns the noise multiplier, or the number handed to `mechanism`; 0 when nobody is ever sampled
 * @throws {@link ParameterError} for a bad option; {@link PrivacyError} when no noise suffices, or no bound is known
 * @example
 * calibrateNoise({ epsilon: 8, delta: 1e-5, adjacency: "add-remove", unit: "example", sampling: { type: "poisson", rate: 0.04 }, steps: 2250 }); // 1.346
 */
export function calibrateNoise(options: CalibrateNoiseOptions): number {
  const op = "calibrateNoise";
  checkOptions(op, options, [...TARGET, "sampling", "steps", "mechanism"]);
  checkTarget(op, options);
  const { sampling, steps, mechanism = "gaussian" } = options;
  checkNumber(op, "steps", steps, STEPS);
  if (typeof mechanism !== "function") checkChoice(op, "mechanism", mechanism, ["gaussian", "laplace"]);
  const make = typeof mechanism === "function" ? mechanism : (noiseMultiplier: number): Mechanism => ({ type: mechanism, noiseMultiplier });
  const event = (noise: number): PrivacyEvent => ({ mechanism: make(noise), sampling, count: steps });
  checkEvent(op, event(1));
  if (sampling.type === "poisson" ? sampling.rate === 0 : sampling.type === "without-replacement" && sampling.size === 0) return 0;
  const enough = search(options, event, 1, 1 / LARGEST_NOISE, LARGEST_NOISE, "down");
  if (enough === undefined) {
    throw new PrivacyError(
      `${op}: expected a budget that some noise meets, got epsilon ${options.epsilon} at delta ${options.delta}, spent even with noise ${LARGEST_NOISE}`,
    );
  }
  return enough;
}

/**
 * The largest number of releases that keep to (epsilon, delta); 0 when not even one does. At most 1e12.
 * @throws {@link ParameterError} for a bad option; {@link PrivacyError} where no bound is known
 */
export function calibrateSteps(options: CalibrateStepsOptions): number {
  const op = "calibrateSteps";
  checkOptions(op, options, [...TARGET, "mechanism", "sampling"]);
  checkTarget(op, options);
  const { mechanism, sampling } = options;
  checkEvent(op, { mechanism, sampling });
  return largestCount([], { mechanism, sampling }, options);
}

/**
 * The largest Poisson sampling rate with which `steps` releases keep to (epsilon, delta): never more, at most .1 % less; 1 when all units may take part.
 * @throws {@link ParameterError} for a bad option; {@link PrivacyError} when no rate above 1e-15 does, or no bound is known
 */
export function calibrateSamplingRate(options: CalibrateSamplingRateOptions): number {
  const op = "calibrateSamplingRate";
  checkOptions(op, options, [...TARGET, "mechanism", "steps"]);
  checkTarget(op, options);
  const { mechanism, steps } = options;
  checkNumber(op, "steps", steps, STEPS);
  const event = (rate: number): PrivacyEvent => ({ mechanism, sampling: { type: "poisson", rate: Math.min(1, rate) }, count: steps });
  checkEvent(op, event(1));
  const rate = search(options, event, 1, 1e-15, 1, "up");
  if (rate === undefined) throw new PrivacyError(`${op}: expected a budget that some rate meets, got epsilon ${options.epsilon} at delta ${options.delta}`);
  return rate;
}

/** @internal How many more releases of `event` fit after `before`; at most 1e12. */
export function largestCount(before: readonly PrivacyEvent[], event: PrivacyEvent, target: Target): number {
  const { count: each = 1 } = event;
  const most = Math.floor(MAX_STEPS / Math.max(1, each));
  const events = (n: number) => [...before, { ...event, count: n * each }];
  return search(target, events, 1, 1, most, "up", true) ?? 0;
}

function checkTarget(op: string, { epsilon, delta, adjacency, unit, accountant = "pld" }: Target): void {
  checkNumber(op, "epsilon", epsilon, { above: 0 });
  checkNumber(op, "delta", delta, { min: 0, below: 1 });
  checkChoice(op, "adjacency", adjacency, ADJACENCIES);
  checkChoice(op, "unit", unit, UNITS);
  checkChoice(op, "accountant", accountant, ACCOUNTANTS);
}

/**
 * The furthest x in [low, high] whose events keep to the target; the private side is the upper one when looking "down", the lower one when looking "up".
 * The Renyi answer, which is quick and never too generous, is where the tight one starts.
 */
function search(
  target: Target,
  events: (x: number) => PrivacyEvent | readonly PrivacyEvent[],
  start: number,
  low: number,
  high: number,
  way: "down" | "up",
  whole = false,
): number | undefined {
  const { delta, adjacency, unit, accountant = "pld" } = target;
  const epsilonBy = (name: AccountantName) => (x: number) => {
    const made = events(x);
    return epsilonOf(Array.isArray(made) ? made : [made as PrivacyEvent], { delta, adjacency, unit }, name).epsilon;
  };
  const furthest = (name: AccountantName, from: number, stride: number) => boundary(epsilonBy(name), target.epsilon, { from, stride, low, high, way, whole });
  const renyi = furthest("rdp", start, 4);
  if (accountant === "rdp") return renyi;
  return furthest("pld", renyi ?? (way === "down" ? high : low), 1.2);
}

interface Search {
  readonly from: number;
  /** Factor of the first stride away from `from`; every further one is its square. */
  readonly stride: number;
  readonly low: number;
  readonly high: number;
  readonly way: "down" | "up";
  /** Whole numbers only, and exactly the last one. */
  readonly whole: boolean;
}

/**
 * Where epsilon(x) crosses the target: a bracket by growing strides, then Illinois' false position on log epsilon over log x, with bisection where it stalls.
 * What it returns was evaluated and found to keep to the target.
 */
function boundary(epsilon: (x: number) => number, target: number, { from, stride, low, high, way, whole }: Search): number | undefined {
  const clamp = (x: number) => Math.min(high, Math.max(low, whole ? Math.round(x) : x));
  const gap = (x: number) => Math.log(epsilon(x) / target); // <= 0 keeps to it; -Infinity at epsilon 0
  const bolder = way === "down" ? -1 : 1;
  let x = clamp(from);
  let [good, bad]: [number | undefined, number | undefined] = [undefined, undefined];
  let [goodGap, badGap] = [0, 0];
  for (let factor = stride; good === undefined || bad === undefined; factor *= factor) {
    const at = gap(x);
    if (at <= 0) [good, goodGap] = [x, at];
    else [bad, badGap] = [x, at];
    if (good !== undefined && bad !== undefined) break;
    const direction = good !== undefined ? bolder : -bolder;
    let next = clamp(x * Math.min(factor, 1e4) ** direction);
    if (whole && next === x) next = clamp(x + direction);
    if (next === x) return good; // the end of the range
    x = next;
  }
  let [g, b] = [good!, bad!];
  for (let i = 0, last = 0; whole ? Math.abs(b - g) > 1 : Math.abs(Math.log(b / g)) > TOLERANCE; i++) {
    const [from, to] = [Math.log(g), Math.log(b)];
    const inside = Number.isFinite(goodGap) && Number.isFinite(badGap) && i % 4 !== 3;
    const part = inside ? goodGap / (goodGap - badGap) : 0.5;
    // A step beyond the guess, to the side not moved last, closes the bracket about it.
    const margin = Math.min(0.5, (0.4 * TOLERANCE) / Math.abs(to - from));
    const place = Math.min(1 - margin, Math.max(margin, part + (last > 0 ? margin : last < 0 ? -margin : 0)));
    let middle = Math.exp(from + place * (to - from));
    if (whole) middle = Math.min(Math.max(g, b) - 1, Math.max(Math.min(g, b) + 1, Math.round(middle)));
    const at = gap(middle);
    if (at <= 0) {
      if (last > 0) badGap /= 2;
      [g, goodGap, last] = [middle, at, 1];
    } else {
      if (last < 0) goodGap /= 2;
      [b, badGap, last] = [middle, at, -1];
    }
  }
  return g;
}
