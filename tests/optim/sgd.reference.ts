// The naive twin: float64, one line a formula. d is the gradient with all that is added to it; see slope.

/** g + wd w + mu (w - w0) + c */
export const slope = (wd: number, mu: number, g: number, w0: number, c: number, w: number): number => g + wd * w + mu * (w - w0) + c;

/** w - lr d */
export const sgd = (lr: number, d: number, w: number): number => w - lr * d;

/** v <- beta v + d; w <- w - decay w - lr v */
export function momentum(lr: number, decay: number, beta: number, d: number, w: number, v: number): [w: number, v: number] {
  const velocity = beta * v + d;
  return [w - decay * w - lr * velocity, velocity];
}

/** v <- beta v + d; w <- w - decay w - lr (d + beta v) */
export function nesterov(lr: number, decay: number, beta: number, d: number, w: number, v: number): [w: number, v: number] {
  const velocity = beta * v + d;
  return [w - decay * w - lr * (d + beta * velocity), velocity];
}
