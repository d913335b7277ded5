// The naive twin: the exact weighted mean in integers of any length.

/** Every f32 is a multiple of 2^-149; every weight allowed is a multiple of 2^-153. */
const exact = (v: number, scale: number): bigint => BigInt(v * 2 ** scale);

/** sum w_k x_k / sum w_k, off by at most one unit in the last place of float64 (or 2^-214). */
export function mean(updates: readonly ArrayLike<number>[], weights: readonly number[], size: number): Float64Array {
  const total = weights.reduce((s, w) => s + exact(w, 153), 0n);
  return Float64Array.from({ length: size }, (_, i) => {
    const sum = updates.reduce((s, x, k) => s + exact(x[i]!, 149) * exact(weights[k]!, 153), 0n);
    return Number((sum << 65n) / total) * 2 ** -214;
  });
}

/** How far the engine may be: half a grid unit an update (2^-31 of its largest w x), the f64 sums, and one rounding to f32. */
export function bound(updates: readonly ArrayLike<number>[], weights: readonly number[], want: ArrayLike<number>): Float64Array {
  const largest = updates.map((x) => Array.from(x).reduce((a, v) => Math.max(a, Math.abs(v)), 0));
  const total = weights.reduce((a, b) => a + b, 0);
  const grid = weights.reduce((s, w, k) => s + (w / total) * largest[k]!, 0) * (2 ** -31 + 2 ** -50);
  return Float64Array.from(want, (v) => grid * (1 + 2 ** -20) + Math.abs(v) * 2 ** -24 + 2 ** -150);
}
