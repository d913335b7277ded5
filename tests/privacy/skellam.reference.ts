// The naive twin: the difference of two Poisson variables.
import { fraction, ONE, type Twin } from "../random/discrete.reference.ts";

/** P(0), P(1), ...: the sum over pairs of Poisson probabilities of mean variance / 2. */
export function pmf(variance: number): number[] {
  const mean = variance / 2;
  const poisson = [Math.exp(-mean)];
  while (poisson.length < mean + 12 * Math.sqrt(variance) + 60) poisson.push((poisson.at(-1)! * mean) / poisson.length);
  return Array.from({ length: Math.ceil(9 * Math.sqrt(variance)) + 20 }, (_, k) => poisson.reduce((s, p, i) => s + p * (poisson[i + k] ?? 0), 0));
}

/** Weights by the power series of the Bessel function: I_m(v) = sum of (v/2)^(2 i + m) / (i! (i + m)!). */
export function twin(variance: number): Twin {
  const [n, d2] = fraction(variance);
  const d = 2n * d2;
  return {
    width: 1,
    cells: Math.ceil(12 * Math.sqrt(variance)) + 40,
    weight: (m) => {
      let term = ONE << 400n;
      for (let i = 1n; i <= m; i++) term = (term * n) / (d * i);
      let sum = 0n;
      for (let i = 1n; term > 0n; i++) {
        sum += term;
        term = (term * n * n) / (d * d * i * (i + BigInt(m)));
      }
      return sum;
    },
  };
}
