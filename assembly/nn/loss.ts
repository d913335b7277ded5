// Losses of a batch with their gradients: binary cross-entropy, mean squared error, Huber, Bayesian personalised ranking.
//
// All are sums of independent terms, so their loops are one text. Order of addition, the same in every build: element i < 4 floor(N/4)
// belongs to stripe i mod 4, each stripe adds in rising i, the sum is (s_0 + s_2) + (s_1 + s_3), the tail follows one by one.
// A v128 pass carries stripes j and j+1 together, a scalar pass walks the even stripes, then the odd ones. f64, one rounding to f32.
import * as d from "../lanes/f64";
import { exp, log } from "../lanes/math";
import { sum_f32 } from "../linalg/reduce";

/** e^-|z|: in (0, 1], whatever z. */
// @ts-ignore: decorator
@inline
function exp_gap<T>(z: T): T {
  return exp<T>(d.sub<T>(d.splat<T>(0), d.bits_and<T>(z, 0x7fffffffffffffff)));
}
/** log(1 + e) for e in [0, 1], u = 1 + e rounded, r = 1/u. The second term is what u lost of e: relative error < 4 ulp, down to e itself. */
// @ts-ignore: decorator
@inline
function log_1p<T>(e: T, u: T, r: T): T {
  return d.mul_add<T>(d.sub<T>(e, d.sub<T>(u, d.splat<T>(1))), r, log<T>(u));
}
/** All bits set where z has its sign set. */
// @ts-ignore: decorator
@inline
function negative<T>(z: T): T {
  return d.bits_sub<T>(d.splat<T>(0), d.bits_shr<T>(z, 63));
}

/** max(z, 0) - z t + log(1 + e^-|z|), no term of which cancels; dx <- c (sigmoid(z) - t), of which the smaller side is subtracted. */
// @ts-ignore: decorator
@inline
function binary_body<T>(c: f64, x: usize, t: usize, dx: usize): T {
  const z = d.ld_f32<T>(x), y = d.ld_f32<T>(t);
  const e = exp_gap<T>(z), u = d.add<T>(d.splat<T>(1), e), r = d.div<T>(d.splat<T>(1), u);
  const q = d.mul<T>(e, r); // sigmoid(-|z|)
  const g = d.bits_select<T>(d.sub<T>(q, y), d.sub<T>(d.sub<T>(d.splat<T>(1), y), q), negative<T>(z));
  d.st_f32<T>(dx, d.mul<T>(d.splat<T>(c), g));
  return d.add<T>(d.sub<T>(d.pmax<T>(z, d.splat<T>(0)), d.mul<T>(z, y)), log_1p<T>(e, u, r));
}
/** (x - t)^2; dx <- c (x - t). */
// @ts-ignore: decorator
@inline
function squared_body<T>(c: f64, x: usize, t: usize, dx: usize): T {
  const e = d.sub<T>(d.ld_f32<T>(x), d.ld_f32<T>(t));
  d.st_f32<T>(dx, d.mul<T>(d.splat<T>(c), e));
  return d.mul<T>(e, e);
}
/** With e = x - t and g = e held within +-delta: g (e - g/2); dx <- c g. */
// @ts-ignore: decorator
@inline
function huber_body<T>(delta: f64, c: f64, x: usize, t: usize, dx: usize): T {
  const e = d.sub<T>(d.ld_f32<T>(x), d.ld_f32<T>(t));
  const g = d.pmax<T>(d.pmin<T>(e, d.splat<T>(delta)), d.splat<T>(-delta));
  d.st_f32<T>(dx, d.mul<T>(d.splat<T>(c), g));
  return d.mul<T>(g, d.sub<T>(e, d.mul<T>(d.splat<T>(0.5), g)));
}
/** With z = positive - x: -log sigmoid(z) = max(-z, 0) + log(1 + e^-|z|); dx <- c sigmoid(-z). */
// @ts-ignore: decorator
@inline
function ranking_body<T>(positive: f64, c: f64, x: usize, dx: usize): T {
  const z = d.sub<T>(d.splat<T>(positive), d.ld_f32<T>(x));
  const e = exp_gap<T>(z), u = d.add<T>(d.splat<T>(1), e), r = d.div<T>(d.splat<T>(1), u);
  d.st_f32<T>(dx, d.mul<T>(d.splat<T>(c), d.bits_select<T>(r, d.mul<T>(e, r), negative<T>(z))));
  return d.add<T>(d.pmax<T>(d.sub<T>(d.splat<T>(0), z), d.splat<T>(0)), log_1p<T>(e, u, r));
}

const BINARY: i32 = 0;
const SQUARED: i32 = 1;
const HUBER: i32 = 2;
const RANKING: i32 = 3;

/** One term of the loss `kind`, a constant of the caller's; p is the number that huber and ranking take. */
// @ts-ignore: decorator
@inline
function term<T>(kind: i32, p: f64, c: f64, x: usize, t: usize, dx: usize): T {
  if (kind == BINARY) return binary_body<T>(c, x, t, dx);
  if (kind == SQUARED) return squared_body<T>(c, x, t, dx);
  if (kind == HUBER) return huber_body<T>(p, c, x, t, dx);
  return ranking_body<T>(p, c, x, dx);
}
// @ts-ignore: decorator
@inline
function stripes<T>(kind: i32, e: usize, p: f64, c: f64, x: usize, t: usize, dx: usize): T {
  let s0 = d.splat<T>(0), s1 = d.splat<T>(0);
  for (let i: usize = 0; i < e; i += 4) {
    const o = i << 2;
    s0 = d.add<T>(s0, term<T>(kind, p, c, x + o, t + o, dx + o));
    s1 = d.add<T>(s1, term<T>(kind, p, c, x + o + 8, t + o + 8, dx + o + 8));
  }
  return d.add<T>(s0, s1);
}
/** The sum of n terms. */
// @ts-ignore: decorator
@inline
function total(kind: i32, n: usize, p: f64, c: f64, x: usize, t: usize, dx: usize): f64 {
  const e = n & ~3;
  let s: f64;
  if (ASC_FEATURE_SIMD) s = d.lane_sum<v128>(stripes<v128>(kind, e, p, c, x, t, dx));
  else s = stripes<f64>(kind, e, p, c, x, t, dx) + stripes<f64>(kind, e, p, c, x + 4, t + 4, dx + 4);
  for (let i = e; i < n; i++) s += term<f64>(kind, p, c, x + (i << 2), t + (i << 2), dx + (i << 2));
  return s;
}

/**
 * Loss sum_i mean_j [max(X_ij, 0) - X_ij T_ij + log(1 + e^-|X_ij|)] (returned, f64): the cross-entropy of sigmoid(X) with T,
 * and its gradient dX <- (alpha/n) (sigmoid(X) - T). m rows, n >= 1 outputs; x: logits, targets in [0, 1], dx: m x n f32, dx may be x.
 * Stable for any finite logits; a loss and a gradient as small as e^-708 keep their relative accuracy. NaN reaches its element and the sum.
 * Source: Keras BinaryCrossentropy(from_logits = true).
 */
export function binary_cross_entropy_f32(m: usize, n: usize, alpha: f64, x: usize, targets: usize, dx: usize): f64 {
  return total(BINARY, m * n, 0, alpha / <f64>n, x, targets, dx) / <f64>n;
}

/**
 * Loss sum_i mean_j (X_ij - T_ij)^2 (returned, f64) and its gradient dX <- (2 alpha/n) (X - T). m rows, n >= 1 outputs;
 * x, targets, dx: m x n f32, dx may be x. No finite input overflows the sum. NaN and Inf reach their element and the sum. Source: Keras MeanSquaredError.
 */
export function mean_squared_error_f32(m: usize, n: usize, alpha: f64, x: usize, targets: usize, dx: usize): f64 {
  return total(SQUARED, m * n, 0, 2 * alpha / <f64>n, x, targets, dx) / <f64>n;
}

/**
 * Loss sum_i mean_j h(X_ij - T_ij) (returned, f64), h(e) = e^2/2 for |e| <= delta, else delta |e| - delta^2/2, and its gradient
 * dX <- (alpha/n) clamp(X - T, -delta, delta). m rows, n >= 1 outputs; delta > 0; x, targets, dx: m x n f32, dx may be x.
 * NaN reaches its element and the sum. Source: Huber 1964; Keras Huber.
 */
export function huber_f32(m: usize, n: usize, delta: f64, alpha: f64, x: usize, targets: usize, dx: usize): f64 {
  return total(HUBER, m * n, delta, alpha / <f64>n, x, targets, dx) / <f64>n;
}

/**
 * Loss sum_i mean_{j >= 1} -log sigmoid(X_i0 - X_ij) (returned, f64) and alpha times its gradient, for rows of one positive score and n - 1 >= 1
 * negative ones. m rows; x, dx: m x n f32, dx may be x. The gradient of the positive is minus the sum of the stored others: a row adds up to 0.
 * Stable for any finite scores. NaN in a negative reaches it, the positive and the sum; in a positive, its row and the sum.
 * Source: Rendle et al. 2009 (arXiv:1205.2618), BPR-OPT (section 4.1) without its regulariser.
 */
export function bpr_f32(m: usize, n: usize, alpha: f64, x: usize, dx: usize): f64 {
  const negatives = n - 1;
  const c = alpha / <f64>negatives;
  let loss: f64 = 0;
  for (let i: usize = 0; i < m; i++) {
    const xi = x + ((i * n) << 2), di = dx + ((i * n) << 2);
    loss += total(RANKING, negatives, <f64>load<f32>(xi), c, xi + 4, 0, di + 4);
    store<f32>(di, <f32>-sum_f32(negatives, di + 4));
  }
  return loss / <f64>negatives;
}
