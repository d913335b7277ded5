import { type Engine, hadamard, ParameterError, paddedSize, rotate, rotateBack, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { EPS32, normals } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { expectSameBits } from "../support/same.ts";
import { noise } from "../support/streams.ts";
import * as reference from "./hadamard.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 9 * i + 4);
const stream = () => new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 7, private: false });
const length = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((s, v) => s + v * v, 0));

function transform(engine: Engine, x: Float32Array, offset = 0): Float32Array {
  const p = guarded(engine, x, offset);
  engine.kernels.hadamard_f32(x.length, p.address);
  const y = p.f32();
  p.release();
  return y;
}

test("the least power of two", () => {
  expect([1, 2, 3, 4, 5, 784, 1024, 1025, 199210, 2 ** 29].map(paddedSize)).toEqual([1, 2, 4, 4, 8, 1024, 1024, 2048, 2 ** 18, 2 ** 29]);
  for (const n of [0, -1, 1.5, 2 ** 29 + 1, Number.NaN]) expect(() => paddedSize(n)).toThrow(ParameterError);
});

forEachBuild("linalg/hadamard", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(13);
    test.each([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096])("n = %i", (n) => {
      ran();
      const x = normals(n, n);
      const y = transform(engine(), x, n % 3 === 1 ? 4 : 0);
      // Each of log2 n levels rounds a sum of at most sum |x|.
      const bound = EPS32 * (Math.log2(n) + 1) * x.reduce((s, v) => s + Math.abs(v), 0);
      expectWithin(y, reference.hadamard(x), () => bound, 2 * Math.max(...x.map(Math.abs)));
    });
  });

  test("a one-hot vector of 256 becomes 1/16 everywhere, twice gives it back", () => {
    engine().scope(() => {
      for (const k of [0, 1, 100, 255]) {
        const x = engine().tensor("f32", 256);
        x.view[k] = 1;
        expect(
          hadamard(x)
            .toArray()
            .every((v) => Math.abs(v) === 1 / 16),
        ).toBe(true);
        const back = hadamard(x).toArray();
        expect([...back]).toEqual(Array.from({ length: 256 }, (_, i) => (i === k ? 1 : 0)));
      }
    });
  });

  test("a rotation is signs, then the transform; rotating back gives the vector, for lengths that are padded and that are not", () => {
    engine().scope(() => {
      for (const n of [1, 2, 3, 5, 100, 1000, 1024, 9000]) {
        const x = normals(n, n);
        const norm = length(x);
        const out = engine()
          .tensor("f32", paddedSize(n))
          .set(new Float32Array(paddedSize(n)).fill(Number.NaN));
        const forth = stream();
        rotate(engine().copy(x), forth, out);
        expect(forth.counter).toBe(7 + Math.ceil(paddedSize(n) / 512));
        const m = out.size;
        if (m <= 1024) {
          const flips = reference.signs(keyWords(KEY, 7, new Uint8Array(12), Math.ceil(m / 512)), m);
          const want = reference.hadamard(flips.map((s, i) => (i < n ? s * x[i]! : 0))).map((v) => v / Math.sqrt(m));
          expectWithin(out.toArray(), want, () => 20 * EPS32 * norm, 0.1 * norm);
        }
        expect(Math.abs(length(out.toArray()) / norm - 1)).toBeLessThan(1e-6);
        const back = rotateBack(out, stream(), engine().tensor("f32", n));
        expectWithin(back.toArray(), x, () => 40 * EPS32 * norm, 0.5 * norm);
      }
    });
  });

  test("a rotation flattens: the largest coordinate of a rotated one-hot vector is that of the least", () => {
    engine().scope(() => {
      const x = engine().tensor("f32", 3000);
      x.view[17] = 3;
      const y = rotate(x, stream(), engine().tensor("f32", 4096)).toArray();
      expect(y.every((v) => Math.abs(v) === Math.fround(3 / 64))).toBe(true);
    });
  });

  test("norms up to 3e38 stay finite; bad shapes are refused and change nothing", () => {
    engine().scope(() => {
      const x = engine().tensor("f32", 4096, new Float32Array(4096).fill(5e36)); // of norm 3.2e38
      expect(hadamard(x).toArray().every(Number.isFinite)).toBe(true);
      const kept = engine().tensor("f32", 6, [1, 2, 3, 4, 5, 6]);
      expect(() => hadamard(kept)).toThrow(ShapeError);
      expect(() => hadamard(engine().tensor("f32", 0))).toThrow(ShapeError);
      const source = stream();
      expect(() => rotate(kept, source, engine().tensor("f32", 16))).toThrow(ShapeError);
      expect(() => rotateBack(engine().tensor("f32", 16), source, kept)).toThrow(ShapeError);
      expect(() => rotate(kept, {} as RandomStream, engine().tensor("f32", 8))).toThrow(ParameterError);
      const square = engine().tensor("f32", 8);
      expect(() => rotate(square, source, square)).toThrow(ParameterError);
      expect([...kept.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
      expect(source.counter).toBe(7);
    });
  });
});

test("beyond a block of 4096: the one-hot vector k becomes the signs of row k", async () => {
  const engine = await makeEngine();
  for (const n of [8192, 65536]) {
    for (const k of [1, 4096, n / 2, n - 1, 12345 % n]) {
      const x = new Float32Array(n);
      x[k] = 1;
      const y = transform(engine, x);
      const row = reference.row(k, n);
      expect(y.every((v, i) => v === row[i])).toBe(true);
    }
  }
});

test("every build gives the same bits", async () => {
  const engines = Object.values(await allEngines());
  for (const n of [1, 2, 4, 8, 64, 4096, 8192, 32768, 131072]) {
    const got = engines.map((engine) => transform(engine, normals(n, 3)));
    for (const y of got) expectSameBits(y, got[0]!);
  }
  const rotated = await Promise.all(
    engines.map(async (engine) => rotate(engine.copy(normals(40_001, 3)), await noise(3), engine.tensor("f32", 65536)).toArray()),
  );
  for (const y of rotated) expectSameBits(y, rotated[0]!);
});
