// Stochastic gradient descent on a flat vector, in place, and the two words that every optimizer is written in: slope and descend.
//
// A local term of federated learning is part of the same pass: slope adds mu (w - w0) + c to the gradient.
//   FedProx (arXiv:1812.06127): mu, w0 = global weights.   SCAFFOLD (arXiv:1910.06378): c = c_server - c_client.
//   FedDyn (arXiv:2111.04263): mu = alpha, w0 = global weights, c = -h.
// w0 and c are addresses; 0 means absent. `term` is a constant where it is used: without a term nothing of it is left in the loop.
// With one, w0 and c are tested for every group of lanes: predicted, and cheaper than reading a vector of zeros.
import { add, ld, madd, mul, splat, st, sub } from "../lanes/f32";

/** g + wd x, with a term also + mu (x - w0) + c: the gradient at byte offset i, where the weights are x. */
// @ts-ignore: decorator
@inline
export function slope<T>(term: bool, wd: f32, mu: f32, g: usize, w0: usize, c: usize, x: T, i: usize): T {
  let d = madd<T>(splat<T>(wd), x, ld<T>(g + i));
  if (term) {
    if (w0) d = madd<T>(splat<T>(mu), sub<T>(x, ld<T>(w0 + i)), d);
    if (c) d = add<T>(d, ld<T>(c + i));
  }
  return d;
}
/** Stores x - (decay x + lr u) at w. A sum first, so that a decay far below 1 is not lost beside it. */
// @ts-ignore: decorator
@inline
export function descend<T>(lr: f32, decay: f32, x: T, u: T, w: usize): void {
  st<T>(w, sub<T>(x, madd<T>(splat<T>(decay), x, mul<T>(splat<T>(lr), u))));
}

// @ts-ignore: decorator
@inline
function sgd_body<T>(term: bool, lr: f32, wd: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, i: usize): void {
  const x = ld<T>(w + i);
  st<T>(w + i, madd<T>(splat<T>(-lr), slope<T>(term, wd, mu, g, w0, c, x, i), x));
}
// @ts-ignore: decorator
@inline
function sgd_pass(term: bool, n: usize, lr: f32, wd: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize): void {
  let i: usize = 0;
  const end = n << 2;
  if (ASC_FEATURE_SIMD) {
    for (const e = end & ~63; i < e; i += 64) {
      sgd_body<v128>(term, lr, wd, mu, g, w0, c, w, i);
      sgd_body<v128>(term, lr, wd, mu, g, w0, c, w, i + 16);
      sgd_body<v128>(term, lr, wd, mu, g, w0, c, w, i + 32);
      sgd_body<v128>(term, lr, wd, mu, g, w0, c, w, i + 48);
    }
    for (const e = end & ~15; i < e; i += 16) sgd_body<v128>(term, lr, wd, mu, g, w0, c, w, i);
  }
  for (; i < end; i += 4) sgd_body<f32>(term, lr, wd, mu, g, w0, c, w, i);
}
/**
 * w <- w - lr d, d = g + wd w + [mu (w - w0) + c]: one SGD step. L2 penalty and decoupled weight decay are the same thing here.
 *
 * n  elements, 0 is a no-op    lr, wd, mu >= 0 finite    g: n x f32 read    w0, c: n x f32 read, or 0 = absent
 * w: n x f32 read and written, disjoint from the rest
 * Numerics: 2 roundings per multiply-add; same bits in scalar and simd; relaxed may fuse. NaN and Inf propagate.
 * Source: McMahan et al. 2017 (arXiv:1602.05629), algorithm 1, ClientUpdate.
 */
export function sgd_f32(n: usize, lr: f32, wd: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize): void {
  if (w0 | c) sgd_pass(true, n, lr, wd, mu, g, w0, c, w);
  else sgd_pass(false, n, lr, wd, mu, g, w0, c, w);
}

// @ts-ignore: decorator
@inline
function momentum_body<T>(
  term: bool, nesterov: bool, lr: f32, wd: f32, decay: f32, beta: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, v: usize, i: usize,
): void {
  const x = ld<T>(w + i);
  const d = slope<T>(term, wd, mu, g, w0, c, x, i);
  const u = madd<T>(splat<T>(beta), ld<T>(v + i), d);
  st<T>(v + i, u);
  descend<T>(lr, decay, x, nesterov ? madd<T>(splat<T>(beta), u, d) : u, w + i);
}
// @ts-ignore: decorator
@inline
function momentum_pass(
  term: bool, nesterov: bool, n: usize, lr: f32, wd: f32, decay: f32, beta: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, v: usize,
): void {
  let i: usize = 0;
  const end = n << 2;
  if (ASC_FEATURE_SIMD) {
    for (const e = end & ~63; i < e; i += 64) {
      momentum_body<v128>(term, nesterov, lr, wd, decay, beta, mu, g, w0, c, w, v, i);
      momentum_body<v128>(term, nesterov, lr, wd, decay, beta, mu, g, w0, c, w, v, i + 16);
      momentum_body<v128>(term, nesterov, lr, wd, decay, beta, mu, g, w0, c, w, v, i + 32);
      momentum_body<v128>(term, nesterov, lr, wd, decay, beta, mu, g, w0, c, w, v, i + 48);
    }
    for (const e = end & ~15; i < e; i += 16) momentum_body<v128>(term, nesterov, lr, wd, decay, beta, mu, g, w0, c, w, v, i);
  }
  for (; i < end; i += 4) momentum_body<f32>(term, nesterov, lr, wd, decay, beta, mu, g, w0, c, w, v, i);
}
/**
 * v <- beta v + d; w <- w - (decay w + lr v), d as in sgd_f32: heavy-ball momentum, v starting at 0.
 *
 * n  elements    lr, wd, decay, mu >= 0; decay = lr times the decoupled weight decay; 0 <= beta < 1
 * g, w0, c as in sgd_f32    w, v: n x f32 read and written; disjoint from each other and the rest
 * Numerics as sgd_f32.    Source: Sutskever et al. 2013, in the form of PyTorch: the velocity is not scaled by lr.
 */
export function sgd_momentum_f32(
  n: usize, lr: f32, wd: f32, decay: f32, beta: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, v: usize,
): void {
  if (w0 | c) momentum_pass(true, false, n, lr, wd, decay, beta, mu, g, w0, c, w, v);
  else momentum_pass(false, false, n, lr, wd, decay, beta, mu, g, w0, c, w, v);
}
/**
 * v <- beta v + d; w <- w - (decay w + lr (d + beta v)): Nesterov momentum, the gradient taken ahead by one velocity.
 * Arguments and numerics as sgd_momentum_f32.    Source: Sutskever et al. 2013, in the form of PyTorch and Keras.
 */
export function sgd_nesterov_f32(
  n: usize, lr: f32, wd: f32, decay: f32, beta: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, v: usize,
): void {
  if (w0 | c) momentum_pass(true, true, n, lr, wd, decay, beta, mu, g, w0, c, w, v);
  else momentum_pass(false, true, n, lr, wd, decay, beta, mu, g, w0, c, w, v);
}
