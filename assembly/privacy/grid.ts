// Sums on a grid: clipped vectors become integers whose norm is verified, and integers add exactly, in any order.
import * as d from "../lanes/f64";
import { squared_norm_f32 } from "../linalg/reduce";

/** x_i factor rounded to the nearest integer (ties to even), as a magic number. */
// @ts-ignore: decorator
@inline
export function on_grid<T>(factor: f64, x: usize): T {
  return d.to_magic<T>(d.mul<T>(d.ld_f32<T>(x), d.splat<T>(factor)));
}

/** What x is multiplied by before it is rounded: min(1, c / norm) / unit. The unit is a power of two, so it adds no error. */
// @ts-ignore: decorator
@inline
export function grid_factor(norm: f64, c: f64, unit: f64): f64 {
  return (norm > c ? c / norm : 1.0) / unit;
}

// @ts-ignore: decorator
@inline
function round_body<T>(factor: f64, x: usize, k: usize): T {
  const t = on_grid<T>(factor, x);
  d.st_magic_i32<T>(k, t);
  return d.square_magic<T>(t);
}
/** k <- round(factor x); returns the sum of k_i^2, exactly. */
// @ts-ignore: decorator
@inline
function round_all(n: usize, factor: f64, x: usize, k: usize): u64 {
  let total: u64 = 0, i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    let a = d.splat<v128>(0), b = a;
    for (const e = n & ~3; i < e; i += 4) {
      a = d.bits_sum<v128>(a, round_body<v128>(factor, x + (i << 2), k + (i << 2)));
      b = d.bits_sum<v128>(b, round_body<v128>(factor, x + (i << 2) + 8, k + (i << 2) + 8));
    }
    total = d.bits_lane_sum<v128>(d.bits_sum<v128>(a, b));
  }
  for (; i < n; i++) total += d.bits_lane_sum<f64>(round_body<f64>(factor, x + (i << 2), k + (i << 2)));
  return total;
}

/** The first step by which a factor is lowered; each next one is twice as long, and at 1 all is zero, so the loop ends. */
export const STEP: f64 = 3.552713678800501e-15; // 2^-48

/**
 * k_i <- round(x_i min(1, c / |x|) / unit), ties to even, |x| in f64. Returns |x|.
 *
 * n  elements    c > 0    unit  a power of two, c / unit <= 2^30    bound  integer < 2^62    x: n x f32    k: n x i32, disjoint
 * Promise: sum k_i^2 <= bound, verified in integers; where rounding went past it, the factor is lowered and x rounded again.
 * Edges: |x| = 0 gives 0; a non-finite |x| is returned and k is NOT written. Numerics: same bits in every build.
 * No overflow: |k_i| <= 2^30 + 1 and sum k_i^2 <= (c / unit + sqrt(n) / 2)^2 (1 + 1e-7) < 2^61 for n <= 2^32.
 * Source: docs/derivations/grid_gaussian.md, section 2; Mironov 2012 (CCS), section 5.
 */
export function clip_grid_f32_i32(n: usize, c: f64, unit: f64, bound: f64, x: usize, k: usize): f64 {
  const norm = f64.sqrt(squared_norm_f32(n, x));
  if (!(norm < Infinity)) return norm;
  let factor = grid_factor(norm, c, unit);
  for (let step = STEP; round_all(n, factor, x, k) > <u64>bound; step += step) factor *= 1.0 - step;
  return norm;
}

// @ts-ignore: decorator
@inline
function square<T>(k: usize): T {
  const v = d.ld_i32<T>(k);
  return d.mul<T>(v, v);
}
/** 1 where sum k_i^2 <= bound, else 0, exactly. n elements; bound < 2^62; k: n x i32, any values. Same answer in every build. */
export function within_norm_i32(n: usize, bound: f64, k: usize): u32 {
  // First in f64, where nothing overflows: what is within twice the bound there has an exact sum below 2^63.
  let rough: f64 = 0, total: u64 = 0, i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    let a = d.splat<v128>(0), b = a, c = a, e = a;
    const end = n & ~3;
    for (; i < end; i += 4) {
      a = d.add<v128>(a, square<v128>(k + (i << 2)));
      b = d.add<v128>(b, square<v128>(k + (i << 2) + 8));
    }
    rough = d.lane_sum<v128>(d.add<v128>(a, b));
    if (rough > bound + bound) return 0;
    for (i = 0; i < end; i += 4) {
      const v = v128.load(k + (i << 2));
      c = d.bits_sum<v128>(c, i64x2.extmul_low_i32x4_s(v, v));
      e = d.bits_sum<v128>(e, i64x2.extmul_high_i32x4_s(v, v));
    }
    total = d.bits_lane_sum<v128>(d.bits_sum<v128>(c, e));
  }
  for (let j = i; j < n; j++) rough += square<f64>(k + (j << 2));
  if (rough > bound + bound) return 0;
  for (; i < n; i++) {
    const v = <i64>load<i32>(k + (i << 2));
    total += <u64>(v * v);
  }
  return total <= <u64>bound ? 1 : 0;
}

/** acc_i <- acc_i + k_i. n elements; k: n x i32; acc: n x i64. */
export function accumulate_i32_i64(n: usize, k: usize, acc: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (const e = n & ~3; i < e; i += 4) {
      const v = v128.load(k + (i << 2)), p = acc + (i << 3);
      v128.store(p, i64x2.add(v128.load(p), i64x2.extend_low_i32x4_s(v)));
      v128.store(p, i64x2.add(v128.load(p, 16), i64x2.extend_high_i32x4_s(v)), 16);
    }
  }
  for (; i < n; i++) store<i64>(acc + (i << 3), load<i64>(acc + (i << 3)) + <i64>load<i32>(k + (i << 2)));
}

/** y_i <- f32(acc_i unit / divisor). n elements; unit a power of two; divisor > 0; acc: n x i64, |acc_i| <= 2^53, so exact in f64; y: n x f32. */
export function release_i64_f32(n: usize, unit: f64, divisor: f64, acc: usize, y: usize): void {
  for (let i: usize = 0; i < n; i++) store<f32>(y + (i << 2), <f32>(<f64>load<i64>(acc + (i << 3)) * unit / divisor));
}
