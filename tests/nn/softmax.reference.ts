// The naive twin: float64 by rows. Exponents are taken after the largest logit, as any stable text does it.
type Numbers = ArrayLike<number>;
const rows = (n: number, x: Numbers): number[][] => Array.from({ length: x.length / n }, (_, i) => Array.from({ length: n }, (_, j) => x[i * n + j]!));
const total = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);

/** P_ij = exp(X_ij) / sum_j exp(X_ij) */
export function softmax(n: number, x: Numbers): Float64Array {
  return Float64Array.from(
    rows(n, x).flatMap((row) => {
      const max = Math.max(...row);
      const e = row.map((v) => Math.exp(v - max));
      const sum = total(e);
      return e.map((v) => v / sum);
    }),
  );
}
/** dX_ij = P_ij (dP_ij - sum_k dP_ik P_ik), and the sum of magnitudes P_ij (|dP_ij| + sum_k |dP_ik P_ik|) that bounds its rounding */
export function backward(n: number, p: Numbers, dp: Numbers): { value: Float64Array; size: Float64Array } {
  const gradients = rows(n, dp);
  const parts = rows(n, p).flatMap((row, i) => {
    const g = gradients[i]!;
    const products = row.map((v, j) => v * g[j]!);
    return row.map((v, j) => [v * (g[j]! - total(products)), v * (Math.abs(g[j]!) + total(products.map(Math.abs)))] as const);
  });
  return { value: Float64Array.from(parts, ([v]) => v), size: Float64Array.from(parts, ([, s]) => s) };
}
/** sum_i -log P_i,y_i */
export function loss(n: number, x: Numbers, labels: Numbers): number {
  return total(
    rows(n, x).map((row, i) => {
      const max = Math.max(...row);
      return Math.log(total(row.map((v) => Math.exp(v - max)))) + (max - row[labels[i]!]!);
    }),
  );
}
/** alpha (P - onehot(y)) */
export function gradient(n: number, alpha: number, x: Numbers, labels: Numbers): Float64Array {
  return softmax(n, x).map((p, i) => alpha * (p - (labels[Math.floor(i / n)] === i % n ? 1 : 0)));
}
/** Rows without NaN whose first largest logit stands at the label. */
export function hits(n: number, x: Numbers, labels: Numbers): number {
  return rows(n, x).filter((row, i) => !row.some(Number.isNaN) && row.indexOf(Math.max(...row)) === labels[i]).length;
}
