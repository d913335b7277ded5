// The naive twin: float64, one line a formula.
type Numbers = ArrayLike<number>;

/** max(x, 0), NaN kept */
export const relu = (x: Numbers): Float64Array => Float64Array.from(x, (v) => (v > 0 || Number.isNaN(v) ? v : 0));
/** dy where y > 0, else 0 */
export const backward = (y: Numbers, dy: Numbers): Float64Array => Float64Array.from(y, (v, i) => (v > 0 ? dy[i]! : 0));
