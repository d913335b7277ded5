import { batchNorm, clipByLayer, clipByNorm, dense, type Engine, type LayoutEntry, ParameterError, PrivacyError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { expectSameBits } from "../support/same.ts";
import { norm } from "./clip.reference.ts";

// Kernels of 15 and 4 numbers, biases of 5 and 1, four rows of 5 in the normalisation: no part ends on a vector.
const modelOf = (engine: Engine) => engine.model([dense(3, 5), batchNorm(5), dense(5, 1)], { loss: "meanSquaredError" });
const PARTS = [
  { name: "dense0", from: 0, to: 20 },
  { name: "batchNorm0", from: 20, to: 40 },
  { name: "dense1", from: 40, to: 46 },
];

forEachBuild("privacy/layer_clip", (engine) => {
  test("every layer is clipped as clipByNorm clips it alone, biases and running statistics with it", () => {
    engine().scope(() => {
      const model = modelOf(engine());
      expect(model.size).toBe(46);
      const content = normals(46, 3);
      content.fill(1e-3, 20, 40); // stays within its bound
      const [x, out] = [engine().tensor("f32", 46, content), engine().tensor("f32", 46)];
      const { layers, maxNorm } = clipByLayer(x, model.layout, 1.5, out);
      expect(maxNorm).toBe(1.5);
      expectSameBits(x.toArray(), content);
      const got = out.toArray();
      for (const [i, { name, from, to }] of PARTS.entries()) {
        const alone = engine().tensor("f32", to - from, content.slice(from, to));
        const want = clipByNorm(alone, 1.5 / Math.sqrt(3));
        expect(layers[i]).toEqual({ name, maxNorm: 1.5 / Math.sqrt(3), ...want });
        expectSameBits(got.slice(from, to), alone.toArray());
        expect(norm(got.slice(from, to))).toBeLessThanOrEqual((1.5 / Math.sqrt(3)) * (1 + 1e-12));
      }
      expect(layers.map((l) => l.clipped)).toEqual([true, false, true]);
      expect(norm(got)).toBeLessThanOrEqual(1.5 * (1 + 1e-12));
      clipByLayer(x, model.layout, 1.5);
      expectSameBits(x.toArray(), got); // in place
    });
  });

  test("bounds by name; the whole is bounded by the root of the sum of their squares", () => {
    engine().scope(() => {
      const x = engine().tensor("f32", 46, normals(46, 4, 100));
      const { layers, maxNorm } = clipByLayer(x, modelOf(engine()).layout, { dense0: 3, dense1: 4, batchNorm0: 12 });
      expect(maxNorm).toBe(13);
      expect(layers.map((l) => l.maxNorm)).toEqual([3, 12, 4]);
      const content = x.toArray();
      for (const [i, { from, to }] of PARTS.entries()) expect(norm(content.slice(from, to))).toBeCloseTo(layers[i]!.maxNorm, 5);
      expect(norm(content)).toBeLessThanOrEqual(13 * (1 + 1e-12));
    });
  });

  test("NaN and Infinity anywhere are refused, named, and no layer is written", () => {
    engine().scope(() => {
      const { layout } = modelOf(engine());
      const out = engine().tensor("f32", 46, new Float32Array(46).fill(5));
      let ran = 0;
      for (const value of [Number.NaN, Infinity, -Infinity]) {
        for (let i = 0; i < 46; i++) {
          const content = normals(46, 5, 100);
          content[i] = value;
          const x = engine().tensor("f32", 46, content);
          expect(() => clipByLayer(x, layout, 1)).toThrow(`got ${value} at index ${i}`);
          expect(() => clipByLayer(x, layout, 1, out)).toThrow(PrivacyError);
          expectSameBits(x.toArray(), content);
          x.dispose();
          ran++;
        }
      }
      expect(out.toArray()).toEqual(new Float32Array(46).fill(5));
      expect(ran).toBe(138);
    });
  });

  test("what is refused", () => {
    engine().scope(() => {
      const { layout } = modelOf(engine());
      const x = engine().tensor("f32", 46);
      for (const bound of [0, -1, Number.NaN, Infinity]) {
        expect(() => clipByLayer(x, layout, bound)).toThrow(ParameterError);
        expect(() => clipByLayer(x, layout, { dense0: 1, dense1: bound, batchNorm0: 1 })).toThrow("maxNorm of dense1");
      }
      expect(() => clipByLayer(x, layout, { dense0: 1, batchNorm0: 1 })).toThrow("maxNorm of dense1");
      expect(() => clipByLayer(x, layout, { dense0: 1, dense1: 1, batchNorm0: 1, dense2: 1 })).toThrow('"dense2"');
      expect(() => clipByLayer(engine().tensor("f32", 45), layout, 1)).toThrow(ShapeError);
      expect(() => clipByLayer(x, layout, 1, engine().tensor("f32", 45))).toThrow(ShapeError);
      expect(() => clipByLayer(x, layout.slice(1), 1)).toThrow(/layout/);
      for (const bad of [undefined, {}, [{}], [{ name: 1, offset: 0, size: 46 }], [{ name: "a/b", offset: 0, size: -1 }]]) {
        expect(() => clipByLayer(x, bad as unknown as LayoutEntry[], 1)).toThrow(ParameterError);
      }
    });
  });
});

describe("every build", () => {
  test("gives the same bits", async () => {
    const got = Object.values(await allEngines()).map((engine) => {
      const x = engine.tensor("f32", 46, normals(46, 9));
      clipByLayer(x, modelOf(engine).layout, 0.7);
      return x.toArray();
    });
    for (const x of got) expectSameBits(x, got[0]!);
  });
});
