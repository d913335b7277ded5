// Bias of a dense layer: broadcast to rows before the product, summed over rows in the backward pass.
import { add, ld, madd, mul, splat, st } from "../lanes/f32";

/** Y_ij <- b_j for m rows of n, row stride n. b: n x f32; y: m x n f32, disjoint. */
export function bias_f32(m: usize, n: usize, b: usize, y: usize): void {
  for (let i: usize = 0; i < m; i++) memory.copy(y + ((i * n) << 2), b, n << 2);
}

// @ts-ignore: decorator
@inline
function column_body<T>(m: usize, n: usize, alpha: f32, beta: f32, dy: usize, db: usize): void {
  let s = splat<T>(0);
  for (let i: usize = 0; i < m; i++) s = add<T>(s, ld<T>(dy + ((i * n) << 2)));
  const v = mul<T>(splat<T>(alpha), s);
  st<T>(db, beta == 0 ? v : madd<T>(splat<T>(beta), ld<T>(db), v));
}
/**
 * db_j <- alpha sum_i dY_ij + beta db_j. With alpha = -lr and beta = 1 - lr wd this is the SGD step of the bias itself.
 * m x n f32 dY, row stride n; db: n x f32, not read where beta is 0. Rows are added in rising order. NaN and Inf propagate.
 */
export function bias_backward_f32(m: usize, n: usize, alpha: f32, beta: f32, dy: usize, db: usize): void {
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; j < e; j += 4) column_body<v128>(m, n, alpha, beta, dy + (j << 2), db + (j << 2));
  for (; j < n; j++) column_body<f32>(m, n, alpha, beta, dy + (j << 2), db + (j << 2));
}
