// Max pooling over windows of images, as Keras and tfjs have it: NHWC; padded cells take no part.
//
// A geometry is twelve counts: m images of h x w x c; windows of kh x kw cells, sh x sw apart, the first beginning `top` rows above and
// `left` columns before the image; oh x ow windows. Each holds a cell of the image: top < kh and (oh - 1) sh < h + top, and so for columns.
//
// Four vectors at a time share the cost of walking a window; 2x2, the most frequent, is unrolled.
import { beats, choose, lanes, ld, st } from "../lanes/f32";
import * as u from "../lanes/u32";

/** First cell of window o inside the image. */
// @ts-ignore: decorator
@inline
export function from(o: usize, stride: usize, before: usize): usize {
  return o * stride > before ? o * stride - before : 0;
}
/** One past the last cell of window o inside an image of n. */
// @ts-ignore: decorator
@inline
export function to(o: usize, stride: usize, before: usize, k: usize, n: usize): usize {
  return min<usize>(o * stride + k - before, n);
}

// Maximum. x, y: channel j of the image and of the window's output; at: elements from x to the window's first cell; row: elements of a row.
// The winning cell is kept by that offset. Offsets rise along the walk, so of two winners the later is the greater number.
// Winners lie `aside` bytes from y; 0: they are not wanted.

// @ts-ignore: decorator
@inline
function win<T, U>(best: T, cell: U, j: usize, y: usize, aside: usize): void {
  st<T>(y, best);
  if (aside) u.st<U>(y + aside, u.add<U>(cell, u.counting<U>(<u32>j)));
}
// @ts-ignore: decorator
@inline
function max_2x2<T, U>(at: usize, row: usize, c: usize, j: usize, x: usize, y: usize, aside: usize): void {
  const p = x + (at << 2), q = p + (row << 2);
  let a = ld<T>(p), k = u.splat<U>(<u32>at);
  let v = ld<T>(p + (c << 2)), t = beats<T, U>(v, a);
  a = choose<T, U>(t, v, a), k = u.max<U>(k, u.and<U>(t, u.splat<U>(<u32>(at + c))));
  v = ld<T>(q), t = beats<T, U>(v, a);
  a = choose<T, U>(t, v, a), k = u.max<U>(k, u.and<U>(t, u.splat<U>(<u32>(at + row))));
  v = ld<T>(q + (c << 2)), t = beats<T, U>(v, a);
  a = choose<T, U>(t, v, a), k = u.max<U>(k, u.and<U>(t, u.splat<U>(<u32>(at + row + c))));
  win<T, U>(a, k, j, y, aside);
}
// @ts-ignore: decorator
@inline
function max_one<T, U>(at: usize, rows: usize, cols: usize, row: usize, c: usize, j: usize, x: usize, y: usize, aside: usize): void {
  let a = ld<T>(x + (at << 2)), k = u.splat<U>(<u32>at);
  for (let r: usize = 0; r < rows; r++) {
    for (let i = at + r * row, e = i + cols * c; i < e; i += c) {
      const v = ld<T>(x + (i << 2)), t = beats<T, U>(v, a);
      a = choose<T, U>(t, v, a), k = u.max<U>(k, u.and<U>(t, u.splat<U>(<u32>i)));
    }
  }
  win<T, U>(a, k, j, y, aside);
}
// @ts-ignore: decorator
@inline
function max_four<T, U>(at: usize, rows: usize, cols: usize, row: usize, c: usize, j: usize, x: usize, y: usize, aside: usize): void {
  const n = lanes<T>(), s = n << 2;
  const p = x + (at << 2);
  let a0 = ld<T>(p), a1 = ld<T>(p + s), a2 = ld<T>(p + 2 * s), a3 = ld<T>(p + 3 * s);
  let k0 = u.splat<U>(<u32>at), k1 = k0, k2 = k0, k3 = k0;
  for (let r: usize = 0; r < rows; r++) {
    for (let i = at + r * row, e = i + cols * c; i < e; i += c) {
      const q = x + (i << 2), k = u.splat<U>(<u32>i);
      let v = ld<T>(q), t = beats<T, U>(v, a0);
      a0 = choose<T, U>(t, v, a0), k0 = u.max<U>(k0, u.and<U>(t, k));
      v = ld<T>(q + s), t = beats<T, U>(v, a1);
      a1 = choose<T, U>(t, v, a1), k1 = u.max<U>(k1, u.and<U>(t, k));
      v = ld<T>(q + 2 * s), t = beats<T, U>(v, a2);
      a2 = choose<T, U>(t, v, a2), k2 = u.max<U>(k2, u.and<U>(t, k));
      v = ld<T>(q + 3 * s), t = beats<T, U>(v, a3);
      a3 = choose<T, U>(t, v, a3), k3 = u.max<U>(k3, u.and<U>(t, k));
    }
  }
  win<T, U>(a0, k0, j, y, aside), win<T, U>(a1, k1, j + n, y + s, aside);
  win<T, U>(a2, k2, j + 2 * n, y + 2 * s, aside), win<T, U>(a3, k3, j + 3 * n, y + 3 * s, aside);
}
/**
 * Y_o <- max of the cells of window o, each channel by itself; winner_o <- where it stands.
 *
 * The counts are the geometry above. x: m x h x w x c f32; y: m x oh x ow x c f32; disjoint.
 * winner: m x oh x ow x c u32, the offset (iy w + ix) c + j of the first maximum in its image, rows before columns; 0 = not wanted.
 * Exact. A NaN is above all: it makes its window NaN, and the first NaN wins. (TensorFlow's MaxPoolWithArgmax counts offsets alike.)
 */
export function max_pool_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, sh: usize, sw: usize, top: usize, left: usize, oh: usize, ow: usize,
  x: usize, y: usize, winner: usize,
): void {
  const row = w * c, aside = winner ? winner - y : 0;
  for (let i: usize = 0; i < m; i++, x += (h * row) << 2) {
    for (let oy: usize = 0; oy < oh; oy++) {
      const y0 = from(oy, sh, top), rows = to(oy, sh, top, kh, h) - y0;
      for (let ox: usize = 0; ox < ow; ox++, y += c << 2) {
        const x0 = from(ox, sw, left), cols = to(ox, sw, left, kw, w) - x0;
        const at = y0 * row + x0 * c;
        let j: usize = 0;
        if (rows == 2 && cols == 2) {
          if (ASC_FEATURE_SIMD) for (const e = c & ~3; j < e; j += 4) max_2x2<v128, v128>(at, row, c, j, x + (j << 2), y + (j << 2), aside);
          for (; j < c; j++) max_2x2<f32, u32>(at, row, c, j, x + (j << 2), y + (j << 2), aside);
          continue;
        }
        if (ASC_FEATURE_SIMD) {
          for (const e = c & ~15; j < e; j += 16) max_four<v128, v128>(at, rows, cols, row, c, j, x + (j << 2), y + (j << 2), aside);
          for (const e = c & ~3; j < e; j += 4) max_one<v128, v128>(at, rows, cols, row, c, j, x + (j << 2), y + (j << 2), aside);
        }
        for (; j < c; j++) max_one<f32, u32>(at, rows, cols, row, c, j, x + (j << 2), y + (j << 2), aside);
      }
    }
  }
}

/**
 * dX <- the gradient of each window at its winner, 0 elsewhere; where windows overlap, their gradients are added in rising order.
 * m images of n elements, o outputs each; winner: m x o u32, offsets below n as max_pool_f32 leaves them; dy: m x o f32; dx: m x n f32; disjoint.
 * One store an output: on 2x2 windows as fast as comparing cells in vectors, on larger ones faster (3x3: 41 us against 54), and it reads neither x nor y.
 */
export function max_pool_backward_f32(m: usize, n: usize, o: usize, winner: usize, dy: usize, dx: usize): void {
  for (let i: usize = 0; i < m; i++, dx += n << 2) {
    memory.fill(dx, 0, n << 2);
    for (const e = winner + (o << 2); winner < e; winner += 4, dy += 4) {
      const p = dx + (<usize>load<u32>(winner) << 2);
      store<f32>(p, load<f32>(p) + load<f32>(dy));
    }
  }
}
