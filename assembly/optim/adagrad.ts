// Adagrad and RMSprop: the gradient over the root of the sum, or of a running mean, of its squares, in place.
// Weight decay, decoupled decay and the local term mu, w0, c are those of optim/sgd.
import { add, div, ld, madd, mul, splat, sqrt, st, sub } from "../lanes/f32";
import { descend, slope } from "./sgd";

// @ts-ignore: decorator
@inline
function adagrad_body<T>(
  term: bool, mean: bool, lr: f32, wd: f32, decay: f32, r: f32, eps: f32, mu: f32,
  g: usize, w0: usize, c: usize, w: usize, v: usize, i: usize,
): void {
  const x = ld<T>(w + i);
  const d = slope<T>(term, wd, mu, g, w0, c, x, i);
  const v0 = ld<T>(v + i);
  const v1 = mean ? madd<T>(splat<T>(r), sub<T>(mul<T>(d, d), v0), v0) : madd<T>(d, d, v0);
  st<T>(v + i, v1);
  descend<T>(lr, decay, x, div<T>(d, add<T>(sqrt<T>(v1), splat<T>(eps))), w + i);
}
// @ts-ignore: decorator
@inline
function adagrad_pass(
  term: bool, mean: bool, n: usize, lr: f32, wd: f32, decay: f32, r: f32, eps: f32, mu: f32,
  g: usize, w0: usize, c: usize, w: usize, v: usize,
): void {
  let i: usize = 0;
  const end = n << 2;
  if (ASC_FEATURE_SIMD) {
    for (const e = end & ~31; i < e; i += 32) {
      adagrad_body<v128>(term, mean, lr, wd, decay, r, eps, mu, g, w0, c, w, v, i);
      adagrad_body<v128>(term, mean, lr, wd, decay, r, eps, mu, g, w0, c, w, v, i + 16);
    }
    for (const e = end & ~15; i < e; i += 16) adagrad_body<v128>(term, mean, lr, wd, decay, r, eps, mu, g, w0, c, w, v, i);
  }
  for (; i < end; i += 4) adagrad_body<f32>(term, mean, lr, wd, decay, r, eps, mu, g, w0, c, w, v, i);
}
/**
 * v <- v + d^2; w <- w - (decay w + lr d / (sqrt(v) + eps)), d = g + wd w + [mu (w - w0) + c].
 *
 * n  elements, 0 is a no-op    lr, wd, mu >= 0    eps > 0, outside the root    decay = lr times decoupled decay
 * g: n x f32 read    w0, c: n x f32 read, or 0 = absent    w, v: n x f32 read and written; disjoint from each other and the rest; v >= 0
 * Numerics: same bits in scalar and simd; relaxed may fuse. NaN and Inf propagate; |d| > 1.8e19 overflows v, and the weight stands still.
 * Source: Duchi et al. 2011, J. Mach. Learn. Res. 12, the diagonal form, section 1; eps where PyTorch has it (Keras: inside the root).
 */
export function adagrad_f32(
  n: usize, lr: f32, wd: f32, decay: f32, eps: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, v: usize,
): void {
  if (w0 | c) adagrad_pass(true, false, n, lr, wd, decay, 1, eps, mu, g, w0, c, w, v);
  else adagrad_pass(false, false, n, lr, wd, decay, 1, eps, mu, g, w0, c, w, v);
}
/**
 * v <- v + r (d^2 - v); w <- w - (decay w + lr d / (sqrt(v) + eps)): adagrad_f32 that forgets. r = 1 - rho, in (0, 1].
 * Other arguments and numerics as adagrad_f32.    Source: Tieleman & Hinton 2012, lecture 6.5; eps where PyTorch has it.
 */
export function rmsprop_f32(
  n: usize, lr: f32, wd: f32, decay: f32, r: f32, eps: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, v: usize,
): void {
  if (w0 | c) adagrad_pass(true, true, n, lr, wd, decay, r, eps, mu, g, w0, c, w, v);
  else adagrad_pass(false, true, n, lr, wd, decay, r, eps, mu, g, w0, c, w, v);
}
