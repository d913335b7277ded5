// What leaves the grid mechanism, seen from outside: nothing off the grid, the right distribution at every scale, and time that tells nothing.
// Thresholds at a false alarm of 1e-9 (NUMERICS 3.5), fixed seeds. `npm run test:nightly` runs the full sizes.
import { addResearchGaussianNoise, createGridSum, type Engine, gaussianGrid, type RandomStream } from "fedlane";
import { describe, expect, test } from "vitest";
import { makeEngine } from "../support/engines.ts";
import { nightly, runs } from "../support/runs.ts";
import { chiSquare, correlation, kolmogorov, mean, normalCdf, SIX, variance } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";

const SIGMAS = [1, 0.3, 7.7, 1.1e-3, 2 ** 40 / 3];

/** Releases of n sums of one contribution whose every element is `base`. */
function released(engine: Engine, n: number, sigma: number, base: number, stream: RandomStream): Float32Array {
  const grid = gaussianGrid({ sigma, clipNorm: 500 * sigma, size: n });
  const [sum, x] = [createGridSum(engine, grid), engine.tensor("f32", n)];
  x.view.fill(base);
  expect(sum.add(x).clipped).toBe(false);
  sum.addNoise(stream);
  sum.release(x);
  const values = x.toArray();
  sum.dispose();
  x.dispose();
  return values;
}

/** How many values are no multiple of g. Exact: g is a power of two. */
const offGrid = (values: Float32Array, g: number): number => values.reduce((count, v) => count + (Number.isInteger(v / g) ? 0 : 1), 0);

describe("support", () => {
  // Four bases on neighbouring data sets: outputs must not tell them apart by which numbers are possible (Mironov 2012).
  const sigma = 0.8;
  const { spacing: g } = gaussianGrid({ sigma, clipNorm: 1, size: 1 });
  const BASES = [0, sigma / 3, 1e-7 * sigma, 1e6 * g + g / 2];
  const n = 100_000;
  const rounds = nightly(1, 25); // of four bases: 1e7 draws in all

  test(`no output off the grid in ${BASES.length * rounds * n} draws`, async () => {
    const engine = await makeEngine();
    const stream = await noise(1);
    for (const base of BASES) {
      for (let i = 0; i < rounds; i++) expect(offGrid(released(engine, n, sigma, base, stream), g)).toBe(0);
    }
  });

  test("the same test fails for noise in floating point: it has teeth", async () => {
    const engine = await makeEngine();
    const stream = await noise(1);
    for (const base of BASES) {
      const x = engine.tensor("f32", n);
      x.view.fill(base);
      addResearchGaussianNoise(x, sigma, stream);
      expect(offGrid(x.toArray(), g)).toBeGreaterThan(n / 100);
      x.dispose();
    }
  });
});

describe.each(SIGMAS)("distribution at sigma %d", (sigma) => {
  const n = runs(1_000_000);
  const root = Math.sqrt(n);

  test(`moments, Kolmogorov-Smirnov, low byte, correlations of ${n} draws`, async () => {
    const engine = await makeEngine();
    const { spacing, scale } = gaussianGrid({ sigma, clipNorm: sigma, size: n });
    const values = released(engine, n, sigma, 0, await noise(3, `sigma ${sigma}`));
    const z = values.map((v) => v / sigma);
    expect(Math.abs(mean(z))).toBeLessThan(SIX / root);
    expect(Math.abs(variance(z, 0) - 1)).toBeLessThan(SIX * Math.sqrt(2 / n));
    expect(kolmogorov(z, normalCdf)).toBeLessThan(3.272 / root);
    for (const lag of [1, 2, 3, 4, 64, 128, 256]) expect(Math.abs(correlation(z, lag)), `lag ${lag}`).toBeLessThan(SIX / root);
    const low = new Array<number>(256).fill(0);
    for (const v of values) low[Math.round(v / spacing) & 255]!++;
    expect(scale / 256, "the low byte runs through many turns").toBeGreaterThan(1000);
    expect(Math.abs(chiSquare(low) - 255), "chi-square of the low byte").toBeLessThan(SIX * Math.sqrt(2 * 255));
  });
});

test("tails: as many beyond 4 and 5 deviations as there should be", async () => {
  const engine = await makeEngine();
  const stream = await noise(4);
  const [n, rounds] = [1_000_000, nightly(__GROW__ ? 1 : 5, 100)];
  let [four, five, six] = [0, 0, 0];
  for (let i = 0; i < rounds; i++) {
    for (const v of released(engine, n, 1, 0, stream)) {
      const a = Math.abs(v);
      if (a > 4) {
        four++;
        if (a > 5) five++;
        if (a > 6) six++;
      }
    }
  }
  const within = (count: number, p: number) => {
    const want = n * rounds * p;
    expect(Math.abs(count - want)).toBeLessThan(SIX * Math.sqrt(want) + 10); // 10: the Poisson tail is heavier than the normal one
  };
  within(four, 6.334248366623996e-5);
  within(five, 5.733031437583892e-7);
  expect(six).toBeLessThanOrEqual(7);
}, 600_000);

declare const __GROW__: boolean;

// In a browser the clock is too coarse to ask.
test.skipIf(typeof process === "undefined" || __GROW__)(
  "the time of the noise kernel tells nothing of the noise",
  async () => {
    const engine = await makeEngine();
    const stream = await noise(5);
    const calls = nightly(5000, 50_000);
    const [size, warm] = [256, 500];
    const k = engine.tensor("i32", size);
    const [times, sizes, extremes] = [new Float64Array(calls), new Float64Array(calls), new Float64Array(calls)];
    const blocks = 28;
    for (let i = -warm; i < calls; i++) {
      k.view.fill(0);
      let took = 0;
      stream.use(engine, blocks, engine.kernels.grid_gaussian_scratch(), (counter, key, nonce, scratch) => {
        const from = performance.now();
        engine.kernels.grid_gaussian_i32(size, 2 ** 20, counter, key, nonce, k.address, scratch);
        took = performance.now() - from;
        return undefined;
      });
      if (i < 0) continue;
      times[i] = took;
      for (const v of k.view) {
        const a = Math.abs(v);
        sizes[i]! += a;
        if (a > extremes[i]!) extremes[i] = a;
      }
    }
    k.dispose();
    // A machine's pauses are cut: they have nothing to do with the noise, and one would drown the rest.
    const cut = Float64Array.from(times).sort()[Math.floor(0.98 * calls)]!;
    const cutTimes = times.map((t) => Math.min(t, cut));
    const limit = nightly(SIX / Math.sqrt(calls), 0.02);
    expect(Math.abs(pearson(cutTimes, sizes)), "with the sum of |noise|").toBeLessThan(limit);
    expect(Math.abs(pearson(cutTimes, extremes)), "with the largest |noise|").toBeLessThan(limit);
  },
  120_000,
);

function pearson(x: Float64Array, y: Float64Array): number {
  const [a, b] = [mean(x), mean(y)];
  const covariance = x.reduce((sum, v, i) => sum + (v - a) * (y[i]! - b), 0) / x.length;
  return covariance / Math.sqrt(variance(x, a) * variance(y, b));
}
