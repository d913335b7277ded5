// Clipping element by element.
import { ld, pmax, pmin, splat, st } from "../lanes/f32";

// @ts-ignore: decorator
@inline
function clip_body<T>(limit: f32, x: usize, y: usize): void {
  st<T>(y, pmax<T>(pmin<T>(ld<T>(x), splat<T>(limit)), splat<T>(-limit)));
}
/**
 * y <- limit where x > limit, -limit where x < -limit, else x.
 * n  elements    limit >= 0    x: n x f32    y: n x f32, may be x    Exact. NaN stays NaN; +-Inf becomes +-limit.
 */
export function clip_value_f32(n: usize, limit: f32, x: usize, y: usize): void {
  let i: usize = 0;
  const end = n << 2;
  if (ASC_FEATURE_SIMD) {
    for (const e = end & ~31; i < e; i += 32) {
      clip_body<v128>(limit, x + i, y + i);
      clip_body<v128>(limit, x + i + 16, y + i + 16);
    }
    for (const e = end & ~15; i < e; i += 16) clip_body<v128>(limit, x + i, y + i);
  }
  for (; i < end; i += 4) clip_body<f32>(limit, x + i, y + i);
}
