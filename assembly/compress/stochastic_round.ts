// Stochastic rounding to integers: unbiased, and bounded by the caller's norm by drawing again.
import * as d from "../lanes/f64";
import { chacha20_u8 } from "../random/chacha";

const BLOCKS: usize = 16;
const CHUNK: usize = 256;

/** Bytes of scratch for stochastic_round_f32_i32. */
export function stochastic_round_scratch_f32(): usize {
  return BLOCKS << 6;
}

/** q = floor(x) + (r 2^-32 < x - floor(x)), r a word: the difference is exact, so P(up) is the fraction rounded up to a multiple of 2^-32. */
// @ts-ignore: decorator
@inline
function round_body<T>(u: usize, x: usize, y: usize): void {
  const v = d.ld_f32<T>(x);
  const f = d.floor<T>(v);
  const r = d.mul<T>(d.ld_u32<T>(u), d.splat<T>(2.3283064365386963e-10));
  const q = d.add<T>(f, d.keep_gt<T>(d.sub<T>(v, f), r, d.splat<T>(1)));
  if (isVector<T>()) v128.store64_lane(y, i32x4.trunc_sat_f64x2_s_zero(q), 0);
  else store<i32>(y, <i32>q);
}

/**
 * y_i <- floor(x_i) or floor(x_i) + 1, the latter with probability x_i - floor(x_i) within 2^-32; integers stay.
 *
 * n  elements    counter, key, nonce as in chacha20_u8: ceil(n/16) blocks    x: n x f32, |x_i| < 2^31    y: n x i32, disjoint    scratch
 * Numerics: exact, the same integers in every build. Source: Kairouz, Liu, Steinke 2021 (arXiv:2102.06387).
 */
export function stochastic_round_f32_i32(n: usize, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize): void {
  for (let base: usize = 0; base < n; base += CHUNK, counter += <u32>BLOCKS) {
    const m = min<usize>(CHUNK, n - base);
    chacha20_u8((m + 15) >> 4, counter, key, nonce, scratch);
    const xb = x + (base << 2), yb = y + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) round_body<v128>(scratch + (i << 2), xb + (i << 2), yb + (i << 2));
    for (; i < m; i++) round_body<f64>(scratch + (i << 2), xb + (i << 2), yb + (i << 2));
  }
}

/** sum x_i^2 modulo 2^64: exact below that. n elements; x: n x i32. */
export function squared_norm_i32(n: usize, x: usize): u64 {
  let i: usize = 0;
  let sum: u64 = 0;
  if (ASC_FEATURE_SIMD) {
    let s = i64x2.splat(0);
    for (const e = n & ~3; i < e; i += 4) {
      const v = v128.load(x + (i << 2));
      s = i64x2.add(s, i64x2.add(i64x2.extmul_low_i32x4_s(v, v), i64x2.extmul_high_i32x4_s(v, v)));
    }
    sum = i64x2.extract_lane(s, 0) + i64x2.extract_lane(s, 1);
  }
  for (; i < n; i++) {
    const v = <i64>load<i32>(x + (i << 2));
    sum += v * v;
  }
  return sum;
}
