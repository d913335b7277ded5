import { biasGradient, broadcastBias, DisposedError, DTypeError, EngineMismatchError, ParameterError, ShapeError, type Tensor } from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./bias.reference.ts";

const FACTORS = [
  [1, 0],
  [1, 1],
  [-0.5, 0.75],
] as const;

forEachBuild("nn/bias", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      const { kernels } = engine();
      for (const m of [0, 1, 2, 7]) {
        const [b, dy] = [normals(n, 1), normals(m * n, 2)];
        const [pb, py] = [guarded(engine(), b, 4), guarded(engine(), dy, 4)];
        for (const [alpha, beta] of FACTORS) {
          const db = beta === 0 ? new Float32Array(n).fill(Number.NaN) : b; // not read where beta is 0
          const pd = guarded(engine(), db, 4);
          kernels.bias_backward_f32(m, n, alpha, beta, py.address, pd.address);
          const size = reference.backward(m, n, Math.abs(alpha), beta, dy.map(Math.abs), b.map(Math.abs));
          // m additions, two products and their sum; the signal is one lost element, at least a tenth of the usual one.
          expectWithin(pd.f32(), reference.backward(m, n, alpha, beta, dy, db), (j) => (m + 3) * EPS32 * size[j]!, 0.01);
          pd.release();
        }
        kernels.bias_f32(m, n, pb.address, py.address);
        expect(bits(py.f32())).toEqual(bits(Float32Array.from(reference.broadcast(m, b))));
        pb.release();
        py.release();
      }
    });
  });

  test("the sum of rows is the gradient of <broadcast(b), dY>: exact for integers", () => {
    engine().scope(() => {
      const [m, n] = [5, 11];
      const dy = Float32Array.from({ length: m * n }, (_, i) => ((i * 7) % 9) - 4);
      const gradient = biasGradient(engine().tensor("f32", [m, n], dy), engine().tensor("f32", n)).toArray();
      for (let j = 0; j < n; j++) {
        const unit = engine().tensor("f32", n);
        unit.view[j] = 1;
        const y = broadcastBias(unit, engine().tensor("f32", [m, n])).toArray();
        expect(gradient[j]).toBe(y.reduce((s, v, i) => s + v * dy[i]!, 0));
      }
    });
  });

  test("NaN and Infinity reach their own column only, in every lane", () => {
    for (let bad = 0; bad < 9; bad++) {
      engine().scope(() => {
        const dy = engine().tensor("f32", [3, 9]);
        dy.view[9 + bad] = bad % 2 ? Number.NaN : Number.POSITIVE_INFINITY;
        const out = biasGradient(dy, engine().tensor("f32", 9)).toArray();
        expect(Array.from(out, Number.isFinite)).toEqual(Array.from({ length: 9 }, (_, j) => j !== bad));
      });
    }
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", 3);
    engine().scope(() => {
      const [bias, y] = [engine().tensor("f32", 3, [1, 2, 3]), engine().tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6])];
      const gone = engine().tensor("f32", 3);
      gone.dispose();
      for (const [bad, error] of [
        [engine().tensor("f32", 4), ShapeError],
        [engine().tensor("f32", [1, 3]), ShapeError],
        [engine().tensor("f64", 3) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => broadcastBias(bad, y)).toThrow(error);
        expect(() => biasGradient(y, bad)).toThrow(error);
      }
      const empty = engine().tensor("f32", [3]);
      expect(() => broadcastBias(bias, empty)).toThrow(ShapeError);
      expect(() => biasGradient(empty, bias)).toThrow(ShapeError);
      expect(() => broadcastBias(undefined as unknown as Tensor<"f32">, y)).toThrow(ParameterError);
      expect([...y.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
      expect([...bias.toArray()]).toEqual([1, 2, 3]);
    });
    other.dispose();
  });
});

describe("nn/bias across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const n of LENGTHS) {
      const [p, q] = [scalar!, simd!].map((engine) => {
        const [dy, db] = [guarded(engine, normals(9 * n, 3)), guarded(engine, normals(n, 4))];
        engine.kernels.bias_backward_f32(9, n, -0.1, 0.99, dy.address, db.address);
        const got = bits(db.f32());
        dy.release();
        db.release();
        return got;
      });
      expect(p).toEqual(q);
    }
  });
});
