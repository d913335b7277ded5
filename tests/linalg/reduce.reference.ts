// The naive twin: float64, one loop in rising order.
type Numbers = ArrayLike<number>;

/** sum_i x_i y_i */
export function dot(x: Numbers, y: Numbers): number {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i]! * y[i]!;
  return s;
}
/** sum_i x_i */
export function sum(x: Numbers): number {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i]!;
  return s;
}
/** sum_i x_i^2 */
export const squaredNorm = (x: Numbers): number => dot(x, x);
/** max_i |x_i|, 0 for no elements, NaN if there is one: what Math.max does */
export const maxAbs = (x: Numbers): number => Math.max(0, ...Array.from(x, Math.abs));
