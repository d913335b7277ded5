// Poisson sampling: every index enters by its own coin.
import { chacha20_u8 } from "./chacha";

const BLOCKS: usize = 16;
const DRAWS: usize = 128; // 8 bytes each
/** Bytes of scratch for poisson_sample_u32. */
export function poisson_sample_scratch_u32(): usize {
  return BLOCKS << 6;
}

/**
 * rows <- the indices i in [0, n) that were drawn, rising. Returns how many; 0 is a sample like any other.
 * Index i enters when word i of the key stream, 64 bits little-endian, is below floor(2^64 rate): independently, with exactly that probability / 2^64.
 *
 * n < 2^32    0 <= rate <= 1; 1 takes all, below 2^-64 none    counter, key, nonce as in chacha20_u8; uses ceil(n/8) blocks whatever the rate
 * rows: room for n x u32; what lies beyond the count is unspecified    scratch
 * Numerics: 2^64 rate is exact (a power of two), the rest is integer: the same indices in every build.
 * Source: Mironov et al. 2019 (arXiv:1908.10530), section 3: the sampled Gaussian mechanism.
 */
export function poisson_sample_u32(n: usize, rate: f64, counter: u32, key: usize, nonce: usize, rows: usize, scratch: usize): usize {
  const all = rate >= 1; // 2^64 is no u64
  const threshold = all ? 0 : <u64>(rate * 18446744073709551616.0);
  let count: usize = 0;
  for (let base: usize = 0; base < n; base += DRAWS, counter += <u32>BLOCKS) {
    const m = min<usize>(DRAWS, n - base);
    chacha20_u8((m + 7) >> 3, counter, key, nonce, scratch);
    for (let i: usize = 0; i < m; i++) {
      // Stored always, kept by the count: no branch to mispredict. count <= base + i, so there is room.
      store<u32>(rows + (count << 2), <u32>(base + i));
      count += <usize>(all || load<u64>(scratch + (i << 3)) < threshold);
    }
  }
  return count;
}
