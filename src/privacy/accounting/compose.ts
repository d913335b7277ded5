// Composition of privacy loss distributions: one tilted Fourier transform, every error of which is bounded and added. See docs/derivations/pld.md.
import type { LossGrid } from "./discretise.ts";
import { realFft, type Spectrum, transformError } from "./fft.ts";

/** One mechanism's loss on the common grid, and how often it is composed. */
export interface Part {
  readonly grid: LossGrid;
  readonly count: number;
}

/** What is asked: the epsilon at a delta, or the delta at an epsilon. */
export type Question = { readonly delta: number } | { readonly epsilon: number };

/** The tail that is left beyond the window, and the masses that wrap around into it, are about e^-MARGIN of the answer. */
const MARGIN = 16;
const MAX_POINTS = 2 ** 21;
/** Tilted masses carry a relative error of a few ulps a composition; all are taken larger by this. */
const INFLATION = 2 ** -46;

/** A bound by one moment, as in Rényi accounting: log E exp(lambda L) of the composition, and what follows for the question. */
export interface Bound {
  readonly lambda: number;
  readonly log: number;
  /** The answer this moment alone would give: epsilon, or log delta. */
  readonly answer: number;
}
export interface Moment extends Bound {
  /** The lambda to transform with, and how far apart losses must be that share a place on the circle: see `momentAt`. */
  readonly tilt: number;
  readonly reach: number;
}

/** log((1 - e^-x) e^(-lambda x)) at its largest: what the moment bound gains over Markov's inequality. */
const peak = (lambda: number) => -lambda * Math.log1p(1 / lambda) - Math.log1p(lambda);

/** The mass lost to infinity. */
export function infiniteMass(parts: readonly Part[]): number {
  return -Math.expm1(parts.reduce((sum, { grid, count }) => sum + count * Math.log1p(-grid.infinity), 0));
}

/** log E exp(lambda L) of the composition, rounded up. */
const logMoment = (parts: readonly Part[], lambda: number) => parts.reduce((sum, { grid, count }) => sum + count * (tilted(grid, lambda).log + INFLATION), 0);

/** The bound by the moment of this lambda; `delta` of the question is without the infinite mass. */
function boundAt(parts: readonly Part[], question: Question, lambda: number): Bound {
  const log = logMoment(parts, lambda);
  const answer = "delta" in question ? (log + peak(lambda) - Math.log(question.delta)) / lambda : log + peak(lambda) - lambda * question.epsilon;
  return { lambda, log, answer };
}

/** The best bound on the ladder of lambdas 2^(k/4), of which there is one minimum, searched from `start`. */
export function bestBound(parts: readonly Part[], question: Question, start: number): Bound {
  const deviation = Math.sqrt(parts.reduce((sum, { grid, count }) => sum + count * grid.variance, 0));
  const scale = -4 * Math.log2(Math.max(deviation, 1e-12));
  const lowest = Math.floor(Math.min(scale, -8));
  const highest = Math.ceil(Math.max(scale + 24, 68));
  const at = (k: number) => boundAt(parts, question, 2 ** (k / 4));
  let k = Math.min(Math.max(Math.round(4 * Math.log2(start)), lowest), highest);
  let best = at(k);
  for (const way of [1, -1]) {
    while (k + way >= lowest && k + way <= highest) {
      const next = at(k + way);
      if (!(next.answer < best.answer)) break;
      [best, k] = [next, k + way];
    }
  }
  return best;
}

/**
 * The moment at this lambda. On a circle of length R, with tilt t, a loss below the
 * window counts e^(-t R) in it, and those above epsilon + R count sum p e^(t R) <= E exp(l L - l (epsilon + R) + t R) for every l > t: R is chosen
 * to make both small beside delta, t to make R short (just below where the moments explode, lambda itself would need a long circle) as long as
 * errors, which weigh E exp(t (L - epsilon)), gain less than e^6; or than e, when it is known that they matter and what epsilon is above, `floor`.
 */
export function momentAt(parts: readonly Part[], question: Question, lambda: number, floor?: number): Moment {
  const { log, answer } = boundAt(parts, question, lambda);
  const byEpsilon = "epsilon" in question;
  const [epsilon, logDelta] = byEpsilon ? [question.epsilon, answer - 8] : [floor ?? Math.max(answer - 8 / lambda, 0), Math.log(question.delta)];
  const others = [1, Math.SQRT2, 2, 4].map((f) => ({ l: f * lambda, log: f === 1 ? log : logMoment(parts, f * lambda) }));
  let [tilt, reach] = [lambda, Infinity];
  for (let j = 0; j <= 4; j++) {
    const t = lambda * 2 ** (-j / 2);
    if (j > 0 && logMoment(parts, t) - t * epsilon > log - lambda * epsilon + (floor === undefined ? 6 : 1)) break;
    const above = others.filter(({ l }) => l > t).map(({ l, log }) => (log - l * epsilon - logDelta + MARGIN) / (l - t));
    const r = Math.max((MARGIN - logDelta) / t, Math.min(...above), (2 * MARGIN) / lambda);
    if (r < reach) [tilt, reach] = [t, r];
  }
  return { lambda, log, answer, tilt, reach };
}

/** The moment of one grid, log sum mass e^(lambda loss); `out` takes the terms, each over the largest weight, folded into its length. */
function tilted(grid: LossGrid, lambda: number, out?: Float64Array): { sum: number; log: number } {
  const { step, first, mass } = grid;
  const top = mass.length - 1;
  const ratio = Math.exp(-lambda * step);
  let [sum, carry] = [0, 0];
  // Down from the largest loss, in runs of 32: weights are multiplied up and terms added within a run, and the runs' sums with their rounding.
  for (let start = 0; start <= top; start += 32) {
    let weight = Math.exp(-lambda * step * start);
    let run = 0;
    for (let i = start; i <= top && i < start + 32; i++) {
      const value = mass[top - i]! * weight;
      run += value;
      weight *= ratio;
      if (out) out[(top - i) % out.length]! += value;
    }
    const term = run - carry;
    const next = sum + term;
    carry = next - sum - term;
    sum = next;
  }
  return { sum, log: Math.log(sum) + lambda * step * (first + top) };
}

/** A spectrum z as z - 1: near 1 its powers need its distance from 1. */
interface TiltedSpectrum extends Spectrum {
  readonly lambda: number;
  /** The place of the largest mass, which is turned to 0. */
  readonly origin: number;
  /** Bound of the error of the whole spectrum of n points, in the 2-norm; hence of each value too. */
  readonly error: number;
}
const spectra = new WeakMap<LossGrid, TiltedSpectrum>();

/** The spectrum of a grid's masses times e^(lambda loss), scaled to sum 1, folded into n points; the last one made is kept. */
function spectrum(grid: LossGrid, lambda: number, n: number): TiltedSpectrum {
  const kept = spectra.get(grid);
  if (kept?.lambda === lambda && kept.re.length === n / 2 + 1) return kept;
  const folded = new Float64Array(n);
  const { sum } = tilted(grid, lambda, folded);
  let origin = 0;
  for (let i = 1; i < n; i++) if (folded[i]! > folded[origin]!) origin = i;
  // Turned to place 0 the largest mass adds a constant, 1 less the others: only those go through the transform and its error.
  const x = new Float64Array(n);
  x.set(folded.subarray(origin));
  x.set(folded.subarray(0, origin), n - origin);
  x[0] = 0;
  let [others, carry, square] = [0, 0, 0];
  for (let i = 1; i < n; i++) {
    x[i]! /= sum;
    square += x[i]! * x[i]!;
    const term = x[i]! - carry;
    const next = others + term;
    carry = next - others - term;
    others = next;
  }
  const { re, im } = realFft(n).forward(x);
  for (let k = 0; k < re.length; k++) re[k]! -= others;
  const made = { re, im, lambda, origin, error: (transformError(n) * Math.sqrt(square) + 2 ** -51 * others) * Math.sqrt(n) };
  spectra.set(grid, made);
  return made;
}

/** A product's frequencies below this size, as a logarithm, are left out. */
const NEGLIGIBLE = -80;

/**
 * The tilted masses of the composition on n points around a circle, and a bound of the error of each: with z the spectra, to first order
 * count |z|^(count - 1) times the error of z, summed over frequencies by Cauchy and Schwarz; the rounding of the powers exp(count log z);
 * that of the inverse. `origin` is the loss, in steps, of the first mass.
 */
function compose(parts: readonly Part[], lambda: number, n: number): { mass: Float64Array; origin: number; error: number } {
  const factors = parts.map(({ grid, count }) => ({ ...spectrum(grid, lambda, n), count, slope2: 0 }));
  const sizes = new Float64Array(factors.length);
  const half = n / 2;
  const product: Spectrum = { re: new Float64Array(half + 1), im: new Float64Array(half + 1) };
  let [left, rounding, square] = [0, 0, 0];
  for (let k = 0; k <= half; k++) {
    const copies = k === 0 || k === half ? 1 : 2;
    let log = 0;
    let bound = 0;
    for (let f = 0; f < factors.length; f++) {
      const factor = factors[f]!;
      const a = factor.re[k]!;
      const b = factor.im[k]!;
      const size = Math.sqrt((1 + a) * (1 + a) + b * b);
      const logSize = Math.abs(a) < 0.25 ? 0.5 * Math.log1p(2 * a + a * a + b * b) : Math.log(size);
      log += factor.count * logSize;
      bound += factor.count * (size > 2 * factor.error ? logSize + factor.error / size : Math.log(size + factor.error));
      sizes[f] = size + factor.error;
    }
    if (bound < NEGLIGIBLE) {
      left += copies;
      continue;
    }
    let angle = 0;
    let turns = Math.abs(log);
    for (const { re, im, count } of factors) {
      const part = count * Math.atan2(im[k]!, 1 + re[k]!);
      angle += part;
      turns += Math.abs(part);
    }
    const size = Math.exp(log);
    const most = Math.exp(bound);
    product.re[k] = size * Math.cos(angle);
    product.im[k] = size * Math.sin(angle);
    rounding += copies * size * (1 + turns) * 2 ** -50;
    square += copies * most * most;
    for (let f = 0; f < factors.length; f++) factors[f]!.slope2 += copies * (most / sizes[f]!) ** 2;
  }
  let error = left * Math.exp(NEGLIGIBLE) + rounding + transformError(n) * Math.sqrt(n * square);
  for (const factor of factors) error += factor.count * factor.error * Math.sqrt(factor.slope2);
  const origin = parts.reduce((sum, { grid, count }, f) => (sum + (count % n) * modulo(grid.first + factors[f]!.origin, n)) % n, 0);
  return { mass: realFft(n).inverse(product), origin, error: error / n };
}

/**
 * The answer to the question, never below the truth for these grids: epsilon, or delta without the infinite mass. The masses wrap around a
 * circle of `points`, of which the window (high - points, high] is read from the top.
 */
export function solve(parts: readonly Part[], question: Question, moment: Moment): number {
  const { lambda, log, answer, tilt, reach } = moment;
  const step = parts[0]!.grid.step;
  const last = parts.reduce((sum, { grid, count }) => sum + count * (grid.first + grid.mass.length - 1), 0);
  const support = parts.reduce((sum, { grid, count }) => sum + count * (grid.mass.length - 1), 1);
  const highest = "delta" in question ? answer + MARGIN / lambda : question.epsilon + (MARGIN + 8) / lambda;
  const high = Math.min(Math.ceil(highest / step), last);
  const points = Math.min(2 ** Math.ceil(Math.log2(Math.max(64, Math.min(reach / step, support)))), MAX_POINTS);
  const { mass, origin, error } = compose(parts, tilt, points);
  const shrink = Math.exp(-step);
  const split = -Math.expm1(-step);
  // Of the losses above l = i step: delta(l) = sum p (1 - e^(l - loss)), and sum p e^(l - loss); all terms are positive.
  let delta = high < last ? Math.exp(log - lambda * high * step) : 0;
  let rest = 0;
  const tiltLog = logMoment(parts, tilt);
  let place = modulo(high - origin, points);
  for (let i = high; i > high - points; i--) {
    const l = (i - 1) * step;
    const sum = rest + (Math.max(mass[place]!, 0) + error) * Math.exp(tiltLog - tilt * i * step);
    const here = delta + split * sum;
    rest = sum * shrink;
    if ("delta" in question) {
      if (here > question.delta) return Math.max(l + Math.log1p((here - question.delta) / rest), 0);
      if (l <= 0) return 0;
    } else if (l <= question.epsilon) return Math.min(Math.max(here - rest * Math.expm1(question.epsilon - l), delta), 1);
    delta = here;
    place = place === 0 ? points - 1 : place - 1;
  }
  return "delta" in question ? Math.max((high - points) * step, 0) : Math.min(delta, 1);
}

const modulo = (i: number, n: number) => ((i % n) + n) % n;
