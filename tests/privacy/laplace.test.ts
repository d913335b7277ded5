import { addResearchLaplaceNoise, type Engine, ParameterError, PrivacyError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { expectSameBits } from "../support/same.ts";
import { correlation, kolmogorov, mean, SIX, variance } from "../support/statistics.ts";
import { noise as seeded } from "../support/streams.ts";
import * as reference from "./laplace.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 13 * i + 5);
const NONCE = new Uint8Array(12).fill(4);

/** The kernel between guard bands, out of place and in place. */
function noise(engine: Engine, x: Float32Array, scale: number, counter: number, offset = 0): Float32Array {
  const [key, nonce, px] = [guarded(engine, KEY), guarded(engine, NONCE), guarded(engine, x, offset)];
  const [py, scratch] = [guarded(engine, new Float32Array(x.length), offset), guarded(engine, new Uint8Array(engine.kernels.laplace_scratch_f32()))];
  const run = (out: number) => engine.kernels.laplace_f32(x.length, scale, counter, key.address, nonce.address, px.address, out, scratch.address);
  run(py.address);
  const y = py.f32();
  expectSameBits(px.f32(), x);
  run(px.address);
  expectSameBits(px.f32(), y, "in place");
  for (const p of [key, nonce, px, py, scratch]) p.release();
  return y;
}

test("the twin's extremes: all-zero words reach 44.36, all-one words 0", () => {
  expect(reference.sample(0, 0)).toBeCloseTo(64 * Math.LN2, 10);
  expect(Math.abs(reference.sample(2 ** 32 - 1, 2 ** 32 - 1))).toBe(0);
  expect(reference.sample(1, 0)).toBe(-reference.sample(0, 0));
});

forEachBuild("privacy/laplace", (engine) => {
  describe("x + scale l against the twin; the noise at i does not depend on n", () => {
    const ran = countCases(3 * LENGTHS.length);
    const l = reference.laplace(keyWords(KEY, 24, NONCE, 16 * 33));
    test.each(LENGTHS)("n = %i", (n) => {
      for (const [k, scale] of [0.01, 1, 1e6].entries()) {
        ran();
        const x = normals(n, 9);
        noise(engine(), x, scale, 24, k).forEach((got, i) => {
          const size = Math.abs(x[i]!) + scale * Math.abs(l[i]!);
          if (!(Math.abs(got - (x[i]! + scale * l[i]!)) <= (EPS32 + 1e-12) * size)) expect.fail(`scale ${scale}, element ${i}: ${got}`);
        });
      }
    });
  });

  test("scale 0 leaves every bit; NaN and Infinity stay in their place", () => {
    const x = Float32Array.from({ length: 300 }, (_, i) => [-0, 0, 1e-45, -1e-45, 3.4e38, -1, Number.POSITIVE_INFINITY][i % 7]!);
    expectSameBits(noise(engine(), x, 0, 0), x);
    for (let bad = 0; bad < 9; bad++) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const y = noise(
          engine(),
          new Float32Array(9).map((_, i) => (i === bad ? value : 0)),
          1,
          0,
        );
        y.forEach((v, i) => void (i === bad ? expect(v).toBe(value) : expect(Number.isFinite(v)).toBe(true)));
      }
    }
  });

  test("the position advances by 16 blocks for each 128 begun; refusals change nothing", () => {
    engine().scope(() => {
      const stream = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 0, private: false });
      const x = engine().tensor("f32", 129, normals(129, 2));
      const out = addResearchLaplaceNoise(x, 1, stream, engine().tensor("f32", 129));
      expect(stream.counter).toBe(32);
      const kept = bits(out.toArray());
      for (const b of [-1, 2 ** 123, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => addResearchLaplaceNoise(x, b, stream, out)).toThrow(ParameterError);
      expect(() => addResearchLaplaceNoise(x, 1, stream, engine().tensor("f32", 128))).toThrow(ShapeError);
      const spent = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 2 ** 32 - 31, private: false });
      expect(() => addResearchLaplaceNoise(x, 1, spent, out)).toThrow(PrivacyError);
      expect(bits(out.toArray())).toEqual(kept);
    });
  });
});

test("every build gives the same bits", async () => {
  const engines = Object.values(await allEngines());
  for (const n of [...LENGTHS, 100_003]) {
    const got = engines.map((engine) => noise(engine, normals(n, 3), 0.7, 5));
    for (const y of got) expectSameBits(y, got[0]!);
  }
});

// One build: all give these bits. The kurtosis of Laplace is 6, so the variance's own deviation is sqrt(5 / n). False alarm 1e-9 each; the seeds are fixed.
test.each([0.05, 1, 37.5])("a million samples with scale %d are Laplace and uncorrelated", async (scale) => {
  const engine = await makeEngine();
  const n = 1_000_000;
  const x = addResearchLaplaceNoise(engine.tensor("f32", n), scale, await seeded(scale)).toArray();
  expect(Math.abs(mean(x))).toBeLessThanOrEqual((SIX * Math.SQRT2 * scale) / Math.sqrt(n));
  expect(Math.abs(variance(x, 0) / (2 * scale ** 2) - 1)).toBeLessThanOrEqual(SIX * Math.sqrt(5 / n));
  expect(kolmogorov(x, (v) => reference.cdf(v / scale))).toBeLessThanOrEqual(3.272e-3);
  for (const lag of [1, 2, 64, 128, n / 2]) expect(Math.abs(correlation(x, lag))).toBeLessThanOrEqual(SIX / Math.sqrt(n - lag));
  const beyond = x.reduce((c, v) => c + (Math.abs(v) > 10 * scale ? 1 : 0), 0); // e^-10: 45.4 expected, Poisson at 1e-9
  expect(beyond).toBeGreaterThanOrEqual(12);
  expect(beyond).toBeLessThanOrEqual(95);
});
