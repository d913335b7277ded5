// The naive twin: float64, one line a formula.
type Numbers = ArrayLike<number>;

/** Y_ij = b_j, m rows */
export const broadcast = (m: number, b: Numbers): Float64Array => Float64Array.from({ length: m * b.length }, (_, i) => b[i % b.length]!);

/** alpha sum_i dY_ij + beta db_j; db is not read where beta is 0 */
export function backward(m: number, n: number, alpha: number, beta: number, dy: Numbers, db: Numbers): Float64Array {
  return Float64Array.from({ length: n }, (_, j) => {
    let s = 0;
    for (let i = 0; i < m; i++) s += dy[i * n + j]!;
    return alpha * s + (beta === 0 ? 0 : beta * db[j]!);
  });
}
