// What sampling does to the Renyi curve of a mechanism that is known by its curve alone.
import { logBinomials, logEvenMoments } from "./sampled_gaussian.ts";
import { logAddExp, logSubExp, logSumExp } from "./special.ts";

/** Renyi differential privacy at an order > 1; at Infinity the pure epsilon. Infinity where nothing is promised. */
export type Curve = (order: number) => number;

/** A curve that asks for each order once. */
export function remembered(curve: Curve): Curve {
  const known = new Map<number, number>();
  return (order) => {
    let value = known.get(order);
    if (value === undefined) known.set(order, (value = curve(order)));
    return value;
  };
}

/**
 * Extends a curve from whole orders to all: (a-1) RDP(a) is convex in a and 0 at 1, so the chord between neighbours is an upper bound
 * (Wang, Balle, Kasiviswanathan 2019, corollary 10).
 */
export function chord(whole: Curve): Curve {
  const known = remembered(whole);
  return (a) => {
    const below = Math.floor(a);
    if (below === a || a === Infinity) return known(a);
    const part = a - below;
    const low = below === 1 ? 0 : (1 - part) * (below - 1) * known(below);
    return (low + part * below * known(below + 1)) / (a - 1);
  };
}

/** Epsilon of a pure mechanism on a sample: log(1 + q (e^epsilon - 1)) (Balle, Barthe, Gaboardi 2018, theorems 8 and 9). */
const pure = (q: number, epsilon: number): number => (epsilon === Infinity ? Infinity : logAddExp(0, Math.log(q) + logSubExp(epsilon, 0)));

/**
 * Poisson sampling of any mechanism, add-remove: Zhu and Wang 2019 ("Poisson subsampled Renyi differential privacy"), theorem 5, at whole orders:
 *   A <= (1-q)^(a-1) (a q - q + 1) + C(a,2) q^2 (1-q)^(a-2) e^eps(2) + 3 sum_{l=3..a} C(a,l) (1-q)^(a-l) q^l e^((l-1) eps(l)).
 * The first term is 1 - sum_{l>=2} C(a,l) (1-q)^(a-l) q^l; taken off term by term, A - 1 is a sum of what is never negative. Never above the curve itself.
 * @param q rate in (0, 1)
 * @param base the mechanism's curve under add-remove
 */
export function poissonCurve(base: Curve, q: number): Curve {
  const [inside, outside] = [Math.log(q), Math.log1p(-q)];
  return chord((a) => {
    if (a === Infinity) return pure(q, base(a));
    const c = logBinomials(a);
    const terms = new Float64Array(a - 1);
    for (let l = 2; l <= a; l++) {
      const moment = (l - 1) * base(l);
      const excess = l === 2 ? logSubExp(moment, 0) : Math.log(3) + moment + Math.log1p(-Math.exp(-moment) / 3);
      terms[l - 2] = c[l]! + (a - l) * outside + l * inside + excess;
    }
    return Math.min(logAddExp(0, logSumExp(terms)) / (a - 1), base(a));
  });
}

/**
 * Poisson sampling under replace-one, from the curve under add-remove: between two data sets that differ in a unit lies the one without it, and by the weak
 * triangle inequality (Mironov 2017, proposition 11, p = 2) D(a) <= (a - 1/2) / (a - 1) D(2a) + D(2a - 1). Never above the unsampled mechanism.
 * @param addRemove the sampled mechanism's curve under add-remove
 * @param unsampled the mechanism's curve under replace-one
 */
export function replaceOneCurve(addRemove: Curve, unsampled: Curve): Curve {
  return (a) => {
    const through = a === Infinity ? 2 * addRemove(a) : ((a - 0.5) / (a - 1)) * addRemove(2 * a) + addRemove(2 * a - 1);
    return Math.min(through, unsampled(a));
  };
}

/** Even moments beyond this order are left out: their terms take the other bound. */
const MAX_MOMENT = 64;

/**
 * Sampling without replacement under replace-one: Wang, Balle, Kasiviswanathan 2019 (arXiv:1808.00087), theorem 9 at whole orders,
 *   A <= 1 + q^2 C(a,2) min(4 (e^eps(2) - 1), e^eps(2) min(2, (e^eps(inf) - 1)^2)) + sum_{j=3..a} q^j C(a,j) e^((j-1) eps(j)) min(2, (e^eps(inf) - 1)^j);
 * for the Gaussian also theorem 27, whose j-th factor is 4 sqrt(B(2 floor(j/2)) B(2 ceil(j/2))). Never above the unsampled mechanism.
 * @param base the mechanism's curve under replace-one
 * @param q size / population in (0, 1)
 * @param gaussian noise over the distance of neighbours (half the noise multiplier), where the mechanism is Gaussian
 */
export function withoutReplacementCurve(base: Curve, q: number, gaussian?: number): Curve {
  const largest = base(Infinity);
  const distance = largest === Infinity ? Infinity : logSubExp(largest, 0);
  // Below 0.1 the moments are beyond what the other bound says.
  const moments = gaussian === undefined || gaussian < 0.1 ? [] : logEvenMoments(MAX_MOMENT, gaussian);
  const factor = remembered((j) => {
    const moment = (j - 1) * base(j);
    let least = moment + Math.min(Math.LN2, j * distance);
    if (j === 2) least = Math.min(least, Math.log(4) + logSubExp(moment, 0));
    const high = moments[Math.ceil(j / 2)];
    return high === undefined ? least : Math.min(least, Math.log(4) + 0.5 * (moments[Math.floor(j / 2)]! + high));
  });
  return chord((a) => {
    if (a === Infinity) return pure(q, largest);
    const c = logBinomials(a);
    const terms = new Float64Array(a - 1);
    for (let j = 2; j <= a; j++) terms[j - 2] = j * Math.log(q) + c[j]! + factor(j);
    return Math.min(logAddExp(0, logSumExp(terms)) / (a - 1), base(a));
  });
}
