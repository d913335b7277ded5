// Gather the rows of a mini-batch out of a data set.
import { mul, splat, st } from "../lanes/f32";

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
