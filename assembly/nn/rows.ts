// Rows of a matrix by their indices: a mini-batch out of a data set, the touched rows of an embedding table.
import { ld, madd, mul, splat, st } from "../lanes/f32";

/** Y_i <- X_rows[i]: m rows of n f32 (or any 4-byte values). rows: m x u32; x: row stride n; y: m x n, disjoint. */
export function take_rows_f32(m: usize, n: usize, rows: usize, x: usize, y: usize): void {
  for (let i: usize = 0; i < m; i++) memory.copy(y + ((i * n) << 2), x + ((<usize>load<u32>(rows + (i << 2)) * n) << 2), n << 2);
}

// @ts-ignore: decorator
@inline
function widen_four(scale: v128, x: usize, y: usize): void {
  const w = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(x)));
  st<v128>(y, mul<v128>(f32x4.convert_i32x4_u(w), scale));
}
/** Y_i <- scale * X_rows[i] for bytes: m rows of n u8, widened to f32. Images stay one byte a pixel until their batch comes. */
export function take_rows_u8_f32(m: usize, n: usize, scale: f32, rows: usize, x: usize, y: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const xi = x + <usize>load<u32>(rows + (i << 2)) * n, yi = y + ((i * n) << 2);
    let j: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = n & ~3; j < e; j += 4) widen_four(splat<v128>(scale), xi + j, yi + (j << 2));
    for (; j < n; j++) store<f32>(yi + (j << 2), <f32>load<u8>(xi + j) * scale);
  }
}

/** X_rows[i] <- Y_i: puts back what take_rows_f32 took. m rows of n f32; rows: m x u32, of equal indices the last wins; y: m x n; x: row stride n, disjoint. */
export function put_rows_f32(m: usize, n: usize, rows: usize, y: usize, x: usize): void {
  for (let i: usize = 0; i < m; i++) memory.copy(x + ((<usize>load<u32>(rows + (i << 2)) * n) << 2), y + ((i * n) << 2), n << 2);
}

// @ts-ignore: decorator
@inline
function update_body<T>(alpha: f32, beta: f32, y: usize, x: usize): void {
  const v = mul<T>(splat<T>(alpha), ld<T>(y));
  st<T>(x, beta == 0 ? v : madd<T>(splat<T>(beta), ld<T>(x), v));
}
/**
 * X_rows[i] <- alpha Y_i + beta X_rows[i]: the step of plain SGD on the touched rows of a table with alpha = -lr, beta = 1 - lr wd.
 *
 * m rows of n f32; rows: m x u32 without repetition (a repeated row is updated again, in rising i); y: m x n; x: row stride n, disjoint.
 * No other row of X is read or written, and none is read where beta is 0. NaN and Inf propagate.
 */
export function update_rows_f32(m: usize, n: usize, alpha: f32, beta: f32, rows: usize, y: usize, x: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const xi = x + ((<usize>load<u32>(rows + (i << 2)) * n) << 2), yi = y + ((i * n) << 2);
    let j: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = n & ~3; j < e; j += 4) update_body<v128>(alpha, beta, yi + (j << 2), xi + (j << 2));
    for (; j < n; j++) update_body<f32>(alpha, beta, yi + (j << 2), xi + (j << 2));
  }
}
