// The naive twin: a client's update before rounding, in float64; bounds as the paper writes them.
import { hadamard } from "../linalg/hadamard.reference.ts";

/** (1/g) H D clip(x) / sqrt d, x padded with zeros to d = signs.length. */
export function flattened(x: ArrayLike<number>, clip: number, g: number, signs: readonly number[]): number[] {
  const norm = Math.sqrt(Array.from(x).reduce((s, v) => s + v * v, 0));
  const factor = Math.min(1, clip / norm || 1);
  const padded = signs.map((s, i) => (i < x.length ? s * factor * x[i]! : 0));
  return Array.from(hadamard(padded), (v) => v / Math.sqrt(signs.length) / g);
}

/** The bound of conditional rounding, in units of the data. */
export function inflated(c: number, g: number, d: number, beta: number): number {
  const first = c + g * Math.sqrt(d);
  const second = Math.sqrt(c ** 2 + (g ** 2 * d) / 4 + Math.sqrt(2 * Math.log(1 / beta)) * g * (c + (g / 2) * Math.sqrt(d)));
  return beta === 0 ? first : Math.min(first, second);
}
