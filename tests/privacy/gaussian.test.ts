import { addResearchGaussianNoise, createStream, type Engine, ParameterError, PrivacyError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { expectSameBits } from "../support/same.ts";
import { correlation, kolmogorov, mean, normalCdf, SIX, variance } from "../support/statistics.ts";
import * as reference from "./gaussian.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 13 * i + 5);
const NONCE = new Uint8Array(12).fill(4);
const STREAM_BYTES = 12 * 64;

/** The kernel between guard bands; also the float64 samples of the last chunk, which it leaves in scratch. */
function noise(engine: Engine, x: Float32Array, sigma: number, counter: number, offset = 0): { y: Float32Array; z: Float64Array } {
  const [key, nonce, px] = [guarded(engine, KEY), guarded(engine, NONCE), guarded(engine, x, offset)];
  const [py, scratch] = [guarded(engine, new Float32Array(x.length), offset), guarded(engine, new Uint8Array(engine.kernels.gaussian_scratch_f32()))];
  engine.kernels.gaussian_f32(x.length, sigma, counter, key.address, nonce.address, px.address, py.address, scratch.address);
  const y = py.f32();
  expectSameBits(px.f32(), x);
  const z = new Float64Array(scratch.bytes().slice(STREAM_BYTES).buffer);
  engine.kernels.gaussian_f32(x.length, sigma, counter, key.address, nonce.address, px.address, px.address, scratch.address);
  expectSameBits(px.f32(), y, "in place");
  for (const p of [key, nonce, px, py, scratch]) p.release();
  return { y, z };
}

test("the twin's extremes: all-zero words reach 9.49, all-one words reach 0, never NaN", () => {
  const ones = 2 ** 32 - 1;
  expect(Math.max(...reference.pair(0, 0, 0).map(Math.abs))).toBeCloseTo(9.4926, 3);
  for (const word of [0, 1, 2, 3, 2 ** 31 - 1, 2 ** 31, ones]) {
    for (const v of [...reference.pair(ones, ones, word), ...reference.pair(0, 0, word)]) expect(Math.abs(v)).toBeLessThan(9.5);
  }
  // The angle covers the turn: 4096 equal steps of the angle word fall evenly in 16 sectors.
  const sectors = new Array<number>(16).fill(0);
  for (let k = 0; k < 4096; k++) {
    const [a, b] = reference.pair(0, 0, (k >>> 2) * 2 ** 22 + (k & 3));
    sectors[Math.floor((Math.atan2(b, a) / Math.PI + 1) * 8) % 16]!++;
  }
  expect(sectors).toEqual(new Array(16).fill(256));
});

forEachBuild("privacy/gaussian", (engine) => {
  test("samples agree with the twin to 1e-13, relatively", () => {
    let ran = 0;
    for (let counter = 0; counter < 12 * runs(300); counter += 12) {
      const { z } = noise(engine(), new Float32Array(128), 1, counter);
      const want = reference.normals(keyWords(KEY, counter, NONCE, 12));
      for (let i = 0; i < 128; i++) {
        if (!(Math.abs(z[i]! - want[i]!) <= 1e-13 * Math.abs(want[i]!))) expect.fail(`counter ${counter}, sample ${i}: ${z[i]} for ${want[i]}`);
        ran++;
      }
    }
    expect(ran).toBe(runs(300) * 128);
  });

  describe("x + sigma z against the twin; the noise at i does not depend on n", () => {
    const ran = countCases(3 * LENGTHS.length);
    const words = keyWords(KEY, 24, NONCE, 12 * 33);
    const z = reference.normals(words);
    test.each(LENGTHS)("n = %i", (n) => {
      for (const [k, sigma] of [0.01, 1, 1e6].entries()) {
        ran();
        const x = normals(n, 9);
        const { y } = noise(engine(), x, sigma, 24, k);
        y.forEach((got, i) => {
          const size = Math.abs(x[i]!) + sigma * Math.abs(z[i]!);
          if (!(Math.abs(got - (x[i]! + sigma * z[i]!)) <= (EPS32 + 1e-12) * size)) expect.fail(`sigma ${sigma}, element ${i}: ${got}`);
        });
      }
    });
  });

  test("the prefix property, bit for bit", () => {
    const x = normals(1000, 1);
    const all = bits(noise(engine(), x, 2, 0).y);
    for (const n of [1, 2, 63, 64, 65, 127, 128, 129, 255, 257, 999]) expect(bits(noise(engine(), x.slice(0, n), 2, 0).y)).toEqual(all.slice(0, n));
  });

  test("sigma 0 leaves every bit, zeros of both signs and denormals included", () => {
    const x = Float32Array.from({ length: 300 }, (_, i) => [-0, 0, 1e-45, -1e-45, 3.4e38, -1, Number.POSITIVE_INFINITY][i % 7]!);
    expectSameBits(noise(engine(), x, 0, 0).y, x);
  });

  test("NaN and Infinity in x stay in their place, in every lane", () => {
    for (let bad = 0; bad < 9; bad++) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const x = new Float32Array(9);
        x[bad] = value;
        const { y } = noise(engine(), x, 1, 0);
        y.forEach((v, i) => {
          if (i === bad) expect(v).toBe(value);
          else expect(Number.isFinite(v)).toBe(true);
        });
      }
    }
  });

  test("the position advances by 12 blocks for each 128 begun; refusals change nothing", () => {
    engine().scope(() => {
      const stream = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 0, private: false });
      const x = engine().tensor("f32", 129, normals(129, 2));
      const out = addResearchGaussianNoise(x, 1, stream, engine().tensor("f32", 129));
      expect(stream.counter).toBe(24);
      addResearchGaussianNoise(engine().tensor("f32", 0), 1, stream);
      expect(stream.counter).toBe(24);
      const kept = bits(out.toArray());
      for (const sigma of [-1, 2 ** 125, Number.NaN, Number.POSITIVE_INFINITY])
        expect(() => addResearchGaussianNoise(x, sigma, stream, out)).toThrow(ParameterError);
      expect(() => addResearchGaussianNoise(x, 1, stream, engine().tensor("f32", 128))).toThrow(ShapeError);
      const spent = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 2 ** 32 - 23, private: false });
      expect(() => addResearchGaussianNoise(x, 1, spent, out)).toThrow(PrivacyError);
      expect(bits(out.toArray())).toEqual(kept);
      expect([stream.counter, spent.counter]).toEqual([24, 2 ** 32 - 23]);
    });
  });
});

test("every build gives the same bits", async () => {
  const engines = Object.values(await allEngines());
  for (const n of [...LENGTHS, 100_003]) {
    const got = engines.map((engine) => noise(engine, normals(n, 3), 0.7, 5).y);
    for (const y of got) expectSameBits(y, got[0]!);
  }
});

// One build: all give these bits. Bounds of NUMERICS 3.5, false alarm 1e-9 each; the seeds are fixed.
test.each([0.05, 1, 37.5])("a million samples with sigma %d are normal and uncorrelated", async (sigma) => {
  const engine = await makeEngine();
  const n = 1_000_000;
  const x = addResearchGaussianNoise(engine.tensor("f32", n), sigma, await createStream({ purpose: "noise", unsafeSeed: sigma })).toArray();
  expect(Math.abs(mean(x))).toBeLessThanOrEqual((SIX * sigma) / Math.sqrt(n));
  expect(Math.abs(variance(x, 0) / sigma ** 2 - 1)).toBeLessThanOrEqual(8.64e-3);
  expect(kolmogorov(x, (v) => normalCdf(v / sigma))).toBeLessThanOrEqual(3.272e-3);
  // Neighbours, lanes, the two halves of a pair, of a chunk's neighbour and of the whole; and of the squares, which share r.
  for (const lag of [1, 2, 64, 128, n / 2]) expect(Math.abs(correlation(x, lag))).toBeLessThanOrEqual(SIX / Math.sqrt(n - lag));
  const squares = Float64Array.from(x, (v) => (v / sigma) ** 2);
  expect(Math.abs(correlation(squares, 64))).toBeLessThanOrEqual(SIX / Math.sqrt(n - 64));
  // Tails: P(|z| > 3) = 2.6998e-3, P(|z| > 4) = 6.334e-5 (63.3 expected), P(|z| > 5) = 5.73e-7, Poisson at 1e-9.
  const beyond = (k: number) => x.reduce((c, v) => c + (Math.abs(v) > k * sigma ? 1 : 0), 0);
  expect(Math.abs(beyond(3) - 2699.8)).toBeLessThanOrEqual(SIX * Math.sqrt(2699.8));
  expect(beyond(4)).toBeGreaterThanOrEqual(23);
  expect(beyond(4)).toBeLessThanOrEqual(119);
  expect(beyond(5)).toBeLessThanOrEqual(10);
});
