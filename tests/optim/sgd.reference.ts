// The naive twin: float64, one line a formula.

/** w - lr (g + wd w) */
export function sgd(lr: number, wd: number, g: ArrayLike<number>, w: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: w.length }, (_, i) => w[i]! - lr * (g[i]! + wd * w[i]!));
}

/** v <- mu v + g + wd w; w <- w - lr v */
export function momentum(
  lr: number,
  wd: number,
  mu: number,
  g: ArrayLike<number>,
  w: ArrayLike<number>,
  v: ArrayLike<number>,
): { w: Float64Array; v: Float64Array } {
  const velocity = Float64Array.from({ length: w.length }, (_, i) => mu * v[i]! + g[i]! + wd * w[i]!);
  return { v: velocity, w: Float64Array.from({ length: w.length }, (_, i) => w[i]! - lr * velocity[i]!) };
}
