import { clipByValue, EngineMismatchError, ParameterError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { extremes, LENGTHS, normals } from "../support/data.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { expectSameBits } from "../support/same.ts";
import * as reference from "./clip_value.reference.ts";

forEachBuild("optim/clip_value", (engine) => {
  describe("against the twin, bit for bit", () => {
    const ran = countCases(LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      for (const data of [normals(n, n + 1), extremes(n, n + 2)])
        for (const limit of [0, 0.5, 3e38]) {
          const held = Math.fround(limit);
          const [x, y] = [guarded(engine(), data, 4), guarded(engine(), new Float32Array(n).fill(Number.NaN), 8)];
          engine().kernels.clip_value_f32(n, limit, x.address, y.address);
          const want = data.map((v) => reference.clipValue(held, v));
          expectSameBits(y.f32(), want); // the signs of zeros too
          expectSameBits(x.f32(), data);
          engine().kernels.clip_value_f32(n, limit, x.address, x.address);
          expectSameBits(x.f32(), y.f32(), "in place");
          x.release();
          y.release();
        }
    });
  });

  test("NaN stays and Infinity becomes the limit, in every lane", () => {
    for (let at = 0; at < 23; at++)
      for (const [bad, want] of [
        [Number.NaN, Number.NaN],
        [Number.POSITIVE_INFINITY, 0.5],
        [Number.NEGATIVE_INFINITY, -0.5],
      ] as const) {
        engine().scope(() => {
          const x = engine().tensor("f32", 23, new Float32Array(23).fill(0.25));
          x.view[at] = bad;
          const out = clipByValue(x, 0.5, engine().tensor("f32", 23));
          expect([...out.view]).toEqual(Array.from({ length: 23 }, (_, i) => (i === at ? want : 0.25)));
        });
      }
  });

  test("bad input is refused and changes nothing", async () => {
    const stranger = (await makeEngine()).tensor("f32", 3);
    engine().scope(() => {
      const x = engine().tensor("f32", 3, [1, 2, 3]);
      const out = engine().tensor("f32", 3, [7, 7, 7]);
      for (const limit of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e39]) expect(() => clipByValue(x, limit, out)).toThrow(ParameterError);
      expect(() => clipByValue(x, 1, engine().tensor("f32", 2))).toThrow(ShapeError);
      expect(() => clipByValue(x, 1, stranger)).toThrow(EngineMismatchError);
      expect([...x.view, ...out.view]).toEqual([1, 2, 3, 7, 7, 7]);
      expect([...clipByValue(x, 2).view]).toEqual([1, 2, 2]);
    });
  });
});
