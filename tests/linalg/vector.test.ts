import fc from "fast-check";
import { accumulate, add, axpy, DisposedError, DTypeError, EngineMismatchError, ParameterError, ShapeError, scale, subtract, type Tensor } from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, extremes, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./vector.reference.ts";

const f = Math.fround;
const a = f(-0.7);

forEachBuild("linalg/vector", (engine, build) => {
  describe("against the twin", () => {
    const ran = countCases(2 * LENGTHS.length);
    for (const offset of [0, 4]) {
      test.each(LENGTHS)(`n = %i at offset ${offset}`, (n) => {
        ran();
        const { kernels } = engine();
        const [x, y] = [normals(n, 1), normals(n, 2)];
        const [px, py, pz] = [guarded(engine(), x, offset), guarded(engine(), y, offset), guarded(engine(), y, offset)];
        // One rounding: the exact f64 result, rounded, is the answer bit for bit.
        kernels.add_f32(n, px.address, py.address, pz.address);
        expect(bits(pz.f32())).toEqual(bits(Float32Array.from(reference.add(x, y))));
        kernels.sub_f32(n, px.address, py.address, pz.address);
        expect(bits(pz.f32())).toEqual(bits(Float32Array.from(reference.subtract(x, y))));
        kernels.scale_f32(n, a, px.address, pz.address);
        expect(bits(pz.f32())).toEqual(bits(Float32Array.from(reference.scale(a, x))));
        // Two roundings, each relative to no more than |a x| + |y|.
        kernels.axpy_f32(n, a, px.address, py.address);
        const size = (i: number) => Math.abs(a * x[i]!) + Math.abs(y[i]!);
        expectWithin(py.f32(), reference.axpy(a, x, y), (i) => 2 * EPS32 * size(i), 1e-5);
        expect(px.f32()).toEqual(x);
        for (const p of [px, py, pz]) p.release();
      });
    }
  });

  test("accumulate is the f64 formula bit for bit at every length", () => {
    for (const n of LENGTHS) {
      const [x, acc] = [normals(n, 3), Float64Array.from(normals(n, 4))];
      const [px, pa] = [guarded(engine(), x, 4), guarded(engine(), acc, 8)];
      engine().kernels.accumulate_f32_f64(n, 0.1, px.address, pa.address);
      expect(new Float64Array(pa.bytes().buffer)).toEqual(reference.accumulate(0.1, x, acc));
      px.release();
      pa.release();
    }
  });

  test("extreme values round as IEEE says, in every lane", () => {
    for (const n of [5, 16, 33, 1000]) {
      const [x, y] = [extremes(n, 5), extremes(n, 6)];
      const [px, py, pz] = [guarded(engine(), x), guarded(engine(), y), guarded(engine(), x)];
      engine().kernels.add_f32(n, px.address, py.address, pz.address);
      expect(bits(pz.f32())).toEqual(bits(x.map((v, i) => v + y[i]!)));
      engine().kernels.scale_f32(n, 3, px.address, pz.address);
      expect(bits(pz.f32())).toEqual(bits(x.map((v) => 3 * v)));
      engine().kernels.axpy_f32(n, 3, px.address, py.address);
      if (build !== "relaxed") expect(bits(py.f32())).toEqual(bits(y.map((v, i) => f(3 * x[i]!) + v)));
      for (const p of [px, py, pz]) p.release();
    }
  });

  test("NaN and Infinity reach their own element only, in every lane", () => {
    for (let bad = 0; bad < 9; bad++) {
      engine().scope(() => {
        const x = engine().tensor("f32", 9);
        x.view[bad] = bad % 2 ? Number.POSITIVE_INFINITY : Number.NaN;
        const want = Array.from({ length: 9 }, (_, i) => i !== bad);
        const finite = (t: Tensor<"f32"> | Tensor<"f64">) => expect(Array.from(t.toArray(), Number.isFinite)).toEqual(want);
        finite(axpy(2, x, engine().tensor("f32", 9)));
        finite(scale(2, x, engine().tensor("f32", 9)));
        finite(add(x, engine().tensor("f32", 9), engine().tensor("f32", 9)));
        finite(subtract(engine().tensor("f32", 9), x, engine().tensor("f32", 9)));
        finite(accumulate(2, x, engine().tensor("f64", 9)));
      });
    }
  });

  test("an output may be an input, for any values", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true, noDefaultInfinity: true }), (values) => {
        runs++;
        engine().scope(() => {
          const fresh = () => engine().tensor("f32", values.length, values);
          const [x, other] = [fresh(), engine().tensor("f32", values.length, normals(values.length, 7))];
          const sum = bits(add(x, other, engine().tensor("f32", values.length)).toArray());
          const [left, right] = [fresh(), engine().copy(other)];
          expect(bits(add(left, other, left).toArray())).toEqual(sum);
          expect(bits(add(x, right, right).toArray())).toEqual(sum);
          expect([...subtract(x, x, x).toArray()].every((v) => v === 0)).toBe(true);
          const doubled = fresh();
          expect(bits(scale(2, doubled).toArray())).toEqual(bits(values.map((v) => 2 * v)));
          const three = fresh();
          expect(bits(axpy(1, three, three).toArray())).toEqual(bits(values.map((v) => v + v)));
        });
      }),
      { seed: 1, numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", 3);
    engine().scope(() => {
      const [x, y, out] = [engine().tensor("f32", 3, [1, 2, 3]), engine().tensor("f32", 3, [4, 5, 6]), engine().tensor("f32", 3, [7, 8, 9])];
      const acc = engine().tensor("f64", 3, [1, 2, 3]);
      const short = engine().tensor("f32", 2);
      const gone = engine().tensor("f32", 3);
      gone.dispose();
      const f64 = acc as unknown as Tensor<"f32">;
      for (const [bad, error] of [
        [short, ShapeError],
        [f64, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
        [[1, 2, 3] as unknown as Tensor<"f32">, ParameterError],
      ] as const) {
        expect(() => axpy(1, bad, out)).toThrow(error);
        expect(() => axpy(1, x, bad)).toThrow(error);
        expect(() => scale(1, bad, out)).toThrow(error);
        expect(() => scale(1, x, bad)).toThrow(error);
        for (const op of [add, subtract]) {
          expect(() => op(bad, y, out)).toThrow(error);
          expect(() => op(x, bad, out)).toThrow(error);
          expect(() => op(x, y, bad)).toThrow(error);
        }
        expect(() => accumulate(1, bad, acc)).toThrow(error);
      }
      expect(() => accumulate(1, x, out as unknown as Tensor<"f64">)).toThrow(DTypeError);
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, "1" as unknown as number]) {
        expect(() => axpy(bad, x, out)).toThrow(ParameterError);
        expect(() => scale(bad, out)).toThrow(ParameterError);
        expect(() => accumulate(bad, x, acc)).toThrow(ParameterError);
      }
      // Beyond f32 the kernel would see Infinity.
      expect(() => axpy(1e39, x, out)).toThrow(/within f32, got 1e\+39/);
      expect(() => scale(-1e39, out)).toThrow(ParameterError);
      expect([...out.toArray()]).toEqual([7, 8, 9]);
      expect([...acc.toArray()]).toEqual([1, 2, 3]);
      expect([...x.toArray()]).toEqual([1, 2, 3]);
    });
    other.dispose();
  });
});

describe("linalg/vector across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const n of LENGTHS) {
      for (const make of [normals, extremes]) {
        const [p, q] = [scalar!, simd!].map((engine) =>
          engine.scope(() => {
            const [x, y] = [engine.tensor("f32", n, make(n, 8)), engine.tensor("f32", n, make(n, 9))];
            const z = engine.tensor("f32", n);
            const all = [add(x, y, z).toArray(), subtract(x, y, z).toArray(), scale(a, x, z).toArray(), axpy(a, x, y).toArray()];
            const acc = accumulate(0.1, x, engine.tensor("f64", n)).toArray();
            return [...all.map(bits), new Uint32Array(acc.buffer)];
          }),
        );
        expect(p).toEqual(q);
      }
    }
  });
});
