// The naive twin: exp(-|x| / b) over its sum.
import { expMinus, fraction, type Twin } from "../random/discrete.reference.ts";

/** P(0), P(1), ... in closed form. */
export function pmf(scale: number): number[] {
  const p = Math.exp(-1 / scale);
  return Array.from({ length: Math.ceil(42 * scale) + 2 }, (_, k) => ((1 - p) / (1 + p)) * p ** k);
}

/** 16 to 32 cells a scale, but none below width 1. */
export function twin(scale: number): Twin {
  const [n, d] = fraction(scale);
  const width = scale < 32 ? 1 : 2 ** Math.floor(Math.log2(scale) - 4);
  return {
    width,
    cells: Math.ceil((80 * scale) / width) + 2,
    weight: (m) => expMinus(BigInt(m) * d, n),
    exponent: (m, first) => [(m - first) * d, n],
  };
}
