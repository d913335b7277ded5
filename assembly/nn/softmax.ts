// Softmax, its cross-entropy with integer labels, and accuracy, all by rows of logits.
import * as d from "../lanes/f64";
import { dot_f32 } from "../linalg/reduce";
import { exp, log } from "../lanes/math";

// @ts-ignore: decorator
@inline
function row_max(n: usize, x: usize): f64 {
  let m = load<f32>(x);
  for (let j: usize = 1; j < n; j++) m = f32.max(m, load<f32>(x + (j << 2)));
  return <f64>m;
}
// @ts-ignore: decorator
@inline
function exp_body<T>(max: f64, x: usize, e: usize): void {
  d.st<T>(e, exp<T>(d.sub<T>(d.ld_f32<T>(x), d.splat<T>(max))));
}
/** e_j <- exp(x_j - max) in f64; returns their sum, added in rising j, at least 1 for finite x. */
function exp_row(n: usize, max: f64, x: usize, e: usize): f64 {
  let j: usize = 0;
  if (ASC_FEATURE_SIMD && n >= 2) {
    const h = n & ~1;
    do {
      exp_body<v128>(max, x + (j << 2), e + (j << 3));
      j += 2;
    } while (j < h);
  }
  for (; j < n; j++) exp_body<f64>(max, x + (j << 2), e + (j << 3));
  let s: f64 = 0;
  for (j = 0; j < n; j++) s += load<f64>(e + (j << 3));
  return s;
}

/** Bytes of scratch for rows of n classes. */
export function softmax_scratch_f32(n: usize): usize {
  return n << 3;
}

/** P_ij <- exp(X_ij - max_i) / sum_j exp(X_ij - max_i), computed in f64. m x n f32, n >= 1; p may be x. A NaN makes its row NaN. */
export function softmax_f32(m: usize, n: usize, x: usize, p: usize, scratch: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const xi = x + ((i * n) << 2), pi = p + ((i * n) << 2);
    const inv = 1.0 / exp_row(n, row_max(n, xi), xi, scratch);
    for (let j: usize = 0; j < n; j++) store<f32>(pi + (j << 2), <f32>(load<f64>(scratch + (j << 3)) * inv));
  }
}

// @ts-ignore: decorator
@inline
function backward_body<T>(s: f64, p: usize, dp: usize, dx: usize): void {
  d.st_f32<T>(dx, d.mul<T>(d.ld_f32<T>(p), d.sub<T>(d.ld_f32<T>(dp), d.splat<T>(s))));
}
/**
 * dX_ij <- P_ij (dP_ij - sum_k dP_ik P_ik): the gradient of softmax_f32 from its output. m x n f32, n >= 1; dx may be dp or p.
 * In f64, one rounding to f32: same bits in every build. A NaN makes its row NaN.
 */
export function softmax_backward_f32(m: usize, n: usize, p: usize, dp: usize, dx: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const pi = p + ((i * n) << 2), gi = dp + ((i * n) << 2), xi = dx + ((i * n) << 2);
    const s = dot_f32(n, pi, gi);
    let j: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = n & ~1; j < e; j += 2) backward_body<v128>(s, pi + (j << 2), gi + (j << 2), xi + (j << 2));
    for (; j < n; j++) backward_body<f64>(s, pi + (j << 2), gi + (j << 2), xi + (j << 2));
  }
}

/**
 * Loss sum_i [log sum_j exp(X_ij) - X_i,y_i] (returned, f64) and its gradient dX <- alpha (softmax(X_i) - onehot(y_i)).
 * m rows, n >= 1 classes; labels: m x i32 in [0, n); x, dx: m x n f32, dx may be x. alpha = 1/m gives the gradient of the mean.
 * Stable for any finite logits: the largest is taken off first, in f64. NaN propagates to its row and the loss.
 */
export function softmax_cross_entropy_f32(m: usize, n: usize, alpha: f64, x: usize, labels: usize, dx: usize, scratch: usize): f64 {
  let loss: f64 = 0;
  for (let i: usize = 0; i < m; i++) {
    const xi = x + ((i * n) << 2), di = dx + ((i * n) << 2);
    const y = <usize>load<i32>(labels + (i << 2));
    assert(y < n, "label");
    const max = row_max(n, xi);
    const sum = exp_row(n, max, xi, scratch);
    loss += log<f64>(sum) + (max - <f64>load<f32>(xi + (y << 2)));
    const inv = 1.0 / sum;
    for (let j: usize = 0; j < n; j++) {
      const g = load<f64>(scratch + (j << 3)) * inv - (j == y ? 1.0 : 0.0);
      store<f32>(di + (j << 2), <f32>(alpha * g));
    }
  }
  return loss;
}

/** Rows whose largest logit stands at the label (the first of equals wins; a row with a NaN counts as wrong). m x n f32, n >= 1. */
export function accuracy_f32(m: usize, n: usize, x: usize, labels: usize): usize {
  let hits: usize = 0;
  for (let i: usize = 0; i < m; i++) {
    const xi = x + ((i * n) << 2);
    let best: usize = 0;
    let top = load<f32>(xi);
    let ok = top == top;
    for (let j: usize = 1; j < n; j++) {
      const v = load<f32>(xi + (j << 2));
      if (v != v) ok = false;
      if (v > top) {
        top = v;
        best = j;
      }
    }
    if (ok && best == <usize>load<i32>(labels + (i << 2))) hits++;
  }
  return hits;
}
