// The naive twin: spacing by doubling, clipping in float64, sums of squares in big integers.

/** 2^(ceil(log2 sigma) - 20). */
export function spacing(sigma: number): number {
  let g = 1;
  while (g < sigma) g *= 2;
  while (g / 2 >= sigma) g /= 2;
  return g * 2 ** -20;
}

/** Nearest integer, ties to even. */
export function nearest(v: number): number {
  const low = Math.floor(v);
  const rest = v - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** Before rounding: x min(1, c / |x|) / g. */
export function clipped(x: ArrayLike<number>, c: number, g: number): Float64Array {
  const largest = Array.from(x).reduce((a, v) => Math.max(a, Math.abs(v)), 0);
  const norm = largest === 0 ? 0 : largest * Math.sqrt(Array.from(x).reduce((s, v) => s + (v / largest) ** 2, 0));
  return Float64Array.from(x, (v) => (norm > c ? v * (c / norm) : v) / g);
}

/** Sum of squares, exactly. */
export function squares(k: ArrayLike<number>): bigint {
  return Array.from(k).reduce((s, v) => s + BigInt(v) * BigInt(v), 0n);
}
