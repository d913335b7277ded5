// The naive twin: rows of n taken from a matrix, put back and updated.
type Numbers = ArrayLike<number>;

/** Y_i = scale X_rows[i] */
export function takeRows(n: number, rows: Numbers, x: Numbers, scale = 1): Float64Array {
  return Float64Array.from({ length: rows.length * n }, (_, i) => scale * x[rows[Math.floor(i / n)]! * n + (i % n)]!);
}

/** X_rows[i] <- alpha Y_i + beta X_rows[i], in turn */
export function updateRows(n: number, alpha: number, beta: number, rows: Numbers, y: Numbers, x: Numbers): Float64Array {
  const out = Float64Array.from(x);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < n; j++) out[rows[i]! * n + j] = alpha * y[i * n + j]! + (beta === 0 ? 0 : beta * out[rows[i]! * n + j]!);
  }
  return out;
}
