// Uniform numbers from the ChaCha20 stream.
import * as d from "../lanes/f64";
import { chacha20_u8 } from "./chacha";

const BLOCKS: usize = 16; // 1 KiB of stream at a time
/** Bytes of scratch for uniform_f32 and permutation_u32. */
export function uniform_scratch_f32(): usize {
  return BLOCKS << 6;
}

// @ts-ignore: decorator
@inline
function uniform_body<T>(lo: f64, width: f64, u: usize, x: usize): void {
  // The top 24 bits, so that [0, 1) is exact in f32 and 1 never appears.
  const r = d.mul<T>(d.floor<T>(d.mul<T>(d.ld_u32<T>(u), d.splat<T>(0.00390625))), d.splat<T>(5.960464477539063e-8));
  d.st_f32<T>(x, d.mul_add<T>(r, d.splat<T>(width), d.splat<T>(lo)));
}
/**
 * x_i <- lo + (hi - lo) k 2^-24 with k the top 24 bits of word i of the key stream. x: n x f32.
 * Uses ceil(n/16) blocks from counter. For lo = 0, hi = 1 all values are exact and below 1; elsewhere rounding may give hi.
 */
export function uniform_f32(n: usize, lo: f64, hi: f64, counter: u32, key: usize, nonce: usize, x: usize, scratch: usize): void {
  for (let base: usize = 0; base < n; base += BLOCKS << 4) {
    const m = min<usize>(BLOCKS << 4, n - base);
    chacha20_u8((m + 15) >> 4, counter + <u32>(base >> 4), key, nonce, scratch);
    const p = x + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~1; i < e; i += 2) uniform_body<v128>(lo, hi - lo, scratch + (i << 2), p + (i << 2));
    for (; i < m; i++) uniform_body<f64>(lo, hi - lo, scratch + (i << 2), p + (i << 2));
  }
}
