// Local differential privacy: answers that are true with a probability that is an exact multiple of 2^-64.
import { chacha20_u8 } from "../random/chacha";

const BLOCKS: usize = 16;
const DRAWS: usize = 128; // 8 bytes each

/** Bytes of scratch for randomise_u32 and unary_u32_u8. */
export function randomise_scratch_u32(): usize {
  return BLOCKS << 6;
}

/**
 * y_i <- x_i, or one of the other k - 1 categories with probability a 2^-64 each: by the 64-bit word w_i of the key stream, category number
 * floor(w / a) of the others where w < (k - 1) a, else the truth.
 *
 * n  elements    k >= 2    0 < (k - 1) a < 2^64    counter, key, nonce as in chacha20_u8: ceil(n/8) blocks    x: n x u32, below k    y: n x u32, may be x    scratch
 * Numerics: integer, the same answers in every build; where the truth is left a division is made, which takes time.
 * Source: Warner 1965 (k = 2); Kairouz, Bonawitz, Ramage 2016 (arXiv:1602.07387): k-ary randomised response.
 */
export function randomise_u32(n: usize, k: u32, a: u64, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize): void {
  const others = <u64>(k - 1) * a;
  for (let base: usize = 0; base < n; base += DRAWS, counter += <u32>BLOCKS) {
    const m = min<usize>(DRAWS, n - base);
    chacha20_u8((m + 7) >> 3, counter, key, nonce, scratch);
    for (let i: usize = 0; i < m; i++) {
      const w = load<u64>(scratch + (i << 3));
      let v = load<u32>(x + ((base + i) << 2));
      if (w < others) {
        const c = <u32>(w / a);
        v = c + <u32>(c >= v);
      }
      store<u32>(y + ((base + i) << 2), v);
    }
  }
}

/**
 * y_(i,c) <- 1 with probability p 2^-64 where c = x_i, q 2^-64 elsewhere, else 0: word k i + c of the key stream, 64 bits, is below p or q.
 * n  elements    k  categories    counter, key, nonce as in chacha20_u8: ceil(n k/8) blocks    x: n x u32    y: n k bytes, disjoint    scratch
 * Source: Erlingsson, Pihur, Korolova 2014 (arXiv:1407.6981); Wang et al. 2017 (USENIX Security), optimised unary encoding.
 */
export function unary_u32_u8(n: usize, k: u32, p: u64, q: u64, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize): void {
  let at: usize = DRAWS << 3, c: u32 = 0, left = n * <usize>k;
  for (; left > 0; left--, at += 8, y++) {
    if (at == DRAWS << 3) {
      chacha20_u8((min<usize>(left, DRAWS) + 7) >> 3, counter, key, nonce, scratch);
      counter += <u32>BLOCKS;
      at = 0;
    }
    store<u8>(y, <u8>(load<u64>(scratch + at) < (c == load<u32>(x) ? p : q)));
    if (++c == k) {
      c = 0;
      x += 4;
    }
  }
}

/** counts_c <- how many x_i are c. Returns how many are k or more: they are not counted. n elements; x: n x u32; counts: k x u32, disjoint. */
export function count_u32(n: usize, k: u32, x: usize, counts: usize): usize {
  memory.fill(counts, 0, <usize>k << 2);
  let strange: usize = 0;
  for (let i: usize = 0; i < n; i++) {
    const v = load<u32>(x + (i << 2));
    if (v < k) {
      const p = counts + (<usize>v << 2);
      store<u32>(p, load<u32>(p) + 1);
    } else strange++;
  }
  return strange;
}

/** counts_c <- how many y_(i,c) are 1. Returns how many bytes are neither 0 nor 1: they are not counted. n rows of k bytes; counts: k x u32, disjoint. */
export function count_columns_u8(n: usize, k: u32, y: usize, counts: usize): usize {
  memory.fill(counts, 0, <usize>k << 2);
  let strange: usize = 0;
  for (let i: usize = 0; i < n; i++) {
    for (let p = counts, e = counts + (<usize>k << 2); p < e; p += 4, y++) {
      const v = <u32>load<u8>(y);
      strange += <usize>(v > 1);
      store<u32>(p, load<u32>(p) + <u32>(v == 1));
    }
  }
  return strange;
}
