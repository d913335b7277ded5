// C <- alpha op(A) op(B) + beta C, row-major, any m, n, k and leading dimensions.
//
// Numerics: C_ij is a chain over p = 0..k-1 in blocks of KC: acc = 0; acc = a_ip b_pj + acc; C_ij = alpha acc + (beta | 1) C_ij.
// The chain of an element does not depend on tiles, packing or lanes, so scalar and simd agree bit for bit.
// beta = 0 never reads C. k = 0 gives beta C. |error| <= (k + 4) 2^-24 (|alpha| sum |a b| + |beta c|).
//
// Structure (BLIS): blocks of KC x NC of B; B is read in place when few rows of A reuse it, else packed into
// NC/8 panels of KC x 8 in scratch; transposed operands are always brought to p-major order by a transposing copy.
// The micro-kernel holds 4 x 8 of C in registers: 8 accumulators, 2 loads of B, 1 broadcast of A, 1 product, of 16 registers.
// Tried: 5 x 8 (10 accumulators) is no faster under V8 13 and spills under V8 11 (24 instead of 38 GFLOP/s).
import { add, ld, ld_splat, lanes, madd, mul, splat, st } from "../lanes/f32";

const KC: usize = 256; // 256 x 8 floats of B: 8 KiB, a quarter of a first-level cache
const NC: usize = 256; // KC x NC floats: 256 KiB, inside a second-level cache
const MC: usize = 16; // rows of A a sweep: MC x KC floats, 16 KiB, share the first-level cache with a panel of B
const PACK_ROWS: usize = 24; // from this many rows of A on, packing B pays

/** Bytes of scratch that a gemm of any shape and layout needs. */
export function gemm_scratch_f32(): usize {
  return (KC * NC + KC * 20) << 2;
}

/** c <- alpha acc + beta c for one vector of the tile. */
// @ts-ignore: decorator
@inline
function update<T>(acc: T, alpha: f32, beta: f32, c: usize): void {
  let v = mul<T>(splat<T>(alpha), acc);
  if (beta == 1) v = add<T>(v, ld<T>(c));
  else if (beta != 0) v = madd<T>(splat<T>(beta), ld<T>(c), v);
  st<T>(c, v);
}

/** Adds the squares of one vector of the tile to its f64 stripes. */
// @ts-ignore: decorator
@inline
function square<T>(acc: T, s: usize): void {
  if (isVector<T>()) {
    const lo = f64x2.promote_low_f32x4(acc), hi = f64x2.promote_low_f32x4(v128.shuffle<f32>(acc, acc, 2, 3, 2, 3));
    v128.store(s, f64x2.add(v128.load(s), f64x2.mul(lo, lo)));
    v128.store(s, f64x2.add(v128.load(s, 16), f64x2.mul(hi, hi)), 16);
  } else {
    const x = <f64>acc;
    store<f64>(s, load<f64>(s) + x * x);
  }
}
/** What becomes of a finished vector: part of C, or of the stripes at c + offset when only the norm is wanted. */
// @ts-ignore: decorator
@inline
function finish<T>(norm: bool, acc: T, alpha: f32, beta: f32, c: usize, offset: usize): void {
  if (norm) square<T>(acc, c + (offset << 1));
  else update<T>(acc, alpha, beta, c + offset);
}

/**
 * rows x (vectors * lanes) tile: k steps over a (row stride rsa, step stride csa, bytes) and b (step stride rsb, bytes).
 * rows (1..4) and vectors (1, 2) are constants at every call, so the unused accumulators vanish in compilation.
 */
// @ts-ignore: decorator
@inline
function tile<T>(
  norm: bool, rows: i32, vectors: i32, k: usize, alpha: f32, beta: f32,
  a: usize, rsa: usize, csa: usize, b: usize, rsb: usize, c: usize, rsc: usize,
): void {
  const w = lanes<T>() << 2;
  let c00 = splat<T>(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  let a1 = a + rsa, a2 = a1 + rsa, a3 = a2 + rsa;
  for (let p: usize = 0; p < k; p++) {
    const b0 = ld<T>(b);
    const b1 = vectors > 1 ? ld<T>(b + w) : b0;
    let x = ld_splat<T>(a);
    c00 = madd<T>(x, b0, c00);
    if (vectors > 1) c01 = madd<T>(x, b1, c01);
    if (rows > 1) {
      x = ld_splat<T>(a1);
      a1 += csa;
      c10 = madd<T>(x, b0, c10);
      if (vectors > 1) c11 = madd<T>(x, b1, c11);
    }
    if (rows > 2) {
      x = ld_splat<T>(a2);
      a2 += csa;
      c20 = madd<T>(x, b0, c20);
      if (vectors > 1) c21 = madd<T>(x, b1, c21);
    }
    if (rows > 3) {
      x = ld_splat<T>(a3);
      a3 += csa;
      c30 = madd<T>(x, b0, c30);
      if (vectors > 1) c31 = madd<T>(x, b1, c31);
    }
    a += csa;
    b += rsb;
  }
  finish<T>(norm, c00, alpha, beta, c, 0);
  if (vectors > 1) finish<T>(norm, c01, alpha, beta, c, w);
  if (rows > 1) {
    c += rsc;
    finish<T>(norm, c10, alpha, beta, c, 0);
    if (vectors > 1) finish<T>(norm, c11, alpha, beta, c, w);
  }
  if (rows > 2) {
    c += rsc;
    finish<T>(norm, c20, alpha, beta, c, 0);
    if (vectors > 1) finish<T>(norm, c21, alpha, beta, c, w);
  }
  if (rows > 3) {
    c += rsc;
    finish<T>(norm, c30, alpha, beta, c, 0);
    if (vectors > 1) finish<T>(norm, c31, alpha, beta, c, w);
  }
}

/** All rows of one column panel, vectors * lanes wide: tiles of 4 and 3 rows, fewer only where m leaves no choice. */
// @ts-ignore: decorator
@inline
function panel<T>(
  norm: bool, vectors: i32, m: usize, k: usize, alpha: f32, beta: f32,
  a: usize, rsa: usize, csa: usize, b: usize, rsb: usize, c: usize, rsc: usize,
): void {
  while (m > 0) {
    const rows: usize = m <= 4 ? m : m == 5 || m == 6 || m == 9 ? 3 : 4;
    if (rows == 4) tile<T>(norm, 4, vectors, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
    else if (rows == 3) tile<T>(norm, 3, vectors, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
    else if (rows == 2) tile<T>(norm, 2, vectors, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
    else tile<T>(norm, 1, vectors, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
    m -= rows;
    a += rows * rsa;
    c += rows * rsc;
  }
}
// Two widths, not inlined: the code of every tile shape exists once per lane type.
function wide_panel<T>(
  m: usize, k: usize, alpha: f32, beta: f32,
  a: usize, rsa: usize, csa: usize, b: usize, rsb: usize, c: usize, rsc: usize,
): void {
  panel<T>(false, 2, m, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
}
function narrow_panel<T>(
  m: usize, k: usize, alpha: f32, beta: f32,
  a: usize, rsa: usize, csa: usize, b: usize, rsb: usize, c: usize, rsc: usize,
): void {
  panel<T>(false, 1, m, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
}

/** The columns of one group of up to 8, widest tiles first. */
// @ts-ignore: decorator
@inline
function columns(
  m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, rsa: usize, csa: usize, b: usize, rsb: usize, c: usize, rsc: usize,
): void {
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) {
    if (n == 8) {
      wide_panel<v128>(m, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
      return;
    }
    if (n >= 4) {
      narrow_panel<v128>(m, k, alpha, beta, a, rsa, csa, b, rsb, c, rsc);
      j = 4;
    }
  }
  for (; j + 2 <= n; j += 2) wide_panel<f32>(m, k, alpha, beta, a, rsa, csa, b + (j << 2), rsb, c + (j << 2), rsc);
  if (j < n) narrow_panel<f32>(m, k, alpha, beta, a, rsa, csa, b + (j << 2), rsb, c + (j << 2), rsc);
}

// The same for squares: s takes the place of c.
function wide_squares<T>(m: usize, k: usize, a: usize, csa: usize, b: usize, rsb: usize, s: usize): void {
  panel<T>(true, 2, m, k, 1, 0, a, 4, csa, b, rsb, s, 0);
}
function narrow_squares<T>(m: usize, k: usize, a: usize, csa: usize, b: usize, rsb: usize, s: usize): void {
  panel<T>(true, 1, m, k, 1, 0, a, 4, csa, b, rsb, s, 0);
}
// @ts-ignore: decorator
@inline
function squares(m: usize, n: usize, k: usize, a: usize, csa: usize, b: usize, rsb: usize, s: usize): void {
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) {
    if (n == 8) {
      wide_squares<v128>(m, k, a, csa, b, rsb, s);
      return;
    }
    if (n >= 4) {
      narrow_squares<v128>(m, k, a, csa, b, rsb, s);
      j = 4;
    }
  }
  for (; j + 2 <= n; j += 2) wide_squares<f32>(m, k, a, csa, b + (j << 2), rsb, s + (j << 3));
  if (j < n) narrow_squares<f32>(m, k, a, csa, b + (j << 2), rsb, s + (j << 3));
}

/** dst[j][p][0..7] <- B[p][8j..8j+7]: kc rows of nc columns into panels of 8 columns. */
function pack(kc: usize, nc: usize, b: usize, rsb: usize, dst: usize): void {
  for (let j: usize = 0; j < nc; j += 8, dst += kc << 5) {
    const w = min<usize>(8, nc - j) << 2;
    let src = b + (j << 2), to = dst;
    if (w == 32) {
      for (let p: usize = 0; p < kc; p++, src += rsb, to += 32) {
        store<u64>(to, load<u64>(src));
        store<u64>(to, load<u64>(src, 8), 8);
        store<u64>(to, load<u64>(src, 16), 16);
        store<u64>(to, load<u64>(src, 24), 24);
      }
    } else {
      for (let p: usize = 0; p < kc; p++, src += rsb, to += 32) for (let q: usize = 0; q < w; q += 4) store<f32>(to + q, load<f32>(src + q));
    }
  }
}

/** dst[c][r] <- src[r][c]: rows x cols floats, row strides in bytes. */
export function transpose(rows: usize, cols: usize, src: usize, rss: usize, dst: usize, rsd: usize): void {
  for (let r: usize = 0; r < rows; ) {
    const s = src + r * rss, d = dst + (r << 2);
    let c: usize = 0;
    let height: usize = 1;
    if (ASC_FEATURE_SIMD) {
      if (r + 4 <= rows) {
        height = 4;
        for (; c + 4 <= cols; c += 4) {
          const q = s + (c << 2), t = d + c * rsd;
          const r0 = v128.load(q), r1 = v128.load(q + rss), r2 = v128.load(q + rss * 2), r3 = v128.load(q + rss * 3);
          const x0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), x1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
          const x2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), x3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
          v128.store(t, v128.shuffle<f32>(x0, x2, 0, 1, 4, 5));
          v128.store(t + rsd, v128.shuffle<f32>(x0, x2, 2, 3, 6, 7));
          v128.store(t + rsd * 2, v128.shuffle<f32>(x1, x3, 0, 1, 4, 5));
          v128.store(t + rsd * 3, v128.shuffle<f32>(x1, x3, 2, 3, 6, 7));
        }
      }
    }
    for (; c < cols; c++) for (let h: usize = 0; h < height; h++) store<f32>(d + c * rsd + (h << 2), load<f32>(s + h * rss + (c << 2)));
    r += height;
  }
}

/** C <- beta C, without reading C where beta is 0. */
function scale_c(m: usize, n: usize, beta: f32, c: usize, rsc: usize): void {
  for (let i: usize = 0; i < m; i++) for (let j: usize = 0; j < n; j++) {
    const p = c + i * rsc + (j << 2);
    store<f32>(p, beta == 0 ? 0 : beta * load<f32>(p));
  }
}

/** One block of B, kc x nc, into panels of 8 columns at dst; b is the block's first element. */
function pack_block(tb: bool, kc: usize, nc: usize, b: usize, rsb: usize, dst: usize): void {
  if (!tb) {
    pack(kc, nc, b, rsb, dst);
    return;
  }
  for (let j: usize = 0; j < nc; j += 8) transpose(min<usize>(8, nc - j), kc, b + j * rsb, rsb, dst + ((j * kc) << 2), 32);
}

/**
 * One block of C: all rows of A times kc x nc of B. b: its first panel, or its first element in place (rsb its row stride then);
 * a: op(A)'s column p0; c: the block's first element.
 */
function block(
  ta: bool, packed_b: bool, m: usize, nc: usize, kc: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, b: usize, rsb: usize, c: usize, rsc: usize, packed_a: usize,
): void {
  const copy_a = ta && kc >= 32; // short columns are read in place
  for (let i0: usize = 0; i0 < m; ) {
    const mc = m - i0 <= 20 ? m - i0 : <usize>MC;
    let ai = ta ? a + (i0 << 2) : a + i0 * (lda << 2);
    let rsa: usize = ta ? 4 : lda << 2, csa: usize = ta ? lda << 2 : 4;
    if (copy_a) {
      transpose(kc, mc, ai, csa, packed_a, kc << 2);
      ai = packed_a;
      rsa = kc << 2;
      csa = 4;
    }
    for (let j: usize = 0; j < nc; j += 8) {
      const bj = b + (packed_b ? j * kc : j) * 4;
      columns(mc, min<usize>(8, nc - j), kc, alpha, beta, ai, rsa, csa, bj, packed_b ? 32 : rsb, c + i0 * rsc + (j << 2), rsc);
    }
    i0 += mc;
  }
}

/** The loops. A is m x k, stored transposed if ta; B is k x n, stored transposed if tb; leading dimensions in elements. */
function gemm(
  ta: bool, tb: bool, m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, scratch: usize,
): void {
  const rsc = ldc << 2, rsb = ldb << 2;
  if (k == 0) {
    scale_c(m, n, beta, c, rsc);
    return;
  }
  const packed_b = tb || m >= PACK_ROWS;
  const packed_a = scratch + ((KC * NC) << 2);
  for (let p0: usize = 0; p0 < k; p0 += KC) {
    const kc = min<usize>(KC, k - p0);
    const ap = a + ((ta ? p0 * lda : p0) << 2);
    for (let j0: usize = 0; j0 < n; j0 += NC) {
      const nc = min<usize>(NC, n - j0);
      let bj = b + ((tb ? j0 * ldb + p0 : p0 * ldb + j0) << 2);
      if (packed_b) {
        pack_block(tb, kc, nc, bj, rsb, scratch);
        bj = scratch;
      }
      block(ta, packed_b, m, nc, kc, alpha, p0 == 0 ? beta : 1, ap, lda, bj, rsb, c + (j0 << 2), rsc, packed_a);
    }
  }
}

// Two doors for convolutions, used by other kernels and not part of the ABI: a matrix B that many products share is packed once.

/** Bytes that pack_b writes. */
export function packed_b_bytes(n: usize, k: usize): usize {
  return (k * ((n + 7) & ~7)) << 2;
}
/** Packs op(B), k x n (stored n x k if tb, ldb >= its columns), for gemm_packed. dst: packed_b_bytes(n, k), disjoint. */
export function pack_b(tb: bool, n: usize, k: usize, b: usize, ldb: usize, dst: usize): void {
  for (let p0: usize = 0; p0 < k; p0 += KC) {
    const kc = min<usize>(KC, k - p0);
    pack_block(tb, kc, n, b + ((tb ? p0 : p0 * ldb) << 2), ldb << 2, dst);
    dst += packed_b_bytes(n, kc);
  }
}
/** C <- alpha op(A) op(B) + beta C, the bits of gemm_f32_*. A: m x k, or k x m if ta; packed: from pack_b of the same n and k; scratch: gemm_scratch_f32(). */
export function gemm_packed(
  ta: bool, m: usize, n: usize, k: usize, alpha: f32, beta: f32,
  a: usize, lda: usize, packed: usize, c: usize, ldc: usize, scratch: usize,
): void {
  if (k == 0) scale_c(m, n, beta, c, ldc << 2);
  for (let p0: usize = 0; p0 < k; p0 += KC) {
    const kc = min<usize>(KC, k - p0);
    for (let j0: usize = 0; j0 < n; j0 += NC) {
      const bj = packed + ((j0 * kc) << 2);
      block(ta, true, m, min<usize>(NC, n - j0), kc, alpha, p0 == 0 ? beta : 1, a + ((ta ? p0 * lda : p0) << 2), lda, bj, 0, c + (j0 << 2), ldc << 2, scratch + ((KC * NC) << 2));
    }
    packed += packed_b_bytes(n, kc);
  }
}

/** Bytes of scratch of gemm_squared_norm_f32_tn. */
export function gemm_squared_norm_scratch_f32(m: usize, n: usize, k: usize): usize {
  return 64;
}
/**
 * |A^T B|_F^2, the product never in memory. A: k x m, lda >= m; B: k x n, ldb >= n. The squared norm of a layer's kernel gradient.
 *
 * Numerics: each element is one f32 chain over all p = 0..k-1 (no blocks); its square is exact in f64 and goes to stripe j mod 8, columns j
 * and then rows in order; the 8 stripes meet in a fixed tree. Scalar and simd agree bit for bit. NaN and Infinity propagate; k = 0 gives 0.
 */
export function gemm_squared_norm_f32_tn(m: usize, n: usize, k: usize, a: usize, lda: usize, b: usize, ldb: usize, scratch: usize): f64 {
  for (let s: usize = 0; s < 64; s += 8) store<f64>(scratch + s, 0);
  for (let j: usize = 0; j < n; j += 8) squares(m, min<usize>(8, n - j), k, a, lda << 2, b + (j << 2), ldb << 2, scratch);
  const s01 = load<f64>(scratch) + load<f64>(scratch, 8), s23 = load<f64>(scratch, 16) + load<f64>(scratch, 24);
  const s45 = load<f64>(scratch, 32) + load<f64>(scratch, 40), s67 = load<f64>(scratch, 48) + load<f64>(scratch, 56);
  return s01 + s23 + (s45 + s67);
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
