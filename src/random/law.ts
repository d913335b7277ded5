// Symmetric laws on the integers as exact thresholds. Every number is an interval of big integers that holds the true one, so a threshold
// is the floor of the true value, whatever the precision it took to know it. docs/derivations/discrete_gaussian.md has the proof.
import { ParameterError } from "../engine/errors.ts";

/** Lower and upper bound of a number, in units of 2^-precision. */
export type Bounds = readonly [low: bigint, high: bigint];

/**
 * The law of +-m, m = 2^shift j + r: cell j has weight w_j, r is uniform below 2^shift and kept with probability exp(-r (a j + b r + c) / q).
 * Where shift is 0 the weight of m = j is w_j on either side of 0.
 */
export interface Law {
  readonly shift: number;
  readonly q: bigint;
  readonly a: bigint;
  readonly b: bigint;
  readonly c: bigint;
  /** Bounds of w_0, w_1, ..., up to a common factor; what lies beyond the last has probability below 2^-256. */
  weights(precision: number): readonly Bounds[];
}

/** A law whose cells are single integers: nothing is rejected. */
export function tableLaw(weights: Law["weights"]): Law {
  return { shift: 0, q: 1n, a: 0n, b: 0n, c: 0n, weights };
}

/** Bits of the first look at a uniform number; the kernel's 64th is the sign. */
export const BITS = 63;
const GUIDE = 4096;
const GUIDE_SHIFT = 51n;
const HEADER = 32;
/** Undecided at this precision, a threshold is a dyadic rational, which no law here has. */
const MAX_PRECISION = 1 << 14;

/** x as an exact quotient of integers. */
export function rational(x: number): readonly [numerator: bigint, denominator: bigint] {
  let [m, d] = [x, 1n];
  while (!Number.isInteger(m)) {
    m *= 2;
    d *= 2n;
  }
  return [BigInt(m), d];
}

const bitLength = (x: bigint): number => x.toString(2).length;

/** Bounds of exp(-n / d), n >= 0, d > 0. */
export function expMinus(n: bigint, d: bigint, precision: number): Bounds {
  if (n > d * BigInt(precision)) return [0n, 1n];
  // exp(-x) = exp(-y)^(2^halvings), y < 1/2, in units 2^-work
  const halvings = Math.max(0, bitLength(n) - bitLength(d) + 2);
  const work = BigInt(precision + halvings + 16);
  const y = (n << (work - BigInt(halvings))) / d;
  let [sum, term, k] = [0n, 1n << work, 0n];
  while (term > 0n) {
    sum += k % 2n === 0n ? term : -term;
    k++;
    term = (term * y) / (k << work);
  }
  // Each term errs by less than 2 units, y by one, and what is left out is below 8.
  let [low, high] = [sum - 2n * k - 9n, sum + 2n * k + 9n];
  for (let i = 0; i < halvings; i++) {
    low = (low * low) >> work;
    high = ((high * high) >> work) + 1n;
  }
  const drop = work - BigInt(precision);
  return [low >> drop, (high >> drop) + 1n];
}

/** Bounds of a product. */
export function times(x: Bounds, y: Bounds, precision: number): Bounds {
  const p = BigInt(precision);
  return [(x[0] * y[0]) >> p, ((x[1] * y[1]) >> p) + 1n];
}

/**
 * floor(2^bits F_j) for j = 0, 1, ..., F_j the probability of the cells before j; the last is 2^bits - 1 or that of the last cell.
 * Tries twice the precision until the bounds agree.
 */
export function thresholds(law: Law, bits: number): bigint[] {
  for (let precision = bits + 65; precision < MAX_PRECISION; precision *= 2) {
    const found = thresholdsAt(law, bits, precision);
    if (found) return found;
  }
  throw new ParameterError(`thresholds: expected a law without dyadic thresholds of ${bits} bits, got one`);
}

function thresholdsAt(law: Law, bits: number, precision: number): bigint[] | undefined {
  const double = law.shift === 0 ? 1n : 0n; // both signs of a cell that is one integer; zero has one
  const weights = law.weights(precision).map(([low, high], j): Bounds => (j === 0 ? [low, high] : [low << double, high << double]));
  let [zLow, zHigh] = [0n, 0n];
  for (const [low, high] of weights) {
    zLow += low;
    zHigh += high;
  }
  const shift = BigInt(bits);
  const top = (1n << shift) - 1n; // every F_j is below 1
  const found: bigint[] = [];
  let [low, high] = [0n, 0n];
  for (const w of weights) {
    const t = (low << shift) / zHigh;
    const above = (high << shift) / zLow;
    if (t !== (above > top ? top : above)) return undefined;
    found.push(t);
    if (t === top) break;
    low += w[0];
    high += w[1];
  }
  return found;
}

/** The law as discrete_i32 reads it. */
export function compile(law: Law): Uint8Array {
  const t = thresholds(law, BITS);
  const block = new Uint8Array(HEADER + 2 * GUIDE + 8 * (t.length + 1));
  const view = new DataView(block.buffer);
  for (const [i, v] of [law.q, law.a, law.b, law.c].entries()) view.setBigUint64(8 * i, v, true);
  for (let k = 0, j = 0; k < GUIDE; k++) {
    while (j + 1 < t.length && t[j + 1]! <= BigInt(k) << GUIDE_SHIFT) j++;
    view.setUint16(HEADER + 2 * k, j, true);
  }
  for (const [j, v] of [...t, 1n << BigInt(BITS)].entries()) view.setBigUint64(HEADER + 2 * GUIDE + 8 * j, v, true);
  return block;
}

/**
 * The cell of a uniform number of which `u` are the first 63 bits, when these lie on a threshold: looks at 64 more bits at a time.
 * @param word gives the next 64 bits
 */
export function decide(law: Law, u: bigint, word: () => bigint): number {
  for (let bits = BITS + 64, v = (u << 64n) | word(); ; bits += 64, v = (v << 64n) | word()) {
    const t = thresholds(law, bits);
    let j = t.length - 1;
    while (t[j]! > v) j--;
    if (j === 0 || t[j] !== v) return j;
  }
}
