// Sample statistics and the distribution functions they are held against. Bounds: NUMERICS 3.5, false alarm 1e-9 each.

/** Deviations of a normal statistic that chance exceeds once in 1e9. */
export const SIX = 6.11;

export function mean(x: ArrayLike<number>): number {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i]!;
  return s / x.length;
}

/** Mean square about `centre`. */
export function variance(x: ArrayLike<number>, centre: number): number {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += (x[i]! - centre) ** 2;
  return s / x.length;
}

/** Correlation of x_i with x_(i + lag), the ends left out. */
export function correlation(x: ArrayLike<number>, lag: number): number {
  const m = mean(x);
  let s = 0;
  for (let i = 0; i + lag < x.length; i++) s += (x[i]! - m) * (x[i + lag]! - m);
  return s / (x.length - lag) / variance(x, m);
}

/** Kolmogorov-Smirnov distance of a sample from a continuous distribution function. */
export function kolmogorov(x: Float32Array, cdf: (v: number) => number): number {
  const sorted = x.slice().sort();
  const n = sorted.length;
  let worst = 0;
  for (let i = 0; i < n; i++) {
    const p = cdf(sorted[i]!);
    worst = Math.max(worst, p - i / n, (i + 1) / n - p);
  }
  return worst;
}

/** The standard normal distribution function: Simpson's rule from 0, 64 steps; error below 1e-7 for |z| < 6. */
export function normalCdf(z: number): number {
  const steps = 64;
  const h = Math.min(Math.abs(z), 8) / steps;
  const density = (t: number) => Math.exp(-t * t * 0.5);
  let s = density(0) + density(h * steps);
  for (let k = 1; k < steps; k++) s += (k % 2 === 0 ? 2 : 4) * density(k * h);
  const half = (s * h) / 3 / Math.sqrt(2 * Math.PI);
  return z < 0 ? 0.5 - half : 0.5 + half;
}

/** Pearson's statistic of counts that should be equal. */
export function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((s, c) => s + (c - expected) ** 2 / expected, 0);
}
