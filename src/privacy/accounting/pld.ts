// The tight accountant: privacy loss distributions, composed by Fourier transforms (Koskela et al. 2020, arXiv:1906.03049).
import { checkChoice, checkNumber, checkOptions, describe } from "../../engine/check.ts";
import { ParameterError } from "../../engine/errors.ts";
import { bestBound, infiniteMass, type Moment, momentAt, type Part, type Question, solve } from "./compose.ts";
import { discretise, type LossGrids } from "./discretise.ts";
import { ADJACENCIES, type Adjacency, checkEvent, type Mechanism, type PrivacyEvent, UNITS, type Unit } from "./event.ts";
import { shiftDelta, shiftEpsilon } from "./gaussian.ts";
import { gaussianLoss, HIDDEN, type Loss, lossOf, REVEALED } from "./loss.ts";

export interface PldOptions {
  /** Which data sets are neighbours. */
  readonly adjacency: Adjacency;
  /** Whose data a neighbour has more or otherwise. It changes no figure; it says what the figures are about. */
  readonly unit: Unit;
}
export interface PldEpsilonOptions extends PldOptions {
  readonly delta: number;
}
export interface PldDeltaOptions extends PldOptions {
  readonly epsilon: number;
}

/**
 * The epsilon at `delta` of all events together, in any order: within 1e-3 above the truth for epsilons of everyday size, never below it.
 * 0 for no events, Infinity for an event without noise.
 * @throws ParameterError for an event that is none, a delta outside (0, 1), and what has no tight answer here: see `PldAccountant.add`
 */
export function pldEpsilon(events: readonly PrivacyEvent[], options: PldEpsilonOptions): number {
  return accountantOf("pldEpsilon", events, options, "delta").epsilon(options.delta);
}

/**
 * The delta at `epsilon` of all events together, in any order, never below the truth.
 * @throws ParameterError for an event that is none, an epsilon below 0, and what has no tight answer here: see `PldAccountant.add`
 */
export function pldDelta(events: readonly PrivacyEvent[], options: PldDeltaOptions): number {
  return accountantOf("pldDelta", events, options, "epsilon").delta(options.epsilon);
}

function accountantOf(op: string, events: readonly PrivacyEvent[], options: PldOptions, at: string): PldAccountant {
  checkOptions(op, options, [at, "adjacency", "unit"]);
  if (!Array.isArray(events)) throw new ParameterError(`${op}: expected events to be an array, got ${describe(events)}`, { argument: "events" });
  const { adjacency, unit } = options;
  const accountant = new PldAccountant({ adjacency, unit });
  for (const event of events) accountant.add(event);
  return accountant;
}

type Direction = keyof LossGrids;

/** One distinct release, how often it happened, and its distributions on the grids that were asked for last. */
interface Entry {
  readonly loss: Loss;
  readonly rate: number;
  count: number;
  readonly grids: Map<string, LossGrids | undefined>;
}
const KEPT_GRIDS = 4;

/** Where the last answer was found: the next one is near. */
interface Place {
  lambda: number;
  epsilon: number;
}

/** Adds up events and answers at any time; equal events are one entry with a count, and what was computed for it is kept. */
export class PldAccountant {
  readonly adjacency: Adjacency;
  readonly unit: Unit;
  readonly #entries = new Map<string, Entry>();
  readonly #places: Record<Direction, Place> = { remove: { lambda: 8, epsilon: 1 }, add: { lambda: 8, epsilon: 1 } };
  /** Gaussian releases of all units compose to one: the sum of their squared distances. */
  #shift2 = 0;
  #gaussian: Entry | undefined;
  #revealed = false;

  /** @throws ParameterError for another adjacency or unit than `PldOptions` names */
  constructor(options: PldOptions) {
    const op = "PldAccountant";
    checkOptions(op, options, ["adjacency", "unit"]);
    checkChoice(op, "adjacency", options.adjacency, ADJACENCIES);
    checkChoice(op, "unit", options.unit, UNITS);
    this.adjacency = options.adjacency;
    this.unit = options.unit;
  }

  /**
   * Charges an event. Tight answers are known here for the Gaussian, Laplace and discrete Gaussian mechanisms on all units, and on a Poisson
   * sample for "add-remove".
   * @throws ParameterError for an event that is none; for samples without replacement, Poisson samples for "replace-one", the Skellam and
   * the distributed discrete Gaussian mechanism, and discrete Gaussian vectors that move by more than one step: those have Rényi bounds.
   */
  add(event: PrivacyEvent): void {
    const op = "PldAccountant.add";
    checkEvent(op, event);
    const { mechanism, sampling, count = 1 } = event;
    const loss = lossOf(op, mechanism, this.adjacency);
    const rate = this.#rateOf(op, event);
    if (count === 0 || rate === 0 || loss === HIDDEN) return;
    if (loss === REVEALED) this.#revealed = true;
    else if (rate === 1 && mechanism.type === "gaussian") {
      this.#shift2 += count * ((this.adjacency === "replace-one" ? 2 : 1) / mechanism.noiseMultiplier) ** 2;
      this.#gaussian = undefined;
    } else {
      const key = JSON.stringify([numbersOf(mechanism), sampling.type === "poisson" ? rate : 1]);
      const entry = this.#entries.get(key);
      if (entry) entry.count += count;
      else this.#entries.set(key, { loss, rate, count, grids: new Map() });
    }
  }

  /** A second accountant that has been told the same; they share what was computed. */
  clone(): PldAccountant {
    const copy = new PldAccountant(this);
    for (const [key, entry] of this.#entries) copy.#entries.set(key, { ...entry });
    for (const direction of ["remove", "add"] as const) copy.#places[direction] = { ...this.#places[direction] };
    copy.#shift2 = this.#shift2;
    copy.#gaussian = this.#gaussian;
    copy.#revealed = this.#revealed;
    return copy;
  }

  /** The epsilon spent at this delta. @throws ParameterError for a delta outside (0, 1) */
  epsilon(delta: number): number {
    checkNumber("PldAccountant.epsilon", "delta", delta, { above: 0, below: 1 });
    if (this.#revealed) return Infinity;
    if (this.#entries.size === 0) return this.#shift2 === 0 ? 0 : shiftEpsilon(delta, Math.sqrt(this.#shift2));
    return this.#worst({ delta });
  }

  /** The delta spent at this epsilon. @throws ParameterError for an epsilon below 0 */
  delta(epsilon: number): number {
    checkNumber("PldAccountant.delta", "epsilon", epsilon, { min: 0 });
    if (this.#revealed) return 1;
    if (this.#entries.size === 0) return this.#shift2 === 0 ? 0 : shiftDelta(epsilon, Math.sqrt(this.#shift2));
    return this.#worst({ epsilon });
  }

  #rateOf(op: string, { sampling }: PrivacyEvent): number {
    if (sampling.type === "all") return 1;
    const rate = sampling.type === "poisson" ? sampling.rate : sampling.size / sampling.population;
    if (rate === 0 || rate === 1) return rate;
    if (sampling.type === "poisson" && this.adjacency === "add-remove") return rate;
    const what = `${sampling.type === "poisson" ? "a Poisson sample" : "a sample without replacement"} with adjacency "${this.adjacency}"`;
    throw new ParameterError(
      `${op}: expected sampling "all", or "poisson" with adjacency "add-remove", got ${what}, whose worst privacy loss is not known; account for it by Rényi divergences (RDP)`,
      { argument: "sampling" },
    );
  }

  #worst(question: Question): number {
    const removed = this.#answer(question, "remove", -Infinity);
    return [...this.#entries.values()].every(({ rate }) => rate === 1) ? removed : Math.max(removed, this.#answer(question, "add", removed));
  }

  /** The answer in one direction; `enough` instead, if it is certainly no more. */
  #answer(question: Question, direction: Direction, enough: number): number {
    const place = this.#places[direction];
    const entries = [...this.#entries.values()];
    if (this.#shift2 > 0) {
      this.#gaussian ??= { loss: gaussianLoss(Math.sqrt(this.#shift2)), rate: 1, count: 1, grids: new Map() };
      entries.push(this.#gaussian);
    }
    const total = entries.reduce((sum, { count }) => sum + count, 0);
    const byEpsilon = "epsilon" in question;
    if (byEpsilon) place.epsilon = question.epsilon;
    let logDelta = byEpsilon ? -30 : Math.log(question.delta);
    for (let tries = 0; ; tries++) {
      const step = stepFor(total, place);
      const parts = partsOf(entries, direction, step, logDelta - Math.log(total));
      const infinity = parts ? infiniteMass(parts) : 1;
      if (!parts || !(infinity < (byEpsilon ? 1 : question.delta))) return byEpsilon ? 1 : Infinity;
      const finite = byEpsilon ? question : { delta: question.delta - infinity };
      const best = bestBound(parts, finite, place.lambda);
      place.lambda = best.lambda;
      const bound = Math.max(byEpsilon ? Math.exp(Math.min(best.answer, 0)) + infinity : best.answer, 0);
      if (bound <= Math.max(enough, 0) || total > MAX_TOTAL) return bound;
      // What is given up must stay far below delta; the grid should suit the lambda and the epsilon that were found.
      const shallow = byEpsilon && best.answer < logDelta && best.answer > UNDERFLOW;
      if (byEpsilon) logDelta = Math.min(logDelta, best.answer);
      else place.epsilon = best.answer;
      const wanted = stepFor(total, place);
      if (tries < 4 && (shallow || wanted < 0.8 * step || wanted > 2 * step)) continue;
      const moment = momentAt(parts, finite, best.lambda);
      if (byEpsilon) return best.answer < UNDERFLOW ? bound : Math.min(solve(parts, finite, moment) + infinity, bound);
      let answer = Math.min(tightEpsilon(parts, finite, moment), bound);
      // Where single losses have mass, or the moment promised little, a step costs more than `stepFor` thinks: halve it while that helps.
      const rough = entries.some(({ loss }) => loss.atoms) || moment.lambda * (moment.answer - answer) > PROMISED;
      for (let h = step / 2; rough && h * total > toleranceAt(answer); h /= 2) {
        const finer = partsOf(entries, direction, h, logDelta - Math.log(total))!;
        if (finer[0]!.grid.step > h) break;
        const better = tightEpsilon(finer, finite, momentAt(finer, finite, place.lambda));
        const gain = answer - better;
        answer = Math.min(answer, better);
        if (gain < toleranceAt(answer)) break;
      }
      return answer;
    }
  }
}

/** Beyond so many releases the moment's bound is the answer. */
const MAX_TOTAL = 2 ** 40;
/** The logarithm of the smallest delta told from 0. */
const UNDERFLOW = -700;

/** How far, in nats, delta may lie below a moment's bound without another look. */
const PROMISED = 7;

/** Epsilon by this moment; and where it lies far below the moment's promise, so that errors weigh e^(lambda gap), by the best one there. */
function tightEpsilon(parts: readonly Part[], question: Question, moment: Moment): number {
  let epsilon = solve(parts, question, moment);
  let promised = moment.lambda * (moment.answer - epsilon) < PROMISED;
  for (let tries = 0; !promised && tries < 3; tries++) {
    const { lambda } = bestBound(parts, { epsilon }, moment.lambda);
    const better = solve(parts, question, momentAt(parts, question, lambda, epsilon / 2));
    promised = !(epsilon - better > 0.01 * epsilon);
    epsilon = Math.min(epsilon, better);
  }
  return epsilon;
}

/** Extra epsilon that the grid may cost: less where epsilon itself is small. */
const toleranceAt = (epsilon: number) => 2.5e-4 * Math.max(Math.min(1, 10 * epsilon), 0.01);

/**
 * The step, on a ladder so that grids are met again: connecting the dots adds at most total lambda (lambda + 1) step^2 / 12 to the
 * logarithm of the moment, hence about total (lambda + 1) step^2 / 12 to epsilon while lambda step is small, and never more than total step.
 */
function stepFor(total: number, { lambda, epsilon }: Place): number {
  const tolerance = toleranceAt(epsilon);
  const step = Math.max(Math.min(Math.sqrt((12 * tolerance) / (total * (lambda + 1))), 0.25 / lambda), tolerance / total);
  return 2 ** (Math.floor(4 * Math.log2(step)) / 4);
}

/** The distributions on one grid; undefined if one of them fits none. `logCut`: logarithm of the delta that a release may give up. */
function partsOf(entries: readonly Entry[], direction: Direction, step: number, logCut: number): Part[] | undefined {
  // On a ladder too; what is given up is below 1e-8 of delta.
  const cut = 10 ** (4 * Math.floor((logCut / Math.LN10 - 8) / 4));
  let coarsest = step;
  for (;;) {
    const parts: Part[] = [];
    for (const entry of entries) {
      const grids = gridsOf(entry, coarsest, cut);
      if (!grids) return undefined;
      parts.push({ grid: grids[direction], count: entry.count });
    }
    const steps = parts.map(({ grid }) => grid.step);
    coarsest = Math.max(...steps);
    if (steps.every((h) => h === coarsest)) return parts;
  }
}

function gridsOf(entry: Entry, step: number, cut: number): LossGrids | undefined {
  const key = `${step} ${cut}`;
  let grids = entry.grids.get(key);
  if (!grids && !entry.grids.has(key)) {
    grids = discretise(entry.loss, entry.rate, step, cut);
    if (entry.grids.size >= KEPT_GRIDS) entry.grids.delete(entry.grids.keys().next().value!);
    entry.grids.set(key, grids);
  }
  return grids;
}

/** What tells mechanisms apart, in a fixed order. */
function numbersOf(mechanism: Mechanism): unknown[] {
  return [mechanism.type, ...Object.entries(mechanism).sort(([a], [b]) => (a < b ? -1 : 1))];
}
