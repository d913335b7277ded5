// The naive twin: Y_i = scale X_rows[i], rows of n.
type Numbers = ArrayLike<number>;

export function takeRows(n: number, rows: Numbers, x: Numbers, scale = 1): Float64Array {
  return Float64Array.from({ length: rows.length * n }, (_, i) => scale * x[rows[Math.floor(i / n)]! * n + (i % n)]!);
}
