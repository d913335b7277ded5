// The f64 vocabulary: two lanes (T = v128) or one number (T = f64). Nothing here may fuse:
// privacy, compress and aggregate are built from these words and owe the same bits to every engine.

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
/** f32 at p, widened exactly. */
// @ts-ignore: decorator
@inline
export function ld_f32<T>(p: usize): T {
  if (isVector<T>()) return f64x2.promote_low_f32x4(v128.load64_zero(p));
  return <f64>load<f32>(p);
}
/** Rounds to f32 (nearest, ties to even) and stores at p. */
// @ts-ignore: decorator
@inline
export function st_f32<T>(p: usize, v: T): void {
  if (isVector<T>()) v128.store64_lane(p, f32x4.demote_f64x2_zero(v), 0);
  else store<f32>(p, <f32>v);
}
/** What st_f32 followed by ld_f32 would give: v rounded to f32, widened again. */
// @ts-ignore: decorator
@inline
export function round_f32<T>(v: T): T {
  if (isVector<T>()) return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(v));
  return <f64>(<f32>v);
}
// @ts-ignore: decorator
@inline
export function splat<T>(x: f64): T {
  if (isVector<T>()) return f64x2.splat(x);
  return x;
}
// @ts-ignore: decorator
@inline
export function add<T>(a: T, b: T): T {
  if (isVector<T>()) return f64x2.add(a, b);
  return a + b;
}
// @ts-ignore: decorator
@inline
export function sub<T>(a: T, b: T): T {
  if (isVector<T>()) return f64x2.sub(a, b);
  return a - b;
}
// @ts-ignore: decorator
@inline
export function mul<T>(a: T, b: T): T {
  if (isVector<T>()) return f64x2.mul(a, b);
  return a * b;
}
// @ts-ignore: decorator
@inline
export function div<T>(a: T, b: T): T {
  if (isVector<T>()) return f64x2.div(a, b);
  return a / b;
}
/** a*b + c with two roundings, always. */
// @ts-ignore: decorator
@inline
export function mul_add<T>(a: T, b: T, c: T): T {
  return add<T>(mul<T>(a, b), c);
}
// @ts-ignore: decorator
@inline
export function sqrt<T>(a: T): T {
  if (isVector<T>()) return f64x2.sqrt(a);
  return f64.sqrt(a);
}
// @ts-ignore: decorator
@inline
export function floor<T>(a: T): T {
  if (isVector<T>()) return f64x2.floor(a);
  return f64.floor(a);
}
// @ts-ignore: decorator
@inline
export function max<T>(a: T, b: T): T {
  if (isVector<T>()) return f64x2.max(a, b);
  return f64.max(a, b);
}
/** b where b < a, else a: a NaN in a stays, one in b is ignored. One instruction on x86, where a NaN-correct min takes seven. */
// @ts-ignore: decorator
@inline
export function pmin<T>(a: T, b: T): T {
  if (isVector<T>()) return f64x2.pmin(a, b);
  return b < a ? b : a;
}
/** b where a < b, else a: a NaN in a stays, one in b is ignored. */
// @ts-ignore: decorator
@inline
export function pmax<T>(a: T, b: T): T {
  if (isVector<T>()) return f64x2.pmax(a, b);
  return a < b ? b : a;
}
// @ts-ignore: decorator
@inline
export function abs<T>(a: T): T {
  if (isVector<T>()) return f64x2.abs(a);
  return f64.abs(a);
}
/** x where a > b, else +0; a NaN on either side gives +0. */
// @ts-ignore: decorator
@inline
export function keep_gt<T>(a: T, b: T, x: T): T {
  if (isVector<T>()) return v128.and(x, f64x2.gt(a, b));
  return a > b ? x : <T>0;
}
/** Sum of the lanes, low lane first. */
// @ts-ignore: decorator
@inline
export function lane_sum<T>(a: T): f64 {
  if (isVector<T>()) return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
  return a;
}
/** u32 at p, exactly. */
// @ts-ignore: decorator
@inline
export function ld_u32<T>(p: usize): T {
  if (isVector<T>()) return f64x2.convert_low_i32x4_u(v128.load64_zero(p));
  return <f64>load<u32>(p);
}
/** u16 at p, exactly. */
// @ts-ignore: decorator
@inline
export function ld_u16<T>(p: usize): T {
  if (isVector<T>()) return f64x2.convert_low_i32x4_s(i32x4.extend_low_i16x8_u(v128.load32_zero(p))); // signed: one instruction on x86
  return <f64>(<u32>load<u16>(p));
}
/** i32 at p, exactly. */
// @ts-ignore: decorator
@inline
export function ld_i32<T>(p: usize): T {
  if (isVector<T>()) return f64x2.convert_low_i32x4_s(v128.load64_zero(p));
  return <f64>load<i32>(p);
}

/** i32 at p with the bits of mask alone, exactly. */
// @ts-ignore: decorator
@inline
export function ld_i32_and<T>(p: usize, mask: i32): T {
  if (isVector<T>()) return f64x2.convert_low_i32x4_s(v128.and(v128.load64_zero(p), i32x4.splat(mask)));
  return <f64>(load<i32>(p) & mask);
}

// Integers by a magic number: x + 1.5 * 2^52 rounds x (|x| < 2^51) to the nearest integer, ties to even, and holds it in its low bits.

export const MAGIC: f64 = 6755399441055744.0;
/** x + MAGIC. */
// @ts-ignore: decorator
@inline
export function to_magic<T>(x: T): T {
  return add<T>(x, splat<T>(MAGIC));
}
/** The integer of a magic number, as f64. */
// @ts-ignore: decorator
@inline
export function from_magic<T>(t: T): T {
  return sub<T>(t, splat<T>(MAGIC));
}
/** Stores the integers of magic numbers as i32; |integer| < 2^31. */
// @ts-ignore: decorator
@inline
export function st_magic_i32<T>(p: usize, t: T): void {
  if (isVector<T>()) v128.store64_lane(p, v128.shuffle<i32>(t, t, 0, 2, 0, 2), 0);
  else store<i32>(p, <i32>reinterpret<i64>(t));
}
/** Stores the integers of magic numbers as u8; 0 <= integer < 256. */
// @ts-ignore: decorator
@inline
export function st_magic_u8<T>(p: usize, t: T): void {
  if (isVector<T>()) v128.store16_lane(p, v128.shuffle<i8>(t, t, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8), 0);
  else store<u8>(p, <u8>reinterpret<i64>(t));
}
/** acc <- acc + integers of magic numbers, as i64. */
// @ts-ignore: decorator
@inline
export function add_magic_i64<T>(acc: usize, t: T): void {
  const k = bits_sub<T>(t, splat<T>(MAGIC));
  if (isVector<T>()) v128.store(acc, i64x2.add(v128.load(acc), k));
  else store<i64>(acc, load<i64>(acc) + reinterpret<i64>(k));
}
/** The squares of the integers of magic numbers, as u64 (bits of T); |integer| < 2^31. */
// @ts-ignore: decorator
@inline
export function square_magic<T>(t: T): T {
  if (isVector<T>()) {
    const k = v128.shuffle<i32>(t, t, 0, 2, 0, 2);
    return i64x2.extmul_low_i32x4_s(k, k);
  }
  const k = <i64>(<i32>reinterpret<i64>(t));
  return reinterpret<f64>(k * k);
}

// The same 64 bits seen as integers: T is v128 (2 x i64) or, in one lane, i64 in an f64's clothes.

/** u32 at p as an integer in the bits. */
// @ts-ignore: decorator
@inline
export function bits_ld_u32<T>(p: usize): T {
  if (isVector<T>()) return v128.load32x2_u(p);
  return reinterpret<f64>(<u64>load<u32>(p));
}
/** Bits of a that mask has too. */
// @ts-ignore: decorator
@inline
export function bits_mask<T>(a: T, mask: T): T {
  if (isVector<T>()) return v128.and(a, mask);
  return reinterpret<f64>(reinterpret<i64>(a) & reinterpret<i64>(mask));
}
/** Bits of a plus bits of b. */
// @ts-ignore: decorator
@inline
export function bits_sum<T>(a: T, b: T): T {
  if (isVector<T>()) return i64x2.add(a, b);
  return reinterpret<f64>(reinterpret<i64>(a) + reinterpret<i64>(b));
}
/** Sum of the lanes, as integers. */
// @ts-ignore: decorator
@inline
export function bits_lane_sum<T>(a: T): u64 {
  if (isVector<T>()) return <u64>i64x2.extract_lane(a, 0) + <u64>i64x2.extract_lane(a, 1);
  return reinterpret<u64>(a);
}
/** Bits of a plus the integer k. */
// @ts-ignore: decorator
@inline
export function bits_add<T>(a: T, k: i64): T {
  if (isVector<T>()) return i64x2.add(a, i64x2.splat(k));
  return reinterpret<f64>(reinterpret<i64>(a) + k);
}
/** Bits of a minus bits of b. */
// @ts-ignore: decorator
@inline
export function bits_sub<T>(a: T, b: T): T {
  if (isVector<T>()) return i64x2.sub(a, b);
  return reinterpret<f64>(reinterpret<i64>(a) - reinterpret<i64>(b));
}
// @ts-ignore: decorator
@inline
export function bits_shl<T>(a: T, k: i32): T {
  if (isVector<T>()) return i64x2.shl(a, k);
  return reinterpret<f64>(reinterpret<i64>(a) << (<i64>k));
}
/** Logical shift right of the bits. (x86 before AVX-512 has no arithmetic one for 64 bits.) */
// @ts-ignore: decorator
@inline
export function bits_shr<T>(a: T, k: i32): T {
  if (isVector<T>()) return i64x2.shr_u(a, k);
  return reinterpret<f64>(reinterpret<u64>(a) >> (<u64>k));
}
// @ts-ignore: decorator
@inline
export function bits_and<T>(a: T, k: i64): T {
  if (isVector<T>()) return v128.and(a, i64x2.splat(k));
  return reinterpret<f64>(reinterpret<i64>(a) & k);
}
// @ts-ignore: decorator
@inline
export function bits_xor<T>(a: T, b: T): T {
  if (isVector<T>()) return v128.xor(a, b);
  return reinterpret<f64>(reinterpret<i64>(a) ^ reinterpret<i64>(b));
}
/** a where the bits of mask are set, b where they are clear. */
// @ts-ignore: decorator
@inline
export function bits_select<T>(a: T, b: T, mask: T): T {
  if (isVector<T>()) return v128.bitselect(a, b, mask);
  const m = reinterpret<i64>(mask);
  return reinterpret<f64>((reinterpret<i64>(a) & m) | (reinterpret<i64>(b) & ~m));
}
