// The f32 vocabulary: every function works on four lanes (T = v128) or on one number (T = f32).
// Kernels written in these words are one text for the vector loop, the tail and the scalar build.

/** Lanes in T: 4 or 1. */
// @ts-ignore: decorator
@inline
export function lanes<T>(): usize {
  return isVector<T>() ? 4 : 1;
}
// @ts-ignore: decorator
@inline
export function ld<T>(p: usize): T {
  return load<T>(p);
}
// @ts-ignore: decorator
@inline
export function st<T>(p: usize, v: T): void {
  store<T>(p, v);
}
// @ts-ignore: decorator
@inline
export function splat<T>(x: f32): T {
  if (isVector<T>()) return f32x4.splat(x);
  return x;
}
/** One f32 at p in every lane. */
// @ts-ignore: decorator
@inline
export function ld_splat<T>(p: usize): T {
  if (isVector<T>()) return v128.load32_splat(p);
  return load<f32>(p);
}
// @ts-ignore: decorator
@inline
export function add<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.add(a, b);
  return a + b;
}
// @ts-ignore: decorator
@inline
export function sub<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.sub(a, b);
  return a - b;
}
// @ts-ignore: decorator
@inline
export function mul<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.mul(a, b);
  return a * b;
}
// @ts-ignore: decorator
@inline
export function div<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.div(a, b);
  return a / b;
}
/** a*b + c; two roundings, or one where the relaxed build fuses. Only linalg, nn and optim may use it. */
// @ts-ignore: decorator
@inline
export function madd<T>(a: T, b: T, c: T): T {
  if (isVector<T>()) {
    if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
    return f32x4.add(f32x4.mul(a, b), c);
  }
  return a * b + c;
}
// @ts-ignore: decorator
@inline
export function sqrt<T>(a: T): T {
  if (isVector<T>()) return f32x4.sqrt(a);
  return f32.sqrt(a);
}
/** b where b < a, else a: one instruction, where a true minimum costs six on x86. A NaN in a stays. */
// @ts-ignore: decorator
@inline
export function pmin<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.pmin(a, b);
  return b < a ? b : a;
}
/** b where a < b, else a. A NaN in a stays. */
// @ts-ignore: decorator
@inline
export function pmax<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.pmax(a, b);
  return a < b ? b : a;
}
// @ts-ignore: decorator
@inline
export function max<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.max(a, b);
  return f32.max(a, b);
}
/** x where a > b, else +0; a NaN on either side gives +0. */
// @ts-ignore: decorator
@inline
export function keep_gt<T>(a: T, b: T, x: T): T {
  if (isVector<T>()) return v128.and(x, f32x4.gt(a, b));
  return a > b ? x : <T>0;
}
/** x unless a <= b, else +0; a NaN on either side keeps x. */
// @ts-ignore: decorator
@inline
export function keep_unless_le<T>(a: T, b: T, x: T): T {
  if (isVector<T>()) return v128.andnot(x, f32x4.le(a, b));
  return a <= b ? <T>0 : x;
}
