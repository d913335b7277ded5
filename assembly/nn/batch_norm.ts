// Batch normalisation with frozen statistics: one affine map a channel (Ioffe and Szegedy 2015, arXiv:1502.03167, section 3.1, inference).
// The statistics are weights that came from elsewhere and are never trained: src/nn/batch_norm.ts says why. Keras's beta is called `offset` here.
import { add, div, lanes, ld, madd, mul, splat, sqrt, st, sub } from "../lanes/f32";

/** Bytes of scratch for c channels. */
export function batch_norm_scratch_f32(c: usize): usize {
  return c << 2;
}

/** k <- gamma / sqrt(variance + epsilon) */
// @ts-ignore: decorator
@inline
function scale<T>(i: usize, e: usize, epsilon: f32, gamma: usize, variance: usize, k: usize): void {
  for (; i < e; i += lanes<T>() << 2) st<T>(k + i, div<T>(ld<T>(gamma + i), sqrt<T>(add<T>(ld<T>(variance + i), splat<T>(epsilon)))));
}
// @ts-ignore: decorator
@inline
function forward_row<T>(i: usize, e: usize, mean: usize, k: usize, offset: usize, x: usize, y: usize): void {
  for (; i < e; i += lanes<T>() << 2) st<T>(y + i, madd<T>(sub<T>(ld<T>(x + i), ld<T>(mean + i)), ld<T>(k + i), ld<T>(offset + i)));
}
/**
 * Y <- gamma (X - mean) / sqrt(variance + epsilon) + offset, channel by channel, for m rows of c.
 * gamma, offset, mean, variance: c f32, variance >= 0, epsilon > 0; x, y: m x c f32, y may be x. Within 6 roundings of its terms. NaN and Inf propagate.
 */
export function batch_norm_f32(
  m: usize, c: usize, epsilon: f32, x: usize, gamma: usize, offset: usize, mean: usize, variance: usize, y: usize, scratch: usize,
): void {
  const row = c << 2, e = ASC_FEATURE_SIMD ? row & ~15 : 0;
  if (ASC_FEATURE_SIMD) scale<v128>(0, e, epsilon, gamma, variance, scratch);
  scale<f32>(e, row, epsilon, gamma, variance, scratch);
  for (const end = x + m * row; x < end; x += row, y += row) {
    if (ASC_FEATURE_SIMD) forward_row<v128>(0, e, mean, scratch, offset, x, y);
    forward_row<f32>(e, row, mean, scratch, offset, x, y);
  }
}

// @ts-ignore: decorator
@inline
function backward_row<T>(i: usize, e: usize, k: usize, dy: usize, dx: usize): void {
  for (; i < e; i += lanes<T>() << 2) st<T>(dx + i, mul<T>(ld<T>(dy + i), ld<T>(k + i)));
}
/** dX <- dY gamma / sqrt(variance + epsilon): the gradient of the input of batch_norm_f32, exact since the statistics are constants. dx may be dy. */
export function batch_norm_backward_f32(m: usize, c: usize, epsilon: f32, gamma: usize, variance: usize, dy: usize, dx: usize, scratch: usize): void {
  const row = c << 2, e = ASC_FEATURE_SIMD ? row & ~15 : 0;
  if (ASC_FEATURE_SIMD) scale<v128>(0, e, epsilon, gamma, variance, scratch);
  scale<f32>(e, row, epsilon, gamma, variance, scratch);
  for (const end = dy + m * row; dy < end; dy += row, dx += row) {
    if (ASC_FEATURE_SIMD) backward_row<v128>(0, e, scratch, dy, dx);
    backward_row<f32>(e, row, scratch, dy, dx);
  }
}
