// The naive twin: float64, plain loops, row-major.
type Numbers = ArrayLike<number>;
/** m examples, r rows, length n */
export type Shape = readonly [m: number, r: number, n: number];

/** y_ij = sum_k a_ik b_ijk, and the sum of magnitudes that bounds its rounding */
export function dotRows([m, r, n]: Shape, a: Numbers, b: Numbers): { value: Float64Array; size: Float64Array } {
  const [value, size] = [new Float64Array(m * r), new Float64Array(m * r)];
  for (let row = 0; row < m * r; row++) {
    for (let k = 0; k < n; k++) {
      const term = a[Math.floor(row / r) * n + k]! * b[row * n + k]!;
      value[row]! += term;
      size[row]! += Math.abs(term);
    }
  }
  return { value, size };
}
/** da_ik = sum_j dy_ij b_ijk */
export function firstGradient([m, r, n]: Shape, dy: Numbers, b: Numbers): { value: Float64Array; size: Float64Array } {
  const [value, size] = [new Float64Array(m * n), new Float64Array(m * n)];
  for (let row = 0; row < m * r; row++) {
    for (let k = 0; k < n; k++) {
      const at = Math.floor(row / r) * n + k;
      value[at]! += dy[row]! * b[row * n + k]!;
      size[at]! += Math.abs(dy[row]! * b[row * n + k]!);
    }
  }
  return { value, size };
}
/** db_ijk = dy_ij a_ik */
export const secondGradient = ([m, r, n]: Shape, dy: Numbers, a: Numbers): Float64Array =>
  Float64Array.from({ length: m * r * n }, (_, at) => {
    const row = Math.floor(at / n);
    return dy[row]! * a[Math.floor(row / r) * n + (at % n)]!;
  });
/** The matrices side by side: m rows of widths[i] columns each. */
export function concatenate(m: number, widths: readonly number[], parts: readonly Numbers[]): number[] {
  return Array.from({ length: m }, (_, i) => parts.flatMap((part, p) => Array.from({ length: widths[p]! }, (_, j) => part[i * widths[p]! + j]!))).flat();
}
