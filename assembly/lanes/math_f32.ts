// e^x in f32 lanes, in parts that are put together where the rounding is least: with k = round(x / ln 2), e^x = 2^k (1 + z).
// 1 + z would round away what z knows; sums such as 2^k + 1 are exact and take z last.
import { add, bits_add, bits_shl, madd, mul, splat, sub } from "./f32";

/** 1.5 * 2^23: adding it rounds to an integer held in the low bits. */
export const MAGIC: f32 = 12582912;
const LN2_HI: f32 = 0.693359375; // 10 bits, so that k * LN2_HI is exact
const LN2_LO: f32 = -0.00021219444;

/** MAGIC + k, k = round(x / ln 2), for |x| < 2^20. */
// @ts-ignore: decorator
@inline
export function power<T>(x: T): T {
  return madd<T>(x, splat<T>(1.442695), splat<T>(MAGIC));
}
/**
 * z = e^r - 1 with r = x - k ln 2, |r| <= ln(2)/2, for t = power(x). Error 2^-25 at most, and 1 ulp of z where k = 0. NaN gives NaN.
 * z = r + r^2 E(r), E of degree 5 fitted here (Remez; it adds 2e-10 to z).
 */
// @ts-ignore: decorator
@inline
export function expm1_rest<T>(x: T, t: T): T {
  const k = sub<T>(t, splat<T>(MAGIC));
  const r = sub<T>(sub<T>(x, mul<T>(k, splat<T>(LN2_HI))), mul<T>(k, splat<T>(LN2_LO)));
  let e = splat<T>(0.00019907929);
  e = madd<T>(e, r, splat<T>(0.0013933883));
  e = madd<T>(e, r, splat<T>(0.0083332855));
  e = madd<T>(e, r, splat<T>(0.041666463));
  e = madd<T>(e, r, splat<T>(0.16666667));
  e = madd<T>(e, r, splat<T>(0.5));
  return madd<T>(mul<T>(r, r), e, r);
}
/** 2^(k + shift) for t = power(x), where that is a normal number. */
// @ts-ignore: decorator
@inline
export function pow2<T>(t: T, shift: i32): T {
  return bits_add<T>(bits_shl<T>(t, 23), (127 + shift) << 23);
}
