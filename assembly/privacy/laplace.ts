// Laplace noise from the ChaCha20 key stream by inversion, in f64 without library maths.
// Plain floating-point noise for research: statistically right, not hardened against attacks on its low bits (Mironov 2012).
import * as d from "../lanes/f64";
import { log } from "../lanes/math";
import { chacha20_u8 } from "../random/chacha";

// A chunk: 16 blocks of key stream make 128 samples; sample i takes words i (low) and 128 + i (high).
const BLOCKS: usize = 16;
const SAMPLES: usize = 128;
const HIGH: usize = SAMPLES << 2;

/** Bytes of scratch: one chunk of key stream. Wipe it after use. */
export function laplace_scratch_f32(): usize {
  return BLOCKS << 6;
}

/** y <- x + scale l: bit 0 of the low word is the sign, u = (the other 63 bits + 1/2) 2^-63 in (0, 1], |l| = -ln u. */
// @ts-ignore: decorator
@inline
function add_body<T>(scale: f64, words: usize, x: usize, y: usize): void {
  const low = d.ld_u32<T>(words);
  const half = d.add<T>(d.floor<T>(d.mul<T>(low, d.splat<T>(0.5))), d.splat<T>(0.5));
  const u = d.mul<T>(d.mul_add<T>(d.ld_u32<T>(words + HIGH), d.splat<T>(2147483648.0), half), d.splat<T>(1.0842021724855044e-19));
  const sign = d.bits_shl<T>(d.to_magic<T>(low), 63);
  d.st_f32<T>(y, d.mul_add<T>(d.splat<T>(-scale), d.bits_xor<T>(log<T>(u), sign), d.ld_f32<T>(x)));
}

/**
 * y_i <- x_i + scale l_i, l_i of density e^-|l| / 2; sum in f64, one rounding to f32.
 *
 * n  elements    scale >= 0 finite    counter, key, nonce as in chacha20_u8    x: n x f32    y: n x f32, may be x    scratch
 * |l_i| <= 44.4. l_i depends on (key, nonce, counter, i) only, not on n. scale 0 copies x bit for bit. Uses 16 ceil(n/128) blocks. NaN and Inf in x propagate.
 * Numerics: same bits in every build. Source: Dwork, McSherry, Nissim and Smith 2006 (TCC), example 1; Devroye 1986, section II.2.
 */
export function laplace_f32(n: usize, scale: f64, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize): void {
  if (scale == 0) {
    memory.copy(y, x, n << 2); // -0 + 0 would be +0
    return;
  }
  for (let base: usize = 0; base < n; base += SAMPLES, counter += <u32>BLOCKS) {
    chacha20_u8(BLOCKS, counter, key, nonce, scratch);
    const m = min<usize>(SAMPLES, n - base), xb = x + (base << 2), yb = y + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) add_body<v128>(scale, scratch + (i << 2), xb + (i << 2), yb + (i << 2));
    for (; i < m; i++) add_body<f64>(scale, scratch + (i << 2), xb + (i << 2), yb + (i << 2));
  }
}
