// The naive twin of Y = X W + b and its gradients: float64, plain loops, row-major.
type Numbers = ArrayLike<number>;
/** m rows, k inputs, n outputs */
export type Shape = readonly [m: number, n: number, k: number];
const table = (rows: number, cols: number, f: (r: number, c: number) => number): Float64Array =>
  Float64Array.from({ length: rows * cols }, (_, i) => f(Math.floor(i / cols), i % cols));
const sum = (n: number, f: (i: number) => number): number => {
  let s = 0;
  for (let i = 0; i < n; i++) s += f(i);
  return s;
};

/** Y = X W + b */
export const forward = ([m, n, k]: Shape, x: Numbers, w: Numbers, b: Numbers): Float64Array =>
  table(m, n, (i, j) => b[j]! + sum(k, (p) => x[i * k + p]! * w[p * n + j]!));
/** dX = dY W^T */
export const inputGradient = ([m, n, k]: Shape, dy: Numbers, w: Numbers): Float64Array => table(m, k, (i, p) => sum(n, (j) => dy[i * n + j]! * w[p * n + j]!));
/** dW = X^T dY */
export const kernelGradient = ([m, n, k]: Shape, x: Numbers, dy: Numbers): Float64Array => table(k, n, (p, j) => sum(m, (i) => x[i * k + p]! * dy[i * n + j]!));
/** db = sum of the rows of dY */
export const biasGradient = ([m, n]: Shape, dy: Numbers): Float64Array => table(1, n, (_, j) => sum(m, (i) => dy[i * n + j]!));
/** A scalar loss whose gradient with respect to Y is dY: <dY, X W + b> */
export const loss = (shape: Shape, x: Numbers, w: Numbers, b: Numbers, dy: Numbers): number => forward(shape, x, w, b).reduce((s, y, i) => s + y * dy[i]!, 0);
/** Squared norms of the gradients of w and b of every example, each gradient formed. */
export const exampleNorms = ([m, n, k]: Shape, x: Numbers, dy: Numbers): Float64Array =>
  Float64Array.from({ length: m }, (_, i) => {
    const [xi, di] = [Array.prototype.slice.call(x, i * k, (i + 1) * k), Array.prototype.slice.call(dy, i * n, (i + 1) * n)];
    const squares = (g: Float64Array) => g.reduce((s, v) => s + v * v, 0);
    return squares(kernelGradient([1, n, k], xi, di)) + squares(biasGradient([1, n, k], di));
  });
