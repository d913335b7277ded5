// Integers modulo a width: what secure aggregation adds, and how it is read again.

// @ts-ignore: decorator
@inline
function mask_body<T>(lower: i32, mask: u32, x: usize, y: usize): void {
  if (isVector<T>()) {
    const lo = i32x4.splat(lower);
    v128.store(y, i32x4.add(v128.and(i32x4.sub(v128.load(x), lo), i32x4.splat(mask)), lo));
  } else store<i32>(y, <i32>((<u32>(load<i32>(x) - lower)) & mask) + lower);
}
/**
 * y_i <- ((x_i - lower) mod width) + lower: the one number of [lower, lower + width) that is x_i modulo width.
 *
 * n  elements    1 <= width <= 2^32, lower + width <= 2^31    x: n x i32    y: n x i32, may be x
 * Exact: differences are taken in 64 bits, or modulo 2^32 where the width divides that. Source: arXiv:2102.06387.
 */
export function modular_clip_i32(n: usize, lower: i32, width: u64, x: usize, y: usize): void {
  let i: usize = 0;
  if ((width & (width - 1)) == 0) {
    const mask = <u32>(width - 1);
    if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) mask_body<v128>(lower, mask, x + (i << 2), y + (i << 2));
    for (; i < n; i++) mask_body<u32>(lower, mask, x + (i << 2), y + (i << 2));
    return;
  }
  const w = <i64>width;
  for (; i < n; i++) {
    const r = (<i64>load<i32>(x + (i << 2)) - <i64>lower) % w;
    store<i32>(y + (i << 2), <i32>((r < 0 ? r + w : r) + <i64>lower));
  }
}

// @ts-ignore: decorator
@inline
function widen_body<T>(x: usize, y: usize): void {
  if (isVector<T>()) v128.store(y, f32x4.convert_i32x4_s(v128.load(x)));
  else store<f32>(y, <f32>load<i32>(x));
}
/** y_i <- x_i as f32, rounded to nearest even beyond 2^24. n elements; x: n x i32; y: n x f32, may be x. */
export function convert_i32_f32(n: usize, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) widen_body<v128>(x + (i << 2), y + (i << 2));
  for (; i < n; i++) widen_body<f32>(x + (i << 2), y + (i << 2));
}
