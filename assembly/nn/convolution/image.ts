// Images for convolutions: how they are framed, and where in them windows find their elements.
import { ld, st } from "../../lanes/f32";
import { transpose } from "../../linalg/gemm";

/** Outputs between two visits of a panel of B: their part of the image stays in the first-level cache, or near it. */
export const BLOCK: usize = 256;

/** Cells that `out` windows reach along one axis. */
// @ts-ignore: decorator
@inline
export function reach(out: usize, s: usize, k: usize, d: usize): usize {
  return (out - 1) * s + (k - 1) * d + 1;
}
/** Images that are worked on together, enough for a block of outputs. */
// @ts-ignore: decorator
@inline
export function group(m: usize, outputs: usize): usize {
  return max<usize>(1, min<usize>(m, BLOCK / max<usize>(outputs, 1)));
}
/** dst <- i si + j sj + l sl for i < a, j < b, l < e in order: offsets in bytes, u32, modulo 2^32. */
export function offsets(a: usize, si: usize, b: usize, sj: usize, e: usize, sl: usize, dst: usize): void {
  for (let i: usize = 0; i < a; i++) for (let j: usize = 0; j < b; j++) for (let l: usize = 0; l < e; l++, dst += 4) store<u32>(dst, <u32>((i * si + j * sj + l * sl) << 2));
}
/**
 * Cells (r, s) of the window with r dh = py modulo sh and s dw = px modulo sw, those that meet the inputs of phase (py, px), from the last to
 * the first: r kw + s goes to `cells`, u32; to `table` the offset of the output, from the input's place u (see conv2d_input_gradient_f32), in
 * outputs of n channels framed by `top` rows and `left` columns, wp columns in all. Returns how many.
 */
export function phase_cells(
  kh: usize, kw: usize, n: usize, sh: usize, sw: usize, dh: usize, dw: usize, py: usize, px: usize, top: usize, left: usize, wp: usize,
  cells: usize, table: usize,
): usize {
  let count: usize = 0;
  for (let r = kh; r-- > 0; ) for (let s = kw; s-- > 0; ) {
    if ((r * dh) % sh != py || (s * dw) % sw != px) continue;
    store<u32>(cells + (count << 2), <u32>(r * kw + s));
    store<u32>(table + (count << 2), <u32>(((((top * sh + py - r * dh) / sh) * wp + (left * sw + px - s * dw) / sw) * n) << 2));
    count++;
  }
  return count;
}
/** Puts m images h x w x c into images hp x wp x c at (top, left), as far as they reach. */
export function frame(m: usize, h: usize, w: usize, c: usize, hp: usize, wp: usize, top: usize, left: usize, src: usize, dst: usize): void {
  const rows = min<usize>(h, hp - top), n = min<usize>(w, wp - left) * c;
  for (let i: usize = 0; i < m; i++) for (let r: usize = 0; r < rows; r++) {
    const s = src + (((i * h + r) * w * c) << 2), t = dst + ((((i * hp + top + r) * wp + left) * c) << 2);
    let j: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = n & ~3; j < e; j += 4) st<v128>(t + (j << 2), ld<v128>(s + (j << 2)));
    for (; j < n; j++) st<f32>(t + (j << 2), ld<f32>(s + (j << 2)));
  }
}
/** The same into planes: column x of channel e of image i goes to [i][e][x mod sw][row][x / sw], where a row has wq columns. */
export function planes(
  m: usize, h: usize, w: usize, c: usize, hp: usize, wq: usize, sw: usize, top: usize, left: usize, src: usize, dst: usize,
): void {
  if (c == 1 && sw == 1) return frame(m, h, w, 1, hp, wq, top, left, src, dst);
  const rows = min<usize>(h, hp - top), plane = sw * hp * wq;
  for (let i: usize = 0; i < m; i++) for (let r: usize = 0; r < rows; r++) for (let x: usize = 0; x < min<usize>(w, sw); x++) {
    const at = (left + x) / sw, phase = (left + x) % sw;
    const t = i * c * plane + (phase * hp + top + r) * wq + at;
    if (at < wq) transpose(min<usize>((w - x + sw - 1) / sw, wq - at), c, src + ((((i * h + r) * w + x) * c) << 2), (c * sw) << 2, dst + (t << 2), plane << 2);
  }
}
