// A uniformly random order, for shuffling examples.
import { chacha20_u8 } from "./chacha";

const BLOCKS: usize = 16;
/** Bytes of scratch for shuffle_u32. */
export function shuffle_scratch_u32(): usize {
  return BLOCKS << 6;
}

/**
 * Shuffles x in place (Fisher-Yates from the end; every order equally likely). Returns the number of key stream blocks used.
 * Bounded draws by multiplication with rejection, so no order is favoured. n elements; x: n x u32.
 * Source: Durstenfeld 1964 (CACM algorithm 235); Lemire 2019 (arXiv:1805.10941), algorithm 5.
 */
export function shuffle_u32(n: usize, counter: u32, key: usize, nonce: usize, x: usize, scratch: usize): u32 {
  let used: u32 = 0;
  let at: usize = BLOCKS << 6;
  for (let i = n; i > 1; i--) {
    const range = <u32>i;
    const threshold: u32 = (0 - range) % range;
    let product: u64;
    do {
      if (at == BLOCKS << 6) {
        chacha20_u8(BLOCKS, counter + used, key, nonce, scratch);
        used += <u32>BLOCKS;
        at = 0;
      }
      product = <u64>load<u32>(scratch + at) * <u64>range;
      at += 4;
    } while (<u32>product < threshold);
    const a = x + ((i - 1) << 2), b = x + (<usize>(product >> 32) << 2);
    const t = load<u32>(a);
    store<u32>(a, load<u32>(b));
    store<u32>(b, t);
  }
  return used;
}
