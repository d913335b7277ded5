// The naive twin: exp(-x^2 / (2 sigma^2)) over its sum, in float64 and in 400-bit fixed point.
import { expMinus, fraction, type Twin } from "../random/discrete.reference.ts";

/** P(0), P(1), ... as long as they are above 1e-18. */
export function pmf(sigma: number): number[] {
  const w: number[] = [];
  for (let k = 0; k === 0 || w[k - 1]! > 1e-18; k++) w.push(Math.exp((-k * k) / (2 * sigma * sigma)));
  const z = w.reduce((a, b) => a + 2 * b, 0) - w[0]!;
  return w.map((v) => v / z);
}

/** 64 to 128 cells a sigma, but none below width 1. */
export function twin(sigma: number): Twin {
  const [n, d] = fraction(sigma);
  const width = sigma < 128 ? 1 : 2 ** Math.floor(Math.log2(sigma) - 6);
  const square = (m: bigint) => m * m * d * d;
  return {
    width,
    cells: Math.ceil((12 * sigma) / width) + 2,
    weight: (m) => expMinus(square(BigInt(m)), 2n * n * n),
    exponent: (m, first) => [square(m) - square(first), 2n * n * n],
  };
}
