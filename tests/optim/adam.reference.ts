// The naive twin: float64, one line a formula. d is the gradient with all that is added to it; r1 = 1 - beta1, r2 = 1 - beta2.
type State = [w: number, m: number, v: number];

/** m <- (1 - r1) m + r1 d; v <- (1 - r2) v + r2 d^2; w <- w - decay w - lr m / (sqrt(v) + eps) */
export function adam(lr: number, decay: number, r1: number, r2: number, eps: number, d: number, w: number, m: number, v: number): State {
  const mean = (1 - r1) * m + r1 * d;
  const square = (1 - r2) * v + r2 * d * d;
  return [w - decay * w - (lr * mean) / (Math.sqrt(square) + eps), mean, square];
}

/** As adam, but v <- v - r2 d^2 sign(v - d^2) */
export function yogi(lr: number, decay: number, r1: number, r2: number, eps: number, d: number, w: number, m: number, v: number): State {
  const mean = (1 - r1) * m + r1 * d;
  const square = v - r2 * d * d * Math.sign(v - d * d);
  return [w - decay * w - (lr * mean) / (Math.sqrt(square) + eps), mean, square];
}

/** Adam as algorithm 1 of Kingma & Ba 2014 writes it, with the decoupled decay of Loshchilov & Hutter 2017: step t, rate alpha. */
export function adamStep(
  options: { rate: number; beta1: number; beta2: number; epsilon: number; decay: number },
  t: number,
  d: number,
  w: number,
  m: number,
  v: number,
): State {
  const { rate, beta1, beta2, epsilon, decay } = options;
  const mean = beta1 * m + (1 - beta1) * d;
  const square = beta2 * v + (1 - beta2) * d * d;
  const meanHat = mean / (1 - beta1 ** t);
  const squareHat = square / (1 - beta2 ** t);
  return [w - rate * (meanHat / (Math.sqrt(squareHat) + epsilon) + decay * w), mean, square];
}
