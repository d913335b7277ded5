// Dropout from the ChaCha20 stream. The mask is a function of (key, nonce, counter): the backward pass draws it again, nothing is stored.
import { keep_words, ld, mul, splat, st } from "../lanes/f32";
import { chacha20_u8 } from "../random/chacha";

const BLOCKS: usize = 16; // 1 KiB of stream at a time
/** Bytes of scratch: key stream. Wipe it after use. */
export function dropout_scratch_f32(): usize {
  return BLOCKS << 6;
}

// @ts-ignore: decorator
@inline
function dropout_body<T>(threshold: u32, scale: f32, words: usize, x: usize, y: usize): void {
  st<T>(y, keep_words<T>(words, threshold, mul<T>(splat<T>(scale), ld<T>(x))));
}
/**
 * y_i <- x_i / (1 - rate) where word i of the key stream is at least rate 2^32, else +0. Applied to dy with the same counter it is its own gradient.
 *
 * n  elements    0 <= rate < 1    counter, key, nonce as in chacha20_u8    x, y: n x f32, y may be x    scratch
 * The threshold is t = rate 2^32 rounded, at most 2^32 - 1, and the factor 2^32 / (2^32 - t): unbiased for every rate, but for the two roundings
 * to f32. y_i depends on x_i and (key, nonce, counter, i) only, not on n. Uses ceil(n/16) blocks. A dropped NaN gives 0, a kept one stays.
 * Numerics: same bits in every build. Source: Srivastava et al. 2014 (JMLR 15), scaled while training as in Keras.
 */
export function dropout_f32(n: usize, rate: f64, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize): void {
  const t = min<f64>(nearest<f64>(rate * 4294967296.0), 4294967295.0);
  const threshold = <u32>t, scale = <f32>(4294967296.0 / (4294967296.0 - t));
  for (let base: usize = 0; base < n; base += BLOCKS << 4) {
    const m = min<usize>(BLOCKS << 4, n - base);
    chacha20_u8((m + 15) >> 4, counter + <u32>(base >> 4), key, nonce, scratch);
    const p = x + (base << 2), q = y + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~3; i < e; i += 4) dropout_body<v128>(threshold, scale, scratch + (i << 2), p + (i << 2), q + (i << 2));
    for (; i < m; i++) dropout_body<f32>(threshold, scale, scratch + (i << 2), p + (i << 2), q + (i << 2));
  }
}
