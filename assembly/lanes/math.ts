// exp, log, the sine pair and the normal tail in f64 lanes, by polynomials fitted here (Remez, relative error in the comments);
// no tables, so no data segment, and no library whose last bit differs between engines.
import {
  add, bits_add, bits_and, bits_shl, bits_shr, bits_sub, div, mul, mul_add, pmax, splat, sub,
} from "./f64";

const MAGIC: f64 = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to an integer held in the low bits
const MAGIC_BITS: i64 = 0x4338000000000000;
const LN2_HI: f64 = 0.6931471803691238; // 33 bits, so that k * LN2_HI is exact
const LN2_LO: f64 = 1.9082149292705877e-10;

/**
 * e^x for x <= 709; below -708 it returns e^-708 (3e-308, which is 0 in f32). NaN gives NaN. Error < 1.5 ulp.
 * x = k ln 2 + r; e^r = 1 + r + r^2 E(r), |r| <= ln(2)/2, E of degree 10 (1.4e-18).
 */
// @ts-ignore: decorator
@inline
export function exp<T>(x0: T): T {
  const x = pmax<T>(x0, splat<T>(-708.0));
  const t = mul_add<T>(x, splat<T>(1.4426950408889634), splat<T>(MAGIC));
  const k = sub<T>(t, splat<T>(MAGIC));
  const r = sub<T>(sub<T>(x, mul<T>(k, splat<T>(LN2_HI))), mul<T>(k, splat<T>(LN2_LO)));
  let e = splat<T>(2.0921672175783633e-9);
  e = mul_add<T>(e, r, splat<T>(2.5105313270465117e-8));
  e = mul_add<T>(e, r, splat<T>(2.7557252666766586e-7));
  e = mul_add<T>(e, r, splat<T>(2.7557255168527872e-6));
  e = mul_add<T>(e, r, splat<T>(2.480158734759457e-5));
  e = mul_add<T>(e, r, splat<T>(0.0001984126987500362));
  e = mul_add<T>(e, r, splat<T>(0.001388888888887429));
  e = mul_add<T>(e, r, splat<T>(0.008333333333326082));
  e = mul_add<T>(e, r, splat<T>(0.041666666666666685));
  e = mul_add<T>(e, r, splat<T>(0.1666666666666667));
  e = mul_add<T>(e, r, splat<T>(0.5));
  e = add<T>(splat<T>(1.0), mul_add<T>(mul<T>(r, r), e, r));
  // 2^k: the low bits of t hold k; shifted into the exponent they add to that of e.
  return mul<T>(e, bits_add<T>(bits_shl<T>(t, 52), 0x3ff0000000000000));
}

/**
 * ln x for positive normal finite x. Error < 2 ulp.
 * x = 2^k m, m in [sqrt(1/2), sqrt(2)); s = (m-1)/(m+1); ln m = 2s + s^3 L(s^2), L of degree 6 (4.5e-18).
 */
// @ts-ignore: decorator
@inline
export function log<T>(x: T): T {
  // Bits of x / sqrt(1/2), whose exponent field is k + 1023.
  const t = bits_add<T>(x, 0x00095f619980c433);
  const m = bits_add<T>(bits_sub<T>(x, bits_and<T>(t, 0xfff0000000000000)), 0x3ff0000000000000);
  const k = sub<T>(bits_add<T>(bits_shr<T>(t, 52), MAGIC_BITS), splat<T>(MAGIC + 1023.0));
  const s = div<T>(sub<T>(m, splat<T>(1.0)), add<T>(m, splat<T>(1.0)));
  const z = mul<T>(s, s);
  // Estrin's scheme: a chain of three instead of six, which is what bounds the speed of the noise kernel.
  const z2 = mul<T>(z, z);
  const l01 = mul_add<T>(splat<T>(0.39999999999899116), z, splat<T>(0.666666666666667));
  const l23 = mul_add<T>(splat<T>(0.22222211111281343), z, splat<T>(0.28571428626134043));
  const l45 = mul_add<T>(splat<T>(0.1533167300833574), z, splat<T>(0.18182890700254556));
  const l456 = mul_add<T>(splat<T>(0.14617011557850926), z2, l45);
  const l = mul_add<T>(mul_add<T>(l456, z2, l23), z2, l01);
  const small = mul_add<T>(mul<T>(s, z), l, mul<T>(k, splat<T>(LN2_LO)));
  return add<T>(mul<T>(k, splat<T>(LN2_HI)), add<T>(small, add<T>(s, s)));
}

/** sin(2 pi f) for |f| <= 1/8. f S(f^2), S of degree 6 (3.3e-18). */
// @ts-ignore: decorator
@inline
export function sin_2pi<T>(f: T): T {
  const z = mul<T>(f, f);
  let p = splat<T>(3.7807261675956694);
  p = mul_add<T>(p, z, splat<T>(-15.093797504991885));
  p = mul_add<T>(p, z, splat<T>(42.05868490204918));
  p = mul_add<T>(p, z, splat<T>(-76.70585970331508));
  p = mul_add<T>(p, z, splat<T>(81.60524927594452));
  p = mul_add<T>(p, z, splat<T>(-41.341702240399634));
  p = mul_add<T>(p, z, splat<T>(6.283185307179586));
  return mul<T>(p, f);
}

/** cos(2 pi f) for |f| <= 1/8. C(f^2), C of degree 7 (3.6e-20). */
// @ts-ignore: decorator
@inline
export function cos_2pi<T>(f: T): T {
  const z = mul<T>(f, f);
  let p = splat<T>(-1.696661683364775);
  p = mul_add<T>(p, z, splat<T>(7.903081376927481));
  p = mul_add<T>(p, z, splat<T>(-26.426250686050416));
  p = mul_add<T>(p, z, splat<T>(60.24464132648267));
  p = mul_add<T>(p, z, splat<T>(-85.45681720650958));
  p = mul_add<T>(p, z, splat<T>(64.93939402266793));
  p = mul_add<T>(p, z, splat<T>(-19.739208802178716));
  return mul_add<T>(p, z, splat<T>(1.0));
}

// For results that will be rounded to f32 a shorter polynomial does: the two functions below err by 2e-9 and 3e-9, 1/32 and 1/24 of what f32 rounds.

/** 2^-u for 0 <= u <= 1000, relative error 2e-9. 2^-u = 2^-k 2^f, |f| <= 1/2, a polynomial of degree 6 in f. */
// @ts-ignore: decorator
@inline
export function exp2_minus<T>(u: T): T {
  const t = add<T>(u, splat<T>(MAGIC));
  const f = sub<T>(sub<T>(t, splat<T>(MAGIC)), u);
  let e = splat<T>(0.0001534581200295091);
  e = mul_add<T>(e, f, splat<T>(0.0013399931219345768));
  e = mul_add<T>(e, f, splat<T>(0.009618488957114974));
  e = mul_add<T>(e, f, splat<T>(0.0555032877696471));
  e = mul_add<T>(e, f, splat<T>(0.24022646890634086));
  e = mul_add<T>(e, f, splat<T>(0.6931472057372681));
  e = mul_add<T>(e, f, splat<T>(1.0000000005541665));
  return bits_sub<T>(e, bits_shl<T>(t, 52));
}

/**
 * Mills's ratio of the normal distribution over sqrt(2 pi): e^(a^2/2) P(Z > a) = e^(a^2/2) erfc(a / sqrt 2) / 2 for 0 <= a <= 14.5.
 * A quotient of polynomials of degrees 5 and 6 with positive coefficients, relative error 3e-9. Beyond 14.5 the normal tail is 0 in f32.
 */
// @ts-ignore: decorator
@inline
export function mills<T>(a: T): T {
  let p = splat<T>(0.0026739906586069756);
  p = mul_add<T>(p, a, splat<T>(0.02841581545122689));
  p = mul_add<T>(p, a, splat<T>(0.14464853794612398));
  p = mul_add<T>(p, a, splat<T>(0.421697792237387));
  p = mul_add<T>(p, a, splat<T>(0.6972021029007904));
  p = mul_add<T>(p, a, splat<T>(0.4999999988204412));
  let q = splat<T>(0.006702674961178132);
  q = mul_add<T>(q, a, splat<T>(0.07122932604717626));
  q = mul_add<T>(q, a, splat<T>(0.3692480285642527));
  q = mul_add<T>(q, a, splat<T>(1.128747343182976));
  q = mul_add<T>(q, a, splat<T>(2.092591295319712));
  q = mul_add<T>(q, a, splat<T>(2.192288579973622));
  q = mul_add<T>(q, a, splat<T>(1.0));
  return div<T>(p, q);
}
