// Renyi differential privacy: curves of mechanisms, their sums, and what they say in epsilon and delta.
import { checkChoice, checkNumber, checkOptions, describe } from "../../engine/check.ts";
import { ParameterError, PrivacyError } from "../../engine/errors.ts";
import { ADJACENCIES, type Adjacency, checkEvent, type Mechanism, type PrivacyEvent, UNITS, type Unit } from "./event.ts";
import { logMomentsFractional, logMomentWhole } from "./sampled_gaussian.ts";
import { type Curve, chord, poissonCurve, remembered, replaceOneCurve, withoutReplacementCurve } from "./subsampling.ts";

/** From Renyi to (epsilon, delta): "tight" is Balle et al. 2020, theorem 21, and Canonne, Kamath, Steinke 2020; "classic" is Mironov 2017, proposition 3. */
export type Conversion = "tight" | "classic";

export interface RdpOptions {
  /** Which data sets are neighbours: an answer without it means nothing. */
  readonly adjacency: Adjacency;
  /** What a unit is. It changes no number here; it is what the answer is about. */
  readonly unit: Unit;
  /** Orders > 1; Infinity is pure differential privacy. Default {@link DEFAULT_ORDERS}. */
  readonly orders?: readonly number[];
  /** Default "tight". */
  readonly conversion?: Conversion;
}

/** An answer and the order that gave it. */
export interface RdpAnswer {
  readonly order: number;
  /** Present when the best order is the first or the last of the grid: another grid may give a smaller answer. */
  readonly warning?: string;
}

const span = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
/** 1.1 to 10.9 by .1, 11 to 63, 128, 256, 512, 1024, and Infinity for mechanisms of pure differential privacy. */
export const DEFAULT_ORDERS: readonly number[] = [...span(11, 109).map((k) => k / 10), ...span(11, 63), 128, 256, 512, 1024, Infinity];

/** Bound on the distance of a sum of discrete Gaussians from one (Kairouz, Liu, Steinke 2021, arXiv:2102.06387): 10 sum_{k=1..n-1} exp(-2 pi^2 s^2 k / (k + 1)). */
export function discreteGaussianSumGap(sigma: number, clients: number): number {
  const term = (k: number) => Math.exp((-2 * Math.PI ** 2 * sigma ** 2 * k) / (k + 1));
  const exact = Math.min(clients - 1, 10_000);
  let gap = 0;
  for (let k = 1; k <= exact; k++) gap += term(k);
  return 10 * (gap + (clients - 1 - exact) * term(exact)); // terms fall with k
}

/** The curve of one release without sampling. @param reach 1 for add-remove, 2 for replace-one: how many bounds apart neighbours' sums can be. */
function mechanismCurve(mechanism: Mechanism, reach: 1 | 2): Curve {
  const concentrated =
    (rho: number): Curve =>
    (a) =>
      a * rho;
  switch (mechanism.type) {
    case "gaussian":
      return concentrated((reach / mechanism.noiseMultiplier) ** 2 / 2);
    case "discrete-gaussian": // Canonne, Kamath, Steinke 2020, theorem 4
      return concentrated(((reach * mechanism.l2) / mechanism.sigma) ** 2 / 2);
    case "laplace": {
      const e = reach / mechanism.noiseMultiplier; // Mironov 2017, proposition 6, less its larger exponential
      if (e === Infinity) return () => Infinity;
      return (a) => (a === Infinity ? e : Math.max(0, e + Math.log1p(((a - 1) / (2 * a - 1)) * Math.expm1((1 - 2 * a) * e)) / (a - 1)));
    }
    case "distributed-discrete-gaussian": {
      const { sigma, clients, dimension } = mechanism;
      const deviation = Math.sqrt(clients) * sigma;
      const [l2, l1] = [(reach * mechanism.l2) / deviation, (reach * mechanism.l1) / deviation];
      const gap = discreteGaussianSumGap(sigma, clients);
      const rho = Math.min(l2 * l2 + 2 * l1 * gap + gap * gap * dimension, (l2 + Math.sqrt(dimension) * gap) ** 2) / 2;
      return (a) => Math.min((a * l2 * l2) / 2 + gap * dimension, a * rho);
    }
    case "skellam": {
      const { variance: m } = mechanism; // Agarwal, Kairouz, Liu 2021, theorem 3.5: whole orders
      const [l2, l1] = [reach * mechanism.l2, reach * mechanism.l1];
      return chord((a) => (a === Infinity ? Infinity : (a * l2 * l2) / (2 * m) + Math.min(((2 * a - 1) * l2 * l2 + 6 * l1) / (4 * m * m), (3 * l1) / (2 * m))));
    }
  }
}

/** Curve of the Poisson-sampled Gaussian under add-remove, fractional orders of the grid in one go. */
function sampledGaussianCurve(q: number, sigma: number, orders: readonly number[]): Curve {
  const fractional = orders.filter((a) => !Number.isInteger(a) && a !== Infinity);
  const known = new Map(logMomentsFractional(fractional, q, sigma).map((moment, i) => [fractional[i]!, moment] as const));
  const whole = chord((a) => (a === Infinity ? Infinity : logMomentWhole(a, q, sigma) / (a - 1)));
  return (a) => {
    const moment = known.get(a);
    return Math.min(moment === undefined ? whole(a) : moment / (a - 1), a / (2 * sigma * sigma)); // a sample protects no less than all
  };
}

function eventCurve(op: string, { mechanism, sampling }: PrivacyEvent, adjacency: Adjacency, orders: readonly number[]): Curve {
  const unsampled = mechanismCurve(mechanism, adjacency === "add-remove" ? 1 : 2);
  if (sampling.type === "all") return unsampled;
  const rate = sampling.type === "poisson" ? sampling.rate : sampling.size / sampling.population;
  if (rate === 0) return () => 0;
  if (rate === 1 && sampling.type === "poisson") return unsampled;
  if (isNoiseless(mechanism)) return () => Infinity;
  if (sampling.type === "without-replacement") {
    if (adjacency === "add-remove") {
      throw new PrivacyError(
        `${op}: expected adjacency "replace-one" for sampling "without-replacement", got "add-remove": the bound known (arXiv:1808.00087) compares populations of one size; use "replace-one", or Poisson sampling`,
        { argument: "adjacency" },
      );
    }
    if (rate === 1) return unsampled;
    return withoutReplacementCurve(remembered(unsampled), rate, mechanism.type === "gaussian" ? mechanism.noiseMultiplier / 2 : undefined);
  }
  const asked = adjacency === "add-remove" ? orders : orders.flatMap((a) => [2 * a, 2 * a - 1]);
  const sampled =
    mechanism.type === "gaussian" ? sampledGaussianCurve(rate, mechanism.noiseMultiplier, asked) : poissonCurve(remembered(mechanismCurve(mechanism, 1)), rate);
  return adjacency === "add-remove" ? sampled : replaceOneCurve(sampled, unsampled);
}

const isNoiseless = (m: Mechanism): boolean => ("noiseMultiplier" in m ? m.noiseMultiplier : "variance" in m ? m.variance : m.sigma) === 0;

const CURVES = new Map<string, Float64Array>();

/** One release of an event at every order; remembered, since a run asks for the same event at every step. */
function curveAt(op: string, event: PrivacyEvent, adjacency: Adjacency, orders: readonly number[], key: string): Float64Array {
  let values = CURVES.get(key);
  if (!values) {
    const curve = eventCurve(op, event, adjacency, orders);
    values = Float64Array.from(orders, (a) => {
      const value = curve(a);
      return Number.isNaN(value) ? Infinity : value; // Infinity - Infinity of an order beyond the range of a double
    });
    if (CURVES.size >= 64) CURVES.clear();
    CURVES.set(key, values);
  }
  return values;
}

/** The distinct events, each checked, with how often it ran in all. */
function mergeEvents(op: string, events: readonly PrivacyEvent[]) {
  const merged = new Map<string, { event: PrivacyEvent; key: string; count: number }>();
  for (const event of events) {
    checkEvent(op, event);
    const key = JSON.stringify([event.mechanism, event.sampling]);
    const known = merged.get(key);
    if (known) known.count += event.count ?? 1;
    else merged.set(key, { event, key, count: event.count ?? 1 });
  }
  return merged.values();
}

function compose(op: string, events: readonly PrivacyEvent[], { adjacency, unit, orders = DEFAULT_ORDERS, conversion = "tight" }: RdpOptions) {
  if (!Array.isArray(events)) throw new ParameterError(`${op}: expected events to be an array, got ${describe(events)}`, { argument: "events" });
  checkChoice(op, "adjacency", adjacency, ADJACENCIES);
  checkChoice(op, "unit", unit, UNITS);
  checkChoice(op, "conversion", conversion, ["tight", "classic"]);
  checkOrders(op, orders);
  const curve = new Float64Array(orders.length);
  const grid = `${adjacency} ${orders}`;
  for (const { event, key, count } of mergeEvents(op, events)) {
    if (count === 0) continue;
    const one = curveAt(op, event, adjacency, orders, `${key} ${grid}`);
    for (let i = 0; i < curve.length; i++) curve[i]! += one[i]! * count;
  }
  return { orders, curve, conversion };
}

function checkOrders(op: string, orders: readonly number[]): void {
  const good = Array.isArray(orders) && orders.length > 0 && orders.every((a) => typeof a === "number" && a > 1);
  if (!good)
    throw new ParameterError(`${op}: expected orders to be numbers > 1, at least one, got ${Array.isArray(orders) ? `[${orders}]` : describe(orders)}`, {
      argument: "orders",
    });
}

/**
 * Renyi differential privacy of the events together at each order.
 * @returns as long as `orders` (default {@link DEFAULT_ORDERS}); Infinity where nothing is promised, never NaN
 * @throws {@link ParameterError} for a bad event, adjacency, unit or order; {@link PrivacyError} where no bound is known for this sampling and adjacency
 */
export function rdpCurve(events: readonly PrivacyEvent[], options: RdpOptions): Float64Array {
  checkOptions("rdpCurve", options, ["adjacency", "unit", "orders", "conversion"]);
  return compose("rdpCurve", events, options).curve;
}

/**
 * The least epsilon at this delta that a Renyi curve proves.
 * @param curve Renyi divergence at each of `orders`
 * @param delta in [0, 1)
 */
export function rdpToEpsilon(
  curve: ArrayLike<number>,
  orders: readonly number[],
  delta: number,
  conversion: Conversion = "tight",
): RdpAnswer & { readonly epsilon: number } {
  checkCurve("rdpToEpsilon", curve, orders, conversion);
  checkNumber("rdpToEpsilon", "delta", delta, { min: 0, below: 1 });
  const [epsilon, answer] = best(orders, (a, i) => epsilonAt(a, curve[i]!, delta, conversion));
  return { epsilon, ...answer };
}

/** The least delta at this epsilon that a Renyi curve proves. @param epsilon >= 0 */
export function rdpToDelta(
  curve: ArrayLike<number>,
  orders: readonly number[],
  epsilon: number,
  conversion: Conversion = "tight",
): RdpAnswer & { readonly delta: number } {
  checkCurve("rdpToDelta", curve, orders, conversion);
  checkNumber("rdpToDelta", "epsilon", epsilon, { min: 0 });
  const [delta, answer] = best(orders, (a, i) => deltaAt(a, curve[i]!, epsilon, conversion));
  return { delta, ...answer };
}

function checkCurve(op: string, curve: ArrayLike<number>, orders: readonly number[], conversion: Conversion): void {
  checkOrders(op, orders);
  checkChoice(op, "conversion", conversion, ["tight", "classic"]);
  const good = typeof curve === "object" && curve !== null && curve.length === orders.length && Array.from(curve).every((v) => v >= 0);
  if (!good) throw new ParameterError(`${op}: expected curve to be ${orders.length} numbers >= 0, got ${describe(curve)}`, { argument: "curve" });
}

function epsilonAt(a: number, rdp: number, delta: number, conversion: Conversion): number {
  if (rdp === 0 || rdp === Infinity || a === Infinity) return rdp;
  if (delta === 0) return Infinity;
  if (conversion === "classic") return rdp - Math.log(delta) / (a - 1);
  if (-Math.expm1(-rdp) <= delta * delta) return 0; // total variation <= sqrt(1 - e^-KL), KL <= rdp (Bretagnolle and Huber 1979)
  return Math.max(0, rdp + Math.log1p(-1 / a) - (Math.log(delta) + Math.log(a)) / (a - 1));
}

function deltaAt(a: number, rdp: number, epsilon: number, conversion: Conversion): number {
  if (rdp === 0) return 0;
  if (rdp === Infinity) return 1;
  if (a === Infinity) return rdp <= epsilon ? 0 : 1;
  if (conversion === "classic") return Math.min(1, Math.exp((a - 1) * (rdp - epsilon)));
  return Math.min(1, Math.sqrt(-Math.expm1(-rdp)), Math.exp((a - 1) * (rdp - epsilon + Math.log1p(-1 / a)) - Math.log(a)));
}

function best(orders: readonly number[], at: (order: number, index: number) => number): [number, RdpAnswer] {
  let [least, where] = [Infinity, 0];
  orders.forEach((a, i) => {
    const value = at(a, i);
    if (value < least) [least, where] = [value, i];
  });
  const order = orders[where]!;
  const finite = orders.filter((a) => a !== Infinity);
  const atEnd = least > 0 && least < Infinity && order !== Infinity && (order === Math.min(...finite) || order === Math.max(...finite));
  return [
    least,
    atEnd ? { order, warning: `the best order, ${order}, is at the end of the grid of orders: a wider grid may prove a smaller value` } : { order },
  ];
}

/**
 * Epsilon of the events together at delta, by Renyi differential privacy. An upper bound; {@link pldEpsilon} is tighter where it applies.
 * @param options.delta in [0, 1); 0 is pure differential privacy, which only Laplace noise has
 * @returns epsilon (Infinity where nothing is promised), the order that proves it, and a warning when that order is at the end of the grid
 * @throws {@link ParameterError} for a bad event, delta, adjacency, unit or order; {@link PrivacyError} where no bound is known for this sampling and adjacency
 * @example
 * const event = { mechanism: { type: "gaussian", noiseMultiplier: 1.1 }, sampling: { type: "poisson", rate: 0.01 }, count: 1000 } as const;
 * rdpEpsilon([event], { delta: 1e-5, adjacency: "add-remove", unit: "example" }).epsilon; // 1.7118
 */
export function rdpEpsilon(events: readonly PrivacyEvent[], options: RdpOptions & { readonly delta: number }): RdpAnswer & { readonly epsilon: number } {
  checkOptions("rdpEpsilon", options, ["delta", "adjacency", "unit", "orders", "conversion"]);
  checkNumber("rdpEpsilon", "delta", options.delta, { min: 0, below: 1 });
  const { orders, curve, conversion } = compose("rdpEpsilon", events, options);
  return rdpToEpsilon(curve, orders, options.delta, conversion);
}

/** Delta of the events together at epsilon >= 0; otherwise as {@link rdpEpsilon}. */
export function rdpDelta(events: readonly PrivacyEvent[], options: RdpOptions & { readonly epsilon: number }): RdpAnswer & { readonly delta: number } {
  checkOptions("rdpDelta", options, ["epsilon", "adjacency", "unit", "orders", "conversion"]);
  checkNumber("rdpDelta", "epsilon", options.epsilon, { min: 0 });
  const { orders, curve, conversion } = compose("rdpDelta", events, options);
  return rdpToDelta(curve, orders, options.epsilon, conversion);
}
