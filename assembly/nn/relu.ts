// Rectified linear unit and its gradient.
import { keep_gt, ld, max, splat, st } from "../lanes/f32";

// @ts-ignore: decorator
@inline
function relu_body<T>(x: usize, y: usize): void {
  st<T>(y, max<T>(ld<T>(x), splat<T>(0)));
}
/** y <- max(x, 0). n elements; x, y: n x f32, y may be x. NaN propagates; -0 gives +0. */
export function relu_f32(n: usize, x: usize, y: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) relu_body<v128>(x + (i << 2), y + (i << 2));
  for (; i < n; i++) relu_body<f32>(x + (i << 2), y + (i << 2));
}

// @ts-ignore: decorator
@inline
function backward_body<T>(y: usize, dy: usize, dx: usize): void {
  st<T>(dx, keep_gt<T>(ld<T>(y), splat<T>(0), ld<T>(dy)));
}
/** dx <- dy where y > 0, else 0; the gradient at 0 is 0. n elements; y: output of relu; dx may be dy. A NaN in y gives 0. */
export function relu_backward_f32(n: usize, y: usize, dy: usize, dx: usize): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) backward_body<v128>(y + (i << 2), dy + (i << 2), dx + (i << 2));
  for (; i < n; i++) backward_body<f32>(y + (i << 2), dy + (i << 2), dx + (i << 2));
}
