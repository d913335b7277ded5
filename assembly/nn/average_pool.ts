// Average pooling over windows of images, as Keras and tfjs have it: NHWC; padded cells are not counted. The geometry is that of max_pool.ts.
import { add, div, lanes, ld, splat, st } from "../lanes/f32";
import { from, to } from "./max_pool";

// x: the window's first cell at channel j; row, c: bytes of a row of the image and of a cell.

// @ts-ignore: decorator
@inline
function mean_one<T>(rows: usize, cols: usize, row: usize, c: usize, x: usize, y: usize): void {
  let a = splat<T>(0);
  for (let r: usize = 0; r < rows; r++) for (let p = x + r * row, e = p + cols * c; p < e; p += c) a = add<T>(a, ld<T>(p));
  st<T>(y, div<T>(a, splat<T>(<f32>(rows * cols))));
}
// @ts-ignore: decorator
@inline
function mean_four<T>(rows: usize, cols: usize, row: usize, c: usize, x: usize, y: usize): void {
  const s = lanes<T>() << 2;
  let a0 = splat<T>(0), a1 = a0, a2 = a0, a3 = a0;
  for (let r: usize = 0; r < rows; r++) {
    for (let p = x + r * row, e = p + cols * c; p < e; p += c) {
      a0 = add<T>(a0, ld<T>(p)), a1 = add<T>(a1, ld<T>(p + s)), a2 = add<T>(a2, ld<T>(p + 2 * s)), a3 = add<T>(a3, ld<T>(p + 3 * s));
    }
  }
  const k = splat<T>(<f32>(rows * cols));
  st<T>(y, div<T>(a0, k)), st<T>(y + s, div<T>(a1, k)), st<T>(y + 2 * s, div<T>(a2, k)), st<T>(y + 3 * s, div<T>(a3, k));
}
/**
 * Y_o <- mean of the cells of window o, each channel by itself. With the image for a window this is global average pooling.
 * The counts are the geometry of max_pool.ts. x: m x h x w x c f32; y: m x oh x ow x c f32; disjoint.
 * A window's n cells are added in the order of rows, then columns: |error| <= n 2^-24 times the mean of magnitudes. NaN and Inf propagate.
 */
export function average_pool_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, sh: usize, sw: usize, top: usize, left: usize, oh: usize, ow: usize,
  x: usize, y: usize,
): void {
  const cell = c << 2, row = w * cell;
  for (let i: usize = 0; i < m; i++, x += h * row) {
    for (let oy: usize = 0; oy < oh; oy++) {
      const y0 = from(oy, sh, top), rows = to(oy, sh, top, kh, h) - y0;
      for (let ox: usize = 0; ox < ow; ox++) {
        const x0 = from(ox, sw, left), cols = to(ox, sw, left, kw, w) - x0;
        const e = y + cell;
        let p = x + y0 * row + x0 * cell;
        if (ASC_FEATURE_SIMD) {
          for (; y + 64 <= e; y += 64, p += 64) mean_four<v128>(rows, cols, row, cell, p, y);
          for (; y + 16 <= e; y += 16, p += 16) mean_one<v128>(rows, cols, row, cell, p, y);
        }
        for (; y < e; y += 4, p += 4) mean_one<f32>(rows, cols, row, cell, p, y);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function spread_one<T>(rows: usize, cols: usize, row: usize, c: usize, dy: usize, dx: usize): void {
  const g = div<T>(ld<T>(dy), splat<T>(<f32>(rows * cols)));
  for (let r: usize = 0; r < rows; r++) for (let p = dx + r * row, e = p + cols * c; p < e; p += c) st<T>(p, add<T>(ld<T>(p), g));
}
// @ts-ignore: decorator
@inline
function spread_four<T>(rows: usize, cols: usize, row: usize, c: usize, dy: usize, dx: usize): void {
  const s = lanes<T>() << 2, k = splat<T>(<f32>(rows * cols));
  const g0 = div<T>(ld<T>(dy), k), g1 = div<T>(ld<T>(dy + s), k), g2 = div<T>(ld<T>(dy + 2 * s), k), g3 = div<T>(ld<T>(dy + 3 * s), k);
  for (let r: usize = 0; r < rows; r++) {
    for (let p = dx + r * row, e = p + cols * c; p < e; p += c) {
      st<T>(p, add<T>(ld<T>(p), g0)), st<T>(p + s, add<T>(ld<T>(p + s), g1));
      st<T>(p + 2 * s, add<T>(ld<T>(p + 2 * s), g2)), st<T>(p + 3 * s, add<T>(ld<T>(p + 3 * s), g3));
    }
  }
}
/**
 * dX <- each window's gradient shared among its cells, added where windows overlap in the order of the windows, 0 where there is none.
 * The counts are the geometry of max_pool.ts. dy: m x oh x ow x c f32; dx: m x h x w x c f32; disjoint. NaN and Inf propagate.
 */
export function average_pool_backward_f32(
  m: usize, h: usize, w: usize, c: usize, kh: usize, kw: usize, sh: usize, sw: usize, top: usize, left: usize, oh: usize, ow: usize,
  dy: usize, dx: usize,
): void {
  const cell = c << 2, row = w * cell;
  for (let i: usize = 0; i < m; i++, dx += h * row) {
    memory.fill(dx, 0, h * row);
    for (let oy: usize = 0; oy < oh; oy++) {
      const y0 = from(oy, sh, top), rows = to(oy, sh, top, kh, h) - y0;
      for (let ox: usize = 0; ox < ow; ox++) {
        const x0 = from(ox, sw, left), cols = to(ox, sw, left, kw, w) - x0;
        const e = dy + cell;
        let p = dx + y0 * row + x0 * cell;
        if (ASC_FEATURE_SIMD) {
          for (; dy + 64 <= e; dy += 64, p += 64) spread_four<v128>(rows, cols, row, cell, dy, p);
          for (; dy + 16 <= e; dy += 16, p += 16) spread_one<v128>(rows, cols, row, cell, dy, p);
        }
        for (; dy < e; dy += 4, p += 4) spread_one<f32>(rows, cols, row, cell, dy, p);
      }
    }
  }
}
