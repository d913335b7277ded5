// Uniform stochastic quantization to 1..8 bits, bit-packed, and its inverse.
import * as d from "../lanes/f64";
import { max_abs_f32 } from "../linalg/reduce";
import { chacha20_u8 } from "../random/chacha";

const BLOCKS: usize = 16; // key stream of 256 values at a time
const CHUNK: usize = 256;

/** Bytes of scratch for quantize_f32_u8: key stream and one level a byte. */
export function quantize_scratch_f32(): usize {
  return (BLOCKS << 6) + CHUNK;
}
/** Bytes that n values of the given bits take: ceil(n bits / 8). */
export function packed_bytes(n: usize, bits: u32): usize {
  return <usize>((<u64>n * <u64>bits + 7) >> 3);
}

/**
 * out[0] <- min x, out[1] <- max x (f32; 0, 0 where n = 0; zeros of either sign are equal). Returns 1 if all are finite, else 0 and out is not written.
 * The pseudo-minimum skips a NaN in v, so finiteness is tested apart, as integers.
 */
export function range_f32(n: usize, x: usize, out: usize): u32 {
  if (!(max_abs_f32(n, x) < Infinity)) return 0;
  let i: usize = 0;
  let lo: f32 = n > 0 ? Infinity : 0, hi: f32 = n > 0 ? -Infinity : 0;
  if (ASC_FEATURE_SIMD) {
    let a = f32x4.splat(lo), b = f32x4.splat(hi), a1 = a, b1 = b;
    for (const e = n & ~7; i < e; i += 8) {
      const v = v128.load(x + (i << 2)), u = v128.load(x + (i << 2), 16);
      a = f32x4.pmin(a, v);
      b = f32x4.pmax(b, v);
      a1 = f32x4.pmin(a1, u);
      b1 = f32x4.pmax(b1, u);
    }
    a = f32x4.pmin(a, a1);
    b = f32x4.pmax(b, b1);
    lo = f32.min(f32.min(f32x4.extract_lane(a, 0), f32x4.extract_lane(a, 1)), f32.min(f32x4.extract_lane(a, 2), f32x4.extract_lane(a, 3)));
    hi = f32.max(f32.max(f32x4.extract_lane(b, 0), f32x4.extract_lane(b, 1)), f32.max(f32x4.extract_lane(b, 2), f32x4.extract_lane(b, 3)));
  }
  for (; i < n; i++) {
    const v = load<f32>(x + (i << 2));
    lo = f32.min(lo, v);
    hi = f32.max(hi, v);
  }
  store<f32>(out, lo + 0); // -0 + 0 is +0: which zero stood first must not show
  store<f32>(out, hi + 0, 4);
  return 1;
}

/** t = (x - lo) / step in [0, levels]; q = floor(t) + (r < frac t), r uniform on 2^32 values: E q = t within 2^-32. Stored as one byte. */
// @ts-ignore: decorator
@inline
function level_body<T>(lo: f64, inverse: f64, levels: f64, u: usize, x: usize, q: usize): void {
  const t = d.mul<T>(d.sub<T>(d.ld_f32<T>(x), d.splat<T>(lo)), d.splat<T>(inverse));
  const f = d.floor<T>(d.add<T>(t, d.mul<T>(d.ld_u32<T>(u), d.splat<T>(2.3283064365386963e-10))));
  // t may exceed levels by a rounding; the level may not.
  if (isVector<T>()) {
    const k = i32x4.trunc_sat_f64x2_u_zero(f64x2.pmin(f, f64x2.splat(levels)));
    store<u8>(q, <u8>i32x4.extract_lane(k, 0));
    store<u8>(q, <u8>i32x4.extract_lane(k, 1), 1);
  } else store<u8>(q, <u8>(<u32>f64.min(f, levels)));
}

/** 8 levels of the given bits, one a byte, folded into the low 8*bits bits; unfold is the inverse. */
// @ts-ignore: decorator
@inline
function fold(v: u64, bits: u64): u64 {
  v = (v & 0x00ff00ff00ff00ff) | (((v >> 8) & 0x00ff00ff00ff00ff) << bits);
  v = (v & 0x0000ffff0000ffff) | (((v >> 16) & 0x0000ffff0000ffff) << (bits << 1));
  return (v & 0x00000000ffffffff) | ((v >> 32) << (bits << 2));
}
// @ts-ignore: decorator
@inline
function unfold(v: u64, bits: u64): u64 {
  const m4 = ((<u64>1) << (bits << 2)) - 1, m2 = ((<u64>1) << (bits << 1)) - 1, m1 = ((<u64>1) << bits) - 1;
  v = (v & m4) | (((v >> (bits << 2)) & m4) << 32);
  v = (v & (m2 | (m2 << 32))) | (((v >> (bits << 1)) & (m2 | (m2 << 32))) << 16);
  const m = m1 | (m1 << 16) | (m1 << 32) | (m1 << 48);
  return (v & m) | (((v >> bits) & m) << 8);
}

/**
 * out <- levels q_i in [0, 2^bits - 1] of x_i between lo and hi, value i in bits i*bits .. of the little-endian bit stream.
 *
 * n  elements    bits 1..8    lo <= x_i <= hi finite (range_f32)    counter, key, nonce as in chacha20_u8: ceil(n/16) blocks
 * x: n x f32    out: packed_bytes(n, bits), disjoint; unused high bits of the last byte are 0    scratch
 * Unbiased: E[lo + q_i (hi - lo)/(2^bits - 1)] = x_i within 2^-32 of a step; hi = lo gives 0 everywhere. Same bits in every build.
 * Source: Suresh et al. 2017 (arXiv:1611.00429), section 2.2.
 */
export function quantize_f32_u8(
  n: usize, bits: u32, lo: f64, hi: f64, counter: u32, key: usize, nonce: usize, x: usize, out: usize, scratch: usize,
): void {
  const levels = <f64>((1 << bits) - 1);
  const inverse = hi > lo ? levels / (hi - lo) : 0;
  const q = scratch + (BLOCKS << 6);
  for (let base: usize = 0; base < n; base += CHUNK, counter += <u32>BLOCKS) {
    const m = min<usize>(CHUNK, n - base);
    chacha20_u8((m + 15) >> 4, counter, key, nonce, scratch);
    const xb = x + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) level_body<v128>(lo, inverse, levels, scratch + (i << 2), xb + (i << 2), q + i);
    for (; i < m; i++) level_body<f64>(lo, inverse, levels, scratch + (i << 2), xb + (i << 2), q + i);
    const to = out + packed_bytes(base, bits);
    if (bits == 8) memory.copy(to, q, m);
    else pack(m, bits, q, to);
  }
}

/** m levels at q to packed bytes; q is padded with zeros to a multiple of 8 (it lies in scratch, CHUNK bytes long). */
function pack(m: usize, bits: u32, q: usize, out: usize): void {
  memory.fill(q + m, 0, CHUNK - m);
  const bytes = packed_bytes(m, bits);
  for (let i: usize = 0, at: usize = 0; i < m; i += 8, at += bits) {
    let v = fold(load<u64>(q + i), bits);
    for (let b = at; b < min<usize>(at + bits, bytes); b++, v >>= 8) store<u8>(out + b, <u8>v);
  }
}

/** q[0..7] <- the levels i .. i+7 of a packed stream of `bytes` bytes; i is a multiple of 8; levels past the end are 0. */
// @ts-ignore: decorator
@inline
export function unpack_eight(i: usize, bits: u32, p: usize, bytes: usize): u64 {
  const at = (i >> 3) * bits;
  if (at + 8 <= bytes) {
    const v = load<u64>(p + at);
    return bits == 8 ? v : unfold(v & (((<u64>1) << (bits << 3)) - 1), bits);
  }
  let v: u64 = 0;
  for (let b = min<usize>(at + bits, bytes); b > at; b--) v = (v << 8) | <u64>load<u8>(p + b - 1);
  return bits == 8 ? v : unfold(v, bits);
}

/** Eight levels to eight f64 values rounded to f32: value = f32(lo + q step). The one place that says what a level means. */
// @ts-ignore: decorator
@inline
export function level_value<T>(q: T, lo: f64, step: f64): T {
  return d.round_f32<T>(d.mul_add<T>(q, d.splat<T>(step), d.splat<T>(lo)));
}

/** Levels 0..7 of v, two (or one) at a time, as f64; at = 0..7. */
// @ts-ignore: decorator
@inline
export function levels_at<T>(v: u64, at: i32): T {
  if (isVector<T>()) {
    const w = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i64x2.splat(<i64>(v >> <u64>(at << 3)))));
    return f64x2.convert_low_i32x4_u(w);
  }
  return <f64>(<u32>((v >> <u64>(at << 3)) & 255));
}

// @ts-ignore: decorator
@inline
function value_body<T>(v: u64, at: i32, lo: f64, step: f64, x: usize): void {
  d.st_f32<T>(x + (at << 2), level_value<T>(levels_at<T>(v, at), lo, step));
}
/** x_i <- f32(lo + q_i (hi - lo)/(2^bits - 1)), arithmetic in f64. n elements; bits 1..8; q: packed_bytes(n, bits); x: n x f32, disjoint. */
export function dequantize_u8_f32(n: usize, bits: u32, lo: f64, hi: f64, q: usize, x: usize): void {
  const step = (hi - lo) / <f64>((1 << bits) - 1);
  const bytes = packed_bytes(n, bits);
  let i: usize = 0;
  for (; i + 8 <= n; i += 8) {
    const v = unpack_eight(i, bits, q, bytes), p = x + (i << 2);
    if (ASC_FEATURE_SIMD) for (let j = 0; j < 8; j += 2) value_body<v128>(v, j, lo, step, p);
    else for (let j = 0; j < 8; j++) value_body<f64>(v, j, lo, step, p);
  }
  if (i < n) {
    const v = unpack_eight(i, bits, q, bytes), left = <i32>(n - i);
    for (let j = 0; j < left; j++) value_body<f64>(v, j, lo, step, x + (i << 2));
  }
}
