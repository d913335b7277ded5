// The naive twin: float64, one line a formula, each with its derivative.

/** P(Z > a) for a standard normal Z and a >= 0: the power series of the error function, from 3 on the continued fraction of Laplace. */
function tail(a: number): number {
  const density = Math.exp((-a * a) / 2) / Math.sqrt(2 * Math.PI);
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let k = 3; k < 120; k += 2) sum += term *= (a * a) / k; // a + a^3/3 + a^5/(3 5) + ...
    return 0.5 - density * sum;
  }
  let fraction = a;
  for (let k = 100; k > 0; k--) fraction = a + k / fraction;
  return density / fraction;
}
/** P(Z <= x) */
export const normal = (x: number): number => (x > 0 ? 1 - tail(x) : tail(-x));
const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
export const leakyRelu = (x: number, slope: number): number => (x > 0 ? x : slope * x);
export const silu = (x: number): number => x * sigmoid(x);
export const gelu = (x: number): number => x * normal(x);

/** Derivatives by the output y */
export const fromOutput = {
  leakyRelu: (y: number, slope: number): number => (y > 0 ? 1 : slope),
  sigmoid: (y: number): number => y * (1 - y),
  tanh: (y: number): number => (1 - y) * (1 + y),
};
/** Derivatives by the input x, each as the sum of two terms */
export const fromInput = {
  silu: (x: number): [number, number] => [sigmoid(x), x * sigmoid(x) * sigmoid(-x)],
  gelu: (x: number): [number, number] => [normal(x), x * density(x)],
};
