// The micro-kernel of convolutions, the panels of B that it reads, and what becomes of its tiles.
import { add, ld, lanes, madd, mul, splat, st, unroll } from "../../lanes/f32";
import { madd_beside } from "../../linalg/tile";

/** Floats in panels of 8 columns. */
// @ts-ignore: decorator
@inline
export function panels(n: usize, k: usize): usize {
  return k * ((n + 7) & ~7);
}
/** One group of columns of B, `count` rows: copied into a panel; their sum goes to `sum`, four rows at a time. */
// @ts-ignore: decorator
@inline
function pack_columns<T>(count: usize, src: usize, rss: usize, dst: usize, sum: usize): void {
  let s = splat<T>(0);
  let i: usize = 0;
  for (; i + 4 <= count; i += 4, src += rss << 2, dst += 128) {
    const v0 = ld<T>(src), v1 = ld<T>(src + rss), v2 = ld<T>(src + 2 * rss), v3 = ld<T>(src + 3 * rss);
    st<T>(dst, v0);
    st<T>(dst + 32, v1);
    st<T>(dst + 64, v2);
    st<T>(dst + 96, v3);
    s = add<T>(s, add<T>(add<T>(v0, v1), add<T>(v2, v3)));
  }
  for (; i < count; i++, src += rss, dst += 32) {
    const v = ld<T>(src);
    st<T>(dst, v);
    s = add<T>(s, v);
  }
  st<T>(sum, s);
}
/** dst <- a panel of cols (1..8) columns and count rows, the rest of its columns 0; sum <- the sums of the columns. */
export function pack_panel(count: usize, cols: usize, src: usize, rss: usize, dst: usize, sum: usize): void {
  if (cols < 8) memory.fill(dst, 0, count << 5);
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) for (; j + 4 <= cols; j += 4) pack_columns<v128>(count, src + (j << 2), rss, dst + (j << 2), sum + (j << 2));
  for (; j < cols; j++) pack_columns<f32>(count, src + (j << 2), rss, dst + (j << 2), sum + (j << 2));
}

/**
 * d_r <- first + sum over steps s of x_r,s b_s, for rows r = 0..3 and 2 vectors of columns.
 * Steps come in runs of `length`; those of a run lie side by side at x_r + its offset in `table`, up to `end`. b_s at b + 32 s.
 * Unrolled, with an exit in every copy, and with its products in pairs: linalg/tile says why.
 */
// @ts-ignore: decorator
@inline
function tile<T>(
  length: usize, first: usize, x0: usize, x1: usize, x2: usize, x3: usize, table: usize, end: usize, b: usize, d0: usize, d1: usize, d2: usize, d3: usize,
): void {
  const w = lanes<T>() << 2;
  let c00 = ld<T>(first), c01 = ld<T>(first + w), c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01;
  for (; table < end; table += 4) {
    const o = <usize>load<u32>(table);
    let y0 = x0 + o, y1 = x1 + o, y2 = x2 + o, y3 = x3 + o, k = length;
    while (true) {
      for (let u: usize = 0; u < unroll(4); u++) {
        if (k == u) break;
        const b0 = load<T>(b + (u * 32)), b1 = load<T>(b + (u * 32 + sizeof<T>()));
        let v: T = isVector<T>() ? v128.load32_splat(y0 + (u * 4)) : load<f32>(y0 + (u * 4));
        c00 = madd_beside<T>(v, b0, b1, c00);
        c01 = madd_beside<T>(v, b1, b0, c01);
        v = isVector<T>() ? v128.load32_splat(y1 + (u * 4)) : load<f32>(y1 + (u * 4));
        c10 = madd_beside<T>(v, b0, b1, c10);
        c11 = madd_beside<T>(v, b1, b0, c11);
        v = isVector<T>() ? v128.load32_splat(y2 + (u * 4)) : load<f32>(y2 + (u * 4));
        c20 = madd_beside<T>(v, b0, b1, c20);
        c21 = madd_beside<T>(v, b1, b0, c21);
        v = isVector<T>() ? v128.load32_splat(y3 + (u * 4)) : load<f32>(y3 + (u * 4));
        c30 = madd_beside<T>(v, b0, b1, c30);
        c31 = madd_beside<T>(v, b1, b0, c31);
      }
      if (k < 4) break;
      k -= 4;
      b += 128;
      y0 += 16;
      y1 += 16;
      y2 += 16;
      y3 += 16;
    }
    b += k << 5;
  }
  st<T>(d0, c00);
  st<T>(d0 + w, c01);
  st<T>(d1, c10);
  st<T>(d1 + w, c11);
  st<T>(d2, c20);
  st<T>(d2 + w, c21);
  st<T>(d3, c30);
  st<T>(d3 + w, c31);
}

/** The same for all 8 columns of a panel, or at least the first `cols`. */
// @ts-ignore: decorator
@inline
export function tile8(
  cols: usize, length: usize, first: usize, x0: usize, x1: usize, x2: usize, x3: usize, table: usize, end: usize, b: usize,
  d0: usize, d1: usize, d2: usize, d3: usize,
): void {
  if (ASC_FEATURE_SIMD) tile<v128>(length, first, x0, x1, x2, x3, table, end, b, d0, d1, d2, d3);
  else for (let j: usize = 0; j < cols << 2; j += 8) tile<f32>(length, first + j, x0, x1, x2, x3, table, end, b + j, d0 + j, d1 + j, d2 + j, d3 + j);
}

/** y <- t, cols floats. */
// @ts-ignore: decorator
@inline
export function put(cols: usize, t: usize, y: usize): void {
  for (let j: usize = 0; j < cols; j++) store<f32>(y + (j << 2), load<f32>(t + (j << 2)));
}
// @ts-ignore: decorator
@inline
function update<T>(alpha: f32, beta: f32, t: usize, w: usize): void {
  const v = mul<T>(splat<T>(alpha), ld<T>(t));
  st<T>(w, beta == 0 ? v : madd<T>(splat<T>(beta), ld<T>(w), v));
}
/** w <- alpha t + beta w, n floats. */
export function update_row(n: usize, alpha: f32, beta: f32, t: usize, w: usize): void {
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; j < e; j += 4) update<v128>(alpha, beta, t + (j << 2), w + (j << 2));
  for (; j < n; j++) update<f32>(alpha, beta, t + (j << 2), w + (j << 2));
}
/** s_j <- s_j + t_j^2 in f64, n <= 8. */
export function square_row(n: usize, t: usize, s: usize): void {
  for (let j: usize = 0; j < n; j++) {
    const v = <f64>load<f32>(t + (j << 2));
    store<f64>(s + (j << 3), load<f64>(s + (j << 3)) + v * v);
  }
}
