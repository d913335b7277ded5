// The naive twin: three loops in float64 over row-major arrays with leading dimensions.
type Numbers = ArrayLike<number>;
/** nn: A B; nt: A B^T; tn: A^T B. */
export type Layout = "nn" | "nt" | "tn";
export const LAYOUTS: readonly Layout[] = ["nn", "nt", "tn"];

/** alpha op(A) op(B) + beta C as m x n values, and beside each the sum of magnitudes |alpha| sum |a b| + |beta c| that its error is relative to. */
export function gemm(
  layout: Layout,
  [m, n, k]: readonly [number, number, number],
  alpha: number,
  beta: number,
  [a, lda]: readonly [Numbers, number],
  [b, ldb]: readonly [Numbers, number],
  [c, ldc]: readonly [Numbers, number],
): { value: Float64Array; size: Float64Array } {
  const value = new Float64Array(m * n);
  const size = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let s = 0;
      let t = 0;
      for (let p = 0; p < k; p++) {
        const product = (layout === "tn" ? a[p * lda + i]! : a[i * lda + p]!) * (layout === "nt" ? b[j * ldb + p]! : b[p * ldb + j]!);
        s += product;
        t += Math.abs(product);
      }
      const old = beta === 0 ? 0 : beta * c[i * ldc + j]!;
      value[i * n + j] = alpha * s + old;
      size[i * n + j] = Math.abs(alpha) * t + Math.abs(old);
    }
  }
  return { value, size };
}

/** |A^T B|_F^2, and how far from it a sum of squares of f32 chains may be: every element within k u sum |a b|, the sum itself in f64. */
export function squaredNorm(
  shape: readonly [number, number, number],
  a: readonly [Numbers, number],
  b: readonly [Numbers, number],
): { value: number; bound: number } {
  const { value, size } = gemm("tn", shape, 1, 0, a, b, [[], 0]);
  let total = 0;
  let bound = 0;
  for (let i = 0; i < value.length; i++) {
    const error = shape[2] * 2 ** -24 * size[i]!;
    total += value[i]! ** 2;
    bound += (2 * Math.abs(value[i]!) + error) * error;
  }
  return { value: total, bound: bound + (value.length + 8) * 2 ** -52 * total };
}
