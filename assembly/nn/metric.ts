// What an evaluation counts besides the loss: hits among the k best, squared errors.
import * as d from "../lanes/f64";
import { max_abs_f32 } from "../linalg/reduce";

/** How many of n values lie above `mark`; for above = false, below it. */
// @ts-ignore: decorator
@inline
function count(above: bool, n: usize, mark: f32, x: usize): usize {
  let i: usize = 0;
  let c: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    const mark4 = f32x4.splat(mark);
    let c4 = i32x4.splat(0);
    for (const e = n & ~3; i < e; i += 4) {
      const v = v128.load(x + (i << 2));
      c4 = i32x4.sub(c4, above ? f32x4.gt(v, mark4) : f32x4.lt(v, mark4)); // a lane that holds is -1
    }
    c = i32x4.extract_lane(c4, 0) + i32x4.extract_lane(c4, 1) + i32x4.extract_lane(c4, 2) + i32x4.extract_lane(c4, 3);
  }
  for (; i < n; i++) {
    const v = load<f32>(x + (i << 2));
    c += <u32>(above ? v > mark : v < mark);
  }
  return <usize>c;
}

/**
 * Rows whose label is among the k largest logits: fewer than k stand before it, the larger ones and the equal ones of smaller index.
 * m x n f32, n >= 1; labels: m x i32 in [0, n); k >= 1, and k >= n counts every row without NaN. A row with a NaN counts as wrong.
 * k = 1 is accuracy_f32.
 */
export function top_k_f32(m: usize, n: usize, k: usize, x: usize, labels: usize): usize {
  let hits: usize = 0;
  for (let i: usize = 0; i < m; i++) {
    const xi = x + ((i * n) << 2);
    const y = <usize>load<i32>(labels + (i << 2));
    assert(y < n, "label");
    const at = xi + (y << 2), mark = load<f32>(at);
    const before = y - count(false, y, mark, xi) + count(true, n - y - 1, mark, at + 4);
    const magnitude = max_abs_f32(n, xi); // NaN if the row has one
    hits += <usize>(before < k && magnitude == magnitude);
  }
  return hits;
}

// @ts-ignore: decorator
@inline
function error_body<T>(x: usize, t: usize): T {
  const e = d.sub<T>(d.ld_f32<T>(x), d.ld_f32<T>(t));
  return d.mul<T>(e, e);
}
// @ts-ignore: decorator
@inline
function error_stripes<T>(e: usize, x: usize, t: usize): T {
  let s0 = d.splat<T>(0), s1 = d.splat<T>(0);
  for (let i: usize = 0; i < e; i += 4) {
    const o = i << 2;
    s0 = d.add<T>(s0, error_body<T>(x + o, t + o));
    s1 = d.add<T>(s1, error_body<T>(x + o + 8, t + o + 8));
  }
  return d.add<T>(s0, s1);
}
/**
 * sum_i (x_i - t_i)^2 in f64. n elements, 0 gives 0; x, t: n x f32. No finite input overflows. NaN and Inf propagate.
 * Element i < 4 floor(n/4) belongs to stripe i mod 4; (s_0 + s_2) + (s_1 + s_3), then the tail: the same bits in every build.
 */
export function squared_error_f32(n: usize, x: usize, t: usize): f64 {
  const e = n & ~3;
  let s: f64;
  if (ASC_FEATURE_SIMD) s = d.lane_sum<v128>(error_stripes<v128>(e, x, t));
  else s = error_stripes<f64>(e, x, t) + error_stripes<f64>(e, x + 4, t + 4);
  for (let i = e; i < n; i++) s += error_body<f64>(x + (i << 2), t + (i << 2));
  return s;
}
