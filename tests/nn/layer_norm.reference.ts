// The naive twin of normalisation: float64, two passes, over any sets of elements. Layer and group norm differ in their sets only.
type Numbers = ArrayLike<number>;

/** What is normalised together, and which weight and example an element belongs to. */
export interface Sets {
  /** Elements of x. */
  readonly size: number;
  /** Elements normalised together: every index once. */
  readonly sets: readonly (readonly number[])[];
  /** Length of gamma and beta, and the index in them of an element. */
  readonly weights: number;
  weightOf(i: number): number;
  readonly examples: number;
  exampleOf(i: number): number;
  readonly epsilon: number;
}

/** m examples of r rows of n: every row is a set. */
export function rows(m: number, r: number, n: number, epsilon = 1e-3): Sets {
  return {
    size: m * r * n,
    sets: Array.from({ length: m * r }, (_, row) => Array.from({ length: n }, (_, j) => row * n + j)),
    weights: n,
    weightOf: (i) => i % n,
    examples: m,
    exampleOf: (i) => Math.floor(i / (r * n)),
    epsilon,
  };
}

const sum = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0);

/** xhat and 1/std of every element. */
export function normalise({ size, sets, epsilon }: Sets, x: Numbers): { xhat: Float64Array; r: Float64Array } {
  const [xhat, r] = [new Float64Array(size), new Float64Array(size)];
  for (const set of sets) {
    // About the first element, so that float64 too keeps its digits when all values are far from zero.
    const origin = x[set[0]!]!;
    const shift = sum(set.map((i) => x[i]! - origin)) / set.length;
    const centred = set.map((i) => x[i]! - origin - shift);
    const inverse = 1 / Math.sqrt(sum(centred.map((v) => v * v)) / set.length + epsilon);
    for (const [k, i] of set.entries()) {
      xhat[i] = centred[k]! * inverse;
      r[i] = inverse;
    }
  }
  return { xhat, r };
}
export const forward = (s: Sets, x: Numbers, gamma: Numbers, beta: Numbers): Float64Array =>
  normalise(s, x).xhat.map((v, i) => gamma[s.weightOf(i)]! * v + beta[s.weightOf(i)]!);

/** dx = (g - mean g - xhat mean(g xhat)) / std with g = gamma dy */
export function inputGradient(s: Sets, x: Numbers, gamma: Numbers, dy: Numbers): Float64Array {
  const { xhat, r } = normalise(s, x);
  const g = xhat.map((_, i) => gamma[s.weightOf(i)]! * dy[i]!);
  const dx = new Float64Array(s.size);
  for (const set of s.sets) {
    const [a, b] = [sum(set.map((i) => g[i]!)) / set.length, sum(set.map((i) => g[i]! * xhat[i]!)) / set.length];
    for (const i of set) dx[i] = r[i]! * (g[i]! - a - xhat[i]! * b);
  }
  return dx;
}
/** Gradients of gamma and beta, one after the other, of one example or of all. */
export function weightGradient(s: Sets, xhat: Numbers, dy: Numbers, example?: number): Float64Array {
  const gradient = new Float64Array(2 * s.weights);
  for (let i = 0; i < s.size; i++) {
    if (example !== undefined && s.exampleOf(i) !== example) continue;
    gradient[s.weightOf(i)]! += dy[i]! * xhat[i]!;
    gradient[s.weights + s.weightOf(i)]! += dy[i]!;
  }
  return gradient;
}
/** Squared norm of each example's gradient, by forming it. */
export const norms = (s: Sets, xhat: Numbers, dy: Numbers): Float64Array =>
  Float64Array.from({ length: s.examples }, (_, i) => weightGradient(s, xhat, dy, i).reduce((t, v) => t + v * v, 0));
/** A scalar loss whose gradient with respect to y is dy. */
export const loss = (s: Sets, x: Numbers, gamma: Numbers, beta: Numbers, dy: Numbers): number =>
  forward(s, x, gamma, beta).reduce((t, y, i) => t + y * dy[i]!, 0);
