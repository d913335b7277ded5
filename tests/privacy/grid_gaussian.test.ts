import {
  addGridNoise,
  clipToGrid,
  createGridSum,
  dequantize,
  type Engine,
  gaussianGrid,
  ParameterError,
  PrivacyError,
  releaseQuantized,
  ShapeError,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { noiseOnGrid } from "#dist/privacy/grid_gaussian.js";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { countCases } from "../support/count.ts";
import { LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { expectSameBits } from "../support/same.ts";
import * as grid from "./grid.reference.ts";
import * as reference from "./grid_gaussian.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 11 * i + 3);
const NONCE = new Uint8Array(12).fill(6);
const SCALE = 2 ** 19.7;
const stream = (counter = 0) => new RandomStream({ key: KEY, nonce: [0, 0, 0], counter, private: false });

/** Noise on zeros, by both kernels, which must agree. */
function noise(engine: Engine, n: number, scale: number, counter: number, offset = 0): Int32Array {
  const [key, nonce] = [guarded(engine, KEY), guarded(engine, NONCE)];
  const [k, acc] = [guarded(engine, new Int32Array(n), offset), guarded(engine, new Float64Array(n), offset)];
  const scratch = guarded(engine, new Uint8Array(engine.kernels.grid_gaussian_scratch()));
  engine.kernels.grid_gaussian_i32(n, scale, counter, key.address, nonce.address, k.address, scratch.address);
  engine.kernels.grid_gaussian_i64(n, scale, counter, key.address, nonce.address, acc.address, scratch.address);
  const small = new Int32Array(k.bytes().buffer);
  const large = new BigInt64Array(acc.bytes().buffer);
  if (large.some((v, i) => v !== BigInt(small[i]!))) expect([...large].map(Number)).toEqual([...small]);
  for (const p of [key, nonce, k, acc, scratch]) p.release();
  return small;
}

forEachBuild("privacy/grid_gaussian", (engine) => {
  test("integers are the twin's, rounded: its value is within 1/2 and 1e-15 of its size; most are equal", () => {
    let [ran, equal] = [0, 0];
    for (let i = 0; i < runs(40); i++) {
      const counter = 28 * i;
      const got = noise(engine(), 256, SCALE, counter);
      const want = reference.normals(keyWords(KEY, counter, NONCE, 28));
      for (let j = 0; j < 256; j++) {
        const v = SCALE * want[j]!;
        if (!(Math.abs(got[j]! - v) <= 0.5 + 4e-15 * Math.abs(v) + 1e-9)) expect.fail(`counter ${counter}, sample ${j}: ${got[j]} for ${v}`);
        if (got[j] === grid.nearest(v)) equal++;
        ran++;
      }
    }
    expect(ran).toBe(runs(40) * 256);
    expect(equal).toBe(ran); // each would differ with probability 1e-9
  });

  describe("the noise at i does not depend on n, alignment or what it is added to", () => {
    const ran = countCases(LENGTHS.length);
    const all = () => noise(engine(), 4352, SCALE, 56);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      expect(noise(engine(), n, SCALE, 56, 4 * (n % 3))).toEqual(all().slice(0, n));
    });
  });

  test("addGridNoise and the sum draw the same noise; the position advances by 28 blocks for each 256 begun", () => {
    engine().scope(() => {
      const mechanism = gaussianGrid({ sigma: 0.7, clipNorm: 1, size: 257 });
      const x = engine().tensor("f32", 257, normals(257, 1, 0.2));
      const integers = engine().tensor("i32", 257);
      clipToGrid(x, mechanism, integers);
      const s = stream(5);
      addGridNoise(integers, mechanism, s);
      expect(s.counter).toBe(5 + 56);
      const sum = createGridSum(engine(), mechanism);
      sum.add(x);
      sum.addNoise(stream(5));
      const out = engine().tensor("f32", 257);
      sum.release(out);
      sum.dispose();
      expect([...out.view]).toEqual([...integers.view].map((k) => Math.fround(k * mechanism.spacing)));
    });
  });

  test("what addGridNoise refuses changes nothing: integers beyond the bound, a stream that would wrap", () => {
    engine().scope(() => {
      const mechanism = gaussianGrid({ sigma: 1, clipNorm: 1, size: 2 });
      const far = engine().tensor("i32", 2, [2 ** 20, 2 ** 12]);
      expect(() => addGridNoise(far, mechanism, stream())).toThrow(PrivacyError);
      const near = engine().tensor("i32", 2, [2 ** 20, 0]);
      expect(() => addGridNoise(near, mechanism, stream(2 ** 32 - 27))).toThrow(PrivacyError);
      expect(() => addGridNoise(engine().tensor("i32", 3), mechanism, stream())).toThrow(ShapeError);
      expect([...far.view, ...near.view]).toEqual([2 ** 20, 2 ** 12, 2 ** 20, 0]);
    });
  });

  describe("the fused release is clip, noise, nearest level", () => {
    const ran = countCases(LENGTHS.length - 1);
    test.each(LENGTHS.filter((n) => n > 0))("n = %i", (n) => {
      ran();
      engine().scope(() => {
        const mechanism = gaussianGrid({ sigma: 0.02, clipNorm: 1, size: n });
        const x = engine().tensor("f32", n, normals(n, n));
        const limit = n < 10 ? 0.5 : 0.1; // some saturate
        const s = stream();
        const q = releaseQuantized(x, mechanism, limit, s);
        expect(s.counter).toBe(28 * Math.ceil(n / 256));
        expect([q.size, q.bits, q.low, q.high, q.private]).toEqual([n, 8, -limit, limit, false]);
        const k = engine().tensor("i32", n);
        clipToGrid(x, mechanism, k);
        addGridNoise(k, mechanism, stream());
        const step = (2 * limit) / 255;
        const levels = [...k.view].map((v) => Math.max(0, Math.min(255, (v * mechanism.spacing + limit) / step)));
        levels.forEach((level, i) => {
          if (!(Math.abs(q.bytes.view[i]! - level) <= 0.5 + 1e-9)) expect.fail(`element ${i}: ${q.bytes.view[i]} for ${level}`);
        });
        // The format is that of quantize: what comes back is within half a step of what went in, or saturated.
        const back = dequantize(q, engine().tensor("f32", n)).toArray();
        back.forEach((v, i) => {
          const y = Math.max(-limit, Math.min(limit, k.view[i]! * mechanism.spacing));
          expect(Math.abs(v - y)).toBeLessThanOrEqual(step * 0.501);
        });
      });
    });
  });

  test("the fused release keeps the bound: integers beyond it are repaired before anything leaves", () => {
    const e = engine();
    const [key, nonce, px] = [guarded(e, KEY), guarded(e, NONCE), guarded(e, normals(600, 8, 1000))];
    const [pq, pk, scratch] = [guarded(e, new Uint8Array(600)), guarded(e, new Int32Array(600)), guarded(e, new Uint8Array(e.kernels.grid_gaussian_scratch()))];
    for (const bound of [1e9, 1e6, 1000, 1, 0]) {
      e.kernels.clip_grid_f32_i32(600, 1e9, 1, bound, px.address, pk.address);
      const k = new Int32Array(pk.bytes().buffer);
      expect(grid.squares(k)).toBeLessThanOrEqual(BigInt(bound));
      e.kernels.release_grid_f32_u8(600, 1e9, 1, bound, 40, 5000, 0, key.address, nonce.address, px.address, pq.address, scratch.address);
      const got = pq.bytes();
      const z = noise(e, 600, 40, 0);
      k.forEach((v, i) => {
        const level = Math.max(0, Math.min(255, ((v + z[i]! + 5000) * 255) / 10_000));
        expect(Math.abs(got[i]! - level)).toBeLessThanOrEqual(0.5 + 1e-9);
      });
    }
    for (const p of [key, nonce, px, pq, pk, scratch]) p.release();
  });

  test("the fused release refuses NaN and Infinity in every lane and bad limits; out is unchanged", () => {
    engine().scope(() => {
      const mechanism = gaussianGrid({ sigma: 1, clipNorm: 1, size: 9 });
      const out = engine().tensor("u8", 9, new Uint8Array(9).fill(5));
      const x = engine().tensor("f32", 9);
      for (let bad = 0; bad < 9; bad++) {
        for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
          x.set(normals(9, 1)).view[bad] = value;
          expect(() => releaseQuantized(x, mechanism, 5, stream(), { out })).toThrow(`got ${value} at index ${bad}`);
          expect(() => releaseQuantized(x, mechanism, 5, stream())).toThrow(PrivacyError);
        }
      }
      x.set(normals(9, 1));
      for (const limit of [0, -1, Number.NaN, 1e39, 1e-6]) expect(() => releaseQuantized(x, mechanism, limit, stream(), { out })).toThrow(ParameterError);
      expect(() => releaseQuantized(x, mechanism, 5, stream(), { out: engine().tensor("u8", 8) })).toThrow(ShapeError);
      expect([...out.view]).toEqual(new Array(9).fill(5));
    });
  });
});

forEachBuild("privacy/grid_gaussian, sums made in f32", (engine) => {
  const ran = countCases(LENGTHS.reduce<number>((sum, n) => sum + n, 0));
  test("x becomes g (round(x / g) + the integers of the noise) / divisor: exact integers, one quotient; NaN and Infinity propagate", () => {
    for (const n of LENGTHS) {
      const want = noise(engine(), n, SCALE, 9);
      const [sigma, divisor, g] = [SCALE * 2 ** -20, 7, 2 ** -20];
      const x = normals(n, 4).map((v) => 100 * v);
      if (n > 3) [x[1], x[3]] = [Number.NaN, Number.NEGATIVE_INFINITY];
      engine().scope(() => {
        const y = engine().copy(x);
        noiseOnGrid(y, sigma, new RandomStream({ key: KEY, nonce: [0x06060606, 0x06060606, 0x06060606], counter: 9, private: false }), divisor);
        for (const [i, v] of y.view.entries()) {
          const exact = (g * (Math.round(x[i]! / g) + want[i]!)) / divisor;
          // One unit of the grid where x is a tie, and an f32.
          if (Number.isFinite(x[i]!)) expect(Math.abs(v - exact)).toBeLessThanOrEqual(2 ** -24 * Math.abs(exact) + g / divisor);
          else expect(Number.isFinite(v)).toBe(false);
          ran();
        }
      });
    }
  });
});

test("every build gives the same integers, levels and noisy sums", async () => {
  const engines = Object.values(await allEngines());
  for (const n of [...LENGTHS, 100_003]) {
    const sums = engines.map((engine) =>
      engine.scope(() => {
        const x = engine.tensor("f32", n, normals(n, 5));
        noiseOnGrid(x, 0.8, stream(), 3);
        return x.toArray();
      }),
    );
    for (const sum of sums) expectSameBits(sum, sums[0]!);
    const got = engines.map((engine) => noise(engine, n, 2 ** 20, 7));
    for (const k of got) if (k.some((v, i) => v !== got[0]![i])) expect(k).toEqual(got[0]);
    if (n === 0) continue;
    const mechanism = gaussianGrid({ sigma: 0.3, clipNorm: 2, size: n });
    const levels = engines.map((engine) =>
      engine.scope(() => releaseQuantized(engine.tensor("f32", n, normals(n, 2)), mechanism, 2, stream()).bytes.toArray()),
    );
    for (const q of levels) if (q.some((v, i) => v !== levels[0]![i])) expect(q).toEqual(levels[0]);
  }
});
