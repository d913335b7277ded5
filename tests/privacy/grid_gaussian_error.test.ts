// The constants of docs/derivations/grid_gaussian.md: how far polynomials, roundings and the whole kernel are from the exact functions.
import type { Engine } from "fedlane";
import { describe, expect, test } from "vitest";
import source from "../../assembly/lanes/math.ts?raw";
import { keyWords } from "../random/chacha.reference.ts";
import { random } from "../support/data.ts";
import { makeEngine } from "../support/engines.ts";
import { approximate, BITS, exact, LN2, logarithm, ONE, over, PI, sineCosine, squareRoot, times } from "../support/exact.ts";
import { nightly, runs } from "../support/runs.ts";
import * as reference from "./grid_gaussian.reference.ts";

const UNIT = 2 ** -53;

/** The numbers of a function's body in the text that ships, in their order. */
function constants(name: string): number[] {
  const body = new RegExp(`export function ${name}<T>[\\s\\S]*?\\n}`).exec(source)![0];
  return [...body.matchAll(/splat<T>\((-?[\d.]+(?:e-?\d+)?)\)/g)].map(([, digits]) => Number(digits));
}
const SINE = constants("sin_2pi").reverse(); // S_0 .. S_6 in f^2
const COSINE = [1, ...constants("cos_2pi").slice(0, 7).reverse()];
// Estrin's order in the text: s - 1, s + 1, then pairs (odd, even), the last coefficient alone.
const [, , l1, l0, l3, l2, l5, l4, l6] = constants("log");
const LOG = [l0, l1, l2, l3, l4, l5, l6] as number[];

/** Taylor coefficients in z, enough of them that the rest is below 2^-120 on the interval. */
const factorials = (from: bigint) => (k: bigint) => {
  let value = 1n;
  for (let i = 2n; i <= 2n * k + from; i++) value *= i;
  return value;
};
const power = (n: bigint) => {
  let value = ONE;
  for (let i = 0n; i < n; i++) value = times(value, 2n * PI);
  return value;
};
const series = (n: number, term: (k: bigint) => bigint) => Array.from({ length: n }, (_, k) => term(BigInt(k)));
const SINE_TRUE = series(22, (k) => ((k % 2n === 0n ? 1n : -1n) * power(2n * k + 1n)) / factorials(1n)(k));
const COSINE_TRUE = series(22, (k) => ((k % 2n === 0n ? 1n : -1n) * power(2n * k)) / factorials(0n)(k));
const LOG_TRUE = series(28, (k) => (2n * ONE) / (2n * k + 3n));

/** The largest s^2, with room for the rounding of its own. */
const LOG_TOP = ((Math.SQRT2 - 1) / (Math.SQRT2 + 1)) ** 2 * (1 + 1e-12);

const absolute = (v: bigint) => (v < 0n ? -v : v);
const evaluate = (p: readonly bigint[], z: bigint) => p.reduceRight((s, c) => times(s, z) + c, 0n);
const derivative = (p: readonly bigint[]) => p.slice(1).map((c, k) => c * BigInt(k + 1));

/**
 * An upper bound of |approximation - truth| over z in [0, top], by intervals: at the middle of each exactly, and from there by the mean value theorem,
 * |D| <= |D(m)| + w |D'(m)| + w^2/2 max |D''|, the last by the sum of sizes. 2^-120 for the rest of the series.
 */
function largestDifference(approximation: readonly number[], truth: readonly bigint[], top: number): number {
  const D = truth.map((c, k) => exact(approximation[k] ?? 0) - c);
  const [D1, D2] = [derivative(D), derivative(derivative(D))];
  const end = exact(top);
  const bend = evaluate(D2.map(absolute), end);
  const pieces = 512n;
  const w = end / (2n * pieces) + 1n;
  let worst = 0n;
  for (let i = 0n; i < pieces; i++) {
    const m = (end * (2n * i + 1n)) / (2n * pieces);
    const bound = absolute(evaluate(D, m)) + times(w, absolute(evaluate(D1, m))) + times(times(w, w), bend) / 2n;
    if (bound > worst) worst = bound;
  }
  return approximate(worst) + 2 ** -120;
}

describe("approximation errors, over the whole interval", () => {
  test("the constants were found in the text", () => {
    expect([SINE.length, COSINE.length, LOG.filter(Number.isFinite).length]).toEqual([7, 8, 7]);
    expect(SINE[0]).toBeCloseTo(2 * Math.PI, 14);
    expect(COSINE[1]).toBeCloseTo(-2 * Math.PI ** 2, 12);
    expect(LOG[0]).toBeCloseTo(2 / 3, 12);
  });

  test("sin(2 pi f) = f S(f^2), |f| <= 1/8: S within 3.2e-16, 0.51 units of S >= 5.65; most of it is 2 pi as an f64", () => {
    const got = largestDifference(SINE, SINE_TRUE, 1 / 64);
    expect(got).toBeLessThan(3.2e-16);
    expect(got).toBeGreaterThan(approximate(absolute(exact(SINE[0]!) - SINE_TRUE[0]!)));
  });

  test("cos(2 pi f) = C(f^2), |f| <= 1/8: C within 1.7e-17", () => {
    const got = largestDifference(COSINE, COSINE_TRUE, 1 / 64);
    expect(got).toBeLessThan(1.7e-17);
    expect(got).toBeGreaterThan(1e-20);
  });

  test("ln((1 + s) / (1 - s)) = 2 s + s^3 L(s^2), |s| <= (sqrt 2 - 1) / (sqrt 2 + 1): within 1e-17 of 2 s, relatively", () => {
    const got = (largestDifference(LOG, LOG_TRUE, LOG_TOP) * LOG_TOP) / 2;
    expect(got).toBeLessThan(1e-17);
    expect(got).toBeGreaterThan(1e-20);
  });

  test("a change of one coefficient by 1e-3 of itself passes these bounds, whichever it is", () => {
    for (const [p, truth, top, limit] of [
      [SINE, SINE_TRUE, 1 / 64, 3.2e-16],
      [COSINE, COSINE_TRUE, 1 / 64, 1.7e-17],
      [LOG, LOG_TRUE, LOG_TOP, (2 * 1e-17) / LOG_TOP],
    ] as const) {
      for (let k = 0; k < p.length; k++) {
        const wrong = p.map((c, j) => (j === k ? c * (1 + 1e-3) : c));
        expect(largestDifference(wrong, truth, top)).toBeGreaterThan(limit);
      }
    }
  });
});

/** The kernel's own arithmetic: log as the text has it, in f64. */
function log(x: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigInt64(0);
  const t = bits + 0x00095f619980c433n;
  view.setBigInt64(0, bits - (t & -0x10000000000000n) + 0x3ff0000000000000n);
  const m = view.getFloat64(0);
  const k = Number(t >> 52n) - 1023;
  const s = (m - 1) / (m + 1);
  const z = s * s;
  const z2 = z * z;
  const l = ((l6! * z2 + (l5! * z + l4!)) * z2 + (l3! * z + l2!)) * z2 + (l1! * z + l0!);
  const small = s * z * l + k * 1.9082149292705877e-10;
  return k * 0.6931471803691238 + (small + (s + s));
}
const horner = (p: readonly number[], z: number) => p.slice(0, -1).reduceRight((s, c) => s * z + c, p.at(-1)!);
const sine = (f: number) => horner(SINE, f * f) * f;
const cosine = (f: number) => horner(COSINE, f * f);
const relative = (got: number, truth: bigint) => approximate(over(absolute(exact(got) - truth), absolute(truth))) / UNIT;

describe("errors with all roundings, in units of 2^-53: the bounds of the derivation hold and are not idle", () => {
  test("log at most 4.2, over every binade of u and close to 1", () => {
    const r = random(1);
    let worst = 0;
    for (let i = 0; i < runs(nightly(4000, 400_000)); i++) {
      const near = i % 3 === 0;
      const u = near ? 1 - 2 ** -(1 + 52 * r()) : 2 ** -(65 * r());
      if (u === 1) continue;
      worst = Math.max(worst, relative(log(u), logarithm(exact(u))));
    }
    for (let k = 0; k < 64; k++) {
      for (const m of [Math.SQRT1_2 * (1 - 2 ** -52), Math.SQRT1_2, Math.SQRT1_2 * (1 + 2 ** -52), 0.75, 1 - 2 ** -53]) {
        worst = Math.max(worst, relative(log(m * 2 ** -k), logarithm(exact(m * 2 ** -k))));
      }
    }
    expect(worst).toBeLessThan(4.2);
    expect(worst).toBeGreaterThan(1);
  });

  test("sine and cosine at most 3, over the octant", () => {
    const r = random(2);
    let [worstSine, worstCosine] = [0, 0];
    for (let i = 0; i < runs(nightly(3000, 300_000)); i++) {
      const step = Math.floor((i % 4 === 0 ? 2 ** (46 * r()) : 2 ** 46 * r()) - 2 ** 45);
      const f = (Math.max(-(2 ** 45), Math.min(2 ** 45 - 1, step)) + 0.5) * 2 ** -48;
      const [s, c] = sineCosine(exact(f));
      worstSine = Math.max(worstSine, relative(sine(f), s));
      worstCosine = Math.max(worstCosine, relative(cosine(f), c));
    }
    for (const worst of [worstSine, worstCosine]) {
      expect(worst).toBeLessThan(3);
      expect(worst).toBeGreaterThan(0.7);
    }
  });

  test("the whole kernel at most 9 and 2^-48 of sigma, which is what a grid of 2^-47 sigma shows", async () => {
    const engine = await makeEngine();
    const scale = 2 ** 47; // |v| < 2^51 still; the product of scale and z is exact up to here
    const key = Uint8Array.from({ length: 32 }, (_, i) => 5 * i + 1);
    const nonce = new Uint8Array(12).fill(9);
    let worst = 0;
    for (let i = 0; i < runs(nightly(20, 1000)); i++) {
      const got = integers(engine, key, nonce, 28 * i, scale);
      const words = keyWords(key, 28 * i, nonce, 28);
      const fine = new Uint16Array(words.slice(384).buffer);
      for (let p = 0; p < 128; p++) {
        const w = (BigInt(words[128 + p]!) << 32n) | BigInt(words[p]!);
        // The tail variable as the kernel rounds it to f64: that rounding has its own place in the derivation.
        const u = (words[128 + p]! * 2 ** 32 + (words[p]! + 0.5)) * 2 ** -64;
        expect(relative(u, (2n * w + 1n) << (BITS - 65n))).toBeLessThanOrEqual(1);
        const radius = squareRoot(-2n * logarithm(exact(u)));
        const angle = words[256 + p]!;
        const f = exact(Math.floor((angle | 0) / 4) * 2 ** -32 + (fine[p]! + 0.5) * 2 ** -48);
        const [s, c0] = sineCosine(f);
        const c = angle & 2 ? -c0 : c0;
        const truth = angle & 1 ? [s, c] : [c, s];
        for (const j of [0, 1]) {
          const z = times(radius, truth[j]!);
          const error = absolute(((got[p + 128 * j]! << BITS) >> 47n) - z);
          const allowed = ((absolute(z) * 9n) >> 53n) + (ONE >> 48n);
          if (error > allowed) expect.fail(`chunk ${i}, pair ${p}: off by ${approximate(error)} at ${approximate(z)}`);
          worst = Math.max(worst, approximate(error) / approximate(allowed));
        }
      }
    }
    expect(worst).toBeGreaterThan(0.5); // nearly all of it is the rounding to the grid
    expect(approximate(LN2)).toBeCloseTo(Math.LN2, 15);
  });
});

describe("the loss against the ideal", () => {
  test("v, b and beta: the sums of section 4 over the plane, for s = 2^20", () => {
    const s = 2 ** 20;
    const n = 200_000;
    let [v, b] = [0, 0];
    const [from, to] = [Math.log(2 ** -21), Math.log(9.5)];
    for (let i = 0; i < n; i++) {
      const R = Math.exp(from + ((to - from) * (i + 0.5)) / n);
      const D = R * s;
      let eta = 2.001 * ((9 * UNIT) / (1 - 9 * UNIT)) * (Math.SQRT2 * D + 1) + 26.7 * (D + 1) * 2 ** -48;
      if (D >= 32) eta += (1.51 * 2 ** -12) / D;
      if (R <= 6.5) eta += (1.51 * 2 ** -24 * Math.exp(R ** 2 / 2)) / Math.max(D, 2);
      if (D >= 32) b = Math.max(b, eta);
      v += eta ** 2 * R * Math.exp(-(R ** 2) / 2) * R * ((to - from) / n);
    }
    // Cells below D = 2 are 13; 2 pi 0.24 = 1.51 of a ring of width 1.
    const beta = (1.51 * 32 + 13) * 2 ** -52 + 1.51 * (7.9 - 6.5) * s * 2 ** -64 + Math.exp(-(7.9 ** 2) / 2);
    for (const [got, claimed] of [
      [v, 2.2e-14],
      [b, 2.1e-5],
      [beta, 1.7e-13],
    ] as const) {
      expect(got).toBeLessThan(claimed);
      expect(got).toBeGreaterThan(0.9 * claimed);
    }
  });

  test("the directions are N equidistant ones, each once: in a model of 2^10 of them, by the twin's own formula", () => {
    const N = 1024;
    const seen = new Set<number>();
    // 8 bits of f and 2 bits of choice: f the middles of 2^8 steps, where the kernel has 2^46.
    for (let step = 0; step < 256; step++) {
      for (let choice = 0; choice < 4; choice++) {
        const f = ((step - 128 + 0.5) / 256 / 4) * 2 ** 32; // in units of the coarse part
        const [x, y] = reference.pair(0, 0, (Math.floor(f) << 2) | choice, Math.round((f - Math.floor(f)) * 65536 - 0.5));
        const place = ((Math.atan2(y, x) / (2 * Math.PI) + 1) % 1) * N - 0.5;
        expect(Math.abs(place - Math.round(place))).toBeLessThan(1e-6);
        seen.add(Math.round(place));
      }
    }
    expect(seen.size).toBe(N);
  });
});

/** The integers of one chunk. */
function integers(engine: Engine, key: Uint8Array, nonce: Uint8Array, counter: number, scale: number): BigInt64Array {
  const { arena, kernels } = engine;
  const scratchBytes = kernels.grid_gaussian_scratch();
  const at = arena.allocate(64 + 2048 + scratchBytes);
  new Uint8Array(arena.memory.buffer, at, 64 + 2048).fill(0);
  new Uint8Array(arena.memory.buffer, at, 32).set(key);
  new Uint8Array(arena.memory.buffer, at + 32, 12).set(nonce);
  kernels.grid_gaussian_i64(256, scale, counter, at, at + 32, at + 64, at + 64 + 2048);
  const got = new BigInt64Array(arena.memory.buffer, at + 64, 256).slice();
  arena.free(at, { wipe: true });
  return got;
}
