// Adam and Yogi: a running mean of the gradient over the root of a running mean of its square, in place.
// Weight decay, decoupled decay (AdamW) and the local term mu, w0, c are those of optim/sgd.
import { add, div, keep_unless_le, ld, madd, mul, splat, sqrt, st, sub } from "../lanes/f32";
import { descend, slope } from "./sgd";

// @ts-ignore: decorator
@inline
function adam_body<T>(
  term: bool, yogi: bool, lr: f32, wd: f32, decay: f32, r1: f32, r2: f32, eps: f32, mu: f32,
  g: usize, w0: usize, c: usize, w: usize, m: usize, v: usize, i: usize,
): void {
  const x = ld<T>(w + i);
  const d = slope<T>(term, wd, mu, g, w0, c, x, i);
  const m0 = ld<T>(m + i);
  const m1 = madd<T>(splat<T>(r1), sub<T>(d, m0), m0);
  const v0 = ld<T>(v + i);
  const q = mul<T>(d, d);
  let v1: T;
  if (yogi) {
    const by = mul<T>(splat<T>(r2), q); // up where v < q, down where v > q, not at all where equal; NaN goes both ways and stays
    v1 = add<T>(v0, sub<T>(keep_unless_le<T>(q, v0, by), keep_unless_le<T>(v0, q, by)));
  } else v1 = madd<T>(splat<T>(r2), sub<T>(q, v0), v0);
  st<T>(m + i, m1);
  st<T>(v + i, v1);
  descend<T>(lr, decay, x, div<T>(m1, add<T>(sqrt<T>(v1), splat<T>(eps))), w + i);
}
// @ts-ignore: decorator
@inline
function adam_pass(
  term: bool, yogi: bool, n: usize, lr: f32, wd: f32, decay: f32, r1: f32, r2: f32, eps: f32, mu: f32,
  g: usize, w0: usize, c: usize, w: usize, m: usize, v: usize,
): void {
  let i: usize = 0;
  const end = n << 2;
  if (ASC_FEATURE_SIMD) {
    for (const e = end & ~31; i < e; i += 32) {
      adam_body<v128>(term, yogi, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v, i);
      adam_body<v128>(term, yogi, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v, i + 16);
    }
    for (const e = end & ~15; i < e; i += 16) adam_body<v128>(term, yogi, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v, i);
  }
  for (; i < end; i += 4) adam_body<f32>(term, yogi, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v, i);
}
/**
 * m <- m + r1 (d - m); v <- v + r2 (d^2 - v); w <- w - (decay w + lr m / (sqrt(v) + eps)), d = g + wd w + [mu (w - w0) + c].
 *
 * The caller folds the bias correction into lr and eps: with s = sqrt(1 - beta2^t), lr = rate s / (1 - beta1^t) and eps = s epsilon the step
 * is exactly rate m^ / (sqrt(v^) + epsilon), m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t).
 *
 * n  elements, 0 is a no-op    r1 = 1 - beta1, r2 = 1 - beta2, in (0, 1]    lr, wd, mu >= 0    eps > 0    decay = rate times decoupled decay
 * g: n x f32 read    w0, c: n x f32 read, or 0 = absent    w, m, v: n x f32 read and written; disjoint from each other and the rest; v >= 0
 * Numerics: v stays >= 0, since r2 (v - d^2) <= v; root and quotient are rounded correctly. Same bits in scalar and simd; relaxed may fuse.
 * NaN and Inf propagate; |d| > 1.8e19 overflows v to Inf, and the weight then stands still.
 * Speed: bound by the divider, one root and one quotient for 28 bytes. Two groups a turn hide their latency; four gave no more. A reciprocal
 * by Newton's method instead of the quotient was slower (2.8 ns a group of four lanes instead of 2.2, Zen 3).
 * Source: Kingma & Ba 2014 (arXiv:1412.6980), algorithm 1 in the order of section 2; decoupled: Loshchilov & Hutter 2017 (arXiv:1711.05101).
 */
export function adam_f32(
  n: usize, lr: f32, wd: f32, decay: f32, r1: f32, r2: f32, eps: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, m: usize, v: usize,
): void {
  if (w0 | c) adam_pass(true, false, n, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v);
  else adam_pass(false, false, n, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v);
}
/**
 * adam_f32 with v <- v - r2 d^2 sign(v - d^2): v moves by a share of d^2 only, so one small gradient cannot forget the large ones.
 * Arguments and numerics as adam_f32.    Source: Zaheer et al. 2018, Adaptive Methods for Nonconvex Optimization, algorithm 2.
 */
export function yogi_f32(
  n: usize, lr: f32, wd: f32, decay: f32, r1: f32, r2: f32, eps: f32, mu: f32, g: usize, w0: usize, c: usize, w: usize, m: usize, v: usize,
): void {
  if (w0 | c) adam_pass(true, true, n, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v);
  else adam_pass(false, true, n, lr, wd, decay, r1, r2, eps, mu, g, w0, c, w, m, v);
}
