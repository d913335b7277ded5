import { expect, test } from "vitest";
import { RealFft, realFft, type Spectrum, transformError } from "../../../src/privacy/accounting/fft.ts";
import { random } from "../../support/data.ts";

/** The sum as it stands, with the angle reduced in integers. */
function naive(x: Float64Array): Spectrum {
  const n = x.length;
  const [re, im] = [new Float64Array(n / 2 + 1), new Float64Array(n / 2 + 1)];
  for (let k = 0; k <= n / 2; k++) {
    for (let j = 0; j < n; j++) {
      const angle = (2 * Math.PI * ((j * k) % n)) / n;
      re[k]! += x[j]! * Math.cos(angle);
      im[k]! -= x[j]! * Math.sin(angle);
    }
  }
  return { re, im };
}
const norm = (...vectors: Float64Array[]) => Math.hypot(...vectors.map((v) => Math.hypot(...v)));
const minus = (a: Float64Array, b: Float64Array) => a.map((v, i) => v - b[i]!);

test.each([4, 8, 16, 32, 64, 128, 512, 1024])("forward and inverse at %i points, within the bound", (n) => {
  const r = random(n);
  const x = Float64Array.from({ length: n }, () => r() - 0.3);
  const fft = new RealFft(n);
  const [got, want] = [fft.forward(x), naive(x)];
  // The naive sum itself errs by up to n u norm(x).
  expect(norm(minus(got.re, want.re), minus(got.im, want.im))).toBeLessThan(transformError(n) * norm(want.re, want.im) + n * 2 ** -50 * norm(x));
  expect(norm(minus(fft.inverse(want), x))).toBeLessThan((transformError(n) + n * 2 ** -50) * norm(x));
  expect(norm(minus(fft.inverse(got), x))).toBeLessThan(2 * transformError(n) * norm(x));
});

test("one point anywhere is a pure wave, and comes back", () => {
  for (const n of [4, 32, 128]) {
    const fft = realFft(n);
    for (let place = 0; place < n; place++) {
      const x = new Float64Array(n);
      x[place] = 1;
      const { re, im } = fft.forward(x);
      const angles = Array.from(re, (_, k) => (2 * Math.PI * ((k * place) % n)) / n);
      expect(Math.max(...angles.map((angle, k) => Math.abs(re[k]! - Math.cos(angle)) + Math.abs(im[k]! + Math.sin(angle))))).toBeLessThan(1e-14);
      expect(norm(minus(fft.inverse({ re, im }), x))).toBeLessThan(1e-14);
    }
  }
});

test("the inverse of a product of spectra is the cyclic convolution, at 2^16 points", () => {
  const n = 2 ** 16;
  const fft = realFft(n);
  expect(realFft(n)).toBe(fft);
  const [a, b] = [new Float64Array(n), new Float64Array(n)];
  [a[3], a[n - 5], b[7], b[n / 2]] = [0.5, 2, 3, -1];
  const [A, B] = [fft.forward(a), fft.forward(b)];
  const re = A.re.map((v, k) => v * B.re[k]! - A.im[k]! * B.im[k]!);
  const im = A.re.map((v, k) => v * B.im[k]! + A.im[k]! * B.re[k]!);
  const want = new Float64Array(n);
  [want[10], want[2], want[n / 2 + 3], want[n / 2 - 5]] = [1.5, 6, -0.5, -2];
  expect(norm(minus(fft.inverse({ re, im }), want))).toBeLessThan(1e-13);
});

test("sizes that are no power of two are refused", () => {
  for (const n of [0, 1, 2, 3, 12, 4.5, Number.NaN]) expect(() => new RealFft(n)).toThrow(RangeError);
});
