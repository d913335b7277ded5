// Naive twins of the accountant: the divergences as they are defined, by sums and Simpson's rule over outputs, without any grid of losses.
import { normalCdf } from "../../../src/privacy/accounting/special.ts";

/** A pair of distributions of one release's output, as a continuous density with points of mass, or on integers. */
export interface Pair {
  /** Log densities under P (with the unit, on a sample) and Q (without it). */
  p(x: number): number;
  q(x: number): number;
  /** Outputs between which the integrand is smooth; "integers" sums over the whole numbers between the ends. */
  readonly knots: readonly number[] | "integers";
  readonly reach: number;
}

const mix = (rate: number, base: (x: number) => number, moved: (x: number) => number) => (x: number) => (1 - rate) * base(x) + rate * moved(x);

export function gaussianPair(sigma: number, rate: number): Pair {
  const at = (centre: number) => (x: number) => Math.exp(-0.5 * ((x - centre) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
  return { p: mix(rate, at(0), at(1)), q: at(0), knots: [-14 * sigma, 0, 0.5, 1, 1 + 14 * sigma], reach: 14 * sigma };
}
export function laplacePair(b: number, rate: number): Pair {
  const at = (centre: number) => (x: number) => Math.exp(-Math.abs(x - centre) / b) / (2 * b);
  return { p: mix(rate, at(0), at(1)), q: at(0), knots: [-40 * b, 0, 1, 1 + 40 * b], reach: 40 * b };
}
export function discreteGaussianPair(sigma: number, shift: number, rate: number): Pair {
  const reach = Math.ceil(14 * sigma) + shift;
  let total = 0;
  for (let k = -reach; k <= reach; k++) total += Math.exp(-0.5 * (k / sigma) ** 2);
  const at = (centre: number) => (x: number) => Math.exp(-0.5 * ((x - centre) / sigma) ** 2) / total;
  return { p: mix(rate, at(0), at(shift)), q: at(0), knots: "integers", reach };
}

/** The sum or integral of f over all outputs. */
function over({ knots, reach }: Pair, f: (x: number) => number, cells: number): number {
  let sum = 0;
  if (knots === "integers") {
    for (let k = -reach; k <= reach; k++) sum += f(k);
    return sum;
  }
  for (let piece = 0; piece + 1 < knots.length; piece++) {
    const [from, to] = [knots[piece]!, knots[piece + 1]!];
    const step = (to - from) / cells;
    for (let k = 0; k <= cells; k++) sum += ((k === 0 || k === cells ? 1 : k % 2 === 1 ? 4 : 2) * f(from + k * step) * step) / 3;
  }
  return sum;
}

/** delta(epsilon) of one release: the integral of max(0, p - e^epsilon q); "add" swaps p and q. */
export function delta(pair: Pair, direction: "remove" | "add", epsilon: number, cells = 2000): number {
  const [p, q] = direction === "remove" ? [pair.p, pair.q] : [pair.q, pair.p];
  return over(pair, (x) => Math.max(0, p(x) - Math.exp(epsilon) * q(x)), cells);
}

/** The Gaussian on a Poisson sample, exactly: the outputs whose loss exceeds epsilon lie on one side of x. */
export function sampledGaussianDelta(sigma: number, rate: number, direction: "remove" | "add", epsilon: number): number {
  const ratio = (Math.exp(direction === "remove" ? epsilon : -epsilon) - 1 + rate) / rate;
  if (ratio <= 0) return direction === "remove" ? 1 - Math.exp(epsilon) : 0;
  const x = sigma * sigma * Math.log(ratio) + 0.5;
  const [q, moved] = direction === "remove" ? [normalCdf(-x / sigma), normalCdf((1 - x) / sigma)] : [normalCdf(x / sigma), normalCdf((x - 1) / sigma)];
  const p = (1 - rate) * q + rate * moved;
  return direction === "remove" ? p - Math.exp(epsilon) * q : q - Math.exp(epsilon) * p;
}

/** delta(epsilon) of a release and a Gaussian on a sample: the integral over the first of p times the second's delta at epsilon less its loss. */
export function deltaOfTwo(pair: Pair, sigma: number, rate: number, direction: "remove" | "add", epsilon: number): number {
  const [p, q] = direction === "remove" ? [pair.p, pair.q] : [pair.q, pair.p];
  return over(pair, (x) => (p(x) > 0 ? p(x) * sampledGaussianDelta(sigma, rate, direction, epsilon - Math.log(p(x) / q(x))) : 0), 2000);
}
