// The naive twin of batch normalisation with given statistics.
type Numbers = ArrayLike<number>;
export interface Channels {
  readonly gamma: Numbers;
  readonly beta: Numbers;
  readonly mean: Numbers;
  readonly variance: Numbers;
  readonly epsilon: number;
}
const at = (values: Numbers, i: number): number => values[i % values.length]!;

export const forward = (c: Channels, x: Numbers): Float64Array =>
  Float64Array.from(x, (v, i) => (at(c.gamma, i) * (v - at(c.mean, i))) / Math.sqrt(at(c.variance, i) + c.epsilon) + at(c.beta, i));
export const inputGradient = (c: Channels, dy: Numbers): Float64Array =>
  Float64Array.from(dy, (v, i) => (v * at(c.gamma, i)) / Math.sqrt(at(c.variance, i) + c.epsilon));
/** A scalar loss whose gradient with respect to y is dy. */
export const loss = (c: Channels, x: Numbers, dy: Numbers): number => forward(c, x).reduce((s, y, i) => s + y * dy[i]!, 0);
