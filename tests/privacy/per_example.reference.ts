// The naive twin: min(1, c / |g|) and rows times factors, in float64.
type Numbers = ArrayLike<number>;

/** 0 for a norm that is not finite. */
export function factors(c: number, squaredNorms: Numbers): Float64Array {
  return Float64Array.from(squaredNorms, (s) => (Number.isFinite(Math.sqrt(s)) ? Math.min(1, c / Math.sqrt(s)) : 0));
}

/** f_i x_ij, and 0 where f_i is 0, whatever x_ij. */
export function scaleRows(n: number, f: Numbers, x: Numbers): Float64Array {
  return Float64Array.from(x, (v, at) => (f[Math.floor(at / n)] === 0 ? 0 : f[Math.floor(at / n)]! * v));
}
