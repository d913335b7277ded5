// Exact samples of symmetric laws on the integers, from a table of thresholds and rejection by exact coins. Integers only.
// docs/derivations/discrete_gaussian.md proves that the samples have the law and says how the table is made.
import { chacha20_u8 } from "./chacha";

// The reader of the key stream: a record at the start of scratch, then the stream.
const AT: usize = 0; // address of the next word
const END: usize = 4; // end of the words at hand
const COUNTER: usize = 8; // next block
const LEFT: usize = 12; // blocks that may still be taken
const KEY: usize = 16;
const NONCE: usize = 20;
const DRY: usize = 24; // 1 when a word was asked for and no block was left
const TAKEN: usize = 28; // blocks taken
const UNDECIDED: usize = 32; // the 63 bits that lie on a threshold
const RECORD: usize = 64;
const BLOCKS: u32 = 16;

/** Bytes of scratch for discrete_i32. After a call: u32 at 24: 1 if the blocks ran out; u32 at 28: blocks taken; u64 at 32: the undecided bits. */
export function discrete_scratch_i32(): usize {
  return RECORD + (<usize>BLOCKS << 6);
}

/** The next 64 bits. When the blocks have run out: 0, and the reader says so. */
function next(reader: usize): u64 {
  let at = load<usize>(reader, AT);
  if (at == load<usize>(reader, END)) at = refill(reader);
  store<usize>(reader, at + 8, AT);
  return load<u64>(at);
}
function refill(reader: usize): usize {
  const stream = reader + RECORD;
  const blocks = min<u32>(BLOCKS, load<u32>(reader, LEFT));
  if (blocks == 0) {
    store<u32>(reader, 1, DRY);
    store<u64>(stream, 0);
    store<usize>(reader, stream + 8, END);
    return stream;
  }
  const counter = load<u32>(reader, COUNTER);
  chacha20_u8(blocks, counter, load<usize>(reader, KEY), load<usize>(reader, NONCE), stream);
  store<u32>(reader, counter + blocks, COUNTER);
  store<u32>(reader, load<u32>(reader, LEFT) - blocks, LEFT);
  store<u32>(reader, load<u32>(reader, TAKEN) + blocks, TAKEN);
  store<usize>(reader, stream + (<usize>blocks << 6), END);
  return stream;
}

/**
 * True with probability p / q exactly, 0 <= p < q < 2^55: compares a uniform number, 8 bits at a time, with the digits of p / q.
 * The first 8 bits are the low ones of `word`.
 */
function coin(reader: usize, p: u64, q: u64, word: u64): bool {
  let digit = (word & 255) * q, target = p << 8;
  while (digit < target && target < digit + q) {
    p = target - digit;
    digit = (next(reader) & 255) * q;
    target = p << 8;
  }
  return digit < target;
}

/**
 * True with probability exp(-p / q) exactly, 0 <= p < q: the first k >= 1 whose coin of p / (q k) fails is odd.
 * Source: Canonne, Kamath, Steinke 2020 (arXiv:2004.00010), algorithm 1.
 */
function coin_exp(reader: usize, p: u64, q: u64, word: u64): bool {
  let k: u64 = 1;
  while (coin(reader, p, q, word) && (k == 1 || coin(reader, 1, k, next(reader))) && !load<u32>(reader, DRY)) {
    word = next(reader);
    k++;
  }
  return <bool>(k & 1);
}

/** The body of discrete_i32 with a reader set up: the specs give it words of their own. */
export function draw(n: usize, cell: i32, shift: u32, law: usize, y: usize, reader: usize): usize {
  const q = load<u64>(law), a = load<u64>(law, 8), b = load<u64>(law, 16), c = load<u64>(law, 24);
  const guide = law + 32, thresholds = law + 8224;
  for (let i: usize = 0; i < n; ) {
    const word = next(reader);
    let j = <usize>cell;
    if (cell < 0) {
      const u = word >> 1;
      j = load<u16>(guide + (<usize>(u >> 51) << 1));
      while (u >= load<u64>(thresholds + (j << 3), 8)) j++;
      if (j > 0 && u == load<u64>(thresholds + (j << 3))) {
        store<u64>(reader, u, UNDECIDED);
        return i;
      }
    }
    cell = -1;
    const negative = <u32>(word & 1);
    let m = <u32>j << shift;
    if (shift > 0) {
      const offset = next(reader);
      const r = offset >> (64 - shift);
      m += <u32>r;
      // Zero has one sign, every other number two.
      if (m == 0 ? negative : r > 0 && !coin_exp(reader, r * (a * <u64>j + b * r + c), q, offset)) {
        if (load<u32>(reader, DRY)) return i;
        continue;
      }
    }
    if (load<u32>(reader, DRY)) return i;
    const p = y + (i << 2);
    store<u32>(p, load<u32>(p) + ((m ^ (0 - negative)) + negative));
    i++;
  }
  return n;
}

/**
 * y_i <- y_i + a sample of the law, modulo 2^32. Returns how many are done: fewer than n where the blocks ran out, or where the bits drawn for the
 * next sample begin like a threshold and the host has to look at more of them (probability below 2^-48 a sample); it then calls again with the cell.
 *
 * n  samples    blocks  that may be taken    cell  of the first sample, -1 to draw it    shift  log2 of the width of a cell, <= 30
 * counter, key, nonce as in chacha20_u8    y: n x i32, read and written    scratch
 * law: u64 q, a, b, c; 4096 x u16: the last cell whose threshold is at most k 2^51; u64 thresholds, rising: cell j is drawn by 63 bits u with
 *   t_j <= u < t_(j+1), the first threshold 0 and the last 2^63. A sample of cell j is +-(2^shift j + r), r uniform below 2^shift, kept with
 *   probability exp(-r (a j + b r + c) / q); the quotient must be below 1, q below 2^55.
 * Takes time and blocks that depend on the samples. Numerics: integer, the same bits in every build.
 */
export function discrete_i32(
  n: usize, blocks: u32, cell: i32, shift: u32, counter: u32, key: usize, nonce: usize, law: usize, y: usize, scratch: usize,
): usize {
  store<usize>(scratch, scratch + RECORD, AT);
  store<usize>(scratch, scratch + RECORD, END);
  store<u32>(scratch, counter, COUNTER);
  store<u32>(scratch, blocks, LEFT);
  store<usize>(scratch, key, KEY);
  store<usize>(scratch, nonce, NONCE);
  store<u32>(scratch, 0, DRY);
  store<u32>(scratch, 0, TAKEN);
  return draw(n, cell, shift, law, y, scratch);
}

// @ts-ignore: decorator
@inline
function add_body<T>(x: usize, y: usize): void {
  if (isVector<T>()) v128.store(y, i32x4.add(v128.load(y), v128.load(x)));
  else store<u32>(y, load<u32>(y) + load<u32>(x));
}
/** y <- y + x modulo 2^32. n elements; x, y: n x i32 or u32, y may be x. */
export function add_i32(n: usize, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) add_body<v128>(x + (i << 2), y + (i << 2));
  for (; i < n; i++) add_body<u32>(x + (i << 2), y + (i << 2));
}
