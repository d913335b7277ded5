// Activations, element by element, and their gradients: leaky ReLU, sigmoid, tanh, SiLU, GELU. Derivation: docs/derivations/activation.md.
// n elements; x, y, dy, dx: n x f32; y may be x, dx may be dy. NaN propagates. Every finite x gives a finite y, and Infinity its limit.
//
// Sigmoid, tanh and SiLU are computed in f32 from 2^k and z, where e^v = 2^k (1 + z), and hold 2 ulp (tried on every float from 7e-9 to 128). GELU needs f64: its
// tail is a product of three factors. Same bits in scalar and simd; relaxed may fuse, except in GELU and where nothing but products is needed.
//
// Loops with long bodies test at the end. Only then does V8 keep the constants of the polynomials out of the loop; with the test at the top it builds
// each of them anew, three instructions a constant. Nanoseconds an element on one machine, simd (relaxed):
//   sigmoid  f64 1.97 (1.97)   f32, test at the top 2.09 (1.80)   four bodies a turn 1.29 (0.88)   test at the end 1.30 (0.89)
//   gelu     f64, test at the top 6.21   four bodies a turn 3.78   test at the end 3.90
import {
  abs, add, bits_shl, bits_shr, bits_sub, copysign, div, ld, madd, mul, neg, pmax, pmin, select_gt, splat, st, sub,
} from "../lanes/f32";
import * as d from "../lanes/f64";
import { exp2_minus, mills } from "../lanes/math";
import { expm1_rest, MAGIC, pow2, power } from "../lanes/math_f32";

// @ts-ignore: decorator
@inline
function leaky_relu_body<T>(slope: f32, x: usize, y: usize): void {
  const v = ld<T>(x);
  st<T>(y, select_gt<T>(v, splat<T>(0), v, mul<T>(splat<T>(slope), v)));
}
/** y <- x where x > 0, else slope x; slope >= 0. Exact but for one rounding. Source: Maas, Hannun and Ng 2013. */
export function leaky_relu_f32(n: usize, slope: f32, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) leaky_relu_body<v128>(slope, x + (i << 2), y + (i << 2));
  for (; i < n; i++) leaky_relu_body<f32>(slope, x + (i << 2), y + (i << 2));
}
// @ts-ignore: decorator
@inline
function leaky_relu_backward_body<T>(slope: f32, y: usize, dy: usize, dx: usize): void {
  const g = ld<T>(dy);
  st<T>(dx, select_gt<T>(ld<T>(y), splat<T>(0), g, mul<T>(splat<T>(slope), g)));
}
/** dx <- dy where y > 0, else slope dy: y has the sign of x. At 0 the gradient is slope, as in Keras; a NaN in y counts as such. */
export function leaky_relu_backward_f32(n: usize, slope: f32, y: usize, dy: usize, dx: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) leaky_relu_backward_body<v128>(slope, y + (i << 2), dy + (i << 2), dx + (i << 2));
  for (; i < n; i++) leaky_relu_backward_body<f32>(slope, y + (i << 2), dy + (i << 2), dx + (i << 2));
}

// @ts-ignore: decorator
@inline
function sigmoid_body<T>(x: usize, y: usize): void {
  // c / (c + c e^-x), c = 2^-24 so that e^-x may reach 2^151, where the quotient is 0; at -20 it is 1.
  const v = pmax<T>(pmin<T>(neg<T>(ld<T>(x)), splat<T>(104.9)), splat<T>(-20));
  const t = power<T>(v);
  const s = pow2<T>(t, -24), c = splat<T>(5.9604645e-8);
  st<T>(y, div<T>(c, add<T>(madd<T>(s, expm1_rest<T>(v, t), c), s)));
}
/** y <- 1 / (1 + e^-x), within 2 ulp. */
export function sigmoid_f32(n: usize, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD && n >= 4) {
    const e = n & ~3;
    do {
      sigmoid_body<v128>(x + (i << 2), y + (i << 2));
      i += 4;
    } while (i < e);
  }
  for (; i < n; i++) sigmoid_body<f32>(x + (i << 2), y + (i << 2));
}
// @ts-ignore: decorator
@inline
function sigmoid_backward_body<T>(y: usize, dy: usize, dx: usize): void {
  const v = ld<T>(y);
  st<T>(dx, mul<T>(ld<T>(dy), mul<T>(v, sub<T>(splat<T>(1), v))));
}
/** dx <- dy y (1 - y). Three roundings. */
export function sigmoid_backward_f32(n: usize, y: usize, dy: usize, dx: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) sigmoid_backward_body<v128>(y + (i << 2), dy + (i << 2), dx + (i << 2));
  for (; i < n; i++) sigmoid_backward_body<f32>(y + (i << 2), dy + (i << 2), dx + (i << 2));
}

// @ts-ignore: decorator
@inline
function tanh_body<T>(x: usize, y: usize): void {
  // (1 - e^v) / (1 + e^v), v = -2|x|, with the sign of x; at -20 it is 1. Where k = 0, 1 - 2^k vanishes and -z keeps its digits.
  const a = ld<T>(x);
  const v = pmax<T>(mul<T>(abs<T>(a), splat<T>(-2)), splat<T>(-20));
  const t = power<T>(v);
  const s = pow2<T>(t, 0), sz = mul<T>(s, expm1_rest<T>(v, t));
  const q = div<T>(sub<T>(sub<T>(splat<T>(1), s), sz), add<T>(add<T>(splat<T>(1), s), sz));
  st<T>(y, copysign<T>(q, a));
}
/** y <- tanh x, within 2 ulp; exactly +-1 from 9.02 on, x itself below 2^-12. */
export function tanh_f32(n: usize, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD && n >= 4) {
    const e = n & ~3;
    do {
      tanh_body<v128>(x + (i << 2), y + (i << 2));
      i += 4;
    } while (i < e);
  }
  for (; i < n; i++) tanh_body<f32>(x + (i << 2), y + (i << 2));
}
// @ts-ignore: decorator
@inline
function tanh_backward_body<T>(y: usize, dy: usize, dx: usize): void {
  const v = ld<T>(y), one = splat<T>(1);
  st<T>(dx, mul<T>(ld<T>(dy), mul<T>(sub<T>(one, v), add<T>(one, v))));
}
/** dx <- dy (1 - y)(1 + y). Four roundings, none of them a cancellation. */
export function tanh_backward_f32(n: usize, y: usize, dy: usize, dx: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) tanh_backward_body<v128>(y + (i << 2), dy + (i << 2), dx + (i << 2));
  for (; i < n; i++) tanh_backward_body<f32>(y + (i << 2), dy + (i << 2), dx + (i << 2));
}

/** j << 23, j = max(k, 0) / 2 rounded down. Taken from its bits it divides a number by 2^j: 2^-j and 2^(k-j) stay in range where 2^k does not. */
// @ts-ignore: decorator
@inline
function half_exponent<T>(t: T): T {
  return bits_shl<T>(bits_shr<T>(pmax<T>(t, splat<T>(MAGIC)), 1), 23);
}
// @ts-ignore: decorator
@inline
function silu_body<T>(x: usize, y: usize): void {
  // c x / (c + c e^-x), c = 2^-j. At x = -109 the quotient is -0.
  const u = pmax<T>(ld<T>(x), splat<T>(-109));
  const v = neg<T>(pmin<T>(u, splat<T>(30)));
  const t = power<T>(v), j = half_exponent<T>(t);
  const c = bits_sub<T>(splat<T>(1), j), s = bits_sub<T>(pow2<T>(t, 0), j);
  st<T>(y, div<T>(mul<T>(u, c), add<T>(madd<T>(s, expm1_rest<T>(v, t), c), s)));
}
/** y <- x / (1 + e^-x), within 2 ulp. Source: Elfwing, Uchibe and Doya 2017 (arXiv:1702.03118). */
export function silu_f32(n: usize, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD && n >= 4) {
    const e = n & ~3;
    do {
      silu_body<v128>(x + (i << 2), y + (i << 2));
      i += 4;
    } while (i < e);
  }
  for (; i < n; i++) silu_body<f32>(x + (i << 2), y + (i << 2));
}
// @ts-ignore: decorator
@inline
function silu_backward_body<T>(x: usize, dy: usize, dx: usize): void {
  // s = c r and w = 1 - s = e r from one quotient: neither is a difference. c comes last: s alone may be denormal.
  const v = pmin<T>(pmax<T>(neg<T>(ld<T>(x)), splat<T>(-30)), splat<T>(109));
  const t = power<T>(v), j = half_exponent<T>(t);
  const c = bits_sub<T>(splat<T>(1), j), p = bits_sub<T>(pow2<T>(t, 0), j);
  const e = madd<T>(p, expm1_rest<T>(v, t), p);
  const r = div<T>(splat<T>(1), add<T>(e, c));
  const g = mul<T>(r, sub<T>(splat<T>(1), mul<T>(v, mul<T>(e, r))));
  st<T>(dx, mul<T>(mul<T>(ld<T>(dy), g), c));
}
/** dx <- dy s (1 + x (1 - s)), s = 1 / (1 + e^-x). Error at most 8 2^-24 |dy| s (1 + |x| (1 - s)). */
export function silu_backward_f32(n: usize, x: usize, dy: usize, dx: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD && n >= 4) {
    const e = n & ~3;
    do {
      silu_backward_body<v128>(x + (i << 2), dy + (i << 2), dx + (i << 2));
      i += 4;
    } while (i < e);
  }
  for (; i < n; i++) silu_backward_body<f32>(x + (i << 2), dy + (i << 2), dx + (i << 2));
}

const HALF_LOG2E: f64 = 0.7213475204444817; // e^(-a^2/2) = 2^(-HALF_LOG2E a^2)
const TAIL: f64 = 14.5; // beyond it the tail rounds to 0
// @ts-ignore: decorator
@inline
function gelu_body<T>(x: usize, y: usize): void {
  // max(x, 0) - a P(Z > a), a = |x|: no cancellation on either side.
  const v = d.ld_f32<T>(x);
  const a = d.pmin<T>(d.abs<T>(v), d.splat<T>(TAIL));
  const e = exp2_minus<T>(d.mul<T>(d.mul<T>(a, a), d.splat<T>(HALF_LOG2E)));
  d.st_f32<T>(y, d.sub<T>(d.pmax<T>(v, d.splat<T>(0)), d.mul<T>(d.mul<T>(a, e), mills<T>(a))));
}
/** y <- x P(Z <= x) = x (1 + erf(x / sqrt 2)) / 2, within 0.6 ulp, in f64. Source: Hendrycks and Gimpel 2016 (arXiv:1606.08415). */
export function gelu_f32(n: usize, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD && n >= 2) {
    const e = n & ~1;
    do {
      gelu_body<v128>(x + (i << 2), y + (i << 2));
      i += 2;
    } while (i < e);
  }
  for (; i < n; i++) gelu_body<f64>(x + (i << 2), y + (i << 2));
}
// @ts-ignore: decorator
@inline
function gelu_backward_body<T>(x: usize, dy: usize, dx: usize): void {
  const v = d.ld_f32<T>(x), one = d.splat<T>(1);
  const a = d.pmin<T>(d.abs<T>(v), d.splat<T>(TAIL));
  const e = exp2_minus<T>(d.mul<T>(d.mul<T>(a, a), d.splat<T>(HALF_LOG2E)));
  const h = d.mul<T>(e, d.sub<T>(mills<T>(a), d.mul<T>(a, d.splat<T>(0.3989422804014327)))); // the gradient at -a; at a it is 1 - h
  const g = d.add<T>(h, d.keep_gt<T>(v, d.splat<T>(0), d.sub<T>(one, d.add<T>(h, h))));
  d.st_f32<T>(dx, d.mul<T>(d.ld_f32<T>(dy), g));
}
/** dx <- dy (P(Z <= x) + x e^(-x^2/2) / sqrt(2 pi)), in f64; error of the factor 5e-9 P(Z > |x|) + 1e-9 |x| e^(-x^2/2), then one rounding. */
export function gelu_backward_f32(n: usize, x: usize, dy: usize, dx: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD && n >= 2) {
    const e = n & ~1;
    do {
      gelu_backward_body<v128>(x + (i << 2), dy + (i << 2), dx + (i << 2));
      i += 2;
    } while (i < e);
  }
  for (; i < n; i++) gelu_backward_body<f64>(x + (i << 2), dy + (i << 2), dx + (i << 2));
}
