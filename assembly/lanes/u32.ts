// The u32 vocabulary: four lanes (T = v128) or one number (T = u32).

// @ts-ignore: decorator
@inline
export function st<T>(p: usize, v: T): void {
  store<T>(p, v);
}
// @ts-ignore: decorator
@inline
export function splat<T>(x: u32): T {
  if (isVector<T>()) return i32x4.splat(x);
  return x;
}
// @ts-ignore: decorator
@inline
export function add<T>(a: T, b: T): T {
  if (isVector<T>()) return i32x4.add(a, b);
  return a + b;
}
// @ts-ignore: decorator
@inline
export function xor<T>(a: T, b: T): T {
  if (isVector<T>()) return v128.xor(a, b);
  return a ^ b;
}
// @ts-ignore: decorator
@inline
export function and<T>(a: T, b: T): T {
  if (isVector<T>()) return v128.and(a, b);
  return a & b;
}
// @ts-ignore: decorator
@inline
export function max<T>(a: T, b: T): T {
  if (isVector<T>()) return i32x4.max_u(a, b);
  return a > b ? a : b;
}
/** x, x + 1, x + 2, x + 3 over the lanes. */
// @ts-ignore: decorator
@inline
export function counting<T>(x: u32): T {
  if (isVector<T>()) return i32x4.add(i32x4.splat(x), i32x4(0, 1, 2, 3));
  return x;
}
/** Rotate left by the constant k; whole bytes go by one shuffle. */
// @ts-ignore: decorator
@inline
export function rotl<T>(a: T, k: i32): T {
  if (isVector<T>()) {
    if (k == 16) return i8x16.shuffle(a, a, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    if (k == 8) return i8x16.shuffle(a, a, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
    return v128.or(i32x4.shl(a, k), i32x4.shr_u(a, 32 - k));
  }
  return (a << (<u32>k)) | (a >> (<u32>(32 - k)));
}
