// The naive twin: fair coins.
import type { Twin } from "../random/discrete.reference.ts";

function choose(n: number, k: number): bigint {
  let c = 1n;
  for (let i = 1; i <= k; i++) c = (c * BigInt(n - i + 1)) / BigInt(i);
  return c;
}

/** P(0), P(1), ... of Binomial(n, 1/2) - n/2. */
export function pmf(trials: number): number[] {
  const { weight, cells } = twin(trials);
  return Array.from({ length: cells }, (_, k) => Number((weight(k) << 64n) >> BigInt(trials)) * 2 ** -64);
}

export function twin(trials: number): Twin {
  return { width: 1, cells: Math.min(trials / 2, Math.ceil(7 * Math.sqrt(trials))) + 1, weight: (m) => choose(trials, trials / 2 + m) };
}
