// Level 1 reductions: dot, sum, squared norm (f64 accumulation) and largest magnitude.
//
// Order of addition, the same in every build: element i < 8*floor(n/8) belongs to stripe i mod 8; each stripe adds in
// rising i; with r_j = (s_j + s_{j+2}) + (s_{j+4} + s_{j+6}) the head is r_0 + r_1; the tail elements follow one by one.
// A v128 pass carries stripes j and j+1 together, a scalar pass walks the even stripes, then the odd ones.
// Products of two f32 are exact in f64, so no f32 input overflows or underflows: |x| of 1e38 or 1e-45 is safe.
import * as d from "../lanes/f64";

// @ts-ignore: decorator
@inline
function product<T>(x: usize, y: usize): T {
  return d.mul<T>(d.ld_f32<T>(x), d.ld_f32<T>(y));
}
// @ts-ignore: decorator
@inline
function dot_stripes<T>(e: usize, x: usize, y: usize): T {
  let s0 = d.splat<T>(0), s1 = d.splat<T>(0), s2 = d.splat<T>(0), s3 = d.splat<T>(0);
  for (let i: usize = 0; i < e; i += 8) {
    const p = x + (i << 2), q = y + (i << 2);
    s0 = d.add<T>(s0, product<T>(p, q));
    s1 = d.add<T>(s1, product<T>(p + 8, q + 8));
    s2 = d.add<T>(s2, product<T>(p + 16, q + 16));
    s3 = d.add<T>(s3, product<T>(p + 24, q + 24));
  }
  return d.add<T>(d.add<T>(s0, s1), d.add<T>(s2, s3));
}
/** sum_i x_i y_i in f64. n elements, 0 gives 0; x, y: n x f32. |error| <= (n/8 + 4) 2^-53 sum |x_i y_i|. NaN and Inf propagate. */
export function dot_f32(n: usize, x: usize, y: usize): f64 {
  const e = n & ~7;
  let s: f64;
  if (ASC_FEATURE_SIMD) s = d.lane_sum<v128>(dot_stripes<v128>(e, x, y));
  else s = dot_stripes<f64>(e, x, y) + dot_stripes<f64>(e, x + 4, y + 4);
  for (let i = e; i < n; i++) s += product<f64>(x + (i << 2), y + (i << 2));
  return s;
}

/** sum_i x_i^2 in f64: the dot product of x with itself. n elements; x: n x f32. */
export function squared_norm_f32(n: usize, x: usize): f64 {
  return dot_f32(n, x, x);
}

// @ts-ignore: decorator
@inline
function sum_stripes<T>(e: usize, x: usize): T {
  let s0 = d.splat<T>(0), s1 = d.splat<T>(0), s2 = d.splat<T>(0), s3 = d.splat<T>(0);
  for (let i: usize = 0; i < e; i += 8) {
    const p = x + (i << 2);
    s0 = d.add<T>(s0, d.ld_f32<T>(p));
    s1 = d.add<T>(s1, d.ld_f32<T>(p + 8));
    s2 = d.add<T>(s2, d.ld_f32<T>(p + 16));
    s3 = d.add<T>(s3, d.ld_f32<T>(p + 24));
  }
  return d.add<T>(d.add<T>(s0, s1), d.add<T>(s2, s3));
}
/** sum_i x_i in f64. n elements, 0 gives 0; x: n x f32. |error| <= (n/8 + 4) 2^-53 sum |x_i|. NaN and Inf propagate. */
export function sum_f32(n: usize, x: usize): f64 {
  const e = n & ~7;
  let s: f64;
  if (ASC_FEATURE_SIMD) s = d.lane_sum<v128>(sum_stripes<v128>(e, x));
  else s = sum_stripes<f64>(e, x) + sum_stripes<f64>(e, x + 4);
  for (let i = e; i < n; i++) s += d.ld_f32<f64>(x + (i << 2));
  return s;
}

/**
 * max_i |x_i|, exact in any order. n elements, 0 gives 0; x: n x f32. NaN if any element is NaN, so it also tests finiteness.
 * Magnitudes compare as integers: without the sign, the bits of f32 numbers are in the order of the numbers, NaN above Infinity.
 * One integer maximum replaces the five instructions that a NaN-correct f32x4.max costs on x86.
 */
export function max_abs_f32(n: usize, x: usize): f32 {
  let i: usize = 0;
  let m: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    const e = n & ~15;
    const magnitude = i32x4.splat(0x7fffffff);
    let m0 = i32x4.splat(0), m1 = m0, m2 = m0, m3 = m0;
    for (; i < e; i += 16) {
      const p = x + (i << 2);
      m0 = i32x4.max_u(m0, v128.and(v128.load(p), magnitude));
      m1 = i32x4.max_u(m1, v128.and(v128.load(p, 16), magnitude));
      m2 = i32x4.max_u(m2, v128.and(v128.load(p, 32), magnitude));
      m3 = i32x4.max_u(m3, v128.and(v128.load(p, 48), magnitude));
    }
    m0 = i32x4.max_u(i32x4.max_u(m0, m1), i32x4.max_u(m2, m3));
    m = max<u32>(max<u32>(i32x4.extract_lane(m0, 0), i32x4.extract_lane(m0, 1)), max<u32>(i32x4.extract_lane(m0, 2), i32x4.extract_lane(m0, 3)));
  }
  for (; i < n; i++) m = max<u32>(m, load<u32>(x + (i << 2)) & 0x7fffffff);
  return reinterpret<f32>(m);
}
