// The Gaussian mechanism, exactly: Balle & Wang 2018 (arXiv:1805.06530), theorem 8.
import { checkChoice, checkNumber, checkOptions } from "../../engine/check.ts";
import { ADJACENCIES, type Adjacency } from "./event.ts";
import { millsRatio, normalCdf, normalDensity } from "./special.ts";

interface GaussianOptions {
  /** Which data sets are neighbours; "replace-one" doubles the sensitivity. */
  readonly adjacency: Adjacency;
  /** L2 bound of one unit's contribution, in the unit of sigma. Default 1. */
  readonly sensitivity?: number;
}
export interface GaussianDeltaOptions extends GaussianOptions {
  readonly epsilon: number;
  /** Standard deviation of the noise. */
  readonly sigma: number;
}
export interface GaussianEpsilonOptions extends GaussianOptions {
  /** Standard deviation of the noise. */
  readonly sigma: number;
  readonly delta: number;
}
export interface GaussianSigmaOptions extends GaussianOptions {
  readonly epsilon: number;
  readonly delta: number;
}

const EPSILON = { min: 0 };
const SIGMA = { min: 0 };
const DELTA = { above: 0, below: 1 };

/**
 * The smallest delta for which one Gaussian release is (epsilon, delta)-differentially private. With h = sensitivity / sigma it is
 * Phi(h/2 - epsilon/h) - e^epsilon Phi(-h/2 - epsilon/h); relative error below 1e-12 as long as it is a normal number. Sigma 0 gives 1.
 * @throws ParameterError for an epsilon or sigma below 0, a sensitivity not above 0, an unknown adjacency
 */
export function gaussianDelta(options: GaussianDeltaOptions): number {
  const op = "gaussianDelta";
  checkOptions(op, options, ["epsilon", "sigma", "sensitivity", "adjacency"]);
  checkNumber(op, "epsilon", options.epsilon, EPSILON);
  checkNumber(op, "sigma", options.sigma, SIGMA);
  return shiftDelta(options.epsilon, distance(op, options) / options.sigma);
}

/**
 * The smallest epsilon at which one Gaussian release has this delta; 0 where it has a smaller delta already at epsilon 0, Infinity for
 * sigma 0. Rounded up, within the error of `gaussianDelta`.
 * @throws ParameterError for a sigma below 0, a delta outside (0, 1), a sensitivity not above 0, an unknown adjacency
 */
export function gaussianEpsilon(options: GaussianEpsilonOptions): number {
  const op = "gaussianEpsilon";
  checkOptions(op, options, ["sigma", "delta", "sensitivity", "adjacency"]);
  checkNumber(op, "sigma", options.sigma, SIGMA);
  checkNumber(op, "delta", options.delta, DELTA);
  return shiftEpsilon(options.delta, distance(op, options) / options.sigma);
}

/**
 * The smallest standard deviation that makes one release (epsilon, delta)-differentially private, rounded up.
 * @throws ParameterError for an epsilon below 0, a delta outside (0, 1), a sensitivity not above 0, an unknown adjacency
 */
export function gaussianSigma(options: GaussianSigmaOptions): number {
  const op = "gaussianSigma";
  checkOptions(op, options, ["epsilon", "delta", "sensitivity", "adjacency"]);
  const { epsilon, delta } = options;
  checkNumber(op, "epsilon", epsilon, EPSILON);
  checkNumber(op, "delta", delta, DELTA);
  const sensitivity = distance(op, options);
  let high = 1;
  while (shiftDelta(epsilon, high) <= delta) high *= 2;
  return sensitivity / bisect(0, high, (h) => shiftDelta(epsilon, h) <= delta)[0];
}

/** How far neighbours can move the released sum. */
function distance(op: string, { sensitivity = 1, adjacency }: GaussianOptions): number {
  checkNumber(op, "sensitivity", sensitivity, { above: 0 });
  checkChoice(op, "adjacency", adjacency, ADJACENCIES);
  return adjacency === "replace-one" ? 2 * sensitivity : sensitivity;
}

/**
 * @internal Delta of N(h, 1) against N(0, 1). With a = epsilon/h - h/2, b = a + h and Mills' ratio R, e^epsilon phi(b) = phi(a), so that
 * delta = phi(a) (R(a) - R(b)); for a small h the difference is the integral of -R'(x) = 1 - x R(x), by Gauss and Legendre.
 */
export function shiftDelta(epsilon: number, h: number): number {
  const a = epsilon / h - h / 2;
  const b = epsilon / h + h / 2;
  if (a > 40) return 0;
  if (h >= 0.05) return a < 0 ? normalCdf(-a) - normalDensity(a) * millsRatio(b) : normalDensity(a) * (millsRatio(a) - millsRatio(b));
  const slope = (x: number) => 1 - x * millsRatio(x);
  const [middle, node] = [epsilon / h, h * 0.3872983346207417];
  return (normalDensity(a) * h * (5 * slope(middle - node) + 8 * slope(middle) + 5 * slope(middle + node))) / 18;
}

/** @internal Epsilon of N(h, 1) against N(0, 1), rounded up. */
export function shiftEpsilon(delta: number, h: number): number {
  if (shiftDelta(0, h) <= delta) return 0;
  // There a = sqrt(2 log(1/delta)), and delta is at most Phi(-a) <= exp(-a^2 / 2) / 2.
  const high = h * (h / 2 + Math.sqrt(-2 * Math.log(delta)));
  return bisect(0, high, (epsilon) => shiftDelta(epsilon, h) > delta)[1];
}

/** The two neighbouring numbers between which `below` turns from true to false, given that it does between low and high. */
function bisect(low: number, high: number, below: (x: number) => boolean): [number, number] {
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return [low, high];
    if (below(middle)) low = middle;
    else high = middle;
  }
}
