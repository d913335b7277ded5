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

/** The standard normal distribution function, error below 1e-7: Abramowitz and Stegun 7.1.26. */
export function normalCdf(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x) * 0.5;
  return z < 0 ? tail : 1 - tail;
}

/** Pearson's statistic of counts that should be equal. */
export function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((s, c) => s + (c - expected) ** 2 / expected, 0);
}

/**
 * How many deviations Pearson's statistic of a sample of integers lies above its mean, for a law symmetric about 0 given by P(0), P(1), ...
 * Values expected fewer than 20 times are pooled, each side of the tail apart; Wilson and Hilferty's cube root makes the statistic normal.
 */
export function misfit(sample: ArrayLike<number>, pmf: readonly number[]): number {
  const n = sample.length;
  const last = pmf.findLastIndex((p) => p * n >= 20);
  const counts = new Float64Array(2 * last + 3); // -last .. last in the middle, the tails at the ends
  for (let i = 0; i < n; i++) counts[Math.max(-last - 1, Math.min(last + 1, sample[i]!)) + last + 1]!++;
  let inside = pmf[0]!;
  for (let k = 1; k <= last; k++) inside += 2 * pmf[k]!;
  const tail = (1 - inside) / 2;
  let [statistic, cells] = [0, 0];
  for (const [i, count] of counts.entries()) {
    const k = Math.abs(i - last - 1);
    const expected = n * (k > last ? tail : pmf[k]!);
    if (expected < 1e-6) {
      if (count > 0) return Number.POSITIVE_INFINITY;
      continue;
    }
    statistic += (count - expected) ** 2 / expected;
    cells++;
  }
  const freedom = cells - 1;
  return (Math.cbrt(statistic / freedom) - 1 + 2 / (9 * freedom)) / Math.sqrt(2 / (9 * freedom));
}

/**
 * Clopper and Pearson's interval for a probability after k successes in n trials: each end is missed with probability alpha at most.
 * Low end: where k successes or more have probability alpha; high end: the same for failures.
 */
export function clopperPearson(k: number, n: number, alpha: number): [low: number, high: number] {
  const lowest = (successes: number): number => {
    if (successes === 0) return 0;
    let [low, high] = [0, successes / n];
    for (let i = 0; i < 60; i++) {
      const p = (low + high) / 2;
      if (upperTail(successes, n, p) > alpha) high = p;
      else low = p;
    }
    return low;
  };
  return [lowest(k), 1 - lowest(n - k)];
}

/** P(X >= k), X binomial(n, p) with k >= n p: the terms fall from the first on. */
function upperTail(k: number, n: number, p: number): number {
  let term = Math.exp(logFactorial(n) - logFactorial(k) - logFactorial(n - k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
  let sum = 0;
  for (let i = k; i <= n && term > sum * 1e-17; i++) {
    sum += term;
    term *= ((n - i) / (i + 1)) * (p / (1 - p));
  }
  return sum;
}

/** Stirling's series; its error is below 1e-13 from 20 on. */
function logFactorial(n: number): number {
  if (n < 20) {
    let log = 0;
    for (let i = 2; i <= n; i++) log += Math.log(i);
    return log;
  }
  return (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1260 * n ** 5);
}
