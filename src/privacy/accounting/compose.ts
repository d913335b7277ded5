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
export interface Moment {
  readonly lambda: number;
  readonly log: number;
  /** The answer this moment alone would give: epsilon, or log delta. */
  readonly answer: number;
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

function bound(question: Question, lambda: number, log: number): number {
  return "delta" in question ? (log + peak(lambda) - Math.log(question.delta)) / lambda : log + peak(lambda) - lambda * question.epsilon;
}

/** The lambda on the ladder 2^(k/4) whose moment bounds best; the bound has one minimum. */
export function bestLambda(parts: readonly Part[], question: Question, start: number): number {
  const deviation = Math.sqrt(parts.reduce((sum, { grid, count }) => sum + count * grid.variance, 0));
  const scale = -4 * Math.log2(Math.max(deviation, 1e-12));
  const lowest = Math.floor(Math.min(scale, -8));
  const highest = Math.ceil(Math.max(scale + 24, 68));
  const at = (k: number) => bound(question, 2 ** (k / 4), logMoment(parts, 2 ** (k / 4)));
  let k = Math.min(Math.max(Math.round(4 * Math.log2(start)), lowest), highest);
  let best = at(k);
  for (const way of [1, -1]) {
    while (k + way >= lowest && k + way <= highest) {
      const next = at(k + way);
      if (!(next < best)) break;
      [best, k] = [next, k + way];
    }
  }
  return 2 ** (k / 4);
}

/**
 * The moment at this lambda; `delta` of the question is without the infinite mass. On a circle of length R, with tilt t, a loss below the
 * window counts e^(-t R) in it, and those above epsilon + R count sum p e^(t R) <= E exp(l L - l (epsilon + R) + t R) for every l > t: R is chosen
 * to make both small beside delta, t to make R short (just below where the moments explode, lambda itself would need a long circle) as long as
 * errors, which weigh E exp(t (L - epsilon)), gain less than e^6. `floor`: what epsilon is probably above.
 */
export function momentAt(parts: readonly Part[], question: Question, lambda: number, floor?: number): Moment {
  const log = logMoment(parts, lambda);
  const answer = bound(question, lambda, log);
  const byEpsilon = "epsilon" in question;
  const [epsilon, logDelta] = byEpsilon ? [question.epsilon, answer - 8] : [floor ?? Math.max(answer - 8 / lambda, 0), Math.log(question.delta)];
  const others = [1, Math.SQRT2, 2, 4].map((f) => ({ l: f * lambda, log: f === 1 ? log : logMoment(parts, f * lambda) }));
  let [tilt, reach] = [lambda, Infinity];
  for (let j = 0; j <= 4; j++) {
    const t = lambda * 2 ** (-j / 2);
    if (j > 0 && logMoment(parts, t) - t * epsilon > log - lambda * epsilon + 6) break;
    const above = others.filter(({ l }) => l > t).map(({ l, log }) => (log - l * epsilon - logDelta + MARGIN) / (l - t));
    const r = Math.max((MARGIN - logDelta) / t, Math.min(...above), (2 * MARGIN) / lambda);
    if (r < reach) [tilt, reach] = [t, r];
  }
  return { lambda, log, answer, tilt, reach };
}

interface Tilted {
  readonly lambda: number;
  /** log of the sum of mass e^(lambda loss). */
  readonly log: number;
}

/** The moment of one grid. */
function tilted(grid: LossGrid, lambda: number, out?: Float64Array): Tilted {
  const { step, first, mass } = grid;
  const top = mass.length - 1;
  const ratio = Math.exp(-lambda * step);
  let sum = 0;
  let weight = 1;
  // Down from the largest loss; the weights are multiplied up in runs of 32 so that their error stays a few ulps.
  for (let i = 0; i <= top; i++) {
    weight = i % 32 === 0 ? Math.exp(-lambda * step * i) : weight * ratio;
    const value = mass[top - i]! * weight;
    sum += value;
    if (out) out[(top - i) % out.length]! += value;
  }
  return { lambda, log: Math.log(sum) + lambda * step * (first + top) };
}

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
  tilted(grid, lambda, folded);
  let [sum, square, origin] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    sum += folded[i]!;
    if (folded[i]! > folded[origin]!) origin = i;
  }
  // With the largest mass at 0 its wave is a constant, exactly: only the others go through the transform and its error.
  const x = new Float64Array(n);
  x.set(folded.subarray(origin));
  x.set(folded.subarray(0, origin), n - origin);
  const largest = x[0]! / sum;
  x[0] = 0;
  for (let i = 1; i < n; i++) {
    x[i]! /= sum;
    square += x[i]! * x[i]!;
  }
  const { re, im } = realFft(n).forward(x);
  for (let k = 0; k < re.length; k++) re[k]! += largest;
  const made = { re, im, lambda, origin, error: (transformError(n) * Math.sqrt(square) + 2 ** -52) * Math.sqrt(n) };
  spectra.set(grid, made);
  return made;
}

/** A product's frequencies below this size are left out. */
const NEGLIGIBLE = -80;

/**
 * The tilted masses of the composition on n points around a circle, and a bound of the error of each: with z the spectra, to first order
 * count |z|^(count - 1) times the error of z, summed over frequencies by Cauchy and Schwarz; the rounding of the products, at most
 * sqrt 5 u each (Brent, Percival & Zimmermann 2007); of the inverse. `origin` is the loss, in steps, of the first mass.
 */
function compose(parts: readonly Part[], lambda: number, n: number): { mass: Float64Array; origin: number; error: number } {
  const factors = parts.map(({ grid, count }) => ({ ...spectrum(grid, lambda, n), count, size: 0, slope2: 0 }));
  const half = n / 2;
  const product: Spectrum = { re: new Float64Array(half + 1), im: new Float64Array(half + 1) };
  let [left, sum, square] = [0, 0, 0];
  for (let k = 0; k <= half; k++) {
    const copies = k === 0 || k === half ? 1 : 2;
    let log = 0;
    for (const factor of factors) {
      const [re, im] = [factor.re[k]!, factor.im[k]!];
      factor.size = Math.sqrt(re * re + im * im) + factor.error;
      log += factor.count * Math.log(factor.size);
    }
    if (log < NEGLIGIBLE) {
      left += copies;
      continue;
    }
    const size = Math.exp(log);
    sum += copies * size;
    square += copies * size * size;
    for (const factor of factors) factor.slope2 += copies * (size / factor.size) ** 2;
    [product.re[k], product.im[k]] = productAt(factors, k);
  }
  let error = left * Math.exp(NEGLIGIBLE) + transformError(n) * Math.sqrt(n * square);
  for (const factor of factors) error += factor.count * (factor.error * Math.sqrt(factor.slope2) + 2 ** -51 * sum);
  const origin = parts.reduce((sum, { grid, count }, i) => (sum + (count % n) * modulo(grid.first + factors[i]!.origin, n)) % n, 0);
  return { mass: realFft(n).inverse(product), origin, error: error / n };
}

/** The product of the factors' k-th values, each to the power of its count, by squaring. */
function productAt(factors: readonly (Spectrum & { count: number })[], k: number): [number, number] {
  let [re, im] = [1, 0];
  for (const factor of factors) {
    let [powerRe, powerIm] = [factor.re[k]!, factor.im[k]!];
    for (let rest = factor.count; ; ) {
      if (rest % 2 === 1) [re, im] = [re * powerRe - im * powerIm, re * powerIm + im * powerRe];
      rest = Math.floor(rest / 2);
      if (rest === 0) break;
      [powerRe, powerIm] = [powerRe * powerRe - powerIm * powerIm, 2 * powerRe * powerIm];
    }
  }
  return [re, im];
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
