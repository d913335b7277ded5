// The naive twin: the norm with scaling, and x min(1, C / |x|), all in float64.

export function norm(x: ArrayLike<number>): number {
  const largest = Array.from(x).reduce((a, v) => Math.max(a, Math.abs(v)), 0);
  if (largest === 0) return 0;
  return largest * Math.sqrt(Array.from(x).reduce((s, v) => s + (v / largest) ** 2, 0));
}

export function clip(x: ArrayLike<number>, bound: number): Float64Array {
  const length = norm(x);
  return Float64Array.from(x, (v) => (length > bound ? v * (bound / length) : v));
}
