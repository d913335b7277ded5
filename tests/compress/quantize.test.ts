import fc from "fast-check";
import { createStream, dequantize, type Engine, ParameterError, PrivacyError, packedBytes, type Quantized, quantize, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { countCases } from "../support/count.ts";
import { extremes, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { expectSameBits } from "../support/same.ts";
import { SIX } from "../support/statistics.ts";
import * as reference from "./quantize.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 29 * i + 7);
const NONCE = new Uint8Array(12).fill(6);
const BITS = [1, 2, 3, 4, 5, 6, 7, 8];
const F32_MAX = 3.4028234663852886e38;

function run(engine: Engine, x: Float32Array, bits: number, low: number, high: number, offset = 0): { bytes: Uint8Array; values: Float32Array } {
  const { kernels } = engine;
  const [key, nonce, px] = [guarded(engine, KEY), guarded(engine, NONCE), guarded(engine, x, offset)];
  const [out, back] = [guarded(engine, new Uint8Array(packedBytes(x.length, bits)), offset), guarded(engine, new Float32Array(x.length), offset)];
  const scratch = guarded(engine, new Uint8Array(kernels.quantize_scratch_f32()).fill(255));
  expect(kernels.packed_bytes(x.length, bits)).toBe(packedBytes(x.length, bits));
  kernels.quantize_f32_u8(x.length, bits, low, high, 3, key.address, nonce.address, px.address, out.address, scratch.address);
  kernels.dequantize_u8_f32(x.length, bits, low, high, out.address, back.address);
  expectSameBits(px.f32(), x);
  const result = { bytes: out.bytes(), values: back.f32() };
  for (const p of [key, nonce, px, out, back, scratch]) p.release();
  return result;
}

const rangeOf = (x: Float32Array): [number, number] => x.reduce<[number, number]>(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [x[0] ?? 0, x[0] ?? 0]);

forEachBuild("compress/quantize", (engine) => {
  describe("levels, packing and values of the twin", () => {
    const ran = countCases(BITS.length * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      const words = keyWords(KEY, 3, NONCE, Math.ceil(n / 16));
      const x = normals(n, 5);
      const [low, high] = rangeOf(x);
      for (const bits of BITS) {
        ran();
        const { bytes, values } = run(engine(), x, bits, low, high, bits & 3);
        const levels = reference.levels(words, bits, low, high, x);
        const step = (high - low) / (2 ** bits - 1);
        expect(reference.unpack(n, bits, bytes)).toEqual(levels);
        expect(bytes).toEqual(reference.pack(levels, bits)); // unused bits are 0
        expectSameBits(values, reference.dequantize(levels, bits, low, high));
        // A step, and one rounding to f32.
        values.forEach((v, i) => {
          if (!(Math.abs(v - x[i]!) <= step + 2 ** -24 * Math.abs(v))) expect.fail(`bits ${bits}, element ${i}: ${v} for ${x[i]}`);
        });
      }
    });
  });

  test("range_f32: least and largest, exact; NaN and Infinity in any lane give 0 and write nothing", () => {
    const [px, out] = [guarded(engine(), new Float32Array(20), 1), guarded(engine(), new Float32Array(2), 1)];
    const range = (x: Float32Array) => {
      const { buffer } = engine().arena.memory;
      new Uint8Array(buffer, px.address, 80).set(new Uint8Array(x.buffer));
      new Uint8Array(buffer, out.address, 8).set(new Uint8Array(Float32Array.of(7, 7).buffer));
      return [engine().kernels.range_f32(x.length, px.address, out.address), ...out.f32()];
    };
    expect(range(new Float32Array(0))).toEqual([1, 0, 0]);
    for (let n = 1; n < 20; n++) {
      for (let at = 0; at < n; at++) {
        const x = normals(n, n);
        x[at] = -50;
        expect(range(x)).toEqual([1, ...rangeOf(x)]);
        x[at] = 50;
        expect(range(x)).toEqual([1, ...rangeOf(x)]);
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          x[at] = bad;
          expect(range(x)).toEqual([0, 7, 7]);
        }
      }
    }
    px.release();
    out.release();
  });

  test("hard values of every kind come back within a step (fast-check)", () => {
    const property = fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (v, bits) => {
      const x = Float32Array.from(v);
      const [low, high] = rangeOf(x);
      const { values } = run(engine(), x, bits, low, high);
      const slack = ((high - low) / (2 ** bits - 1)) * (1 + 1e-12) + 2 ** -24 * Math.max(Math.abs(low), Math.abs(high)) + 2 ** -149;
      for (const [i, got] of values.entries()) expect(Math.abs(got - x[i]!)).toBeLessThanOrEqual(slack);
    });
    fc.assert(property, { seed: 3, numRuns: runs(200) });
  });

  test("the widest range there is does not overflow", () => {
    for (const bits of BITS) {
      const { values } = run(engine(), Float32Array.of(-F32_MAX, F32_MAX, 0, ...extremes(30, 1)), bits, -F32_MAX, F32_MAX);
      expect([...values.subarray(0, 2)]).toEqual([-F32_MAX, F32_MAX]);
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });

  test("all-equal, two-valued and empty vectors come back exactly", async () => {
    const stream = await createStream({ purpose: "q", unsafeSeed: 1 });
    engine().scope(() => {
      for (const bits of BITS) {
        for (const v of [0, 1.1, -3e38, 1e-45]) {
          const x = engine().tensor("f32", 21, new Float32Array(21).fill(v));
          const q = quantize(x, bits, stream);
          expect([q.size, q.bits, q.low, q.high, q.bytes.size]).toEqual([21, bits, Math.fround(v), Math.fround(v), packedBytes(21, bits)]);
          expect(dequantize(q, engine().tensor("f32", 21)).toArray()).toEqual(x.toArray());
        }
        const two = engine().tensor("f32", 9, [1, -3, 1, 1, -3, 1, -3, -3, 1]);
        expect(dequantize(quantize(two, bits, stream), engine().tensor("f32", 9)).toArray()).toEqual(two.toArray());
        const none = quantize(engine().tensor("f32", 0), bits, stream);
        expect([none.size, none.low, none.high, none.bytes.size]).toEqual([0, 0, 0, 0]);
        expect(dequantize(none, engine().tensor("f32", 0)).size).toBe(0);
      }
    });
  });

  test("NaN and Infinity are refused in every lane, nothing is written, nothing leaks", async () => {
    const stream = await createStream({ purpose: "q", unsafeSeed: 2 });
    const x = engine().tensor("f32", 19);
    const out = engine().tensor("u8", 10, new Uint8Array(10).fill(9));
    const live = engine().stats().liveBlocks;
    for (let at = 0; at < 19; at++) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        x.view.fill(1);
        x.view[at] = bad;
        expect(() => quantize(x, 4, stream, { out })).toThrow(PrivacyError);
        expect(() => quantize(x, 4, stream)).toThrow(`got ${bad} at index ${at}`);
      }
    }
    x.view.fill(1);
    for (const bits of [0, 9, 1.5, -1, Number.NaN]) expect(() => quantize(x, bits, stream, { out })).toThrow(ParameterError);
    expect(() => quantize(x, 5, stream, { out })).toThrow(ShapeError);
    const spent = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 2 ** 32 - 1, private: false });
    expect(() => quantize(x, 4, spent)).toThrow(PrivacyError);
    expect([stream.counter, ...out.toArray()]).toEqual([0, ...new Uint8Array(10).fill(9)]);
    const wrong: Quantized = { size: 19, bits: 4, low: 1, high: 0, bytes: out };
    expect(() => dequantize(wrong, x)).toThrow(ParameterError);
    expect(() => dequantize({ ...wrong, high: 1, size: 21 }, x)).toThrow(ShapeError);
    expect(engine().stats().liveBlocks).toBe(live);
    x.dispose();
    out.dispose();
  });
});

test("every build gives the same bytes", async () => {
  const engines = Object.values(await allEngines());
  const x = normals(5003, 8);
  for (const bits of BITS) {
    const got = engines.map((engine) => run(engine, x, bits, ...rangeOf(x)).bytes);
    for (const g of got) expect(g).toEqual(got[0]);
  }
});

// One build: all give these bytes. Fixed seed; six standard errors.
test.each([1, 2, 4, 8])("unbiased at %i bits: the mean of 4000 draws; squared error within NUMERICS 3.7", async (bits) => {
  const [engine, draws, n] = [await makeEngine(), 4000, 64];
  const r = random(bits);
  const x = engine.tensor(
    "f32",
    n,
    Float32Array.from({ length: n }, () => r() * 3 - 1),
  );
  const stream = await createStream({ purpose: "unbiased", unsafeSeed: bits });
  const [sum, out, q] = [new Float64Array(n), engine.tensor("f32", n), engine.tensor("u8", packedBytes(n, bits))];
  let [squares, range] = [0, 0];
  for (let k = 0; k < draws; k++) {
    const made = quantize(x, bits, stream, { out: q });
    range = made.high - made.low;
    const [got, want] = [dequantize(made, out).view, x.view];
    for (let i = 0; i < n; i++) {
      sum[i]! += got[i]!;
      squares += (got[i]! - want[i]!) ** 2;
    }
  }
  const step = range / (2 ** bits - 1);
  const exact = x.toArray();
  const [low] = rangeOf(exact);
  sum.forEach((s, i) => {
    const t = (exact[i]! - low) / step;
    const fraction = t - Math.floor(t);
    // Plus the f32 rounding of the values; and where a coin is near certain, one flip more than expected.
    const bound = SIX * step * Math.sqrt((fraction * (1 - fraction)) / draws) + (20 * step) / draws + 2 ** -23;
    expect(bound).toBeLessThan(step);
    expect(Math.abs(s / draws - exact[i]!)).toBeLessThanOrEqual(bound);
  });
  expect(squares / draws).toBeLessThanOrEqual((n * range ** 2) / (4 * (2 ** bits - 1) ** 2));
});
