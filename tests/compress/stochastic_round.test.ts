import { type Engine, ParameterError, PrivacyError, ShapeError, stochasticRound } from "fedlane";
import { describe, expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { countCases } from "../support/count.ts";
import { LENGTHS, normals } from "../support/data.ts";
import { forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { SIX } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";
import * as reference from "./stochastic_round.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 5 * i + 9);
const NONCE = new Uint8Array(12);

function round(engine: Engine, x: Float32Array, counter: number, offset = 0): number[] {
  const [key, nonce, px] = [guarded(engine, KEY), guarded(engine, NONCE), guarded(engine, x, offset)];
  const [py, scratch] = [
    guarded(engine, new Int32Array(x.length).fill(99), offset),
    guarded(engine, new Uint8Array(engine.kernels.stochastic_round_scratch_f32())),
  ];
  engine.kernels.stochastic_round_f32_i32(x.length, counter, key.address, nonce.address, px.address, py.address, scratch.address);
  const y = [...new Int32Array(py.bytes().buffer)];
  expect(engine.kernels.squared_norm_i32(x.length, py.address)).toBe(reference.squaredNorm(y));
  for (const p of [key, nonce, px, py, scratch]) p.release();
  return y;
}

forEachBuild("compress/stochastic_round", (engine) => {
  describe("the integers of the twin, and their exact squared norm", () => {
    const ran = countCases(4 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      const words = keyWords(KEY, 11, NONCE, Math.ceil(n / 16));
      for (const [k, scale] of [1e-9, 0.7, 1000, 2e7].entries()) {
        ran();
        const x = normals(n, n + k, scale);
        expect(round(engine(), x, 11, 4 * (k % 2))).toEqual(reference.stochasticRound(x, words));
      }
    });
  });

  test("the word 2^32 f is not below the fraction f: fractions planted on words", () => {
    const words = keyWords(KEY, 0, NONCE, 64);
    const hit = [...words.keys()].filter((i) => (words[i]! & 255) === 0); // such a word over 2^32 is an f32
    expect(hit.length).toBeGreaterThan(0);
    const x = new Float32Array(1024);
    for (const i of hit) x[i] = words[i]! / 2 ** 32;
    const y = round(engine(), x, 0);
    for (const i of hit) expect(y[i]).toBe(0);
    for (const i of hit) x[i] = (words[i]! + 256) / 2 ** 32;
    for (const i of hit) expect(round(engine(), x, 0)[i]).toBe(1);
  });

  test("unbiased: the mean of many roundings is x, at fractions near 0, 1/2 and 1, of either sign", async () => {
    const stream = await noise(1);
    const n = runs(200_000);
    engine().scope(() => {
      const out = engine().tensor("i32", n);
      for (const v of [0.001, 0.3, 0.5, 0.999, -0.001, -0.25, -7.6, 123456.75]) {
        const y = stochasticRound(engine().tensor("f32", n, new Float32Array(n).fill(v)), stream, out).view;
        const f = Math.fround(v) - Math.floor(v);
        const sum = y.reduce((s, q) => s + q - Math.fround(v), 0);
        expect(Math.abs(sum), `x = ${v}`).toBeLessThanOrEqual(SIX * Math.sqrt(n * f * (1 - f)) + 1e-6 * n * f + 10);
      }
    });
  });

  test("the norm never exceeds the bound: it rounds again; what cannot be met ends with an error and zeros", async () => {
    const stream = await noise(2);
    engine().scope(() => {
      const x = engine().tensor("f32", 8, new Float32Array(8).fill(0.5));
      const out = engine().tensor("i32", 8);
      const seen = new Set<number>();
      for (let i = 0; i < 500; i++) {
        stochasticRound(x, stream, out, { maxSquaredNorm: 3 });
        seen.add(Number(reference.squaredNorm(out.view)));
      }
      expect([...seen].sort()).toEqual([0, 1, 2, 3]); // of eight coins at most three
      expect(stream.counter).toBeGreaterThan(900); // P(at most 3 of 8) = 93/256
      x.view[0] = 1.5;
      expect(() => stochasticRound(x, stream, out, { maxSquaredNorm: 0.5 })).toThrow(PrivacyError);
      expect([...out.view]).toEqual(new Array(8).fill(0));
    });
  });

  test("bad input is refused and changes nothing, in every lane", async () => {
    const stream = await noise(3);
    engine().scope(() => {
      const out = engine().tensor("i32", 9, new Int32Array(9).fill(4));
      for (let bad = 0; bad < 9; bad++) {
        for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const x = engine().tensor("f32", 9);
          x.view[bad] = value;
          expect(() => stochasticRound(x, stream, out)).toThrow(PrivacyError);
        }
      }
      const x = engine().tensor("f32", 9);
      expect(() => stochasticRound(engine().tensor("f32", 9, new Float32Array(9).fill(2 ** 31)), stream, out)).toThrow(ParameterError);
      expect(() => stochasticRound(x, stream, engine().tensor("i32", 8))).toThrow(ShapeError);
      for (const maxSquaredNorm of [-1, Number.NaN, Number.POSITIVE_INFINITY])
        expect(() => stochasticRound(x, stream, out, { maxSquaredNorm })).toThrow(ParameterError);
      expect(() => stochasticRound(x, {} as RandomStream, out)).toThrow(ParameterError);
      const spent = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 2 ** 32, private: false });
      expect(() => stochasticRound(x, spent, out)).toThrow(PrivacyError);
      expect([...out.view]).toEqual(new Array(9).fill(4));
      expect(stream.counter).toBe(0);
    });
  });
});
