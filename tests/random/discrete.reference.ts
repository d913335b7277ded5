// The naive twin: a law by its weights in 400-bit fixed point, every one from scratch; a sampler that compares whole numbers and reads a stream of words.

const PRECISION = 400n;
export const ONE = 1n << PRECISION;

/** exp(-n / d) by the series of exp(n / d), upside down. */
export function expMinus(n: bigint, d: bigint): bigint {
  let [sum, term] = [0n, ONE << 200n];
  for (let k = 1n; term > 0n; k++) {
    sum += term;
    term = (term * n) / (d * k);
  }
  return (ONE * (ONE << 200n)) / sum;
}

/** x as numerator and denominator. */
export function fraction(x: number): [bigint, bigint] {
  let d = 1n;
  while (!Number.isInteger(x)) [x, d] = [2 * x, 2n * d];
  return [BigInt(x), d];
}

/** A law on the integers: the weight of m >= 0, and the width of the cells it is drawn in. */
export interface Twin {
  readonly width: number;
  /** Cells worth looking at: what lies beyond is below 2^-100. */
  readonly cells: number;
  weight(m: number): bigint;
  /** -ln(weight(m) / weight(the first m of its cell)) as a quotient; for widths above 1. */
  exponent?(m: bigint, first: bigint): [bigint, bigint];
}

/** Words of 64 bits from words of 32. */
export function reader(words: Uint32Array): () => bigint {
  let at = 0;
  return () => {
    if (at + 2 > words.length) throw new Error("the twin ran out of words");
    return (BigInt(words[at++]!) | (BigInt(words[at++]!) << 32n)) as bigint;
  };
}

/** 2^64 F_j: the probability of all cells before j. */
export function cumulative(twin: Twin): bigint[] {
  const w = Array.from({ length: twin.cells }, (_, j) => twin.weight(j * twin.width) * (twin.width === 1 && j > 0 ? 2n : 1n));
  const total = w.reduce((a, b) => a + b, 0n);
  let sum = 0n;
  return w.map((v) => {
    sum += v;
    return ((sum - v) << 64n) / total;
  });
}

/** U < p / q for a uniform U in [0, 1) that shows 8 bits at a time, the low ones of each word. */
function below(p: bigint, q: bigint, first: bigint, next: () => bigint): boolean {
  for (let u = first & 255n, scale = 256n; ; u = 256n * u + (next() & 255n), scale *= 256n) {
    if ((u + 1n) * q <= p * scale) return true;
    if (u * q >= p * scale) return false;
  }
}

/** n samples. */
export function samples(twin: Twin, n: number, next: () => bigint): number[] {
  const f = cumulative(twin);
  const shift = BigInt(Math.log2(twin.width));
  const out: number[] = [];
  while (out.length < n) {
    const word = next();
    const u = word - (word & 1n); // 2^64 times the uniform number
    let j = 0;
    while (j + 1 < f.length && u >= f[j + 1]!) j++;
    const sign = word & 1n ? -1 : 1;
    const first = BigInt(j) << shift;
    let m = first;
    if (twin.width > 1) {
      const offset = next();
      m += offset >> (64n - shift);
      if (m === 0n && sign < 0) continue;
      if (m > first) {
        const [p, q] = twin.exponent!(m, first);
        let [k, bits] = [1n, offset];
        for (; below(p, q, bits, next) && (k === 1n || below(1n, k, next(), next)); k++) bits = next();
        if (k % 2n === 0n) continue;
      }
    }
    out.push(m === 0n ? 0 : sign * Number(m));
  }
  return out;
}
