// The fast Walsh-Hadamard transform and random signs: together a random rotation that flattens a vector in n log n.
import { add, ld, lanes, st, sub } from "../lanes/f32";
import { chacha20_u8 } from "../random/chacha";

const BLOCK: usize = 4096; // elements whose levels are done together, within the first cache
const BLOCKS: usize = 16;
const CHUNK: usize = BLOCKS << 9; // signs of a chunk of key stream

/** Bytes of scratch for signs_f32. */
export function signs_scratch_f32(): usize {
  return BLOCKS << 6;
}

/** Levels 1 and 2 of four neighbours: (a+b)+(c+d), (a-b)+(c-d), (a+b)-(c+d), (a-b)-(c-d). */
// @ts-ignore: decorator
@inline
function first_body<T>(p: usize): void {
  if (isVector<T>()) {
    const v = v128.load(p);
    const w = f32x4.add(v128.xor(v, i32x4(0, 0x80000000, 0, 0x80000000)), v128.shuffle<i32>(v, v, 1, 0, 3, 2));
    v128.store(p, f32x4.add(v128.xor(w, i32x4(0, 0, 0x80000000, 0x80000000)), v128.shuffle<i32>(w, w, 2, 3, 0, 1)));
  } else {
    const a = load<f32>(p), b = load<f32>(p, 4), c = load<f32>(p, 8), d = load<f32>(p, 12);
    store<f32>(p, a + b + (c + d));
    store<f32>(p, a - b + (c - d), 4);
    store<f32>(p, a + b - (c + d), 8);
    store<f32>(p, a - b - (c - d), 12);
  }
}
/** Two levels of the rows at p, p + h, p + 2h, p + 3h; h in bytes. */
// @ts-ignore: decorator
@inline
function quad_body<T>(p: usize, h: usize): void {
  const q = p + (h << 1);
  const a = ld<T>(p), b = ld<T>(p + h), c = ld<T>(q), d = ld<T>(q + h);
  const s = add<T>(a, b), t = sub<T>(a, b), u = add<T>(c, d), v = sub<T>(c, d);
  st<T>(p, add<T>(s, u));
  st<T>(p + h, add<T>(t, v));
  st<T>(q, sub<T>(s, u));
  st<T>(q + h, sub<T>(t, v));
}
// @ts-ignore: decorator
@inline
function pair_body<T>(p: usize, h: usize): void {
  const a = ld<T>(p), b = ld<T>(p + h);
  st<T>(p, add<T>(a, b));
  st<T>(p + h, sub<T>(a, b));
}

/** The levels of distance h, 2h, ... below n: two at a time. n, h >= 4 powers of two. */
// @ts-ignore: decorator
@inline
function levels_body<T>(n: usize, h: usize, x: usize): void {
  const end = x + (n << 2);
  for (; h << 2 <= n; h <<= 2) {
    for (let p = x; p < end; p += h << 4) for (let q = p; q < p + (h << 2); q += lanes<T>() << 2) quad_body<T>(q, h << 2);
  }
  if (h < n) for (let p = x; p < end; p += h << 3) for (let q = p; q < p + (h << 2); q += lanes<T>() << 2) pair_body<T>(q, h << 2);
}
function levels(n: usize, h: usize, x: usize): void {
  if (ASC_FEATURE_SIMD) levels_body<v128>(n, h, x);
  else levels_body<f32>(n, h, x);
}

/**
 * x <- H x, H_ij = (-1)^(bits in common of i and j): n log2 n additions, no factor (the orthonormal transform is H / sqrt n, its own inverse).
 *
 * n  elements, a power of two; 0 and 1 leave x    x: n x f32, read and written
 * Numerics: every element is the same tree of sums in every build: same bits. NaN and Inf propagate; |H x| <= n max|x| must be finite.
 * Source: Fino and Algazi 1976 (IEEE Trans. Comput. C-25).
 */
export function hadamard_f32(n: usize, x: usize): void {
  if (n < 4) {
    if (n == 2) pair_body<f32>(x, 4);
    return;
  }
  const block = min<usize>(n, BLOCK);
  for (let p = x, e = x + (n << 2); p < e; p += block << 2) {
    for (let q = p; q < p + (block << 2); q += 16) {
      if (ASC_FEATURE_SIMD) first_body<v128>(q);
      else first_body<f32>(q);
    }
    levels(block, 4, p);
  }
  levels(n, block, x);
}

/** y_i <- x_i, its sign bit changed where bit i of `bits` is 1; four elements or one. */
// @ts-ignore: decorator
@inline
function sign_body<T>(bits: u32, x: usize, y: usize): void {
  if (isVector<T>()) {
    const flip = v128.and(i32x4.ne(v128.and(i32x4.splat(bits), i32x4(1, 2, 4, 8)), i32x4.splat(0)), i32x4.splat(0x80000000));
    v128.store(y, v128.xor(v128.load(x), flip));
  } else store<u32>(y, load<u32>(x) ^ (bits << 31));
}
/**
 * y_i <- x_i or -x_i, by bit i of the key stream (little-endian; 1 changes the sign). Its own inverse.
 * n  elements    counter, key, nonce as in chacha20_u8: ceil(n/512) blocks    x: n x f32    y: n x f32, may be x    scratch
 */
export function signs_f32(n: usize, counter: u32, key: usize, nonce: usize, x: usize, y: usize, scratch: usize): void {
  for (let base: usize = 0; base < n; base += CHUNK, counter += <u32>BLOCKS) {
    const m = min<usize>(CHUNK, n - base);
    chacha20_u8((m + 511) >> 9, counter, key, nonce, scratch);
    const xb = x + (base << 2), yb = y + (base << 2);
    let i: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = m & ~3; i < e; i += 4) sign_body<v128>(load<u8>(scratch + (i >> 3)) >> <u32>(i & 4), xb + (i << 2), yb + (i << 2));
    for (; i < m; i++) sign_body<f32>(load<u8>(scratch + (i >> 3)) >> <u32>(i & 7), xb + (i << 2), yb + (i << 2));
  }
}
