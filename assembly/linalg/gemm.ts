// C <- alpha op(A) op(B) + beta C, row-major, any m, n, k and leading dimensions.
//
// Numerics: C_ij <- beta C_ij, then for each block of steps p: acc = 0; acc = a_ip b_pj + acc; C_ij = alpha acc + C_ij. The blocks are the fewest
// of at most KC steps, all alike but the last. The chain of an element does not depend on tiles, packing or lanes, so scalar and simd agree bit
// for bit. beta = 0 counts C as +0 without reading it. |error| <= (k + 4) 2^-24 (|alpha| sum |a b| + |beta c|).
//
// Structure (BLIS): blocks of KC x NC of B, as panels of 16 columns (tile.ts). A panel is packed, step after step of 16 floats, where many rows
// of A use it, where B is stored transposed, and at the edge of the matrix; else it is read in place. A transposed A is brought to rows of MC x KC.
import { unroll } from "../lanes/f32";
import * as wide from "../lanes/f64";
import { PANEL, panel } from "./tile";
import { scale_f32 } from "./vector";

const STEP: usize = PANEL << 2; // bytes of a panel's step
const KC: usize = 256; // a panel of KC x 16 floats: 16 KiB, half of a first-level cache
const NC: usize = 256; // KC x NC floats: 256 KiB, inside a second-level cache
const MC: usize = 32; // rows of A a sweep over the panels
const TILE: usize = PANEL << 4; // bytes of 4 rows of a panel

/** Whether m rows of A repay the packing of a B that lies as it is needed. Rows of a multiple of 1 KiB fall on few sets of a cache. */
// @ts-ignore: decorator
@inline
function packing_pays(m: usize, ldb: usize): bool {
  return m >= ((ldb & 255) == 0 ? <usize>10 : 24);
}

/** Steps of a block: k in the fewest blocks of at most KC, all alike but the last. */
// @ts-ignore: decorator
@inline
function block_steps(k: usize): usize {
  const blocks = max<usize>(1, (k + KC - 1) / KC);
  return (k + blocks - 1) / blocks;
}

/** Bytes of scratch that a gemm of any shape and layout needs. */
export function gemm_scratch_f32(): usize {
  return (MC * KC + KC * NC) << 2;
}

/** dst[p][0..15] <- B[p][0..n-1], zeros behind them: one panel of k steps. */
function pack_panel(n: usize, k: usize, b: usize, rsb: usize, dst: usize): void {
  const end = dst + k * STEP;
  if (n == PANEL) {
    for (; dst < end; b += rsb, dst += STEP) {
      for (let u: usize = 0; u < unroll(4); u++) copy_4(4, b + (u << 4), dst + (u << 4));
    }
    return;
  }
  for (let j: usize = 0; j < PANEL; j += 4, b += 16, dst += 16) {
    let from = b, to = dst;
    if (j + 4 <= n) for (; to < end; from += rsb, to += STEP) copy_4(4, from, to);
    else if (j + 3 == n) for (; to < end; from += rsb, to += STEP) copy_4(3, from, to);
    else if (j + 2 == n) for (; to < end; from += rsb, to += STEP) copy_4(2, from, to);
    else if (j + 1 == n) for (; to < end; from += rsb, to += STEP) copy_4(1, from, to);
    else for (; to < end; from += rsb, to += STEP) copy_4(0, from, to);
  }
}
/** Four floats, of which the first n are read and the rest are 0. n is a constant at every call. */
// @ts-ignore: decorator
@inline
function copy_4(n: i32, from: usize, to: usize): void {
  if (ASC_FEATURE_SIMD) {
    let v = n == 4 ? v128.load(from) : n == 1 ? v128.load32_zero(from) : n == 0 ? f32x4.splat(0) : v128.load64_zero(from);
    if (n == 3) v = v128.load32_lane(from + 8, v, 2);
    v128.store(to, v);
  } else {
    store<f32>(to, n > 0 ? load<f32>(from) : 0);
    store<f32>(to, n > 1 ? load<f32>(from, 4) : 0, 4);
    store<f32>(to, n > 2 ? load<f32>(from, 8) : 0, 8);
    store<f32>(to, n > 3 ? load<f32>(from, 12) : 0, 12);
  }
}

/** dst[c][r] <- src[r][c]: rows x cols floats, row strides in bytes, disjoint. For kernels; not part of the ABI. */
export function transpose(rows: usize, cols: usize, src: usize, rss: usize, dst: usize, rsd: usize): void {
  transpose_body(rows, cols, src, rss, dst, rsd);
}
// @ts-ignore: decorator
@inline
function transpose_body(rows: usize, cols: usize, src: usize, rss: usize, dst: usize, rsd: usize): void {
  const whole = cols & ~3;
  for (; rows >= 4; rows -= 4, dst += 16) {
    let s1 = src + rss, s2 = s1 + rss, s3 = s2 + rss, to = dst;
    if (ASC_FEATURE_SIMD) {
      for (const end = src + (whole << 2); src < end; src += 16, s1 += 16, s2 += 16, s3 += 16, to += rsd * 4) {
        const r0 = v128.load(src), r1 = v128.load(s1), r2 = v128.load(s2), r3 = v128.load(s3);
        const x0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), x1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
        const x2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), x3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<f32>(x0, x2, 0, 1, 4, 5));
        v128.store(to + rsd, v128.shuffle<f32>(x0, x2, 2, 3, 6, 7));
        v128.store(to + rsd * 2, v128.shuffle<f32>(x1, x3, 0, 1, 4, 5));
        v128.store(to + rsd * 3, v128.shuffle<f32>(x1, x3, 2, 3, 6, 7));
      }
    }
    for (let c: usize = ASC_FEATURE_SIMD ? whole : 0; c < cols; c++, src += 4, s1 += 4, s2 += 4, s3 += 4, to += rsd) {
      store<f32>(to, load<f32>(src));
      store<f32>(to, load<f32>(s1), 4);
      store<f32>(to, load<f32>(s2), 8);
      store<f32>(to, load<f32>(s3), 12);
    }
    src += rss * 4 - (cols << 2);
  }
  for (; rows > 0; rows--, src += rss, dst += 4) for (let c: usize = 0; c < cols; c++) store<f32>(dst + c * rsd, load<f32>(src + (c << 2)));
}
/** dst[p][0..15] <- B[0..n-1][p], zeros behind them. */
function pack_transposed_panel(n: usize, k: usize, b: usize, rsb: usize, dst: usize): void {
  if (n < PANEL) memory.fill(dst, 0, k * STEP);
  transpose_body(n, k, b, rsb, dst, STEP);
}

/** The panels of n columns and k steps of op(B), one after another at dst; b is the first element. */
function pack(tb: bool, n: usize, k: usize, b: usize, rsb: usize, dst: usize): void {
  for (let j: usize = 0; j < n; j += PANEL, dst += k * STEP) {
    const w = min<usize>(PANEL, n - j);
    if (tb) pack_transposed_panel(w, k, b + j * rsb, rsb, dst);
    else pack_panel(w, k, b + (j << 2), rsb, dst);
  }
}

/** C <- beta C; beta = 0 sets C to 0 without reading it. */
function scale(m: usize, n: usize, beta: f32, c: usize, rsc: usize): void {
  for (const end = c + m * rsc; c < end; c += rsc) {
    if (beta == 0) memory.fill(c, 0, n << 2);
    else scale_f32(n, beta, c, c);
  }
}

/**
 * C <- alpha op(A) op(B) + beta C for k steps, all rows, n columns. a: the first step's column (row if ta); packed: panels, of which the first
 * in_place columns are to be read at b instead.
 */
function block(
  ta: bool, m: usize, n: usize, k: usize, alpha: f32, beta: f32, a: usize, lda: usize,
  b: usize, rsb: usize, in_place: usize, packed: usize, c: usize, rsc: usize, rows: usize,
): void {
  for (let i: usize = 0; i < m; i += MC, c += MC * rsc) {
    const h = min<usize>(MC, m - i);
    let ai = a + ((ta ? i : i * lda) << 2), rsa = lda << 2;
    if (ta) {
      transpose(k, h, ai, rsa, rows, k << 2);
      ai = rows;
      rsa = k << 2;
    }
    if (beta != 1) scale(h, n, beta, c, rsc);
    for (let j: usize = 0; j < n; j += PANEL) {
      if (j < in_place) panel(h, PANEL, k, alpha, ai, rsa, b + (j << 2), rsb, c + (j << 2), rsc);
      else panel(h, min<usize>(PANEL, n - j), k, alpha, ai, rsa, packed + ((j * k) << 2), 0, c + (j << 2), rsc);
    }
  }
}

/** The loops over blocks. A is m x k, stored transposed if ta; B is k x n, stored transposed if tb; leading dimensions in elements. */
function gemm(
  ta: bool, tb: bool, m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, scratch: usize,
): void {
  if (k == 0) scale(m, n, beta, c, ldc << 2);
  const packed = scratch + ((MC * KC) << 2);
  const steps = block_steps(k);
  for (let p: usize = 0; p < k; p += steps) {
    const kc = min<usize>(steps, k - p);
    for (let j: usize = 0; j < n; j += NC) {
      const nc = min<usize>(NC, n - j);
      const in_place: usize = tb || packing_pays(m, ldb) ? 0 : nc & ~(PANEL - 1);
      const bj = b + ((tb ? j * ldb + p : p * ldb + j) << 2);
      pack(tb, nc - in_place, kc, bj + (in_place << 2), ldb << 2, packed + ((in_place * kc) << 2));
      const ap = a + ((ta ? p * lda : p) << 2);
      block(ta, m, nc, kc, alpha, p == 0 ? beta : 1, ap, lda, bj, ldb << 2, in_place, packed, c + (j << 2), ldc << 2, scratch);
    }
  }
}

// Two doors for convolutions, used by other kernels and not part of the ABI: a matrix B that many products share is packed once.

/** Bytes that pack_b writes. */
export function packed_b_bytes(n: usize, k: usize): usize {
  return (k * ((n + PANEL - 1) & ~(PANEL - 1))) << 2;
}
/** Packs op(B), k x n (stored n x k if tb, ldb >= its columns), for gemm_packed. dst: packed_b_bytes(n, k), disjoint. */
export function pack_b(tb: bool, n: usize, k: usize, b: usize, ldb: usize, dst: usize): void {
  const steps = block_steps(k);
  for (let p: usize = 0; p < k; p += steps) {
    const kc = min<usize>(steps, k - p);
    pack(tb, n, kc, b + ((tb ? p : p * ldb) << 2), ldb << 2, dst);
    dst += packed_b_bytes(n, kc);
  }
}
/**
 * C <- alpha op(A) op(B) + beta C, the bits of gemm_f32_*. A: m x k, or k x m if ta; packed: from pack_b of the same n and k;
 * scratch: gemm_scratch_f32().
 */
export function gemm_packed(
  ta: bool, m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, packed: usize, c: usize, ldc: usize, scratch: usize,
): void {
  if (k == 0) scale(m, n, beta, c, ldc << 2);
  const steps = block_steps(k);
  for (let p: usize = 0; p < k; p += steps) {
    const kc = min<usize>(steps, k - p);
    block(ta, m, n, kc, alpha, p == 0 ? beta : 1, a + ((ta ? p * lda : p) << 2), lda, 0, 0, 0, packed, c, ldc << 2, scratch);
    packed += packed_b_bytes(n, kc);
  }
}

/** Bytes of scratch of gemm_squared_norm_f32_tn. */
export function gemm_squared_norm_scratch_f32(m: usize, n: usize, k: usize): usize {
  return PANEL * 8 + TILE + ((min<usize>(m, MC) * k) << 2) + packed_b_bytes(n, k);
}
/**
 * |A^T B|_F^2, the product never in memory. A: k x m, lda >= m; B: k x n, ldb >= n. The squared norm of a layer's kernel gradient.
 *
 * Numerics: each element is one f32 chain over all p = 0..k-1 (no blocks); its square is exact in f64 and goes to stripe j mod 16, in the order of
 * blocks of MC rows, panels of columns, rows; the stripes meet in a fixed tree. Scalar and simd agree bit for bit. NaN and Infinity propagate.
 */
export function gemm_squared_norm_f32_tn(m: usize, n: usize, k: usize, a: usize, lda: usize, b: usize, ldb: usize, scratch: usize): f64 {
  const stripes = scratch, tile = stripes + PANEL * 8, rows = tile + TILE, packed = rows + ((min<usize>(m, MC) * k) << 2);
  memory.fill(stripes, 0, PANEL * 8);
  pack(false, n, k, b, ldb << 2, packed);
  for (let i: usize = 0; i < m; i += MC) {
    const h = min<usize>(MC, m - i);
    transpose(k, h, a + (i << 2), lda << 2, rows, k << 2);
    for (let j: usize = 0; j < n; j += PANEL) {
      for (let r: usize = 0; r < h; r += 4) {
        memory.fill(tile, 0, TILE);
        panel(min<usize>(4, h - r), min<usize>(PANEL, n - j), k, 1, rows + r * (k << 2), k << 2, packed + ((j * k) << 2), 0, tile, PANEL << 2);
        for (let q: usize = 0; q < TILE; q += PANEL << 2) accumulate_squares(min<usize>(PANEL, n - j), tile + q, stripes);
      }
    }
  }
  for (let s: usize = PANEL * 4; s >= 8; s >>= 1) for (let i = stripes; i < stripes + s; i += 8) store<f64>(i, load<f64>(i) + load<f64>(i + s));
  return load<f64>(stripes);
}
/** s_j <- s_j + x_j^2 in f64. */
function accumulate_squares(n: usize, x: usize, s: usize): void {
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) for (; j + 2 <= n; j += 2) accumulate_square<v128>(x + (j << 2), s + (j << 3));
  for (; j < n; j++) accumulate_square<f64>(x + (j << 2), s + (j << 3));
}
// @ts-ignore: decorator
@inline
function accumulate_square<T>(x: usize, s: usize): void {
  const v = wide.ld_f32<T>(x);
  wide.st<T>(s, wide.add<T>(wide.ld<T>(s), wide.mul<T>(v, v)));
}

/** C <- alpha A B + beta C. A: m x k, lda >= k; B: k x n, ldb >= n; C: m x n, ldc >= n, disjoint from A and B. */
export function gemm_f32_nn(
  m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, scratch: usize,
): void {
  gemm(false, false, m, n, k, alpha, beta, a, lda, b, ldb, c, ldc, scratch);
}
/** C <- alpha A B^T + beta C. A: m x k, lda >= k; B: n x k, ldb >= k; C as above. The gradient of a dense layer's input. */
export function gemm_f32_nt(
  m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, scratch: usize,
): void {
  gemm(false, true, m, n, k, alpha, beta, a, lda, b, ldb, c, ldc, scratch);
}
/** C <- alpha A^T B + beta C. A: k x m, lda >= m; B: k x n, ldb >= n; C as above. The gradient of a dense layer's kernel. */
export function gemm_f32_tn(
  m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, scratch: usize,
): void {
  gemm(true, false, m, n, k, alpha, beta, a, lda, b, ldb, c, ldc, scratch);
}
