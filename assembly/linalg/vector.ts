// Level 1, element by element: y <- a x + y, x <- a x, z <- x + y, z <- x - y, acc(f64) <- acc + w x.
// Every output element depends on its own inputs only, so lanes, tail and scalar agree bit for bit.
// Aliasing: an output may be one of its inputs; partial overlap is not allowed. NaN and Inf propagate.
import { add, ld, madd, mul, splat, st, sub } from "../lanes/f32";
import * as d from "../lanes/f64";

// @ts-ignore: decorator
@inline
function axpy_body<T>(a: f32, x: usize, y: usize): void {
  st<T>(y, madd<T>(splat<T>(a), ld<T>(x), ld<T>(y)));
}
/** y <- a x + y. n elements; x, y: n x f32. Two roundings, one where relaxed fuses. */
export function axpy_f32(n: usize, a: f32, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) axpy_body<v128>(a, x + (i << 2), y + (i << 2));
  for (; i < n; i++) axpy_body<f32>(a, x + (i << 2), y + (i << 2));
}

// @ts-ignore: decorator
@inline
function scale_body<T>(a: f32, x: usize, y: usize): void {
  st<T>(y, mul<T>(splat<T>(a), ld<T>(x)));
}
/** y <- a x. n elements; x, y: n x f32. One rounding. */
export function scale_f32(n: usize, a: f32, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) scale_body<v128>(a, x + (i << 2), y + (i << 2));
  for (; i < n; i++) scale_body<f32>(a, x + (i << 2), y + (i << 2));
}

// @ts-ignore: decorator
@inline
function add_body<T>(x: usize, y: usize, z: usize): void {
  st<T>(z, add<T>(ld<T>(x), ld<T>(y)));
}
/** z <- x + y. n elements; x, y, z: n x f32. One rounding. */
export function add_f32(n: usize, x: usize, y: usize, z: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) add_body<v128>(x + (i << 2), y + (i << 2), z + (i << 2));
  for (; i < n; i++) add_body<f32>(x + (i << 2), y + (i << 2), z + (i << 2));
}

// @ts-ignore: decorator
@inline
function sub_body<T>(x: usize, y: usize, z: usize): void {
  st<T>(z, sub<T>(ld<T>(x), ld<T>(y)));
}
/** z <- x - y. n elements; x, y, z: n x f32. One rounding. */
export function sub_f32(n: usize, x: usize, y: usize, z: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) sub_body<v128>(x + (i << 2), y + (i << 2), z + (i << 2));
  for (; i < n; i++) sub_body<f32>(x + (i << 2), y + (i << 2), z + (i << 2));
}

// @ts-ignore: decorator
@inline
function accumulate_body<T>(w: f64, x: usize, acc: usize): void {
  d.st<T>(acc, d.mul_add<T>(d.splat<T>(w), d.ld_f32<T>(x), d.ld<T>(acc)));
}
/** acc <- acc + w x in f64. n elements; x: n x f32; acc: n x f64 read and written. Two f64 roundings, never fused. */
export function accumulate_f32_f64(n: usize, w: f64, x: usize, acc: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~1; i < e; i += 2) accumulate_body<v128>(w, x + (i << 2), acc + (i << 3));
  for (; i < n; i++) accumulate_body<f64>(w, x + (i << 2), acc + (i << 3));
}
