// The discrete Fourier transform of real numbers, X_k = sum_j x_j exp(-2 pi i j k / n), n a power of two.

/**
 * Bound of the error of a transform of n points, in either direction, relative to the result, both in the 2-norm: per pass at most
 * u (1 + 4 sqrt 2 + ...) < 10 u (Higham, Accuracy and Stability of Numerical Algorithms, theorem 24.2), log2 n passes and the unpacking.
 */
export const transformError = (n: number): number => (Math.log2(n) + 2) * 10 * 2 ** -53;

/** The first half of a spectrum, k = 0..n/2; the rest are its conjugates. */
export interface Spectrum {
  readonly re: Float64Array<ArrayBuffer>;
  readonly im: Float64Array<ArrayBuffer>;
}

/** Tables for transforms of one size. */
export class RealFft {
  readonly size: number;
  /** exp(2 pi i j / size), j < 3/4 size. */
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array;

  constructor(size: number) {
    if (!(size >= 4 && Number.isInteger(Math.log2(size)))) throw new RangeError(`RealFft: expected a power of two from 4, got ${size}`);
    this.size = size;
    const quarter = size / 4;
    const cos = new Float64Array(3 * quarter);
    const sin = new Float64Array(3 * quarter);
    // Only angles to pi/4 are computed, where they are the most exact; the others mirror them.
    for (let j = 0; j <= quarter / 2; j++) {
      const angle = (2 * Math.PI * j) / size;
      cos[j] = sin[quarter - j] = Math.cos(angle);
      sin[j] = cos[quarter - j] = Math.sin(angle);
    }
    for (let j = quarter; j < 3 * quarter; j++) {
      cos[j] = -sin[j - quarter]!;
      sin[j] = cos[j - quarter]!;
    }
    [this.#cos, this.#sin] = [cos, sin];
    const half = size / 2;
    this.#reversed = new Uint32Array(half);
    for (let j = 0; j < half; j++) this.#reversed[j] = (this.#reversed[j >> 1]! >> 1) | (j & 1 ? half >> 1 : 0);
  }

  /** The spectrum of `size` real numbers: a complex transform of half the size, of even + i odd, then taken apart. */
  forward(x: Float64Array): Spectrum {
    const half = this.size / 2;
    const re = new Float64Array(half + 1);
    const im = new Float64Array(half + 1);
    for (let j = 0; j < half; j++) {
      const place = this.#reversed[j]!;
      re[place] = x[2 * j]!;
      im[place] = x[2 * j + 1]!;
    }
    this.#passes(re, im);
    re[half] = re[0]!;
    im[half] = im[0]!;
    for (let k = 0; k <= half / 2; k++) {
      const m = half - k;
      const evenRe = 0.5 * (re[k]! + re[m]!);
      const evenIm = 0.5 * (im[k]! - im[m]!);
      const oddRe = 0.5 * (im[k]! + im[m]!);
      const oddIm = 0.5 * (re[m]! - re[k]!);
      const c = this.#cos[k]!;
      const s = this.#sin[k]!;
      const turnedRe = c * oddRe + s * oddIm;
      const turnedIm = c * oddIm - s * oddRe;
      re[k] = evenRe + turnedRe;
      im[k] = evenIm + turnedIm;
      re[m] = evenRe - turnedRe;
      im[m] = turnedIm - evenIm;
    }
    return { re, im };
  }

  /** The real numbers whose spectrum this is: the inverse of `forward`. */
  inverse({ re, im }: Spectrum): Float64Array<ArrayBuffer> {
    const half = this.size / 2;
    const zRe = new Float64Array(half);
    const zIm = new Float64Array(half);
    for (let k = 0; k < half; k++) {
      const m = half - k;
      const evenRe = re[k]! + re[m]!;
      const evenIm = im[k]! - im[m]!;
      const gapRe = re[k]! - re[m]!;
      const gapIm = im[k]! + im[m]!;
      const c = this.#cos[k]!;
      const s = this.#sin[k]!;
      const oddRe = c * gapRe - s * gapIm;
      const oddIm = c * gapIm + s * gapRe;
      // Conjugated, so that the same passes turn the other way.
      const place = this.#reversed[k]!;
      zRe[place] = evenRe - oddIm;
      zIm[place] = -(evenIm + oddRe);
    }
    this.#passes(zRe, zIm);
    const x = new Float64Array(this.size);
    const scale = 1 / this.size;
    for (let j = 0; j < half; j++) {
      x[2 * j] = zRe[j]! * scale;
      x[2 * j + 1] = -zIm[j]! * scale;
    }
    return x;
  }

  /** Complex transform of half the size, from bit-reversed order: two passes of radix 2 at a time. */
  #passes(re: Float64Array, im: Float64Array): void {
    const half = this.size / 2;
    const [cos, sin] = [this.#cos, this.#sin];
    let m = 1;
    if (Math.log2(half) % 2 === 1) {
      for (let j = 0; j < half; j += 2) {
        const r = re[j + 1]!;
        const i = im[j + 1]!;
        re[j + 1] = re[j]! - r;
        im[j + 1] = im[j]! - i;
        re[j] = re[j]! + r;
        im[j] = im[j]! + i;
      }
      m = 2;
    }
    for (; m < half; m *= 4) {
      const stride = this.size / (4 * m);
      for (let block = 0; block < half; block += 4 * m) {
        for (let k = 0; k < m; k++) {
          const w = k * stride;
          const a = block + k;
          const b = a + m;
          const c = b + m;
          const d = c + m;
          // b, c and d turned by -2w, -w and -3w.
          const bRe = re[b]! * cos[2 * w]! + im[b]! * sin[2 * w]!;
          const bIm = im[b]! * cos[2 * w]! - re[b]! * sin[2 * w]!;
          const cRe = re[c]! * cos[w]! + im[c]! * sin[w]!;
          const cIm = im[c]! * cos[w]! - re[c]! * sin[w]!;
          const dRe = re[d]! * cos[3 * w]! + im[d]! * sin[3 * w]!;
          const dIm = im[d]! * cos[3 * w]! - re[d]! * sin[3 * w]!;
          const sumRe = re[a]! + bRe;
          const sumIm = im[a]! + bIm;
          const gapRe = re[a]! - bRe;
          const gapIm = im[a]! - bIm;
          const highRe = cRe + dRe;
          const highIm = cIm + dIm;
          const turnRe = cIm - dIm;
          const turnIm = dRe - cRe;
          re[a] = sumRe + highRe;
          im[a] = sumIm + highIm;
          re[b] = gapRe + turnRe;
          im[b] = gapIm + turnIm;
          re[c] = sumRe - highRe;
          im[c] = sumIm - highIm;
          re[d] = gapRe - turnRe;
          im[d] = gapIm - turnIm;
        }
      }
    }
  }
}

const plans = new Map<number, RealFft>();

/** The tables for a size; small ones are kept. */
export function realFft(size: number): RealFft {
  let plan = plans.get(size);
  if (!plan) {
    plan = new RealFft(size);
    if (size <= 2 ** 17) plans.set(size, plan);
  }
  return plan;
}
