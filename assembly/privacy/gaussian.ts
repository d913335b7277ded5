// Gaussian noise from the ChaCha20 key stream by the Box-Muller transform, in f64 without library maths.
// Plain floating-point noise for research: statistically right, not hardened against attacks on its low bits (Mironov 2012); see grid_gaussian.ts.
import * as d from "../lanes/f64";
import { cos_2pi, log, sin_2pi } from "../lanes/math";
import { chacha20_u8 } from "../random/chacha";

// A chunk: 12 blocks of key stream make 128 samples. Pair p takes words p (low) and 64 + p (high) for its tail variable and
// word 128 + p for its angle, and gives samples p and 64 + p of the chunk.
const BLOCKS: usize = 12;
const PAIRS: usize = 64;
const SAMPLES: usize = 128;
const STREAM: usize = BLOCKS << 6;

/** Bytes of scratch: one chunk of key stream and one of samples. Wipe it after use. */
export function gaussian_scratch_f32(): usize {
  return STREAM + (SAMPLES << 3);
}

/** s sqrt(-2 ln u), given factor = -2 s^2, for the tail variable u = (64-bit word + 1/2) 2^-64 in (0, 1] of words at low and high: up to 9.49 s. */
// @ts-ignore: decorator
@inline
export function radius<T>(factor: f64, low: usize, high: usize): T {
  const half = d.add<T>(d.ld_u32<T>(low), d.splat<T>(0.5));
  const u = d.mul<T>(d.mul_add<T>(d.ld_u32<T>(high), d.splat<T>(4294967296.0), half), d.splat<T>(5.421010862427522e-20));
  return d.sqrt<T>(d.mul<T>(d.splat<T>(factor), log<T>(u)));
}
// @ts-ignore: decorator
@inline
function radius_body<T>(tail: usize, r: usize): void {
  d.st<T>(r, radius<T>(-2.0, tail, tail + 256));
}

/**
 * Two lanes of pairs: their radii at z become samples at z and z + 64. The angle is an octant fraction f in [-1/8, 1/8) of 30 bits,
 * one bit to swap sine and cosine, one bit for the sign of the larger.
 */
// @ts-ignore: decorator
@inline
function pair_body<T>(angle: usize, z: usize): void {
  const k = d.ld_i32<T>(angle);
  const word = d.add<T>(k, d.splat<T>(6755399441055744.0)); // + 1.5 * 2^52: the low bits hold the word
  const swap = d.bits_sub<T>(d.splat<T>(0), d.bits_and<T>(word, 1)); // bit 0, spread: 0 or -1
  const sign = d.bits_and<T>(d.bits_shl<T>(word, 62), 0x8000000000000000); // bit 1
  // bits 2..31 as a signed fraction: floor(k / 4) + 1/2 in [-2^29, 2^29), times 2^-32
  const f = d.mul<T>(d.add<T>(d.floor<T>(d.mul<T>(k, d.splat<T>(0.25))), d.splat<T>(0.5)), d.splat<T>(2.3283064365386963e-10));
  const s = sin_2pi<T>(f), c = d.bits_xor<T>(cos_2pi<T>(f), sign), r = d.ld<T>(z);
  d.st<T>(z, d.mul<T>(r, d.bits_select<T>(s, c, swap)));
  d.st<T>(z + (PAIRS << 3), d.mul<T>(r, d.bits_select<T>(c, s, swap)));
}

// @ts-ignore: decorator
@inline
function add_body<T>(sigma: f64, z: usize, x: usize, y: usize): void {
  d.st_f32<T>(y, d.mul_add<T>(d.splat<T>(sigma), d.ld<T>(z), d.ld_f32<T>(x)));
}

/**
 * y_i <- x_i + sigma z_i, z_i standard normal; sum in f64, one rounding to f32.
 *
 * n  elements    sigma >= 0 finite    counter, key, nonce as in chacha20_u8    x: n x f32    y: n x f32, may be x    scratch
 * z_i depends on (key, nonce, counter, i) only, not on n. sigma 0 copies x bit for bit. Uses 12 ceil(n/128) blocks. NaN and Inf in x propagate.
 * Numerics: same bits in every build. Source: Box and Muller 1958.
 */
export function gaussian_f32(n: usize, sigma: f64, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize): void {
  if (sigma == 0) {
    memory.copy(y, x, n << 2); // -0 + 0 would be +0
    return;
  }
  const z = scratch + STREAM;
  for (let base: usize = 0; base < n; base += SAMPLES, counter += <u32>BLOCKS) {
    chacha20_u8(BLOCKS, counter, key, nonce, scratch);
    // Two loops: each chain is long, and short bodies let the processor overlap more of them (2.13 to 1.96 ms for 199,210 samples).
    if (ASC_FEATURE_SIMD) {
      for (let p: usize = 0; p < PAIRS; p += 2) radius_body<v128>(scratch + (p << 2), z + (p << 3));
      for (let p: usize = 0; p < PAIRS; p += 2) pair_body<v128>(scratch + 512 + (p << 2), z + (p << 3));
    } else {
      for (let p: usize = 0; p < PAIRS; p++) radius_body<f64>(scratch + (p << 2), z + (p << 3));
      for (let p: usize = 0; p < PAIRS; p++) pair_body<f64>(scratch + 512 + (p << 2), z + (p << 3));
    }
    const m = min<usize>(SAMPLES, n - base);
    const xb = x + (base << 2), yb = y + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) add_body<v128>(sigma, z + (i << 3), xb + (i << 2), yb + (i << 2));
    for (; i < m; i++) add_body<f64>(sigma, z + (i << 3), xb + (i << 2), yb + (i << 2));
  }
}
