// The naive twin: float64, one line a formula.
type Numbers = ArrayLike<number>;
const map = (x: Numbers, f: (i: number) => number): Float64Array => Float64Array.from({ length: x.length }, (_, i) => f(i));

/** a x + y */
export const axpy = (a: number, x: Numbers, y: Numbers): Float64Array => map(x, (i) => a * x[i]! + y[i]!);
/** a x */
export const scale = (a: number, x: Numbers): Float64Array => map(x, (i) => a * x[i]!);
/** x + y */
export const add = (x: Numbers, y: Numbers): Float64Array => map(x, (i) => x[i]! + y[i]!);
/** x - y */
export const subtract = (x: Numbers, y: Numbers): Float64Array => map(x, (i) => x[i]! - y[i]!);
/** acc + w x */
export const accumulate = (w: number, x: Numbers, acc: Numbers): Float64Array => map(x, (i) => acc[i]! + w * x[i]!);
