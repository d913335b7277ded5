// What the tests of layer and group normalisation share: the rounding errors to expect, and hard inputs.
import * as reference from "../nn/layer_norm.reference.ts";
import { expectWithin } from "./bound.ts";
import { EPS32 } from "./data.ts";

type Numbers = ArrayLike<number>;
const abs = (x: Numbers): Float64Array => Float64Array.from(x, Math.abs);

/** What kernels gave for y = gamma xhat + beta; `updated` and `before` are gamma and beta, one after the other. */
export interface Normalised {
  readonly y: Float32Array;
  readonly dx: Float32Array;
  /** Gradients of gamma and beta. */
  readonly gradient: Float32Array;
  /** alpha gradient + weights beta. */
  readonly updated: Float32Array;
  /** What was added to 0.5. */
  readonly norms: Float64Array;
}
export interface Problem {
  readonly x: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly dy: Float32Array;
}

/** Everything within its rounding errors of the twin. `signal`: what a lost term would change at least. */
export function expectNormalised(
  s: reference.Sets,
  { x, gamma, beta, dy }: Problem,
  [up, keep]: readonly [number, number],
  got: Normalised,
  signal: number,
): void {
  const { xhat, r } = reference.normalise(s, x);
  // xhat: five roundings of its own size; and the mean, which is kept to 48 bits.
  const largest = new Float64Array(s.size);
  for (const set of s.sets) {
    const most = set.reduce((a, i) => Math.max(a, Math.abs(x[i]!)), 0);
    for (const i of set) largest[i] = most;
  }
  const error = xhat.map((v, i) => 5 * EPS32 * Math.abs(v) + r[i]! * 2 ** -46 * largest[i]!);
  const weight = (w: Float32Array, i: number) => Math.abs(w[s.weightOf(i)]!);
  const want = reference.forward(s, x, gamma, beta);
  expectWithin(got.y, want, (i) => weight(gamma, i) * error[i]! + 3 * EPS32 * (weight(gamma, i) * Math.abs(xhat[i]!) + weight(beta, i)), signal);

  // Sums over a set of n go in chains of at most n, each step a rounding of the sum of magnitudes.
  const bound = new Float64Array(s.size);
  for (const set of s.sets) {
    const n = set.length;
    const g = set.map((i) => weight(gamma, i) * Math.abs(dy[i]!));
    const a = g.reduce((t, v) => t + v, 0) / n;
    const b = g.reduce((t, v, k) => t + v * Math.abs(xhat[set[k]!]!), 0) / n;
    const e = g.reduce((t, v, k) => t + v * error[set[k]!]!, 0) / n;
    for (const [k, i] of set.entries()) {
      const h = Math.abs(xhat[i]!);
      bound[i] = r[i]! * (EPS32 * (6 * g[k]! + (n + 8) * a + (n + 12) * h * b) + h * e + error[i]! * b) + 2 ** -147;
    }
  }
  expectWithin(got.dx, reference.inputGradient(s, x, gamma, dy), (i) => bound[i]!, signal);

  const terms = s.size / s.weights + 8;
  const sizes = reference.weightGradient(s, abs(xhat), abs(dy));
  const slack = reference.weightGradient(s, error, abs(dy)).fill(0, s.weights);
  const gradient = reference.weightGradient(s, xhat, dy);
  const within = (i: number) => terms * EPS32 * sizes[i]! + slack[i]!;
  expectWithin(got.gradient, gradient, within, signal);
  const before = Float64Array.of(...gamma, ...beta);
  expectWithin(
    got.updated,
    gradient.map((v, i) => up * v + keep * before[i]!),
    (i) => Math.abs(up) * within(i) + 3 * EPS32 * (Math.abs(up * sizes[i]!) + Math.abs(keep * before[i]!)),
    signal,
  );
  const normBound = Float64Array.from({ length: s.examples }, (_, i) => {
    const [own, ownSlack] = [reference.weightGradient(s, abs(xhat), abs(dy), i), reference.weightGradient(s, error, abs(dy), i).fill(0, s.weights)];
    return own.reduce((t, v, j) => t + 3 * v * (terms * EPS32 * v + ownSlack[j]!), 1e-15);
  });
  const norms = reference.norms(s, xhat, dy).map((v) => v + 0.5);
  expectWithin(got.norms, norms, (i) => normBound[i]!, signal * Math.max(1, ...norms));
}
