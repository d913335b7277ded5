// Special functions of the accountants, to about 1e-15 relative. Tails are computed as tails: nothing here subtracts from 1 what is nearly 1.

const SQRT_2 = Math.SQRT2;
const SQRT_HALF_PI = Math.sqrt(Math.PI / 2);
const LOG_SQRT_2PI = 0.9189385332046727;

// (1 + 2x) erfcx(x) in Chebyshev polynomials of t = (x - 3.75) / (x + 3.75), x in [0, Infinity] (Shepherd & Laframboise 1981);
// coefficients computed to 50 digits, the first left out is 2e-18.
const ERFCX = [
  1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189, -0.026658668435305753, 0.009074997670705265, -0.002413163540417608,
  0.0004907758365258086, -6.916973302501207e-5, 4.13902798607301e-6, 7.74038306619849e-7, -2.1886401049234397e-7, 1.076499946567091e-8, 4.521959811218287e-9,
  -7.754400208831351e-10, -6.318088340886684e-11, 2.8687950109306702e-11, 1.9455868545777498e-13, -9.654696748433425e-13, 3.252548148148847e-14,
  3.347811948286867e-14, -1.8645628804192377e-15, -1.2507950530693367e-15, 7.418235256528676e-17, 5.0681489046657363e-17,
];

// log Gamma(1 + y) / (y (y - 1)) in Chebyshev polynomials of 2y - 1, y in [0, 1]; likewise, the first left out is 4e-18.
const LOG_GAMMA = [
  0.49141539302938714, -0.07611416167043585, 0.008432324965932778, -0.001079493726328608, 0.00014900748003692963, -2.1512399888556784e-5, 3.1979329860862186e-6,
  -4.851693012139927e-7, 7.47148782116316e-8, -1.1638296700170518e-8, 1.829400437118668e-9, -2.8969180607129607e-10, 4.61570140620909e-11,
  -7.392810230497983e-12, 1.1894280008333085e-12, -1.9212068676522805e-13, 3.113975526387164e-14, -5.0628432984486114e-15, 8.254150281631144e-16,
  -1.3490578987574844e-16, 2.209876116782623e-17,
];

/** Clenshaw's sum of c_k T_k(t). */
function chebyshev(c: readonly number[], t: number): number {
  let b1 = 0;
  let b2 = 0;
  const twice = 2 * t;
  for (let k = c.length - 1; k > 0; k--) {
    const b0 = twice * b1 - b2 + c[k]!;
    b2 = b1;
    b1 = b0;
  }
  return t * b1 - b2 + c[0]!;
}

/** exp(-x^2 / 2): x is split so that the square of its head is exact, or an error of x^2 ulps would remain. */
function expHalfSquare(x: number): number {
  if (!(Math.abs(x) < 40)) return Number.isNaN(x) ? x : 0;
  const head = Math.fround(x);
  const rest = -0.5 * (x - head) * (x + head); // below 1e-4
  return Math.exp(-0.5 * head * head) * (1 + rest * (1 + rest * (0.5 + rest / 6)));
}

/** The scaled complementary error function exp(x^2) erfc(x). */
export function erfcx(x: number): number {
  if (x < 0) return 2 * Math.exp(x * x) - erfcx(-x);
  return chebyshev(ERFCX, 1 - 7.5 / (x + 3.75)) / (1 + 2 * x);
}

/** The complementary error function. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (!(x < 28)) return Number.isNaN(x) ? x : 0;
  const head = Math.fround(x);
  return Math.exp(-head * head) * Math.exp(-(x - head) * (x + head)) * erfcx(x);
}

/** The error function; near 0 by Kummer's series exp(-x^2) 2x / sqrt(pi) (1 + (2/3) x^2 (1 + (2/5) x^2 (1 + ...))). */
export function erf(x: number): number {
  if (Math.abs(x) > 0.5) return 1 - erfc(x);
  let series = 1;
  for (let k = 13; k > 0; k--) series = 1 + (series * 2 * x * x) / (2 * k + 1);
  return x * 1.1283791670955126 * Math.exp(-x * x) * series;
}

/** log erfc(x), also where erfc underflows. */
export function logErfc(x: number): number {
  return x > 0.5 ? Math.log(erfcx(x)) - x * x : Math.log1p(-erf(x));
}

/** The normal density phi(x). */
export function normalDensity(x: number): number {
  return expHalfSquare(x) * 0.3989422804014327;
}

/** Mills' ratio (1 - Phi(x)) / phi(x). */
export function millsRatio(x: number): number {
  return SQRT_HALF_PI * erfcx(x / SQRT_2);
}

/** The normal distribution function Phi(x). */
export function normalCdf(x: number): number {
  return x > 0 ? 1 - normalCdf(-x) : 0.5 * expHalfSquare(x) * erfcx(-x / SQRT_2);
}

/** log Phi(x), also where Phi underflows. */
export function logNormalCdf(x: number): number {
  return x > -1 ? Math.log1p(-normalCdf(-x)) : Math.log(millsRatio(-x)) - 0.5 * x * x - LOG_SQRT_2PI;
}

/** log Gamma(x) for x > 0. */
export function logGamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  if (x < 1) return x * (x - 1) * chebyshev(LOG_GAMMA, 2 * x - 1) - Math.log(x);
  if (x >= 10) {
    // Stirling's series; the first term left out is below 1e-17 of the sum.
    const z = 1 / (x * x);
    const series = 1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - z * (691 / 360360 - z * (1 / 156 - z * (3617 / 122400)))))));
    return (x - 0.5) * Math.log(x) - x + LOG_SQRT_2PI + series / x;
  }
  let product = 1;
  while (x > 2) product *= --x;
  const y = x - 1;
  return Math.log(product) + y * (y - 1) * chebyshev(LOG_GAMMA, 2 * y - 1);
}

/** log(1 - exp(x)) for x <= 0. */
export function log1mExp(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/** log(exp(a) + exp(b)). */
export function logAddExp(a: number, b: number): number {
  const high = Math.max(a, b);
  return Number.isFinite(high) ? high + Math.log1p(Math.exp(Math.min(a, b) - high)) : high;
}

/** log(exp(a) - exp(b)) for a >= b. */
export function logSubExp(a: number, b: number): number {
  return b === -Infinity ? a : a + log1mExp(b - a);
}

/** log of the sum of exp over the values; -Infinity for none. */
export function logSumExp(values: ArrayLike<number>): number {
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) high = Math.max(high, values[i]!);
  if (!Number.isFinite(high)) return high;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - high);
  return high + Math.log(sum);
}
