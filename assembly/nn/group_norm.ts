// Group normalisation (Wu and He 2018, arXiv:1803.08494), as Keras's GroupNormalization on the last axis. Derivation: docs/derivations/normalization.md.
//
// x: m examples of p positions of c channels; `groups` divides c; a group's statistics are over its c / groups channels at all positions.
// They are kept by channel, three rows of c f32 an example: mean, what the mean lost when it was rounded, 1/std (see layer_norm.ts).
// What happens at a position is row after row, vectors over channels; sums over positions go by columns. Keras's beta is called `offset` here.
import * as d from "../lanes/f64";
import { add, lanes, ld, madd, mul, splat, st, sub } from "../lanes/f32";
import { squared_norm_f32 } from "../linalg/reduce";
import { put } from "./layer_norm";

/** Bytes of scratch for every kernel here. */
export function group_norm_scratch_f32(c: usize): usize {
  return 36 * c;
}

/** Mean and sum of squares about it, of T's channels over p positions. The first position is the origin: see layer_norm.ts. */
// @ts-ignore: decorator
@inline
function moments_one<T>(p: usize, row: usize, x: usize, mean: usize, square: usize): void {
  const k = d.ld_f32<T>(x);
  let s = d.splat<T>(0), q = s;
  for (const e = x + p * row; x < e; x += row) {
    const v = d.sub<T>(d.ld_f32<T>(x), k);
    s = d.add<T>(s, v), q = d.mul_add<T>(v, v, q);
  }
  const t = d.mul<T>(s, d.splat<T>(1.0 / <f64>p));
  d.st<T>(mean, d.add<T>(k, t)), d.st<T>(square, d.sub<T>(q, d.mul<T>(s, t)));
}
// @ts-ignore: decorator
@inline
function moments_four<T>(p: usize, row: usize, x: usize, mean: usize, square: usize): void {
  const k0 = d.ld_f32<T>(x), k1 = d.ld_f32<T>(x + 8), k2 = d.ld_f32<T>(x + 16), k3 = d.ld_f32<T>(x + 24);
  let s0 = d.splat<T>(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
  for (const e = x + p * row; x < e; x += row) {
    const v0 = d.sub<T>(d.ld_f32<T>(x), k0), v1 = d.sub<T>(d.ld_f32<T>(x + 8), k1);
    const v2 = d.sub<T>(d.ld_f32<T>(x + 16), k2), v3 = d.sub<T>(d.ld_f32<T>(x + 24), k3);
    s0 = d.add<T>(s0, v0), s1 = d.add<T>(s1, v1), s2 = d.add<T>(s2, v2), s3 = d.add<T>(s3, v3);
    q0 = d.mul_add<T>(v0, v0, q0), q1 = d.mul_add<T>(v1, v1, q1), q2 = d.mul_add<T>(v2, v2, q2), q3 = d.mul_add<T>(v3, v3, q3);
  }
  const i = d.splat<T>(1.0 / <f64>p), t0 = d.mul<T>(s0, i), t1 = d.mul<T>(s1, i), t2 = d.mul<T>(s2, i), t3 = d.mul<T>(s3, i);
  d.st<T>(mean, d.add<T>(k0, t0)), d.st<T>(square, d.sub<T>(q0, d.mul<T>(s0, t0)));
  d.st<T>(mean + 16, d.add<T>(k1, t1)), d.st<T>(square + 16, d.sub<T>(q1, d.mul<T>(s1, t1)));
  d.st<T>(mean + 32, d.add<T>(k2, t2)), d.st<T>(square + 32, d.sub<T>(q2, d.mul<T>(s2, t2)));
  d.st<T>(mean + 48, d.add<T>(k3, t3)), d.st<T>(square + 48, d.sub<T>(q3, d.mul<T>(s3, t3)));
}
/** The statistics of one example. Channels of one length join as in Chan et al. 1979: the square of a group is the sum of theirs and of p (mean_j - mean)^2. */
function statistics(p: usize, c: usize, groups: usize, epsilon: f64, x: usize, to: usize, scratch: usize): void {
  const row = c << 2, mean = scratch, square = scratch + (c << 3), n = c / groups;
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (const e = c & ~7; j < e; j += 8) moments_four<v128>(p, row, x + (j << 2), mean + (j << 3), square + (j << 3));
    for (const e = c & ~1; j < e; j += 2) moments_one<v128>(p, row, x + (j << 2), mean + (j << 3), square + (j << 3));
  }
  for (; j < c; j++) moments_one<f64>(p, row, x + (j << 2), mean + (j << 3), square + (j << 3));
  for (j = 0; j < c; j += n) {
    let sum: f64 = 0, all: f64 = 0;
    for (let i = j; i < j + n; i++) sum += load<f64>(mean + (i << 3));
    const centre = sum / <f64>n, rounded = <f32>centre;
    for (let i = j; i < j + n; i++) {
      const v = load<f64>(mean + (i << 3)) - centre;
      all += load<f64>(square + (i << 3)) + <f64>p * v * v;
    }
    const r = <f32>(1.0 / f64.sqrt(all / <f64>(n * p) + epsilon));
    for (let i = j; i < j + n; i++) {
      store<f32>(to + (i << 2), rounded);
      store<f32>(to + row + (i << 2), <f32>(centre - <f64>rounded));
      store<f32>(to + 2 * row + (i << 2), r);
    }
  }
}

// One position: the coefficients are rows of c f32 in memory.

// @ts-ignore: decorator
@inline
function forward_row<T>(i: usize, e: usize, mean: usize, k: usize, o: usize, x: usize, y: usize): void {
  for (; i < e; i += lanes<T>() << 2) st<T>(y + i, madd<T>(sub<T>(ld<T>(x + i), ld<T>(mean + i)), ld<T>(k + i), ld<T>(o + i)));
}
/**
 * Y <- gamma xhat + offset, xhat = (X - mean) / sqrt(var + epsilon), mean and var of the example's group.
 *
 * p >= 1; groups divides c; epsilon > 0; x, y: m x p x c f32, y may be x; gamma, offset: c f32; state: m x 3 x c f32 for the kernels below, 0 = not wanted.
 * Statistics in f64. A group of equal elements gives the offset exactly. |x| <= 1.7e38. NaN or Infinity makes its group NaN.
 */
export function group_norm_f32(
  m: usize, p: usize, c: usize, groups: usize, epsilon: f64, x: usize, gamma: usize, offset: usize, y: usize, state: usize, scratch: usize,
): void {
  const row = c << 2, e = ASC_FEATURE_SIMD ? row & ~15 : 0;
  const k = scratch, o = scratch + row;
  for (let i: usize = 0; i < m; i++) {
    const s = state ? state + i * 3 * row : scratch + 6 * row;
    statistics(p, c, groups, epsilon, x, s, scratch);
    for (let j: usize = 0; j < row; j += 4) {
      const scale = load<f32>(s + 2 * row + j) * load<f32>(gamma + j);
      store<f32>(k + j, scale);
      store<f32>(o + j, load<f32>(offset + j) - load<f32>(s + row + j) * scale);
    }
    for (const end = x + p * row; x < end; x += row, y += row) {
      if (ASC_FEATURE_SIMD) forward_row<v128>(0, e, s, k, o, x, y);
      forward_row<f32>(e, row, s, k, o, x, y);
    }
  }
}

// @ts-ignore: decorator
@inline
function column_one<T>(m: usize, p: usize, row: usize, alpha: f32, beta: f32, x: usize, s: usize, dy: usize, dgamma: usize, doffset: usize): void {
  let g = splat<T>(0), o = g;
  for (let i: usize = 0; i < m; i++, s += 3 * row) {
    const mean = ld<T>(s);
    let a = splat<T>(0), b = a;
    for (const e = x + p * row; x < e; x += row, dy += row) {
      const v = ld<T>(dy);
      a = madd<T>(v, sub<T>(ld<T>(x), mean), a), b = add<T>(b, v);
    }
    g = madd<T>(sub<T>(a, mul<T>(ld<T>(s + row), b)), ld<T>(s + 2 * row), g), o = add<T>(o, b);
  }
  put<T>(alpha, beta, g, dgamma), put<T>(alpha, beta, o, doffset);
}
// @ts-ignore: decorator
@inline
function column_four<T>(m: usize, p: usize, row: usize, alpha: f32, beta: f32, x: usize, s: usize, dy: usize, dgamma: usize, doffset: usize): void {
  const q = lanes<T>() << 2;
  let g0 = splat<T>(0), g1 = g0, g2 = g0, g3 = g0, o0 = g0, o1 = g0, o2 = g0, o3 = g0;
  for (let i: usize = 0; i < m; i++, s += 3 * row) {
    const mean0 = ld<T>(s), mean1 = ld<T>(s + q), mean2 = ld<T>(s + 2 * q), mean3 = ld<T>(s + 3 * q);
    let a0 = splat<T>(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (const e = x + p * row; x < e; x += row, dy += row) {
      const v0 = ld<T>(dy), v1 = ld<T>(dy + q), v2 = ld<T>(dy + 2 * q), v3 = ld<T>(dy + 3 * q);
      a0 = madd<T>(v0, sub<T>(ld<T>(x), mean0), a0), b0 = add<T>(b0, v0);
      a1 = madd<T>(v1, sub<T>(ld<T>(x + q), mean1), a1), b1 = add<T>(b1, v1);
      a2 = madd<T>(v2, sub<T>(ld<T>(x + 2 * q), mean2), a2), b2 = add<T>(b2, v2);
      a3 = madd<T>(v3, sub<T>(ld<T>(x + 3 * q), mean3), a3), b3 = add<T>(b3, v3);
    }
    const t = s + row, r = t + row;
    g0 = madd<T>(sub<T>(a0, mul<T>(ld<T>(t), b0)), ld<T>(r), g0), o0 = add<T>(o0, b0);
    g1 = madd<T>(sub<T>(a1, mul<T>(ld<T>(t + q), b1)), ld<T>(r + q), g1), o1 = add<T>(o1, b1);
    g2 = madd<T>(sub<T>(a2, mul<T>(ld<T>(t + 2 * q), b2)), ld<T>(r + 2 * q), g2), o2 = add<T>(o2, b2);
    g3 = madd<T>(sub<T>(a3, mul<T>(ld<T>(t + 3 * q), b3)), ld<T>(r + 3 * q), g3), o3 = add<T>(o3, b3);
  }
  put<T>(alpha, beta, g0, dgamma), put<T>(alpha, beta, g1, dgamma + q), put<T>(alpha, beta, g2, dgamma + 2 * q), put<T>(alpha, beta, g3, dgamma + 3 * q);
  put<T>(alpha, beta, o0, doffset), put<T>(alpha, beta, o1, doffset + q), put<T>(alpha, beta, o2, doffset + 2 * q), put<T>(alpha, beta, o3, doffset + 3 * q);
}
/**
 * dgamma <- alpha sum dY xhat + beta dgamma, doffset <- alpha sum dY + beta doffset over examples and positions; not read where beta is 0.
 * m x p x c f32 x, dy; state: as group_norm_f32 left it; dgamma, doffset: c f32, disjoint.
 * The positions of an example are added in rising order, then the examples; the sums of |dY (X - mean)| must lie within f32. NaN and Inf propagate.
 */
export function group_norm_gradient_f32(
  m: usize, p: usize, c: usize, alpha: f32, beta: f32, x: usize, state: usize, dy: usize, dgamma: usize, doffset: usize,
): void {
  const row = c << 2;
  let j: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (const e = row & ~63; j < e; j += 64) column_four<v128>(m, p, row, alpha, beta, x + j, state + j, dy + j, dgamma + j, doffset + j);
    for (const e = row & ~15; j < e; j += 16) column_one<v128>(m, p, row, alpha, beta, x + j, state + j, dy + j, dgamma + j, doffset + j);
  }
  for (; j < row; j += 4) column_one<f32>(m, p, row, alpha, beta, x + j, state + j, dy + j, dgamma + j, doffset + j);
}

/**
 * norms_i <- norms_i + |dgamma of example i|^2 + |doffset of example i|^2.
 * The positions of an example are summed first, in scratch of 2 c. norms: m x f64; x, state, dy as for group_norm_gradient_f32.
 */
export function group_norm_norms_f32(m: usize, p: usize, c: usize, x: usize, state: usize, dy: usize, norms: usize, scratch: usize): void {
  const size = (p * c) << 2;
  for (let i: usize = 0; i < m; i++, x += size, dy += size, state += 12 * c, norms += 8) {
    group_norm_gradient_f32(1, p, c, 1, 0, x, state, dy, scratch, scratch + (c << 2));
    store<f64>(norms, load<f64>(norms) + squared_norm_f32(c << 1, scratch));
  }
}

// @ts-ignore: decorator
@inline
function backward_row<T>(i: usize, e: usize, s: usize, r: usize, u: usize, v: usize, w: usize, x: usize, dy: usize, dx: usize): void {
  for (; i < e; i += lanes<T>() << 2) {
    const xhat = mul<T>(sub<T>(ld<T>(x + i), ld<T>(s + i)), ld<T>(r + i)); // but for the rest of the mean, which is in w
    st<T>(dx + i, add<T>(sub<T>(mul<T>(ld<T>(dy + i), ld<T>(u + i)), mul<T>(xhat, ld<T>(v + i))), ld<T>(w + i)));
  }
}
/**
 * dX <- (g - mean(g) - xhat mean(g xhat)) / std with g = gamma dY, means over the example's group: the gradient of the input of group_norm_f32.
 * m x p x c f32 x, dy, dx, dx may be dy; gamma: c f32; state: as group_norm_f32 left it. NaN and Inf stay in their group.
 */
export function group_norm_backward_f32(
  m: usize, p: usize, c: usize, groups: usize, x: usize, gamma: usize, state: usize, dy: usize, dx: usize, scratch: usize,
): void {
  const row = c << 2, e = ASC_FEATURE_SIMD ? row & ~15 : 0, n = (c / groups) << 2;
  const dgamma = scratch, doffset = dgamma + row, u = doffset + row, v = u + row, w = v + row;
  for (let i: usize = 0; i < m; i++, state += 3 * row) {
    const r = state + 2 * row;
    group_norm_gradient_f32(1, p, c, 1, 0, x, state, dy, dgamma, doffset);
    for (let from: usize = 0; from < row; from += n) {
      let a: f64 = 0, b: f64 = 0;
      for (let j = from; j < from + n; j += 4) {
        a += <f64>load<f32>(gamma + j) * <f64>load<f32>(doffset + j);
        b += <f64>load<f32>(gamma + j) * <f64>load<f32>(dgamma + j);
      }
      // dx = r gamma dy - (x - mean) r (r b) + (rest r b - a) r, a and b being the means of g and of g xhat
      const inverse = 1.0 / <f64>(p * (n >> 2)), rj = <f64>load<f32>(r + from), rb = rj * b * inverse;
      for (let j = from; j < from + n; j += 4) {
        store<f32>(u + j, <f32>(rj * <f64>load<f32>(gamma + j)));
        store<f32>(v + j, <f32>rb);
        store<f32>(w + j, <f32>((<f64>load<f32>(state + row + j) * rb - a * inverse) * rj));
      }
    }
    for (const end = x + p * row; x < end; x += row, dy += row, dx += row) {
      if (ASC_FEATURE_SIMD) backward_row<v128>(0, e, state, r, u, v, w, x, dy, dx);
      backward_row<f32>(e, row, state, r, u, v, w, x, dy, dx);
    }
  }
}
