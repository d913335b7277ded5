import {
  createStream,
  DisposedError,
  DTypeError,
  dropout,
  dropoutBackward,
  dropoutForward,
  type Engine,
  EngineMismatchError,
  ParameterError,
  ShapeError,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { dropoutKind } from "../../src/nn/dropout.ts";
import { keyWords } from "../random/chacha.reference.ts";
import { countCases } from "../support/count.ts";
import { bits, extremes, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { runKind } from "../support/kinds.ts";
import { guarded } from "../support/memory.ts";
import { correlation, kolmogorov, SIX } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";
import * as reference from "./dropout.reference.ts";

type F32 = Tensor<"f32">;
const KEY = Uint8Array.from({ length: 32 }, (_, i) => 11 * i + 3);
const NONCE = new Uint8Array(12).fill(9);
const RATES = [0, 0.1, 0.5, 0.9, 1 - 2 ** -20, 1 - 2 ** -53];

function kernelResult(engine: Engine, rate: number, counter: number, x: Float32Array, inPlace: boolean): Float32Array {
  const [key, nonce, px] = [guarded(engine, KEY), guarded(engine, NONCE), guarded(engine, x, 4)];
  const [y, scratch] = [guarded(engine, new Float32Array(x.length).fill(Number.NaN), 4), guarded(engine, new Uint8Array(engine.kernels.dropout_scratch_f32()))];
  const out = inPlace ? px : y;
  engine.kernels.dropout_f32(x.length, rate, counter, key.address, nonce.address, px.address, out.address, scratch.address);
  const got = out.f32();
  for (const p of [key, nonce, px, y, scratch]) p.release();
  return got;
}

forEachBuild("nn/dropout", (engine) => {
  describe("the bits of the twin", () => {
    const ran = countCases(2 * RATES.length * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      const words = keyWords(KEY, 40, NONCE, Math.ceil(n / 16));
      for (const rate of RATES) {
        for (const [make, inPlace] of [
          [normals, false],
          [extremes, true],
        ] as const) {
          ran();
          const x = make(n, 1);
          expect(bits(kernelResult(engine(), rate, 40, x, inPlace))).toEqual(bits(reference.dropout(words, rate, x)));
        }
      }
    });
  });

  test("the mask depends on key, nonce, counter and place only: not on length, value or how the array is cut at blocks", () => {
    const ones = new Float32Array(1000).fill(1);
    const whole = kernelResult(engine(), 0.5, 7, ones, false);
    expect(kernelResult(engine(), 0.5, 7, ones.subarray(0, 333), false)).toEqual(whole.subarray(0, 333));
    expect(kernelResult(engine(), 0.5, 7 + 20, ones.subarray(320), false)).toEqual(whole.subarray(320));
    expect(kernelResult(engine(), 0.5, 8, ones, false)).not.toEqual(whole);
    const x = normals(1000, 2);
    expect(kernelResult(engine(), 0.5, 7, x, false)).toEqual(whole.map((v, i) => (v === 0 ? 0 : 2 * x[i]!)));
  });

  test("a NaN is dropped to 0 or kept, in every lane; so is Infinity", () => {
    const ones = kernelResult(engine(), 0.5, 0, new Float32Array(64).fill(1), false);
    expect(new Set(ones)).toEqual(new Set([0, 2]));
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect([...kernelResult(engine(), 0.5, 0, new Float32Array(64).fill(bad), true)]).toEqual([...ones].map((v) => (v === 0 ? 0 : bad)));
    }
  });

  test("the backward pass draws the same mask again; the stream goes on where it was", async () => {
    const stream = await noise(3);
    engine().scope(() => {
      const n = 777;
      const tensor = (seed: number) =>
        engine().tensor(
          "f32",
          n,
          normals(n, seed).map((v) => v || 1),
        );
      const [x, dy, y, other, dx] = [tensor(4), tensor(5), engine().tensor("f32", n), engine().tensor("f32", n), engine().tensor("f32", n)];
      const first = dropoutForward(x, 0.3, stream, y);
      expect([first, stream.counter]).toEqual([0, Math.ceil(n / 16)]);
      const second = dropoutForward(x, 0.3, stream, other);
      expect([second, stream.counter]).toEqual([Math.ceil(n / 16), 2 * Math.ceil(n / 16)]);
      expect(other.toArray()).not.toEqual(y.toArray());
      const factor = Math.fround(1 / 0.7);
      for (const [position, out] of [
        [first, y],
        [second, other],
      ] as const) {
        expect(dropoutBackward(dy, 0.3, stream, position, dx)).toBe(dx);
        // Linear: the gradient is dy times what x was multiplied by.
        expect(dx.toArray()).toEqual(dy.toArray().map((v, i) => (out.view[i] === 0 ? 0 : factor * v)));
      }
      expect(stream.counter).toBe(2 * Math.ceil(n / 16));
      expect(dropoutBackward(dy, 0.3, stream, second)).toBe(dy);
      expect(dy.toArray()).toEqual(dx.toArray());
    });
  });

  test("the same bits from streams of one state; rate 0 copies every bit; no elements use nothing", async () => {
    const [a, b] = [await noise(6), await noise(6)];
    engine().scope(() => {
      const x = engine().tensor("f32", 100, extremes(100, 7));
      const [p, q] = [engine().tensor("f32", 100), engine().tensor("f32", 100)];
      dropoutForward(x, 0.9, a, p);
      dropoutForward(x, 0.9, b, q);
      expect(bits(p.toArray())).toEqual(bits(q.toArray()));
      dropoutForward(x, 0, a, p);
      expect(bits(p.toArray())).toEqual(bits(x.toArray()));
      const before = a.counter;
      expect(dropoutForward(engine().tensor("f32", 0), 0.5, a)).toBe(before);
      expect(a.counter).toBe(before);
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", 3);
    const stream = await createStream({ purpose: "test", unsafeSeed: 8 });
    engine().scope(() => {
      const [x, out] = [engine().tensor("f32", 3, [-1, 2, -3]), engine().tensor("f32", 3, [7, 8, 9])];
      const used = dropoutForward(engine().tensor("f32", 16), 0.5, stream);
      const before = stream.counter;
      const gone = engine().tensor("f32", 3);
      gone.dispose();
      for (const [bad, error] of [
        [engine().tensor("f32", 4), ShapeError],
        [engine().tensor("i32", 3) as unknown as F32, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => dropoutForward(bad, 0.5, stream, out)).toThrow(error);
        expect(() => dropoutForward(x, 0.5, stream, bad)).toThrow(error);
        expect(() => dropoutBackward(bad, 0.5, stream, used, out)).toThrow(error);
        expect(() => dropoutBackward(x, 0.5, stream, used, bad)).toThrow(error);
      }
      for (const rate of [-0.1, 1, 2, Number.NaN, "0.5" as unknown as number]) {
        expect(() => dropoutForward(x, rate, stream, out)).toThrow(/dropoutForward: expected rate to be a finite number >= 0 and < 1/);
        expect(() => dropoutBackward(x, rate, stream, used, out)).toThrow(ParameterError);
        expect(() => dropout(rate)).toThrow(/dropout: expected rate/);
      }
      for (const position of [-1, 0.5, before, Number.NaN]) expect(() => dropoutBackward(x, 0.5, stream, position, out)).toThrow(/expected position/);
      expect(() => dropoutForward(x, 0.5, {} as never, out)).toThrow(/expected stream/);
      expect([...x.toArray(), ...out.toArray(), stream.counter]).toEqual([-1, 2, -3, 7, 8, 9, before]);
    });
    other.dispose();
  });

  describe("as a layer", () => {
    const random = { key: KEY, nonce: NONCE };
    const [m, shape] = [5, [3, 7]];
    const [x, dy] = [normals(105, 9), normals(105, 10)];

    test("in training forward and backward share the mask of the pass's counter", () => {
      const words = keyWords(KEY, 7, NONCE, 7);
      for (const inPlace of [false, true]) {
        const got = runKind(engine(), dropoutKind, dropout(0.25), { m, inputs: [{ shape, values: x }], dy, random, inPlace });
        expect(got).toEqual({ shape, y: reference.dropout(words, 0.25, x), dx: [reference.dropout(words, 0.25, dy)] });
      }
      expect(dropoutKind.randomBlocks!({ layer: dropout(0.25), inputs: [shape], output: shape }, m)).toBe(7);
    });

    test("elsewhere it changes nothing", () => {
      for (const inPlace of [false, true]) {
        const got = runKind(engine(), dropoutKind, dropout(0.25), { m, inputs: [{ shape, values: x }], dy, random, inPlace, training: false });
        expect(got).toEqual({ shape, y: x, dx: [dy] });
      }
    });
  });
});

// One build: the twin shows that all give these bits. False alarm 1e-9 a bound (NUMERICS 3.5), the seeds are fixed.
test("a million elements: the share dropped, its places, and the mean", async () => {
  const engine = await makeEngine();
  const n = 1_000_000;
  const x = engine.tensor(
    "f32",
    n,
    normals(n, 11).map((v) => v + 1),
  );
  const y = engine.tensor("f32", n);
  for (const rate of [0.1, 0.5, 0.9]) {
    dropoutForward(x, rate, await noise(12), y);
    const kept = Float32Array.from(y.view, (v) => Number(v !== 0));
    const places = Float32Array.from(kept.keys()).filter((i) => kept[i] === 1);
    expect(Math.abs(places.length - n * (1 - rate))).toBeLessThanOrEqual(SIX * Math.sqrt(n * rate * (1 - rate)));
    expect(kolmogorov(places, (i) => (i + 0.5) / n)).toBeLessThanOrEqual(3.272 / Math.sqrt(places.length));
    for (const lag of [1, 2, 3, 4, 16, 256]) expect(Math.abs(correlation(kept, lag))).toBeLessThanOrEqual(SIX / Math.sqrt(n - lag));
    // sum of y - x: mean 0, variance sum x^2 rate / (1 - rate)
    let [difference, squares] = [0, 0];
    for (let i = 0; i < n; i++) {
      difference += y.view[i]! - x.view[i]!;
      squares += x.view[i]! ** 2;
    }
    expect(Math.abs(difference)).toBeLessThanOrEqual(SIX * Math.sqrt((squares * rate) / (1 - rate)));
  }
  // Next to 1 hardly anything is kept, and what is, is scaled accordingly: about one in 2^14.
  dropoutForward(x, 1 - 2 ** -14, await noise(13), y);
  const kept = Array.from(y.view.keys()).filter((i) => y.view[i] !== 0);
  expect(Math.abs(kept.length - n / 2 ** 14)).toBeLessThanOrEqual(SIX * Math.sqrt(n / 2 ** 14));
  for (const i of kept) expect(y.view[i]).toBe(2 ** 14 * x.view[i]!);
});

test("every build gives the same bits", async () => {
  const engines = Object.values(await allEngines());
  expect(engines.length).toBeGreaterThanOrEqual(2);
  for (const rate of RATES) {
    const got = engines.map((engine) => bits(kernelResult(engine, rate, 2 ** 32 - 40, normals(515, 14), true)));
    for (const values of got) expect(values).toEqual(got[0]);
  }
});
