// L2 clipping of a flat vector: u <- u min(1, C / |u|), so that no client moves the sum by more than C.
import * as d from "../lanes/f64";
import { squared_norm_f32 } from "../linalg/reduce";

// @ts-ignore: decorator
@inline
function clip_body<T>(factor: f64, x: usize, y: usize): void {
  d.st_f32<T>(y, d.mul<T>(d.splat<T>(factor), d.ld_f32<T>(x)));
}
// @ts-ignore: decorator
@inline
function scale_f64(n: usize, factor: f64, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~1; i < e; i += 2) clip_body<v128>(factor, x + (i << 2), y + (i << 2));
  for (; i < n; i++) clip_body<f64>(factor, x + (i << 2), y + (i << 2));
}

/**
 * y <- x min(1, c / |x|), with |x| in f64. Returns |x|.
 *
 * n  elements    c > 0 finite    x: n x f32    y: n x f32, may be x
 * Edges: |x| = 0 copies x; a non-finite |x| is returned and y is NOT written. x within the bound is copied bit for bit.
 * Promise: the f64 norm of y (squared_norm_f32) never exceeds c: where rounding to f32 pushed it over, the factor is lowered and
 * the vector scaled again. Hence clip(clip(x)) = clip(x). Numerics: same bits in every build.
 * Source: Abadi et al. 2016 (arXiv:1607.00133), algorithm 1; McMahan et al. 2018 (arXiv:1710.06963).
 */
export function clip_l2_f32(n: usize, c: f64, x: usize, y: usize): f64 {
  const norm = f64.sqrt(squared_norm_f32(n, x));
  if (!(norm < Infinity)) return norm;
  if (norm <= c) {
    memory.copy(y, x, n << 2);
    return norm;
  }
  scale_f64(n, c / norm, x, y);
  // Rounding to f32 can leave |y| a few 1e-8 above c: lower it until the promise holds; one round nearly always ends it.
  // Denormals may round back to what they were, so the step doubles from 2^-23; at 1 all is zero, and the loop ends.
  let step: f64 = 1.1920928955078125e-7;
  for (let got = f64.sqrt(squared_norm_f32(n, y)); got > c; got = f64.sqrt(squared_norm_f32(n, y))) {
    scale_f64(n, (c / got) * (1.0 - step), y, y);
    step += step;
  }
  return norm;
}
