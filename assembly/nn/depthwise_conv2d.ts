// Depthwise convolution: every channel has windows of its own, kernel [kh, kw, c, n] with n outputs a channel, output channel e n + q, as in Keras and tfjs.
// Geometry and border: nn/conv2d. Derivation: docs/derivations/conv2d.md.
//
// Lanes go over the c n output channels; where n > 1 the framed image repeats each channel n times, so that input and output have the same
// channels. One micro-kernel again serves all products: four rows (outputs, or cells of the window) against steps (cells, or outputs).
//
// Numerics: an element of Y is one chain b + x k + x k + ... over the cells in order; of dX the sum over q in order of chains 0 + dy k + ... over the
// cells in falling order. dK and db: see there. Scalar and simd agree bit for bit.
import { ld, lanes, madd, splat, st } from "../lanes/f32";
import { squared_norm_f32 } from "../linalg/reduce";
import { bias_backward_f32 } from "./bias";
import { BLOCK, frame, group, offsets, phase_cells, reach } from "./convolution/image";
import { update_row } from "./convolution/tile";

/** d_r <- first + sum over steps s of x_r[table_s] * b_s for rows r = 0..3 and vectors * lanes channels, element by element; b_s at b + s rsb. */
// @ts-ignore: decorator
@inline
function tile<T>(
  vectors: i32, first: usize, x0: usize, x1: usize, x2: usize, x3: usize, table: usize, end: usize, b: usize, rsb: usize,
  d0: usize, d1: usize, d2: usize, d3: usize,
): void {
  const w = lanes<T>() << 2;
  let c00 = ld<T>(first), c10 = c00, c20 = c00, c30 = c00;
  let c01 = vectors > 1 ? ld<T>(first + w) : c00, c11 = c01, c21 = c01, c31 = c01;
  for (; table < end; table += 4, b += rsb) {
    const o = <usize>load<u32>(table), y0 = x0 + o, y1 = x1 + o, y2 = x2 + o, y3 = x3 + o;
    const b0 = ld<T>(b), b1 = vectors > 1 ? ld<T>(b + w) : b0;
    c00 = madd<T>(ld<T>(y0), b0, c00);
    if (vectors > 1) c01 = madd<T>(ld<T>(y0 + w), b1, c01);
    c10 = madd<T>(ld<T>(y1), b0, c10);
    if (vectors > 1) c11 = madd<T>(ld<T>(y1 + w), b1, c11);
    c20 = madd<T>(ld<T>(y2), b0, c20);
    if (vectors > 1) c21 = madd<T>(ld<T>(y2 + w), b1, c21);
    c30 = madd<T>(ld<T>(y3), b0, c30);
    if (vectors > 1) c31 = madd<T>(ld<T>(y3 + w), b1, c31);
  }
  st<T>(d0, c00);
  st<T>(d1, c10);
  st<T>(d2, c20);
  st<T>(d3, c30);
  if (vectors > 1) {
    st<T>(d0 + w, c01);
    st<T>(d1 + w, c11);
    st<T>(d2 + w, c21);
    st<T>(d3 + w, c31);
  }
}

// @ts-ignore: decorator
@inline
function sweep<T>(
  vectors: i32, rows: usize, first: usize, image: usize, from: usize, table: usize, end: usize, b: usize, rsb: usize, y: usize, to: usize,
): void {
  const last = (rows - 1) << 2;
  for (let q: usize = 0; q <= last; q += 16) {
    // Past the last row, the last one again: the same values go to the same place.
    const q1 = min<usize>(q + 4, last), q2 = min<usize>(q + 8, last), q3 = min<usize>(q + 12, last);
    tile<T>(
      vectors, first, image + load<u32>(from + q), image + load<u32>(from + q1), image + load<u32>(from + q2), image + load<u32>(from + q3), table, end,
      b, rsb, y + load<u32>(to + q), y + load<u32>(to + q1), y + load<u32>(to + q2), y + load<u32>(to + q3),
    );
  }
}
/**
 * y_q <- first + sum over steps s of x_q[table_s] * b_s for rows q, c channels each. from, to, table: offsets of the rows in the image and in y
 * and of the steps in the image; b_s at b + 4 c s.
 */
function product(rows: usize, c: usize, steps: usize, first: usize, image: usize, from: usize, table: usize, b: usize, y: usize, to: usize): void {
  const end = table + (steps << 2);
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; j + 8 <= c; j += 8) sweep<v128>(2, rows, first + (j << 2), image + (j << 2), from, table, end, b + (j << 2), c << 2, y + (j << 2), to);
    for (; j + 4 <= c; j += 4) sweep<v128>(1, rows, first + (j << 2), image + (j << 2), from, table, end, b + (j << 2), c << 2, y + (j << 2), to);
  }
  for (; j < c; j++) sweep<f32>(1, rows, first + (j << 2), image + (j << 2), from, table, end, b + (j << 2), c << 2, y + (j << 2), to);
}

/** Frames m images h x w x c with each channel n times. */
function spread(m: usize, h: usize, w: usize, c: usize, n: usize, hp: usize, wp: usize, top: usize, left: usize, src: usize, dst: usize): void {
  if (n == 1) return frame(m, h, w, c, hp, wp, top, left, src, dst);
  const rows = min<usize>(h, hp - top), columns = min<usize>(w, wp - left);
  for (let i: usize = 0; i < m; i++) for (let r: usize = 0; r < rows; r++) {
    let s = src + (((i * h + r) * w * c) << 2), t = dst + ((((i * hp + top + r) * wp + left) * c * n) << 2);
    for (const e = s + ((columns * c) << 2); s < e; s += 4) for (let q: usize = 0; q < n; q++, t += 4) store<f32>(t, load<f32>(s));
  }
}

/** Y <- X * K + b, channel by channel. x: m x h x w x c; kernel: kh x kw x c x n; bias: c n; y: m x oh x ow x (c n), disjoint; all f32. m = 0 is a no-op. */
export function depthwise_conv2d_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  x: usize, kernel: usize, bias: usize, y: usize, scratch: usize,
): void {
  const channels = c * n, all = oh * ow, g = group(m, all), hp = reach(oh, sh, kh, dh), wp = reach(ow, sw, kw, dw);
  const from = scratch, to = from + ((g * all) << 2), table = to + ((g * all) << 2), border = table + ((kh * kw) << 2);
  offsets(g, hp * wp * channels, oh, sh * wp * channels, ow, sw * channels, from);
  offsets(1, 0, 1, 0, g * all, channels, to);
  offsets(1, 0, kh, dh * wp * channels, kw, dw * channels, table);
  memory.fill(border, 0, (g * hp * wp * channels) << 2);
  for (let i: usize = 0; i < m; i += g) {
    const rows = min<usize>(g, m - i) * all;
    spread(min<usize>(g, m - i), h, w, c, n, hp, wp, ph, pw, x + ((i * h * w * c) << 2), border);
    for (let q: usize = 0; q < rows; q += BLOCK)
      product(min<usize>(BLOCK, rows - q), channels, kh * kw, bias, border, from + (q << 2), table, kernel, y + ((i * all * channels) << 2), to + (q << 2));
  }
}

/** dX: every input gathers dy k from the outputs that saw it. dy: m x oh x ow x (c n); kernel as above; dx: m x h x w x c, disjoint. */
export function depthwise_conv2d_input_gradient_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  dy: usize, kernel: usize, dx: usize, scratch: usize,
): void {
  // Phases as in conv2d_input_gradient_f32. With several outputs a channel a block is computed aside, then their gradients are added.
  const channels = c * n, top = ((kh - 1) * dh + sh - 1) / sh, left = ((kw - 1) * dw + sw - 1) / sw;
  const hp = top + max<usize>(oh, (h - 1 + ph) / sh + 1), wp = left + max<usize>(ow, (w - 1 + pw) / sw + 1);
  const g = group(m, h * w);
  const from = scratch, to = from + ((g * h * w) << 2), cells = to + ((g * h * w) << 2), table = cells + ((kh * kw) << 2);
  const zeros = table + ((kh * kw) << 2), b = zeros + (channels << 2), aside = b + ((kh * kw * channels) << 2);
  const border = aside + ((n > 1 ? BLOCK * (1 + channels) : 0) << 2), block = aside + ((BLOCK * channels) << 2);
  if (n > 1) offsets(1, 0, 1, 0, BLOCK, channels, block);
  memory.fill(zeros, 0, channels << 2);
  memory.fill(border, 0, (g * hp * wp * channels) << 2);
  for (let py: usize = 0; py < sh; py++) for (let px: usize = 0; px < sw; px++) {
    const i0 = (py + sh - ph % sh) % sh, j0 = (px + sw - pw % sw) % sw; // the first input of the phase
    if (i0 >= h || j0 >= w) continue;
    const high = (h - i0 + sh - 1) / sh, wide = (w - j0 + sw - 1) / sw;
    const steps = phase_cells(kh, kw, channels, sh, sw, dh, dw, py, px, top, left, wp, cells, table);
    for (let i: usize = 0; i < steps; i++) memory.copy(b + ((i * channels) << 2), kernel + ((<usize>load<u32>(cells + (i << 2)) * channels) << 2), channels << 2);
    offsets(g, hp * wp * channels, high, wp * channels, wide, channels, from);
    offsets(g, h * w * c, high, sh * w * c, wide, sw * c, to);
    const corner = border + (((((i0 + ph) / sh) * wp + (j0 + pw) / sw) * channels) << 2);
    for (let i: usize = 0; i < m; i += g) {
      const rows = min<usize>(g, m - i) * high * wide, target = dx + (((i * h * w + i0 * w + j0) * c) << 2);
      frame(min<usize>(g, m - i), oh, ow, channels, hp, wp, top, left, dy + ((i * oh * ow * channels) << 2), border);
      for (let q: usize = 0; q < rows; q += BLOCK) {
        const count = min<usize>(BLOCK, rows - q), at = to + (q << 2);
        if (n == 1) {
          product(count, c, steps, zeros, corner, from + (q << 2), table, b, target, at);
        } else {
          product(count, channels, steps, zeros, corner, from + (q << 2), table, b, aside, block);
          for (let r: usize = 0; r < count; r++) add_groups(c, n, aside + ((r * channels) << 2), target + load<u32>(at + (r << 2)));
        }
      }
    }
  }
}
/** y_e <- sum over q of x_en+q. */
function add_groups(c: usize, n: usize, x: usize, y: usize): void {
  for (let e: usize = 0; e < c; e++, y += 4) {
    let s: f32 = 0;
    for (let q: usize = 0; q < n; q++, x += 4) s += load<f32>(x);
    store<f32>(y, s);
  }
}

/**
 * dK <- alpha dK' + beta dK and db <- alpha db' + beta db, where dK' and db' are the gradients; beta = 0 does not read. x, dy, kernel as above.
 * Sums go over blocks of 256 outputs of one or several images: within a block an element is one chain; each block's sum times alpha is added, the first
 * after beta. m = 0 leaves beta dK.
 */
export function depthwise_conv2d_weight_gradient_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  alpha: f32, beta: f32, x: usize, dy: usize, dk: usize, db: usize, scratch: usize,
): void {
  const channels = c * n, all = oh * ow, g = group(m, all), hp = reach(oh, sh, kh, dh), wp = reach(ow, sw, kw, dw), size = kh * kw * channels;
  const from = scratch, cells = from + ((g * all) << 2), to = cells + ((kh * kw) << 2);
  const zeros = to + ((kh * kw) << 2), sums = zeros + (channels << 2), border = sums + (size << 2);
  offsets(g, hp * wp * channels, oh, sh * wp * channels, ow, sw * channels, from);
  offsets(1, 0, kh, dh * wp * channels, kw, dw * channels, cells);
  offsets(1, 0, 1, 0, kh * kw, channels, to);
  memory.fill(zeros, 0, channels << 2);
  memory.fill(border, 0, (g * hp * wp * channels) << 2);
  for (let i: usize = 0; i < m; i += g) {
    const rows = min<usize>(g, m - i) * all, d = dy + ((i * all * channels) << 2);
    spread(min<usize>(g, m - i), h, w, c, n, hp, wp, ph, pw, x + ((i * h * w * c) << 2), border);
    for (let q: usize = 0; q < rows; q += BLOCK, beta = 1) {
      const count = min<usize>(BLOCK, rows - q), dq = d + ((q * channels) << 2);
      product(kh * kw, channels, count, zeros, border, cells, from + (q << 2), dq, sums, to);
      update_row(size, alpha, beta, sums, dk);
      bias_backward_f32(count, channels, alpha, beta, dq, db);
    }
  }
  if (m == 0) {
    bias_backward_f32(0, size, alpha, beta, dy, dk);
    bias_backward_f32(0, channels, alpha, beta, dy, db);
  }
}

/** norms_i <- norms_i + |dK'|^2 + |db'|^2 of image i alone, f64; dy holds the gradients of the images' own losses. Its gradient, small, lies in scratch. */
export function depthwise_conv2d_gradient_norms_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
  x: usize, dy: usize, norms: usize, scratch: usize,
): void {
  const size = kh * kw * c * n, rest = scratch + ((size + c * n) << 2);
  for (let i: usize = 0; i < m; i++, x += (h * w * c) << 2, dy += (oh * ow * c * n) << 2) {
    depthwise_conv2d_weight_gradient_f32(1, h, w, c, kh, kw, n, oh, ow, sh, sw, ph, pw, dh, dw, 1, 0, x, dy, scratch, scratch + (size << 2), rest);
    store<f64>(norms + (i << 3), load<f64>(norms + (i << 3)) + squared_norm_f32(size + c * n, scratch));
  }
}

/** Bytes of scratch that any kernel here needs for the geometry. */
export function depthwise_conv2d_scratch_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, n: usize, oh: usize, ow: usize,
  sh: usize, sw: usize, ph: usize, pw: usize, dh: usize, dw: usize,
): usize {
  const channels = c * n, cells = kh * kw, gy = group(m, oh * ow), gx = group(m, h * w);
  const image = gy * (2 * oh * ow + reach(oh, sh, kh, dh) * reach(ow, sw, kw, dw) * channels);
  const hq = ((kh - 1) * dh + sh - 1) / sh + max<usize>(oh, (h - 1 + ph) / sh + 1), wq = ((kw - 1) * dw + sw - 1) / sw + max<usize>(ow, (w - 1 + pw) / sw + 1);
  const input = gx * (2 * h * w + hq * wq * channels) + (n > 1 ? BLOCK * (1 + channels) : 0);
  return (max<usize>(image, input) + 2 * (cells + channels + cells * channels)) << 2;
}
