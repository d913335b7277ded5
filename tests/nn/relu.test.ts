import fc from "fast-check";
import { DisposedError, DTypeError, EngineMismatchError, relu, reluBackward, ShapeError, type Tensor } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { bits, extremes, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./relu.reference.ts";

forEachBuild("nn/relu", (engine) => {
  describe("is the twin bit for bit: nothing is rounded", () => {
    const ran = countCases(2 * LENGTHS.length);
    for (const offset of [0, 4]) {
      test.each(LENGTHS)(`n = %i at offset ${offset}`, (n) => {
        ran();
        const { kernels } = engine();
        for (const make of [normals, extremes]) {
          const [x, dy] = [make(n, 1), make(n, 2)];
          const [px, py, pd] = [guarded(engine(), x, offset), guarded(engine(), dy, offset), guarded(engine(), dy, offset)];
          kernels.relu_f32(n, px.address, py.address);
          const y = Float32Array.from(reference.relu(x));
          expect(bits(py.f32())).toEqual(bits(y));
          kernels.relu_backward_f32(n, py.address, pd.address, pd.address); // dx may be dy
          expect(bits(pd.f32())).toEqual(bits(Float32Array.from(reference.backward(y, dy))));
          expect(bits(px.f32())).toEqual(bits(x));
          for (const p of [px, py, pd]) p.release();
        }
      });
    }
  });

  test("any values, NaN and Infinity among them; in place gives the same", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 40 }), (x) => {
        runs++;
        engine().scope(() => {
          const t = engine().tensor("f32", x.length, x);
          const y = relu(t, engine().tensor("f32", x.length)).toArray();
          expect(y).toEqual(Float32Array.from(reference.relu(x))); // toEqual tells -0 from 0
          expect(relu(t)).toBe(t);
          expect(t.toArray()).toEqual(y);
          expect(relu(t).toArray()).toEqual(y); // idempotent
          const dy = engine().tensor("f32", x.length, normals(x.length, 3));
          const want = Float32Array.from(reference.backward(y, dy.toArray()));
          expect(reluBackward(t, dy, engine().tensor("f32", x.length)).toArray()).toEqual(want);
          expect(reluBackward(t, dy)).toBe(dy);
          expect(dy.toArray()).toEqual(want);
        });
      }),
      { seed: 4, numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  test("the gradient is the central difference of the twin away from the kink", () => {
    const [x, dy] = [normals(33, 5), normals(33, 6)].map((v) => v.map((e) => e || 1)) as [Float32Array, Float32Array];
    const h = 2 ** -20;
    engine().scope(() => {
      const got = reluBackward(relu(engine().tensor("f32", 33, x)), engine().tensor("f32", 33, dy)).toArray();
      x.forEach((v, i) => {
        expect(Math.abs(v)).toBeGreaterThan(2 * h);
        const slope = (reference.relu([v + h])[0]! - reference.relu([v - h])[0]!) / (2 * h);
        expect(Math.abs(got[i]! - slope * dy[i]!)).toBeLessThan(1e-9);
      });
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", 3);
    engine().scope(() => {
      const [y, out] = [engine().tensor("f32", 3, [-1, 2, -3]), engine().tensor("f32", 3, [7, 8, 9])];
      const gone = engine().tensor("f32", 3);
      gone.dispose();
      for (const [bad, error] of [
        [engine().tensor("f32", 4), ShapeError],
        [engine().tensor("i32", 3) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => relu(bad, out)).toThrow(error);
        expect(() => relu(y, bad)).toThrow(error);
        expect(() => reluBackward(bad, y, out)).toThrow(error);
        expect(() => reluBackward(y, bad, out)).toThrow(error);
        expect(() => reluBackward(y, out, bad)).toThrow(error);
      }
      expect([...y.toArray()]).toEqual([-1, 2, -3]);
      expect([...out.toArray()]).toEqual([7, 8, 9]);
    });
    other.dispose();
  });
});
