// Gaussian noise on a grid: integers round(scale z), z standard normal by Box-Muller from the ChaCha20 key stream. What this loses against
// the ideal rounded Gaussian is bounded in docs/derivations/grid_gaussian.md: every rounding below is counted there, so nothing may fuse.
// No branch and no address depends on noise: time does not tell it.
import * as d from "../lanes/f64";
import { cos_2pi, sin_2pi } from "../lanes/math";
import { squared_norm_f32 } from "../linalg/reduce";
import { chacha20_u8 } from "../random/chacha";
import { radius } from "./gaussian";
import { grid_factor, on_grid, STEP } from "./grid";

// A chunk: 28 blocks of key stream make 256 samples. Of pair p, the tail variable has 64 bits (u32 number p and 128 + p), the angle 48
// (u32 number 256 + p, then u16 number p after the words). It gives samples p and 128 + p.
const BLOCKS: usize = 28;
const PAIRS: usize = 128;
const SAMPLES: usize = 256;
const STREAM: usize = BLOCKS << 6;
const HIGH: usize = PAIRS << 2;
const ANGLE: usize = PAIRS << 3;
const FINE: usize = PAIRS * 12;

/** Bytes of scratch: one chunk of key stream and one of samples. Wipe it after use. */
export function grid_gaussian_scratch(): usize {
  return STREAM + (SAMPLES << 3);
}

/**
 * Two lanes of pairs: radii at z become samples at z and z + 128, rounded to integers, as magic numbers. The angle is an octant fraction
 * f in (-1/8, 1/8), the middle of one of 2^46 steps, a bit to swap sine and cosine, and a bit for the sign of the larger.
 */
// @ts-ignore: decorator
@inline
function pair_body<T>(angle: usize, fine: usize, z: usize): void {
  const word = d.bits_ld_u32<T>(angle);
  const swap = d.bits_sub<T>(d.splat<T>(0), d.bits_and<T>(word, 1)); // bit 0, spread: 0 or -1
  const sign = d.bits_and<T>(d.bits_shl<T>(word, 62), 0x8000000000000000); // bit 1
  const coarse = d.ld_i32_and<T>(angle, ~3); // bits 2..31, signed, times 4
  const middle = d.mul_add<T>(d.ld_u16<T>(fine), d.splat<T>(3.552713678800501e-15), d.splat<T>(1.7763568394002505e-15)); // (fine + 1/2) 2^-48
  const f = d.mul_add<T>(coarse, d.splat<T>(5.820766091346741e-11), middle); // + coarse 2^-34, exactly
  const s = sin_2pi<T>(f), c = d.bits_xor<T>(cos_2pi<T>(f), sign), r = d.ld<T>(z);
  const both = d.bits_mask<T>(d.bits_xor<T>(s, c), swap); // to exchange, or 0
  d.st<T>(z, d.to_magic<T>(d.mul<T>(r, d.bits_xor<T>(c, both))));
  d.st<T>(z + (PAIRS << 3), d.to_magic<T>(d.mul<T>(r, d.bits_xor<T>(s, both))));
}

/** 256 samples of round(scale z), as magic numbers at z, from 28 blocks of random bytes; factor = -2 scale^2. All bytes 0 gives 9.49 scale. */
// @ts-ignore: decorator
@inline
export function chunk(factor: f64, bytes: usize, z: usize): void {
  // Two loops: each chain is long, and short bodies let the processor overlap more of them.
  if (ASC_FEATURE_SIMD) {
    for (let p: usize = 0; p < PAIRS; p += 2) d.st<v128>(z + (p << 3), radius<v128>(factor, bytes + (p << 2), bytes + HIGH + (p << 2)));
    for (let p: usize = 0; p < PAIRS; p += 2) pair_body<v128>(bytes + ANGLE + (p << 2), bytes + FINE + (p << 1), z + (p << 3));
  } else {
    for (let p: usize = 0; p < PAIRS; p++) d.st<f64>(z + (p << 3), radius<f64>(factor, bytes + (p << 2), bytes + HIGH + (p << 2)));
    for (let p: usize = 0; p < PAIRS; p++) pair_body<f64>(bytes + ANGLE + (p << 2), bytes + FINE + (p << 1), z + (p << 3));
  }
}

/**
 * acc_i <- acc_i + round(scale z_i), z_i standard normal, ties to even.
 *
 * n  elements    scale  sigma / unit, in (0, 2^20]: |round(scale z)| < 2^24    counter, key, nonce as in chacha20_u8    acc: n x i64    scratch
 * z_i depends on (key, nonce, counter, i) only, not on n. Uses 28 ceil(n/256) blocks. Numerics: same bits in every build.
 * Source: Box and Muller 1958; docs/derivations/grid_gaussian.md.
 */
export function grid_gaussian_i64(n: usize, scale: f64, counter: u32, key: usize, nonce: usize, acc: usize, scratch: usize): void {
  const z = scratch + STREAM;
  for (let base: usize = 0; base < n; base += SAMPLES, counter += <u32>BLOCKS) {
    chacha20_u8(BLOCKS, counter, key, nonce, scratch);
    chunk(-2.0 * scale * scale, scratch, z);
    const m = min<usize>(SAMPLES, n - base), p = acc + (base << 3);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) d.add_magic_i64<v128>(p + (i << 3), d.ld<v128>(z + (i << 3)));
    for (; i < m; i++) d.add_magic_i64<f64>(p + (i << 3), d.ld<f64>(z + (i << 3)));
  }
}

// @ts-ignore: decorator
@inline
function add_i32_body<T>(z: usize, k: usize): void {
  d.st_magic_i32<T>(k, d.add<T>(d.ld<T>(z), d.ld_i32<T>(k)));
}
/** k_i <- k_i + round(scale z_i): as grid_gaussian_i64, the same noise. k: n x i32, |k_i| < 2^31 - 2^24. */
export function grid_gaussian_i32(n: usize, scale: f64, counter: u32, key: usize, nonce: usize, k: usize, scratch: usize): void {
  const z = scratch + STREAM;
  for (let base: usize = 0; base < n; base += SAMPLES, counter += <u32>BLOCKS) {
    chacha20_u8(BLOCKS, counter, key, nonce, scratch);
    chunk(-2.0 * scale * scale, scratch, z);
    const m = min<usize>(SAMPLES, n - base), p = k + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) add_i32_body<v128>(z + (i << 3), p + (i << 2));
    for (; i < m; i++) add_i32_body<f64>(z + (i << 3), p + (i << 2));
  }
}

// @ts-ignore: decorator
@inline
function add_f32_body<T>(unit: f64, divisor: f64, z: usize, x: usize, y: usize): void {
  const k = d.from_magic<T>(on_grid<T>(1.0 / unit, x));
  const sum = d.add<T>(k, d.from_magic<T>(d.ld<T>(z))); // integers, exactly
  d.st_f32<T>(y, d.div<T>(d.mul<T>(sum, d.splat<T>(unit)), d.splat<T>(divisor)));
}
/**
 * y_i <- f32(unit (round(x_i / unit) + round(scale z_i)) / divisor): as grid_gaussian_i64, the same noise, on a sum made in f32.
 *
 * n, scale, counter, key, nonce, scratch as there    unit  a power of two, |x_i / unit| < 2^50    divisor > 0    x: n x f32    y: n x f32, may be x
 * One quotient rounded to f64 and then to f32. NaN and Inf propagate. Numerics: same bits in every build.
 */
export function grid_gaussian_f32(
  n: usize, unit: f64, scale: f64, divisor: f64, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize,
): void {
  const z = scratch + STREAM;
  for (let base: usize = 0; base < n; base += SAMPLES, counter += <u32>BLOCKS) {
    chacha20_u8(BLOCKS, counter, key, nonce, scratch);
    chunk(-2.0 * scale * scale, scratch, z);
    const m = min<usize>(SAMPLES, n - base), xb = x + (base << 2), yb = y + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) add_f32_body<v128>(unit, divisor, z + (i << 3), xb + (i << 2), yb + (i << 2));
    for (; i < m; i++) add_f32_body<f64>(unit, divisor, z + (i << 3), xb + (i << 2), yb + (i << 2));
  }
}

/** One pass element: k = round(factor x); the level of k + noise, saturated to 0..255, at q. Returns k^2. */
// @ts-ignore: decorator
@inline
function level_body<T>(factor: f64, slope: f64, z: usize, x: usize, q: usize): T {
  const t = on_grid<T>(factor, x);
  const y = d.from_magic<T>(d.add<T>(d.from_magic<T>(t), d.ld<T>(z))); // integers, exactly
  const level = d.mul_add<T>(y, d.splat<T>(slope), d.splat<T>(127.5));
  d.st_magic_u8<T>(q, d.to_magic<T>(d.pmin<T>(d.pmax<T>(level, d.splat<T>(0)), d.splat<T>(255.0))));
  return d.square_magic<T>(t);
}

/**
 * q_i <- the nearest of 256 levels between -limit and limit of unit (k_i + round(scale z_i)), k = clip_grid_f32_i32(x): what leaves a device,
 * in two passes over x: norm, then everything. Values beyond the limit take the last level. Returns |x|.
 *
 * n, c, unit, bound as in clip_grid_f32_i32    scale, counter, key, nonce as in grid_gaussian_i64    limit > 0    x: n x f32    q: n bytes, disjoint
 * The format is that of quantize_f32_u8 with 8 bits, lo = -limit, hi = limit. The noise is drawn before the levels, so quantizing is post-processing.
 * Edges as in clip_grid_f32_i32: a non-finite |x| is returned, nothing is written or drawn. Numerics: same bits in every build.
 */
export function release_grid_f32_u8(
  n: usize, c: f64, unit: f64, bound: f64, scale: f64, limit: f64, counter: u32, key: usize, nonce: usize, x: usize, q: usize, scratch: usize,
): f64 {
  const norm = f64.sqrt(squared_norm_f32(n, x));
  if (!(norm < Infinity)) return norm;
  const slope = unit * 127.5 / limit;
  let factor = grid_factor(norm, c, unit);
  // Where the integers pass the bound, a smaller vector takes the place of the first with the same noise; only the last one leaves.
  for (let step = STEP; levels(n, factor, slope, scale, counter, key, nonce, x, q, scratch) > <u64>bound; step += step) factor *= 1.0 - step;
  return norm;
}

/** The second pass: levels at q. Returns the sum of k_i^2, exactly. */
function levels(n: usize, factor: f64, slope: f64, scale: f64, counter: u32, key: usize, nonce: usize, x: usize, q: usize, scratch: usize): u64 {
  const z = scratch + STREAM;
  let total: u64 = 0;
  for (let base: usize = 0; base < n; base += SAMPLES, counter += <u32>BLOCKS) {
    chacha20_u8(BLOCKS, counter, key, nonce, scratch);
    chunk(-2.0 * scale * scale, scratch, z);
    const m = min<usize>(SAMPLES, n - base), xb = x + (base << 2), qb = q + base;
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) {
      let sum = d.splat<v128>(0);
      for (const e = m & ~1; i < e; i += 2) sum = d.bits_sum<v128>(sum, level_body<v128>(factor, slope, z + (i << 3), xb + (i << 2), qb + i));
      total += d.bits_lane_sum<v128>(sum);
    }
    for (; i < m; i++) total += d.bits_lane_sum<f64>(level_body<f64>(factor, slope, z + (i << 3), xb + (i << 2), qb + i));
  }
  return total;
}
