// Layer normalisation of rows (Ba et al. 2016, arXiv:1607.06450), as Keras's LayerNormalization. Derivation: docs/derivations/normalization.md.
//
// A row's statistics are three f32: its mean, what the mean lost when it was rounded, and 1/std. (x - mean) - rest keeps the digits of x
// even where the mean is a million times the spread, in four lanes instead of two. Keras's beta is called `offset` here; beta scales a target.
import * as d from "../lanes/f64";
import { add, lanes, ld, ld_splat, madd, mul, splat, st, sub } from "../lanes/f32";
import { squared_norm_f32 } from "../linalg/reduce";

const STATISTICS: usize = 12;

/** Bytes of scratch for every kernel here with rows of n. */
export function layer_norm_scratch_f32(n: usize): usize {
  return max<usize>(n << 3, 32 + STATISTICS);
}

/** Sums of x - k and of its squares by the stripes of linalg/reduce.ts: v128 carries two, f64 one. Left at `to` and `to` + 16. */
// @ts-ignore: decorator
@inline
function moment_stripes<T>(e: usize, k: f64, x: usize, to: usize): void {
  const shift = d.splat<T>(k);
  let s0 = d.splat<T>(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
  for (let i: usize = 0; i < e; i += 8) {
    const p = x + (i << 2);
    const v0 = d.sub<T>(d.ld_f32<T>(p), shift), v1 = d.sub<T>(d.ld_f32<T>(p + 8), shift);
    const v2 = d.sub<T>(d.ld_f32<T>(p + 16), shift), v3 = d.sub<T>(d.ld_f32<T>(p + 24), shift);
    s0 = d.add<T>(s0, v0), s1 = d.add<T>(s1, v1), s2 = d.add<T>(s2, v2), s3 = d.add<T>(s3, v3);
    q0 = d.mul_add<T>(v0, v0, q0), q1 = d.mul_add<T>(v1, v1, q1), q2 = d.mul_add<T>(v2, v2, q2), q3 = d.mul_add<T>(v3, v3, q3);
  }
  d.st<T>(to, d.add<T>(d.add<T>(s0, s1), d.add<T>(s2, s3)));
  d.st<T>(to + 16, d.add<T>(d.add<T>(q0, q1), d.add<T>(q2, q3)));
}
/**
 * The statistics of one row. With the first element k for an origin, S = sum (x - k) and Q = sum (x - k)^2, the mean is k + S/n and the
 * variance (Q - S^2/n)/n. The origin is one of the elements, so Q <= (n + 1) n var: at most n + 1 times the rounding error of f64 is left.
 */
function statistics(n: usize, epsilon: f64, x: usize, to: usize, scratch: usize): void {
  const e = n & ~7, k = <f64>load<f32>(x);
  if (ASC_FEATURE_SIMD) moment_stripes<v128>(e, k, x, scratch);
  else moment_stripes<f64>(e, k, x, scratch), moment_stripes<f64>(e, k, x + 4, scratch + 8);
  let s = load<f64>(scratch) + load<f64>(scratch, 8), q = load<f64>(scratch, 16) + load<f64>(scratch, 24);
  for (let i = e; i < n; i++) {
    const v = <f64>load<f32>(x + (i << 2)) - k;
    s += v, q += v * v;
  }
  const inverse = 1.0 / <f64>n, shift = s * inverse, mean = k + shift, rounded = <f32>mean;
  store<f32>(to, rounded);
  store<f32>(to, <f32>(mean - <f64>rounded), 4);
  store<f32>(to, <f32>(1.0 / f64.sqrt((q - s * shift) * inverse + epsilon)), 8);
}

/** xhat = (x - mean) / std from what statistics() leaves. */
// @ts-ignore: decorator
@inline
function normal<T>(x: T, mean: T, rest: T, r: T): T {
  return mul<T>(sub<T>(sub<T>(x, mean), rest), r);
}
// @ts-ignore: decorator
@inline
function forward_row<T>(i: usize, e: usize, s: usize, x: usize, gamma: usize, offset: usize, y: usize): void {
  const mean = ld_splat<T>(s), rest = ld_splat<T>(s + 4), r = ld_splat<T>(s + 8);
  for (; i < e; i += lanes<T>() << 2) {
    st<T>(y + i, madd<T>(normal<T>(ld<T>(x + i), mean, rest, r), ld<T>(gamma + i), ld<T>(offset + i)));
  }
}
/**
 * Y_i <- gamma xhat_i + offset, xhat_i = (X_i - mean_i) / sqrt(var_i + epsilon), for m rows of n >= 1.
 *
 * epsilon > 0; x, y: m x n f32, y may be x; gamma, offset: n f32; state: m x 3 f32 for the kernels below, 0 = not wanted.
 * Statistics in f64, xhat within 4 roundings of f32 for |x| <= 1.7e38. Equal elements give xhat = 0. NaN or Infinity makes its row NaN.
 */
export function layer_norm_f32(m: usize, n: usize, epsilon: f64, x: usize, gamma: usize, offset: usize, y: usize, state: usize, scratch: usize): void {
  const row = n << 2, e = ASC_FEATURE_SIMD ? row & ~15 : 0;
  for (let i: usize = 0; i < m; i++, x += row, y += row) {
    const s = state ? state + i * STATISTICS : scratch + 32;
    statistics(n, epsilon, x, s, scratch);
    if (ASC_FEATURE_SIMD) forward_row<v128>(0, e, s, x, gamma, offset, y);
    forward_row<f32>(e, row, s, x, gamma, offset, y);
  }
}

/** Sums of g and of g xhat, g = gamma dy, in eight stripes: v128 carries j to j + 3 and their fours, f32 j and j + 4. Left at `to` and `to` + 16. */
// @ts-ignore: decorator
@inline
function gradient_stripes<T>(e: usize, s: usize, x: usize, gamma: usize, dy: usize, to: usize): void {
  const mean = ld_splat<T>(s), rest = ld_splat<T>(s + 4), r = ld_splat<T>(s + 8);
  let a0 = splat<T>(0), a1 = a0, b0 = a0, b1 = a0;
  for (let i: usize = 0; i < e; i += 32) {
    const g0 = mul<T>(ld<T>(gamma + i), ld<T>(dy + i)), g1 = mul<T>(ld<T>(gamma + i + 16), ld<T>(dy + i + 16));
    a0 = add<T>(a0, g0), b0 = madd<T>(g0, normal<T>(ld<T>(x + i), mean, rest, r), b0);
    a1 = add<T>(a1, g1), b1 = madd<T>(g1, normal<T>(ld<T>(x + i + 16), mean, rest, r), b1);
  }
  st<T>(to, add<T>(a0, a1)), st<T>(to + 16, add<T>(b0, b1));
}
// @ts-ignore: decorator
@inline
function backward_row<T>(i: usize, e: usize, s: usize, a: f32, b: f32, x: usize, gamma: usize, dy: usize, dx: usize): void {
  const mean = ld_splat<T>(s), rest = ld_splat<T>(s + 4), r = ld_splat<T>(s + 8), ta = splat<T>(a), tb = splat<T>(b);
  for (; i < e; i += lanes<T>() << 2) {
    const xhat = normal<T>(ld<T>(x + i), mean, rest, r), t = sub<T>(mul<T>(ld<T>(gamma + i), ld<T>(dy + i)), ta);
    st<T>(dx + i, mul<T>(sub<T>(t, mul<T>(xhat, tb)), r));
  }
}
/**
 * dX_i <- (g - mean(g) - xhat mean(g xhat)) / std_i, g = gamma dY_i: the gradient of the input of layer_norm_f32.
 * m x n f32 x, dy, dx, dx may be dy; gamma: n f32; state: as layer_norm_f32 left it. Sums in f32 by stripes of 8. NaN and Inf stay in their row.
 */
export function layer_norm_backward_f32(m: usize, n: usize, x: usize, gamma: usize, state: usize, dy: usize, dx: usize, scratch: usize): void {
  const row = n << 2, e = ASC_FEATURE_SIMD ? row & ~15 : 0, h = row & ~31;
  for (let i: usize = 0; i < m; i++, x += row, dy += row, dx += row, state += STATISTICS) {
    if (ASC_FEATURE_SIMD) gradient_stripes<v128>(h, state, x, gamma, dy, scratch);
    else for (let j: usize = 0; j < 16; j += 4) gradient_stripes<f32>(h, state, x + j, gamma + j, dy + j, scratch + j);
    let a = (load<f32>(scratch) + load<f32>(scratch, 4)) + (load<f32>(scratch, 8) + load<f32>(scratch, 12));
    let b = (load<f32>(scratch, 16) + load<f32>(scratch, 20)) + (load<f32>(scratch, 24) + load<f32>(scratch, 28));
    for (let j = h; j < row; j += 4) {
      const g = load<f32>(gamma + j) * load<f32>(dy + j);
      a += g, b += g * normal<f32>(load<f32>(x + j), load<f32>(state), load<f32>(state, 4), load<f32>(state, 8));
    }
    a /= <f32>n, b /= <f32>n;
    if (ASC_FEATURE_SIMD) backward_row<v128>(0, e, state, a, b, x, gamma, dy, dx);
    backward_row<f32>(e, row, state, a, b, x, gamma, dy, dx);
  }
}

/** target <- alpha g + beta target */
// @ts-ignore: decorator
@inline
export function put<T>(alpha: f32, beta: f32, g: T, target: usize): void {
  const v = mul<T>(splat<T>(alpha), g);
  st<T>(target, beta == 0 ? v : madd<T>(splat<T>(beta), ld<T>(target), v));
}
// @ts-ignore: decorator
@inline
function column_one<T>(m: usize, row: usize, alpha: f32, beta: f32, x: usize, s: usize, dy: usize, dgamma: usize, doffset: usize): void {
  let g = splat<T>(0), o = g;
  for (let i: usize = 0; i < m; i++, x += row, dy += row, s += STATISTICS) {
    const v = ld<T>(dy);
    g = madd<T>(v, normal<T>(ld<T>(x), ld_splat<T>(s), ld_splat<T>(s + 4), ld_splat<T>(s + 8)), g), o = add<T>(o, v);
  }
  put<T>(alpha, beta, g, dgamma), put<T>(alpha, beta, o, doffset);
}
// @ts-ignore: decorator
@inline
function column_four<T>(m: usize, row: usize, alpha: f32, beta: f32, x: usize, s: usize, dy: usize, dgamma: usize, doffset: usize): void {
  const q = lanes<T>() << 2;
  let g0 = splat<T>(0), g1 = g0, g2 = g0, g3 = g0, o0 = g0, o1 = g0, o2 = g0, o3 = g0;
  for (let i: usize = 0; i < m; i++, x += row, dy += row, s += STATISTICS) {
    const mean = ld_splat<T>(s), rest = ld_splat<T>(s + 4), r = ld_splat<T>(s + 8);
    let v = ld<T>(dy);
    g0 = madd<T>(v, normal<T>(ld<T>(x), mean, rest, r), g0), o0 = add<T>(o0, v);
    v = ld<T>(dy + q);
    g1 = madd<T>(v, normal<T>(ld<T>(x + q), mean, rest, r), g1), o1 = add<T>(o1, v);
    v = ld<T>(dy + 2 * q);
    g2 = madd<T>(v, normal<T>(ld<T>(x + 2 * q), mean, rest, r), g2), o2 = add<T>(o2, v);
    v = ld<T>(dy + 3 * q);
    g3 = madd<T>(v, normal<T>(ld<T>(x + 3 * q), mean, rest, r), g3), o3 = add<T>(o3, v);
  }
  put<T>(alpha, beta, g0, dgamma), put<T>(alpha, beta, g1, dgamma + q), put<T>(alpha, beta, g2, dgamma + 2 * q), put<T>(alpha, beta, g3, dgamma + 3 * q);
  put<T>(alpha, beta, o0, doffset), put<T>(alpha, beta, o1, doffset + q), put<T>(alpha, beta, o2, doffset + 2 * q), put<T>(alpha, beta, o3, doffset + 3 * q);
}
/**
 * dgamma <- alpha sum_i dY_i xhat_i + beta dgamma, doffset <- alpha sum_i dY_i + beta doffset; not read where beta is 0.
 * m x n f32 x, dy; state: as layer_norm_f32 left it; dgamma, doffset: n f32, disjoint. Rows are added in rising order. NaN and Inf propagate.
 */
export function layer_norm_gradient_f32(
  m: usize, n: usize, alpha: f32, beta: f32, x: usize, state: usize, dy: usize, dgamma: usize, doffset: usize,
): void {
  const row = n << 2;
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (const e = row & ~63; j < e; j += 64) column_four<v128>(m, row, alpha, beta, x + j, state, dy + j, dgamma + j, doffset + j);
    for (const e = row & ~15; j < e; j += 16) column_one<v128>(m, row, alpha, beta, x + j, state, dy + j, dgamma + j, doffset + j);
  }
  for (; j < row; j += 4) column_one<f32>(m, row, alpha, beta, x + j, state, dy + j, dgamma + j, doffset + j);
}

/**
 * norms_i <- norms_i + |dgamma of example i|^2 + |doffset of example i|^2, for m examples of r rows of n each.
 * The rows of an example are summed first, in scratch of 2 n. norms: m x f64; state, x, dy as for layer_norm_gradient_f32.
 */
export function layer_norm_norms_f32(m: usize, r: usize, n: usize, x: usize, state: usize, dy: usize, norms: usize, scratch: usize): void {
  for (let i: usize = 0; i < m; i++, x += (r * n) << 2, dy += (r * n) << 2, state += r * STATISTICS) {
    layer_norm_gradient_f32(r, n, 1, 0, x, state, dy, scratch, scratch + (n << 2));
    store<f64>(norms + (i << 3), load<f64>(norms + (i << 3)) + squared_norm_f32(n << 1, scratch));
  }
}
