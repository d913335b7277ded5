// Convolution of images, NHWC with kernels HWIO, as Keras and tfjs have it. Derivation: docs/derivations/conv2d.md.
//
// Geometry: the first fifteen arguments of every kernel here and in nn/depthwise_conv2d, counts:
//   m h w c        images and their height, width, channels
//   kh kw n        window, filters (depthwise: outputs a channel)
//   oh ow          outputs
//   sh sw ph pw    strides; rows and columns of zeros before the image
//   dh dw          dilation of the window
// Output (y, x) meets input (y sh + i dh - ph, x sw + j dw - pw) in cell (i, j) of the window; what lies outside of the image is 0.
//
// Structure: a convolution is a product A B of which A, a row for every output and a column for every weight of a filter, is never built.
// In a copy of the image with its border, element (q, p) of A lies at a sum of two offsets, one of the row and one of the column, and columns
// come in runs that lie side by side. Small tables of offsets hold strides, dilation and padding, and one micro-kernel serves all three products:
//                     rows      runs                   B          image
//   forward           outputs   weights of a row       K          x
//   input gradient    inputs    weights of a row       K^T        dY; with strides, the inputs of each phase have weights of their own
//   weight gradient   weights   outputs of a row       dY         x, one plane a channel and phase of the stride
// B lies in panels of 8 columns, filled up with zeros; the tile is 4 x 8, as in linalg/gemm.
//
// Numerics: an element of Y is one chain b + x k + x k + ... over cells and channels in order; of dX, 0 + dy k + ... over the cells in falling
// order and filters. dK and db are sums over blocks of image rows, see there. No chain depends on tiles or lanes: scalar and simd agree bit for bit.
// The border takes part as zeros: against a NaN or an Infinity of the other factor it gives NaN.
import { transpose } from "../linalg/gemm";
import { bias_backward_f32 } from "./bias";
import { BLOCK, frame, group, offsets, phase_cells, planes, reach } from "./convolution/image";
import { pack_panel, panels, put, square_row, tile8, update_row } from "./convolution/tile";

/** y_q <- first + row q of A times B, for rows q; `from` and `to` hold the offsets of a row in the image and in y. steps = length * runs. */
function product(
  rows: usize, n: usize, length: usize, runs: usize, first: usize, image: usize, from: usize, table: usize, b: usize, y: usize, to: usize, spill: usize,
): void {
  const end = table + (runs << 2), last = (rows - 1) << 2;
  for (let q0: usize = 0; q0 < rows; q0 += BLOCK) for (let j: usize = 0; j < n; j += 8) {
    const cols = min<usize>(8, n - j), bj = b + ((j * length * runs) << 2), fj = first + (j << 2), yj = y + (j << 2);
    const e = min<usize>(q0 + BLOCK, rows) << 2;
    for (let q = q0 << 2; q < e; q += 16) {
      // Past the last row, the last one again: the same values go to the same place.
      const q1 = min<usize>(q + 4, last), q2 = min<usize>(q + 8, last), q3 = min<usize>(q + 12, last);
      const x0 = image + load<u32>(from + q), x1 = image + load<u32>(from + q1), x2 = image + load<u32>(from + q2), x3 = image + load<u32>(from + q3);
      const d0 = yj + load<u32>(to + q), d1 = yj + load<u32>(to + q1), d2 = yj + load<u32>(to + q2), d3 = yj + load<u32>(to + q3);
      if (cols == 8) {
        tile8(8, length, fj, x0, x1, x2, x3, table, end, bj, d0, d1, d2, d3);
      } else {
        tile8(cols, length, fj, x0, x1, x2, x3, table, end, bj, spill, spill + 32, spill + 64, spill + 96);
        put(cols, spill, d0);
        put(cols, spill + 32, d1);
        put(cols, spill + 64, d2);
        put(cols, spill + 96, d3);
      }
    }
  }
}

/** Y <- X * K + b, one row a pixel. x: m x h x w x c; kernel: kh x kw x c x n; bias: n; y: m x oh x ow x n, disjoint; all f32. m = 0 is a no-op. */
export function conv2d_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  x: usize, kernel: usize, bias: usize, y: usize, scratch: usize,
): void {
  const k = kh * kw * c, outputs = oh * ow, g = group(m, outputs);
  let hp = reach(oh, sh, kh, dh), wp = reach(ow, sw, kw, dw);
  const inside = ph == 0 && pw == 0 && hp <= h && wp <= w; // no border: the image is read where it lies
  if (inside) {
    hp = h;
    wp = w;
  }
  const length = dw == 1 ? kw * c : c, runs = dw == 1 ? kh : kh * kw;
  const spill = scratch, first = spill + 128, from = first + (panels(n, 1) << 2), to = from + ((g * outputs) << 2);
  const table = to + ((g * outputs) << 2), b = table + (runs << 2), border = b + (panels(n, k) << 2);
  offsets(g, hp * wp * c, oh, sh * wp * c, ow, sw * c, from);
  offsets(1, 0, 1, 0, g * outputs, n, to);
  offsets(1, 0, kh, dh * wp * c, runs / kh, dw * c, table);
  memory.copy(first, bias, n << 2);
  for (let j: usize = 0; j < n; j += 8) pack_panel(k, min<usize>(8, n - j), kernel + (j << 2), n << 2, b + ((j * k) << 2), spill);
  if (!inside) memory.fill(border, 0, (g * hp * wp * c) << 2);
  for (let i: usize = 0; i < m; i += g) {
    const e = min<usize>(g, m - i);
    let image = x + ((i * h * w * c) << 2);
    if (!inside) {
      frame(e, h, w, c, hp, wp, ph, pw, image, border);
      image = border;
    }
    product(e * outputs, n, length, runs, first, image, from, table, b, y + ((i * outputs * n) << 2), to, spill);
  }
}

/** dX: every input gathers dy k from the outputs that saw it. dy: m x oh x ow x n; kernel as above; dx: m x h x w x c, disjoint. */
export function conv2d_input_gradient_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  dy: usize, kernel: usize, dx: usize, scratch: usize,
): void {
  // Input row i, with i + ph = sh u + phase, meets through cell r the output row u + (phase - r dh) / sh, where that divides.
  const top = ((kh - 1) * dh + sh - 1) / sh, left = ((kw - 1) * dw + sw - 1) / sw;
  const hp = top + max<usize>(oh, (h - 1 + ph) / sh + 1), wp = left + max<usize>(ow, (w - 1 + pw) / sw + 1);
  const g = group(m, h * w);
  const spill = scratch, first = spill + 128, from = first + (panels(c, 1) << 2), to = from + ((g * h * w) << 2);
  const cells = to + ((g * h * w) << 2), table = cells + ((kh * kw) << 2), b = table + ((kh * kw) << 2), border = b + (panels(c, kh * kw * n) << 2);
  memory.fill(first, 0, c << 2);
  memory.fill(border, 0, (g * hp * wp * n) << 2);
  for (let py: usize = 0; py < sh; py++) for (let px: usize = 0; px < sw; px++) {
    const i0 = (py + sh - ph % sh) % sh, j0 = (px + sw - pw % sw) % sw; // the first input of the phase
    if (i0 >= h || j0 >= w) continue;
    const rows = (h - i0 + sh - 1) / sh, columns = (w - j0 + sw - 1) / sw;
    const count = phase_cells(kh, kw, n, sh, sw, dh, dw, py, px, top, left, wp, cells, table), steps = count * n;
    if (c & 7) memory.fill(b, 0, (panels(c, steps)) << 2);
    for (let i: usize = 0; i < count; i++) for (let j: usize = 0; j < c; j += 8)
      transpose(min<usize>(8, c - j), n, kernel + ((<usize>load<u32>(cells + (i << 2)) * c + j) * n << 2), n << 2, b + ((j * steps + i * n * 8) << 2), 32);
    // Undilated, the cells of a row are side by side: one run.
    let runs: usize = 0;
    for (let i: usize = 0; i < count; i++) {
      const o = load<u32>(table + (i << 2));
      if (dw > 1 || i == 0 || o != load<u32>(table + (i << 2) - 4) + <u32>(n << 2)) store<u32>(table + (runs++ << 2), o);
    }
    offsets(g, hp * wp * n, rows, wp * n, columns, n, from);
    offsets(g, h * w * c, rows, sh * w * c, columns, sw * c, to);
    const corner = (((i0 + ph) / sh) * wp + (j0 + pw) / sw) * n;
    for (let i: usize = 0; i < m; i += g) {
      const e = min<usize>(g, m - i);
      frame(e, oh, ow, n, hp, wp, top, left, dy + ((i * oh * ow * n) << 2), border);
      product(e * rows * columns, c, steps / max<usize>(1, runs), runs, first, border + (corner << 2), from, table, b, dx + (((i * h * w + i0 * w + j0) * c) << 2), to, spill);
    }
  }
}

/**
 * The gradient of the weights and the bias over `images` images of which x and dY begin at x and dy: into dk and db, or its squared norm.
 * `at`: the offsets of the weights' planes; table: those of the output rows; both from gradient_tables.
 */
function gradient(
  norm: bool, images: usize, k: usize, n: usize, oh: usize, ow: usize, rows: usize, alpha: f32, beta: f32,
  image: usize, at: usize, table: usize, dy: usize, panel: usize, dk: usize, db: usize, spill: usize,
): void {
  const sum = spill + 128, zeros = spill + 160, squares = spill + 192, last = (k - 1) << 2, all = images * oh;
  for (let r: usize = 0; r < all; r += rows, beta = 1) {
    const count = min<usize>(rows, all - r), start = table + (r << 2), end = start + (count << 2);
    for (let j: usize = 0; j < n; j += 8) {
      const cols = min<usize>(8, n - j);
      pack_panel(count * ow, cols, dy + ((r * ow * n + j) << 2), n << 2, panel, sum);
      if (norm) square_row(cols, sum, squares);
      else update_row(cols, alpha, beta, sum, db + (j << 2));
      for (let p: usize = 0; p < k; p += 4) {
        const p0 = p << 2, p1 = min<usize>(p0 + 4, last), p2 = min<usize>(p0 + 8, last), p3 = min<usize>(p0 + 12, last);
        tile8(
          cols, ow, zeros, image + load<u32>(at + p0), image + load<u32>(at + p1), image + load<u32>(at + p2), image + load<u32>(at + p3), start, end, panel,
          spill, spill + 32, spill + 64, spill + 96,
        );
        for (let i: usize = 0, e = min<usize>(4, k - p); i < e; i++) {
          if (norm) square_row(cols, spill + (i << 5), squares);
          else update_row(cols, alpha, beta, spill + (i << 5), dk + (((p + i) * n + j) << 2));
        }
      }
    }
  }
}

/** Offsets of the weights' first elements in a planar image (k of them), then of the rows of outputs in it (g oh of them). */
function gradient_tables(
  g: usize, c: usize, kh: usize, kw: usize, oh: usize, sh: usize, sw: usize, dh: usize, dw: usize, hp: usize, wq: usize, dst: usize,
): void {
  for (let r: usize = 0; r < kh; r++) for (let s: usize = 0; s < kw; s++) for (let e: usize = 0; e < c; e++, dst += 4)
    store<u32>(dst, <u32>(((((e * sw + (s * dw) % sw) * hp + r * dh) * wq + (s * dw) / sw)) << 2));
  offsets(g, c * sw * hp * wq, oh, sh * wq, 1, 0, dst);
}

/**
 * dK <- alpha dK' + beta dK and db <- alpha db' + beta db, where dK' and db' are the gradients. alpha = -lr, beta = 1 - lr wd on the weights
 * is the SGD step; beta = 0 does not read them. x, dy, kernel as above; dk, db disjoint from them and each other.
 *
 * Sums go over blocks of whole rows of outputs, about 256 outputs of one or several images: within a block an element of dK' is one chain, one of
 * db' a sum of sums of four; each block's sum times alpha is added to dk, the first after beta. m = 0 leaves beta dK.
 */
export function conv2d_weight_gradient_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  alpha: f32, beta: f32, x: usize, dy: usize, dk: usize, db: usize, scratch: usize,
): void {
  const k = kh * kw * c, hp = reach(oh, sh, kh, dh), wq = ow + ((kw - 1) * dw) / sw, size = c * sw * hp * wq;
  const g = group(m, oh * ow), rows = max<usize>(1, BLOCK / ow);
  const at = scratch + 256, table = at + (k << 2), panel = table + ((g * oh) << 2), border = panel + ((min<usize>(rows, g * oh) * ow) << 5);
  gradient_tables(g, c, kh, kw, oh, sh, sw, dh, dw, hp, wq, at);
  memory.fill(scratch + 160, 0, 32);
  memory.fill(border, 0, (g * size) << 2);
  for (let i: usize = 0; i < m; i += g) {
    const e = min<usize>(g, m - i);
    planes(e, h, w, c, hp, wq, sw, ph, pw, x + ((i * h * w * c) << 2), border);
    gradient(false, e, k, n, oh, ow, rows, alpha, i == 0 ? beta : 1, border, at, table, dy + ((i * oh * ow * n) << 2), panel, dk, db, scratch);
  }
  if (m == 0) {
    bias_backward_f32(0, k * n, alpha, beta, dy, dk);
    bias_backward_f32(0, n, alpha, beta, dy, db);
  }
}

/**
 * norms_i <- norms_i + |dK'|^2 + |db'|^2 of image i alone, f64; dy holds the gradients of the images' own losses.
 * A tile of the gradient is squared as soon as it is there and never stored. Squares are exact and add in f64 in eight stripes, column mod 8.
 */
export function conv2d_gradient_norms_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  x: usize, dy: usize, norms: usize, scratch: usize,
): void {
  const k = kh * kw * c, hp = reach(oh, sh, kh, dh), wq = ow + ((kw - 1) * dw) / sw, size = c * sw * hp * wq;
  const at = scratch + 256, table = at + (k << 2), panel = table + (oh << 2), border = panel + ((oh * ow) << 5);
  gradient_tables(1, c, kh, kw, oh, sh, sw, dh, dw, hp, wq, at);
  memory.fill(scratch + 160, 0, 32);
  memory.fill(border, 0, size << 2);
  for (let i: usize = 0; i < m; i++) {
    const s = scratch + 192;
    memory.fill(s, 0, 64);
    planes(1, h, w, c, hp, wq, sw, ph, pw, x + ((i * h * w * c) << 2), border);
    gradient(true, 1, k, n, oh, ow, oh, 1, 0, border, at, table, dy + ((i * oh * ow * n) << 2), panel, 0, 0, scratch);
    const even = (load<f64>(s) + load<f64>(s, 16)) + (load<f64>(s, 32) + load<f64>(s, 48));
    const odd = (load<f64>(s, 8) + load<f64>(s, 24)) + (load<f64>(s, 40) + load<f64>(s, 56));
    store<f64>(norms + (i << 3), load<f64>(norms + (i << 3)) + (even + odd));
  }
}

/** Bytes of scratch that any kernel here needs for the geometry. */
export function conv2d_scratch_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
): usize {
  const k = kh * kw * c, outputs = oh * ow, hp = reach(oh, sh, kh, dh), wp = reach(ow, sw, kw, dw), gy = group(m, outputs), gx = group(m, h * w);
  const forward = panels(n, 1 + k) + 2 * gy * outputs + kh * kw + gy * hp * wp * c;
  const hq = ((kh - 1) * dh + sh - 1) / sh + max<usize>(oh, (h - 1 + ph) / sh + 1), wq = ((kw - 1) * dw + sw - 1) / sw + max<usize>(ow, (w - 1 + pw) / sw + 1);
  const input = panels(c, 1 + kh * kw * n) + 2 * (gx * h * w + kh * kw) + gx * hq * wq * n;
  const weight = k + gy * oh + 8 * max<usize>(BLOCK, outputs) + gy * c * sw * hp * (ow + ((kw - 1) * dw) / sw);
  return (64 + max<usize>(forward, max<usize>(input, weight))) << 2;
}
