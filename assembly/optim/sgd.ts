// Stochastic gradient descent on a flat vector, in place.
import { ld, madd, splat, st } from "../lanes/f32";

// @ts-ignore: decorator
@inline
function sgd_body<T>(lr: f32, wd: f32, g: usize, w: usize): void {
  const d = madd<T>(splat<T>(wd), ld<T>(w), ld<T>(g)); // g + wd*w
  st<T>(w, madd<T>(splat<T>(-lr), d, ld<T>(w))); // w - lr*d
}
/**
 * w <- w - lr (g + wd w): one SGD step with L2 penalty.
 *
 * n  elements, 0 is a no-op    lr > 0, wd >= 0 finite    g: n x f32 read    w: n x f32 read and written; disjoint
 * Numerics: 2 roundings per madd; same bits in scalar and simd; relaxed may fuse. NaN and Inf propagate.
 * Source: McMahan et al. 2017 (arXiv:1602.05629), algorithm 1, ClientUpdate.
 */
export function sgd_f32(n: usize, lr: f32, wd: f32, g: usize, w: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) sgd_body<v128>(lr, wd, g + (i << 2), w + (i << 2));
  for (; i < n; i++) sgd_body<f32>(lr, wd, g + (i << 2), w + (i << 2));
}

// @ts-ignore: decorator
@inline
function momentum_body<T>(lr: f32, wd: f32, mu: f32, g: usize, w: usize, v: usize): void {
  const d = madd<T>(splat<T>(wd), ld<T>(w), ld<T>(g));
  const u = madd<T>(splat<T>(mu), ld<T>(v), d); // v <- mu v + g + wd w
  st<T>(v, u);
  st<T>(w, madd<T>(splat<T>(-lr), u, ld<T>(w)));
}
/**
 * v <- mu v + (g + wd w); w <- w - lr v: heavy-ball momentum, v starting at 0.
 *
 * n  elements    lr > 0, wd >= 0, 0 <= mu < 1    g: n x f32 read    w, v: n x f32 read and written; all disjoint
 * Source: Sutskever et al. 2013, in the form of PyTorch: the velocity is not scaled by lr.
 */
export function sgd_momentum_f32(n: usize, lr: f32, wd: f32, mu: f32, g: usize, w: usize, v: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) momentum_body<v128>(lr, wd, mu, g + (i << 2), w + (i << 2), v + (i << 2));
  for (; i < n; i++) momentum_body<f32>(lr, wd, mu, g + (i << 2), w + (i << 2), v + (i << 2));
}
