// The naive twin: float64, one line a formula. d is the gradient with all that is added to it.

/** v <- v + d^2; w <- w - decay w - lr d / (sqrt(v) + eps) */
export function adagrad(lr: number, decay: number, eps: number, d: number, w: number, v: number): [w: number, v: number] {
  const sum = v + d * d;
  return [w - decay * w - (lr * d) / (Math.sqrt(sum) + eps), sum];
}

/** v <- (1 - r) v + r d^2; w <- w - decay w - lr d / (sqrt(v) + eps) */
export function rmsprop(lr: number, decay: number, r: number, eps: number, d: number, w: number, v: number): [w: number, v: number] {
  const mean = (1 - r) * v + r * d * d;
  return [w - decay * w - (lr * d) / (Math.sqrt(mean) + eps), mean];
}
