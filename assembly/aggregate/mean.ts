// Weighted sums that do not depend on order: fixed-point accumulation in 64-bit integers.
//
// With magic = 1.5 * 2^52 * unit, the f64 sum w x + magic rounds w x to a multiple of unit, and its bits less the bits of magic
// are that multiple as an integer (|w x| < 2^51 unit). Integer addition commutes and associates exactly, so order, batching and
// merging cannot change a bit. The host picks unit from the update alone (src/aggregate/mean.ts) and counts the headroom.
// Same idea as the pre-rounded sums of Demmel and Nguyen 2013 (ARITH 21), carried into integers.
import { level_value, levels_at, packed_bytes, unpack_eight } from "../compress/quantize";
import * as d from "../lanes/f64";

// @ts-ignore: decorator
@inline
function deposit<T>(v: T, w: f64, magic: f64, acc: usize): void {
  const m = d.splat<T>(magic);
  const k = d.bits_sub<T>(d.mul_add<T>(v, d.splat<T>(w), m), m);
  if (isVector<T>()) v128.store(acc, i64x2.add(v128.load(acc), k));
  else store<i64>(acc, load<i64>(acc) + reinterpret<i64>(k));
}

/** acc_i <- acc_i + round(w x_i / unit). n elements; magic = 1.5 * 2^52 * unit; |w x_i| < 2^51 unit; x: n x f32; acc: n x i64. */
export function accumulate_f32_i64(n: usize, w: f64, magic: f64, x: usize, acc: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (const e = n & ~7; i < e; i += 8) {
      const p = x + (i << 2), a = acc + (i << 3);
      deposit<v128>(d.ld_f32<v128>(p), w, magic, a);
      deposit<v128>(d.ld_f32<v128>(p + 8), w, magic, a + 16);
      deposit<v128>(d.ld_f32<v128>(p + 16), w, magic, a + 32);
      deposit<v128>(d.ld_f32<v128>(p + 24), w, magic, a + 48);
    }
  }
  for (; i < n; i++) deposit<f64>(d.ld_f32<f64>(x + (i << 2)), w, magic, acc + (i << 3));
}

// @ts-ignore: decorator
@inline
function deposit_level<T>(v: u64, at: i32, lo: f64, step: f64, w: f64, magic: f64, acc: usize): void {
  deposit<T>(level_value<T>(levels_at<T>(v, at), lo, step), w, magic, acc + (at << 3));
}
/** The same from packed levels, dequantizing on the fly: the bits of dequantize_u8_f32 followed by accumulate_f32_i64. */
export function accumulate_u8_i64(n: usize, bits: u32, lo: f64, hi: f64, w: f64, magic: f64, q: usize, acc: usize): void {
  const step = (hi - lo) / <f64>((1 << bits) - 1);
  const bytes = packed_bytes(n, bits);
  let i: usize = 0;
  for (; i + 8 <= n; i += 8) {
    const v = unpack_eight(i, bits, q, bytes), p = acc + (i << 3);
    if (ASC_FEATURE_SIMD) for (let j = 0; j < 8; j += 2) deposit_level<v128>(v, j, lo, step, w, magic, p);
    else for (let j = 0; j < 8; j++) deposit_level<f64>(v, j, lo, step, w, magic, p);
  }
  if (i < n) {
    const v = unpack_eight(i, bits, q, bytes), left = <i32>(n - i);
    for (let j = 0; j < left; j++) deposit_level<f64>(v, j, lo, step, w, magic, acc + (i << 3));
  }
}

/** acc_i <- acc_i + other_i. n elements; both n x i64. */
export function add_i64(n: usize, other: usize, acc: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~1; i < e; i += 2) v128.store(acc + (i << 3), i64x2.add(v128.load(acc + (i << 3)), v128.load(other + (i << 3))));
  for (; i < n; i++) store<i64>(acc + (i << 3), load<i64>(acc + (i << 3)) + load<i64>(other + (i << 3)));
}

/** s_i <- s_i + acc_i unit in f64: one window of the sum. n elements; acc: n x i64; s: n x f64 read and written. */
export function resolve_i64_f64(n: usize, unit: f64, acc: usize, s: usize): void {
  for (let i: usize = 0; i < n; i++) store<f64>(s + (i << 3), load<f64>(s + (i << 3)) + <f64>load<i64>(acc + (i << 3)) * unit);
}

// @ts-ignore: decorator
@inline
function divide_body<T>(total: f64, s: usize, y: usize): void {
  d.st_f32<T>(y, d.div<T>(d.ld<T>(s), d.splat<T>(total)));
}
/** y_i <- f32(s_i / total). n elements; total > 0; s: n x f64; y: n x f32. */
export function divide_f64_f32(n: usize, total: f64, s: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~1; i < e; i += 2) divide_body<v128>(total, s + (i << 3), y + (i << 2));
  for (; i < n; i++) divide_body<f64>(total, s + (i << 3), y + (i << 2));
}
