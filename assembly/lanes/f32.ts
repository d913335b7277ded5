// The f32 vocabulary: every function works on four lanes (T = v128) or on one number (T = f32).
// Kernels written in these words are one text for the vector loop, the tail and the scalar build.

/** Lanes in T: 4 or 1. */
// @ts-ignore: decorator
@inline
export function lanes<T>(): usize {
  return isVector<T>() ? 4 : 1;
}
/** n, and a mark: scripts/unroll.mjs replaces a loop over u < unroll(n) by n copies of its body. */
// @ts-ignore: decorator
@inline
export function unroll(n: usize): usize {
  return n;
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
/** b where b < a, else a: a NaN in a stays, one in b is ignored. One instruction on x86, where a NaN-correct min takes seven. */
// @ts-ignore: decorator
@inline
export function pmin<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.pmin(a, b);
  return b < a ? b : a;
}
/** b where a < b, else a: a NaN in a stays, one in b is ignored. */
// @ts-ignore: decorator
@inline
export function pmax<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.pmax(a, b);
  return a < b ? b : a;
}
// @ts-ignore: decorator
@inline
export function neg<T>(a: T): T {
  if (isVector<T>()) return f32x4.neg(a);
  return -a;
}
// @ts-ignore: decorator
@inline
export function abs<T>(a: T): T {
  if (isVector<T>()) return f32x4.abs(a);
  return f32.abs(a);
}
/** The magnitude of a with the sign of s. */
// @ts-ignore: decorator
@inline
export function copysign<T>(a: T, s: T): T {
  if (isVector<T>()) return v128.bitselect(s, a, i32x4.splat(0x80000000));
  return f32.copysign(a, s);
}
/** x where a > b, else y; a NaN in a or b gives y. */
// @ts-ignore: decorator
@inline
export function select_gt<T>(a: T, b: T, x: T, y: T): T {
  if (isVector<T>()) return v128.bitselect(x, y, f32x4.gt(a, b));
  return a > b ? x : y;
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
/** x where the u32 at p is at least k, else +0. */
// @ts-ignore: decorator
@inline
export function keep_words<T>(p: usize, k: u32, x: T): T {
  if (isVector<T>()) return v128.and(x, i32x4.ge_u(load<v128>(p), i32x4.splat(k)));
  return load<u32>(p) >= k ? x : <T>0;
}

// The same 32 bits seen as integers: T is v128 (4 x i32) or, in one lane, i32 in an f32's clothes.

/** Bits of a plus the integer k. */
// @ts-ignore: decorator
@inline
export function bits_add<T>(a: T, k: i32): T {
  if (isVector<T>()) return i32x4.add(a, i32x4.splat(k));
  return reinterpret<f32>(reinterpret<i32>(a) + k);
}
/** Bits of a minus bits of b. */
// @ts-ignore: decorator
@inline
export function bits_sub<T>(a: T, b: T): T {
  if (isVector<T>()) return i32x4.sub(a, b);
  return reinterpret<f32>(reinterpret<i32>(a) - reinterpret<i32>(b));
}
// @ts-ignore: decorator
@inline
export function bits_shl<T>(a: T, k: i32): T {
  if (isVector<T>()) return i32x4.shl(a, k);
  return reinterpret<f32>(reinterpret<i32>(a) << k);
}
/** Logical shift right of the bits. */
// @ts-ignore: decorator
@inline
export function bits_shr<T>(a: T, k: i32): T {
  if (isVector<T>()) return i32x4.shr_u(a, k);
  return reinterpret<f32>(reinterpret<u32>(a) >> (<u32>k));
}

// Choices by a mask: U is v128, or u32 where T is f32; all bits of a lane are set or none.

/** Where a takes the lead from b in a search for the first maximum: a > b, or a is NaN and b is not (a NaN is above all, the first of them stays). */
// @ts-ignore: decorator
@inline
export function beats<T, U>(a: T, b: T): U {
  if (isVector<T>()) return v128.andnot(f32x4.eq(b, b), f32x4.le(a, b));
  return -<u32>(<i32>(b == b) & <i32>!(a <= b));
}
/** a where the mask is set, b where it is clear. */
// @ts-ignore: decorator
@inline
export function choose<T, U>(mask: U, a: T, b: T): T {
  if (isVector<T>()) return v128.bitselect(a, b, mask);
  const q = reinterpret<u32>(b);
  return reinterpret<f32>(q ^ ((reinterpret<u32>(a) ^ q) & mask));
}
