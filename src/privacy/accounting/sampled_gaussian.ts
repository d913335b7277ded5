// Renyi divergence of the Poisson-sampled Gaussian mechanism (Mironov, Talwar, Zhang 2019, arXiv:1908.10530).
//
// With sampling rate q and noise sigma the worst pair is P = (1-q) N(0, s^2) + q N(1, s^2) against Q = N(0, s^2), and
//   (a-1) RDP(a) = log A,  A = E_Q[(1 + y)^a],  y = q (r - 1),  r(x) = exp((2x - 1) / (2 s^2)).
// Both functions below sum A - 1 in terms that are never negative, so that a small divergence keeps its digits: E_Q[y] = 0, hence
//   A - 1 = E_Q[(1 + y)^a - 1 - a y]  >= 0 pointwise (Bernoulli).
import { logAddExp, logSubExp, logSumExp } from "./special.ts";

/** Beyond this many nodes an order is left to the chord between whole orders, which is an upper bound. */
const MAX_NODES = 5000;
/** Gaussian tails beyond this many deviations weigh below 1e-19 of the peak. */
const TAIL = 9.2;
const HALF_LOG_2PI = 0.9189385332046727;

/** log C(n, k) for k = 0..n, by its recurrence. */
export function logBinomials(n: number): Float64Array {
  const c = new Float64Array(n + 1);
  for (let k = 1; k <= n; k++) c[k] = c[k - 1]! + Math.log((n - k + 1) / k);
  return c;
}

/**
 * log A at a whole order: A - 1 = sum_{k=2..a} C(a, k) (1-q)^(a-k) q^k (exp((k^2 - k) / (2 s^2)) - 1), equation (3.3) of section 3.3 less its binomial sum.
 * @param a order, a whole number >= 2
 * @param q sampling rate in (0, 1)
 * @param sigma noise multiplier > 0
 */
export function logMomentWhole(a: number, q: number, sigma: number): number {
  const c = logBinomials(a);
  const terms = new Float64Array(a - 1);
  const [inside, outside] = [Math.log(q), Math.log1p(-q)];
  for (let k = 2; k <= a; k++) terms[k - 2] = c[k]! + (a - k) * outside + k * inside + logSubExp((k * (k - 1)) / (2 * sigma * sigma), 0);
  return logAddExp(0, logSumExp(terms));
}

/** The nodes of the trapezoidal rule over N(0, 1): y and log(1 + y), log y where y > 0, log weight. */
interface Nodes {
  readonly y: Float64Array;
  readonly logY: Float64Array;
  readonly logOnePlusY: Float64Array;
  readonly logWeight: Float64Array;
}

/**
 * The step of the rule. The integrand is analytic for |Im u| < pi sigma (there 1 + y = 0), where it grows at most by exp((Im u)^2 / 2); the rule errs by about
 * exp(w^2 / 2 - 2 pi w / h) relative for every such width w (Trefethen and Weideman 2014, theorem 5.1). This h makes it exp(-40).
 */
function stepOf(sigma: number): number {
  const width = Math.min(Math.PI * sigma, 4);
  return (2 * Math.PI * width) / (40 + (width * width) / 2);
}

function nodesOf(top: number, q: number, sigma: number, step: number): Nodes {
  const n = Math.ceil((top / sigma + 2 * TAIL) / step) + 1;
  const nodes = { y: new Float64Array(n), logY: new Float64Array(n), logOnePlusY: new Float64Array(n), logWeight: new Float64Array(n) };
  for (let i = 0; i < n; i++) {
    const u = i * step - TAIL;
    const logRatio = (u - 0.5 / sigma) / sigma;
    const y = q * Math.expm1(logRatio); // Infinity from 1.8e308: only log y is used there
    nodes.y[i] = y;
    nodes.logY[i] = logRatio > 0 ? Math.log(q) + logSubExp(logRatio, 0) : -Infinity;
    nodes.logOnePlusY[i] = logRatio > 30 ? logAddExp(0, nodes.logY[i]!) : Math.log1p(y);
    nodes.logWeight[i] = -0.5 * u * u - HALF_LOG_2PI + Math.log(step);
  }
  return nodes;
}

/** log((1 + y)^a - 1 - a y), each range of y in the form that does not cancel. */
function logExcess(a: number, y: number, logY: number, logOnePlusY: number): number {
  if (Math.abs(a * y) < 0.1) {
    let [term, sum] = [a * y, 0];
    for (let k = 2; k <= 12; k++) sum += term *= ((a - k + 1) / k) * y;
    return Math.log(sum);
  }
  const power = a * logOnePlusY;
  return power > 1 ? power + Math.log1p(-Math.exp(-power) - a * Math.exp(logY - power)) : Math.log(Math.expm1(power) - a * y);
}

/**
 * log A at orders that need not be whole, by the trapezoidal rule on A - 1. Equal to the two erfc series of section 3.3 of the paper, whose alternating sums
 * lose what A - 1 has below 1e-16. Undefined for an order whose integrand is too sharp for the rule (sigma below about 0.07): take the chord.
 * @param orders > 1
 */
export function logMomentsFractional(orders: readonly number[], q: number, sigma: number): (number | undefined)[] {
  const step = stepOf(sigma);
  const reach = (a: number) => Math.max(a, 2); // the integrand peaks between u = 0 and u = 2 / sigma or a / sigma
  const feasible = (a: number) => (reach(a) / sigma + 2 * TAIL) / step < MAX_NODES;
  const tops = orders.filter(feasible).map(reach);
  if (tops.length === 0) return orders.map(() => undefined);
  const { y, logY, logOnePlusY, logWeight } = nodesOf(Math.max(...tops), q, sigma, step);
  return orders.map((a) => {
    if (!feasible(a)) return undefined;
    const n = Math.min(y.length, Math.ceil((reach(a) / sigma + 2 * TAIL) / step) + 1);
    const terms = new Float64Array(n);
    for (let i = 0; i < n; i++) terms[i] = logWeight[i]! + logExcess(a, y[i]!, logY[i]!, logOnePlusY[i]!);
    return logAddExp(0, logSumExp(terms));
  });
}

/**
 * log E_Q[(r - 1)^l] for even l = 0, 2, .. last, r the ratio of N(1, s^2) to Q = N(0, s^2): the forward differences B of Wang, Balle, Kasiviswanathan 2019
 * (arXiv:1808.00087, theorem 27), as an integral of what is never negative instead of an alternating sum.
 */
export function logEvenMoments(last: number, s: number): number[] {
  const step = 0.25; // the integrand is entire: the rule errs below 1e-30 relative for l <= 256
  const tail = TAIL + Math.sqrt(last);
  const n = Math.ceil((last / s + 2 * tail) / step) + 1;
  const [logWeight, logDistance] = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    const u = i * step - tail;
    const logRatio = (u - 0.5 / s) / s;
    logWeight[i] = -0.5 * u * u - HALF_LOG_2PI + Math.log(step);
    logDistance[i] = logRatio > 0 ? logSubExp(logRatio, 0) : Math.log(-Math.expm1(logRatio));
  }
  return Array.from({ length: last / 2 + 1 }, (_, half) => (half === 0 ? 0 : logSumExp(logWeight.map((w, i) => w + 2 * half * logDistance[i]!))));
}
