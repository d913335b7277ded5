import { DisposedError, ParameterError, ShapeError, sgd } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { bits, EPS32, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./sgd.reference.ts";

const f = Math.fround;

forEachBuild("optim/sgd", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(2 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      const { kernels } = engine();
      const [lr, wd] = [f(0.1), f(0.01)];
      const [w, g, v] = [normals(n, 1), normals(n, 2), normals(n, 3)];
      const [pw, pg, pv] = [guarded(engine(), w), guarded(engine(), g), guarded(engine(), v)];
      kernels.sgd_f32(n, lr, wd, pg.address, pw.address);
      const want = reference.sgd(lr, wd, g, w);
      pw.f32().forEach((got, i) => {
        // Four roundings, each relative to a partial result no larger than the sum of magnitudes.
        const size = Math.abs(w[i]!) + lr * (Math.abs(g[i]!) + wd * Math.abs(w[i]!));
        const bound = 4 * EPS32 * size;
        expect(bound).toBeLessThan(1e-4 * size + Number.MIN_VALUE);
        expect(Math.abs(got - want[i]!)).toBeLessThanOrEqual(bound);
      });
      for (const p of [pw, pg, pv]) p.release();
    });
    test.each(LENGTHS)("momentum, n = %i", (n) => {
      ran();
      const { kernels } = engine();
      const [lr, wd, mu] = [f(0.1), f(0.01), f(0.9)];
      const [w, g, v] = [normals(n, 4), normals(n, 5), normals(n, 6)];
      const [pw, pg, pv] = [guarded(engine(), w), guarded(engine(), g), guarded(engine(), v)];
      kernels.sgd_momentum_f32(n, lr, wd, mu, pg.address, pw.address, pv.address);
      const want = reference.momentum(lr, wd, mu, g, w, v);
      const [gotW, gotV] = [pw.f32(), pv.f32()];
      for (let i = 0; i < n; i++) {
        const size = mu * Math.abs(v[i]!) + Math.abs(g[i]!) + wd * Math.abs(w[i]!);
        expect(Math.abs(gotV[i]! - want.v[i]!)).toBeLessThanOrEqual(4 * EPS32 * size);
        expect(Math.abs(gotW[i]! - want.w[i]!)).toBeLessThanOrEqual(6 * EPS32 * (Math.abs(w[i]!) + lr * size));
      }
      for (const p of [pw, pg, pv]) p.release();
    });
  });

  // NUMERICS 3.6: from w = 1, g = 2, four steps.
  test.each([
    { momentum: 0, want: [0.98, 0.96, 0.94, 0.92] },
    { momentum: 0.5, want: [0.98, 0.95, 0.915, 0.8775] },
  ])("golden values of the optimizer table, momentum $momentum", ({ momentum, want }) => {
    engine().scope(() => {
      const weights = engine().tensor("f32", 1, [1]);
      const gradient = engine().tensor("f32", 1, [2]);
      const velocity = engine().tensor("f32", 1);
      for (const w of want) {
        sgd(weights, gradient, { learningRate: 0.01, momentum, velocity });
        expect(weights.item()).toBeCloseTo(w, 6);
      }
    });
  });

  test("a NaN gradient reaches its own weight and no other, in every lane", () => {
    for (let bad = 0; bad < 9; bad++) {
      engine().scope(() => {
        const weights = engine().tensor("f32", 9, new Float32Array(9).fill(1));
        const gradient = engine().tensor("f32", 9);
        gradient.view[bad] = Number.NaN;
        sgd(weights, gradient, { learningRate: 0.1 });
        expect([...weights.toArray()].map(Number.isNaN)).toEqual(Array.from({ length: 9 }, (_, i) => i === bad));
      });
    }
  });

  test("bad input is refused and changes nothing", () => {
    const weights = engine().tensor("f32", 3, [1, 2, 3]);
    const short = engine().tensor("f32", 2);
    const gradient = engine().tensor("f32", 3);
    for (const learningRate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => sgd(weights, gradient, { learningRate })).toThrow(ParameterError);
    }
    expect(() => sgd(weights, gradient, { learningRate: 0.1, momentum: 1, velocity: short })).toThrow(ParameterError);
    expect(() => sgd(weights, gradient, { learningRate: 0.1, momentum: 0.9 })).toThrow(/expected a velocity tensor/);
    expect(() => sgd(weights, short, { learningRate: 0.1 })).toThrow(ShapeError);
    expect(() => sgd(weights, weights, { learningRate: 0.1 })).toThrow(ParameterError);
    gradient.dispose();
    expect(() => sgd(weights, gradient, { learningRate: 0.1 })).toThrow(DisposedError);
    expect([...weights.toArray()]).toEqual([1, 2, 3]);
    weights.dispose();
    short.dispose();
  });
});

describe("optim/sgd across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const n of LENGTHS) {
      const got = [scalar!, simd!].map((engine) =>
        engine.scope(() => {
          const weights = engine.tensor("f32", n, normals(n, 7));
          const velocity = engine.tensor("f32", n, normals(n, 8));
          const gradient = engine.tensor("f32", n, normals(n, 9));
          sgd(weights, gradient, { learningRate: 0.1, weightDecay: 0.01 });
          sgd(weights, gradient, { learningRate: 0.1, weightDecay: 0.01, momentum: 0.9, velocity });
          return bits(weights.toArray());
        }),
      );
      expect(got[0]).toEqual(got[1]);
    }
  });
});
