// The law of the noise on a grid: where its values lie, how they are distributed, and that time does not tell them. One build: all give these bits.
// Bounds of NUMERICS 3.5, false alarm 1e-9 each; the seeds are fixed. Full sizes under npm run test:nightly.
import { addGridNoise, addResearchGaussianNoise, createGridSum, type Engine, gaussianGrid, type RandomStream } from "fedlane";
import { describe, expect, test } from "vitest";
import { makeEngine } from "../support/engines.ts";
import { nightly, runs } from "../support/runs.ts";
import { chiSquare, correlation, kolmogorov, mean, misfit, normalCdf, SIX, variance } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";

const SIGMAS = [0.05, 1, 37.5];

/** n integers of noise with the grid of sigma. */
function integers(engine: Engine, sigma: number, n: number, stream: RandomStream): Int32Array {
  return engine.scope(() => addGridNoise(engine.tensor("i32", n), gaussianGrid({ sigma, clipNorm: sigma, size: n }), stream).toArray());
}

describe("no output off the grid", () => {
  /** Released values of a sum with one contribution, every element `base`; naive: the same by plain float noise. */
  function release(engine: Engine, sigma: number, base: number, n: number, stream: RandomStream, naive: boolean): Float32Array {
    return engine.scope(() => {
      const x = engine.tensor("f32", n, new Float32Array(n).fill(base));
      if (naive) return addResearchGaussianNoise(x, sigma, stream).toArray();
      const grid = gaussianGrid({ sigma, clipNorm: 1000 * sigma, size: n });
      const sum = createGridSum(engine, grid);
      sum.add(x);
      sum.addNoise(stream);
      sum.release(x);
      sum.dispose();
      return x.toArray();
    });
  }
  const offGrid = (values: Float32Array, g: number) => values.reduce((c, v) => c + (Number.isInteger(v / g) ? 0 : 1), 0);

  test.each([1, 0.3, 1500])("sigma %d: 1e7 draws a base, nightly; the naive mechanism fails the same test", async (sigma) => {
    const engine = await makeEngine();
    const g = gaussianGrid({ sigma, clipNorm: sigma, size: 1 }).spacing;
    const stream = await noise(sigma);
    const n = 50_000; // 1e6 g sqrt(n) is below 1000 sigma: the largest base is not clipped
    const bases = [0, sigma / 3, 1e-7 * sigma, 1e6 * g + g / 2];
    for (const base of bases) {
      let [off, drawn] = [0, 0];
      for (; drawn < runs(nightly(200_000, 10_000_000)); drawn += n) {
        const values = release(engine, sigma, base, n, stream, false);
        off += offGrid(values, g);
        if (drawn === 0) expect(Math.abs(mean(values) - base)).toBeLessThanOrEqual((SIX * sigma) / Math.sqrt(n));
      }
      expect(drawn).toBeGreaterThanOrEqual(runs(200_000));
      expect(off, `base ${base}`).toBe(0);
    }
    // The naive mechanism's values lie on no grid; and where they lie tells the base apart, which is the attack.
    for (const base of bases) expect(offGrid(release(engine, sigma, base, n, stream, true), g)).toBeGreaterThan(n / 10);
    const fine = (base: number) => offGrid(release(engine, sigma, base, n, stream, true), g * 2 ** -10);
    expect(fine(0)).toBeGreaterThan(100 * (1 + fine(sigma * 256)));
  });
});

describe("the distribution", () => {
  test.each(SIGMAS)("a million integers at sigma %d: moments, KS, low byte, correlations, tails", async (sigma) => {
    const engine = await makeEngine();
    const n = 1_000_000;
    const k = integers(engine, sigma, n, await noise(sigma, "law"));
    const { scale } = gaussianGrid({ sigma, clipNorm: sigma, size: 1 });
    const z = Float32Array.from(k, (v) => v / scale); // |k| < 2^24: exact up to the quotient
    expect(Math.abs(mean(z))).toBeLessThanOrEqual(SIX / Math.sqrt(n));
    expect(Math.abs(variance(z, 0) - 1)).toBeLessThanOrEqual(8.64e-3);
    expect(kolmogorov(z, normalCdf)).toBeLessThanOrEqual(3.272e-3);
    // Skewness and kurtosis: deviations sqrt(15 / n) of z^3 and sqrt(96 / n) of z^4.
    expect(Math.abs(z.reduce((s, v) => s + v ** 3, 0) / n)).toBeLessThanOrEqual(SIX * Math.sqrt(15 / n));
    expect(Math.abs(z.reduce((s, v) => s + v ** 4, 0) / n - 3)).toBeLessThanOrEqual(SIX * Math.sqrt(96 / n));
    // The low byte is uniform: chi-square with 255 degrees exceeds 414.5 with probability 1e-9 (Wilson and Hilferty).
    const low = new Array<number>(256).fill(0);
    for (const v of k) low[v & 255]!++;
    expect(chiSquare(low)).toBeLessThanOrEqual(414.5);
    // Neighbours, lanes, the two of a pair, of a chunk's neighbour, halves; and of the squares: a pair shares its radius.
    for (const lag of [1, 2, 128, 256, n / 2]) expect(Math.abs(correlation(z, lag))).toBeLessThanOrEqual(SIX / Math.sqrt(n - lag));
    const squares = Float64Array.from(z, (v) => v ** 2);
    for (const lag of [1, 128, 256]) expect(Math.abs(correlation(squares, lag))).toBeLessThanOrEqual((SIX * 2) / Math.sqrt(n - lag));
    const lanes = [0, 1].map((lane) => z.filter((_, i) => i % 2 === lane));
    for (const lane of lanes) expect(Math.abs(variance(lane, 0) - 1)).toBeLessThanOrEqual(8.64e-3 * Math.SQRT2);
  });

  test("tails: 1e8 draws, nightly", async () => {
    const engine = await makeEngine();
    const total = runs(nightly(4_000_000, 100_000_000));
    const [stream, n] = [await noise(8, "tails"), 1_000_000];
    const beyond = [0, 0, 0];
    let drawn = 0;
    for (; drawn < total; drawn += n)
      for (const v of integers(engine, 1, n, stream)) for (const i of [0, 1, 2]) if (Math.abs(v) > (4 + i) * 2 ** 20) beyond[i]!++;
    // Expected 6.334e-5, 5.733e-7 and 1.973e-9 of the draws. At 1e8: the ranges of NUMERICS 3.5; else Poisson at 1e-9, by Bernstein.
    const ranges = [6.334e-5, 5.733e-7, 1.973e-9].map((p) => {
      const m = p * drawn;
      return [m - Math.sqrt(2 * m * 20.7), m + Math.sqrt(2 * m * 20.7 + 47.6) + 13.8];
    });
    const bounds = drawn === 1e8 ? [[5854, 6826], [18, 109], [0, 7]] : ranges; // biome-ignore format: one line says it
    for (const [i, [low, high]] of (bounds as [number, number][]).entries()) {
      expect(beyond[i]).toBeGreaterThanOrEqual(low);
      expect(beyond[i]).toBeLessThanOrEqual(high);
    }
  });

  test("a rounded Gaussian of sigma 1 has the probabilities of NUMERICS 3.5", async () => {
    const engine = await makeEngine();
    const pmf = [0.382924922548, 0.241730337457, 0.0605975359431, 0.00597703624674];
    const n = 1_000_000;
    const { kernels, arena } = engine;
    const at = arena.allocate(64 + 4 * n + kernels.grid_gaussian_scratch());
    new Uint8Array(arena.memory.buffer, at, 64 + 4 * n).fill(0);
    new Uint8Array(arena.memory.buffer, at, 32).fill(77);
    kernels.grid_gaussian_i32(n, 1, 0, at, at + 32, at + 64, at + 64 + 4 * n);
    const k = new Int32Array(arena.memory.buffer, at + 64, n).slice();
    arena.free(at);
    expect(misfit(k, pmf)).toBeLessThanOrEqual(SIX);
    // The discrete Gaussian of the same sigma is another law, and the test tells them apart; so is sigma 1.01.
    expect(misfit(k, [0.398942278267, 0.241970723224, 0.0539909662243, 0.00443184841])).toBeGreaterThan(20);
    const cdf = (x: number) => normalCdf(x / 1.01);
    expect(misfit(k, [0, 1, 2, 3].map((j) => cdf(j + 0.5) - cdf(j - 0.5)))).toBeGreaterThan(10); // biome-ignore format: one law
  });
});

describe("time", () => {
  /** The least step of the clock that shows. */
  const clock = () => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 100; i++) {
      const from = performance.now();
      let now = from;
      while (now === from) now = performance.now();
      least = Math.min(least, now - from);
    }
    return least;
  };
  /** Correlation of what calls take with what they drew; interruptions, the slowest twentieth, count as the quickest of them. */
  function timing(calls: number, call: (i: number) => number): number {
    const [times, drawn] = [new Float64Array(calls), new Float64Array(calls)];
    for (let i = 0; i < calls; i++) {
      const start = performance.now();
      drawn[i] = call(i);
      times[i] = performance.now() - start;
    }
    const cap = times.slice().sort()[Math.floor(0.95 * calls)]!;
    const t = times.map((v) => Math.min(v, cap));
    const [mt, md] = [mean(t), mean(drawn)];
    let s = 0;
    for (let i = 0; i < calls; i++) s += (t[i]! - mt) * (drawn[i]! - md);
    return s / calls / Math.sqrt(variance(t, mt) * variance(drawn, md));
  }

  // A browser's clock is too coarse for a call of microseconds.
  test.skipIf(clock() > 0.001)("of the kernel is uncorrelated with its noise; 50,000 calls, nightly", async () => {
    const engine = await makeEngine();
    const { kernels, arena } = engine;
    const n = 256;
    const scratchBytes = kernels.grid_gaussian_scratch();
    const at = arena.allocate(64 + 4 * n + scratchBytes);
    const key = new Uint8Array(arena.memory.buffer, at, 64).fill(0);
    const k = new Int32Array(arena.memory.buffer, at + 64, n);
    key.fill(5, 0, 32);
    const run = (i: number) => kernels.grid_gaussian_i32(n, 2 ** 20, 28 * (i & 0xffffff), at, at + 32, at + 64, at + 64 + 4 * n);
    const statistics: [string, () => number][] = [
      ["sum", () => k.reduce((s, v) => s + v, 0)],
      ["size", () => k.reduce((s, v) => s + Math.abs(v), 0)],
      ["largest", () => k.reduce((s, v) => Math.max(s, Math.abs(v)), 0)],
      ["low bits", () => k.reduce((s, v) => s + (v & 1), 0)],
    ];
    const calls = nightly(5000, 50_000);
    const limit = calls === 50_000 ? 0.02 : SIX / Math.sqrt(calls);
    for (let i = 0; i < 2000; i++) run(i);
    // What a call drew is known before it is timed: the statistic is taken in a first pass, so that computing it disturbs no clock.
    for (const [name, statistic] of statistics) {
      const drawn = Float64Array.from({ length: calls }, (_, i) => {
        k.fill(0);
        run(i);
        return statistic();
      });
      const got = timing(calls, (i) => {
        run(i);
        return drawn[i]!;
      });
      expect(Math.abs(got), name).toBeLessThanOrEqual(limit);
      if (name !== "size") continue;
      // Teeth: a quarter more work where the noise is large shows.
      const middle = drawn.slice().sort()[calls >> 1]!;
      const leak = timing(calls, (i) => {
        run(i);
        if (drawn[i]! > middle) kernels.chacha20_u8(16, 0, at, at + 32, at + 64 + 4 * n);
        return drawn[i]!;
      });
      expect(leak).toBeGreaterThan(limit);
    }
    arena.free(at, { wipe: true });
  });
});
