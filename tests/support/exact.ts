// Real numbers as integers times 2^-BITS: the truth for error bounds far below those of f64. Each function errs by a few units of 2^-BITS,
// times the number of its terms: below 2^-150 of a result of size 1.

export const BITS = 170n;
export const ONE = 1n << BITS;

/** The exact value of an f64, cut below 2^-BITS. */
export function exact(x: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, Math.abs(x));
  const word = bits.getBigUint64(0);
  const e = (word >> 52n) - 1075n;
  if (e < -1074n) return 0n;
  const m = (word & ((1n << 52n) - 1n)) | (1n << 52n);
  const shift = e + BITS;
  const v = shift >= 0n ? m << shift : m >> -shift;
  return x < 0 ? -v : v;
}
/** To the nearest f64, nearly: for ratios in messages and bounds, not for last bits. */
export function approximate(v: bigint): number {
  const size = v < 0n ? -v : v;
  const drop = BigInt(Math.max(0, size.toString(2).length - 60));
  return Number(v >> drop) * 2 ** Number(drop - BITS);
}
export const times = (a: bigint, b: bigint): bigint => (a * b) >> BITS;
export const over = (a: bigint, b: bigint): bigint => (a << BITS) / b;

export function squareRoot(v: bigint): bigint {
  const n = v << BITS;
  if (n === 0n) return 0n;
  let x = 1n << BigInt((n.toString(2).length >> 1) + 1);
  for (let y = (x + n / x) >> 1n; y < x; y = (x + n / x) >> 1n) x = y;
  return x;
}
/** 2 artanh s = ln((1 + s) / (1 - s)), |s| <= 1/3. */
function twiceArtanh(s: bigint): bigint {
  const z = times(s, s);
  let [sum, power] = [0n, s];
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += power / k;
    power = times(power, z);
  }
  return 2n * sum;
}
export const LN2 = twiceArtanh(ONE / 3n);
/** ln v, v > 0. */
export function logarithm(v: bigint): bigint {
  let [m, k] = [v, 0n];
  for (; m < (ONE * 3n) / 4n; m <<= 1n) k--;
  for (; m > (ONE * 3n) / 2n; m >>= 1n) k++;
  return k * LN2 + twiceArtanh(over(m - ONE, m + ONE));
}
/** arctan(1/n), for Machin's formula. */
function arctanOf(n: bigint): bigint {
  let [sum, power] = [0n, ONE / n];
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += power / k;
    power = -power / (n * n);
  }
  return sum;
}
export const PI = 4n * (4n * arctanOf(5n) - arctanOf(239n));
/** sin(2 pi f) and cos(2 pi f), |f| <= 1. */
export function sineCosine(f: bigint): [bigint, bigint] {
  const x = times(2n * PI, f);
  const z = times(x, x);
  let [sine, cosine, s, c] = [0n, 0n, x, ONE];
  for (let k = 1n; s !== 0n || c !== 0n; k += 2n) {
    sine += s;
    cosine += c;
    c = -times(c, z) / (k * (k + 1n));
    s = -times(s, z) / ((k + 1n) * (k + 2n));
    if (k > 200n) break;
  }
  return [sine, cosine];
}
