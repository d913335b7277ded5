// Learning-rate schedules as plain data. Formulas and the meaning of `step` (steps done before this one, so the first is 0) are those of Keras.
import { checkBoolean, checkNumber, checkOptions, describe } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import { power } from "./rule.ts";

interface Warmup {
  /** Steps in which the rate grows from 0, linearly; the schedule itself starts after them. Default 0. */
  readonly warmupSteps?: number;
}

/** A learning rate that changes with the step. Rates are >= 0, `initial` and `values` > 0. */
export type Schedule = Warmup &
  (
    | { readonly type: "constant"; readonly initial: number }
    /** initial factor^floor(step / every). */
    | { readonly type: "step"; readonly initial: number; readonly every: number; readonly factor: number }
    /** initial rate^(step / decaySteps); staircase: of the quotient rounded down. */
    | { readonly type: "exponential"; readonly initial: number; readonly decaySteps: number; readonly rate: number; readonly staircase?: boolean }
    /** From initial to final (default 0) in half a period of the cosine, s = min(step, decaySteps): final + (initial - final) (1 + cos(pi s / decaySteps)) / 2. */
    | { readonly type: "cosine"; readonly initial: number; readonly decaySteps: number; readonly final?: number }
    /** final + (initial - final) (1 - s / decaySteps)^power, s = min(step, decaySteps), power default 1, final default 0. */
    | { readonly type: "polynomial"; readonly initial: number; readonly decaySteps: number; readonly final?: number; readonly power?: number }
    /** values[i] for boundaries[i-1] < step <= boundaries[i]: one value more than boundaries. */
    | { readonly type: "piecewise"; readonly boundaries: readonly number[]; readonly values: readonly number[] }
  );

const KEYS: Readonly<Record<Schedule["type"], readonly string[]>> = {
  constant: ["initial"],
  step: ["initial", "every", "factor"],
  exponential: ["initial", "decaySteps", "rate", "staircase"],
  cosine: ["initial", "decaySteps", "final"],
  polynomial: ["initial", "decaySteps", "final", "power"],
  piecewise: ["boundaries", "values"],
};

/** Refuses a bad rate or schedule. @throws {@link ParameterError} */
export function checkLearningRate(op: string, learningRate: number | Schedule): void {
  if (typeof learningRate === "object" && learningRate !== null) checkSchedule(op, learningRate);
  else checkNumber(op, "learningRate", learningRate, { above: 0, f32: true });
}
function checkSchedule(op: string, s: Schedule): void {
  if (typeof s.type !== "string" || !Object.hasOwn(KEYS, s.type)) {
    throw new ParameterError(`${op}: expected a schedule of type ${Object.keys(KEYS).join(", ")}, got ${describe(s.type)}`, { argument: "learningRate.type" });
  }
  checkOptions(op, s, ["type", "warmupSteps", ...KEYS[s.type]]);
  const check = (name: string, value: number, range: Parameters<typeof checkNumber>[3]) => checkNumber(op, `learningRate.${name}`, value, range);
  check("warmupSteps", s.warmupSteps ?? 0, { min: 0, integer: true });
  if (s.type === "piecewise") {
    if (!Array.isArray(s.boundaries) || !Array.isArray(s.values) || s.values.length !== s.boundaries.length + 1) {
      throw new ParameterError(`${op}: expected one more of learningRate.values than boundaries, got ${s.values?.length} and ${s.boundaries?.length}`, {
        argument: "learningRate.values",
      });
    }
    for (const [i, b] of s.boundaries.entries())
      check(`boundaries[${i}]`, b, i === 0 ? { min: 0, integer: true } : { above: s.boundaries[i - 1]!, integer: true });
    for (const [i, v] of s.values.entries()) check(`values[${i}]`, v, { above: 0, f32: true });
    return;
  }
  check("initial", s.initial, { above: 0, f32: true });
  switch (s.type) {
    case "step":
      check("every", s.every, { min: 1, integer: true });
      check("factor", s.factor, { above: 0, max: 1 });
      break;
    case "exponential":
      check("decaySteps", s.decaySteps, { min: 1, integer: true });
      check("rate", s.rate, { above: 0, max: 1 });
      checkBoolean(op, "learningRate.staircase", s.staircase ?? false);
      break;
    case "cosine":
    case "polynomial":
      check("decaySteps", s.decaySteps, { min: 1, integer: true });
      check("final", s.final ?? 0, { min: 0, f32: true });
      if (s.type === "polynomial") check("power", s.power ?? 1, { above: 0 });
  }
}

/**
 * The rate of a step. Kernels round it to f32, so an engine whose Math.pow or Math.cos ends in another bit hardly ever trains with another rate.
 * @param step steps done before this one, >= 0
 * @throws {@link ParameterError}
 * @example
 * learningRateAt({ type: "cosine", initial: 0.1, decaySteps: 100 }, 50); // 0.05
 */
export function learningRateAt(learningRate: number | Schedule, step: number): number {
  checkLearningRate("learningRateAt", learningRate);
  checkNumber("learningRateAt", "step", step, { min: 0, integer: true });
  return rateAt(learningRate, step);
}

/** @internal learningRateAt for what was checked before. */
export function rateAt(learningRate: number | Schedule, step: number): number {
  if (typeof learningRate === "number") return learningRate;
  const { warmupSteps = 0 } = learningRate;
  return step < warmupSteps ? (decayed(learningRate, 0) * step) / warmupSteps : decayed(learningRate, step - warmupSteps);
}

function decayed(s: Schedule, step: number): number {
  switch (s.type) {
    case "constant":
      return s.initial;
    case "step":
      return s.initial * power(s.factor, Math.floor(step / s.every));
    case "exponential": {
      const turns = step / s.decaySteps;
      return s.initial * (s.staircase || Number.isInteger(turns) ? power(s.rate, Math.floor(turns)) : s.rate ** turns);
    }
    case "cosine":
      return between(s, (1 + Math.cos((Math.PI * Math.min(step, s.decaySteps)) / s.decaySteps)) / 2);
    case "polynomial":
      return between(s, (1 - Math.min(step, s.decaySteps) / s.decaySteps) ** (s.power ?? 1));
    case "piecewise": {
      const i = s.boundaries.findIndex((b) => step <= b);
      return s.values[i === -1 ? s.boundaries.length : i]!;
    }
  }
}
const between = ({ initial, final = 0 }: { initial: number; final?: number }, share: number): number => final + (initial - final) * share;
