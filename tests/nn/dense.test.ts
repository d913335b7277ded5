import fc from "fast-check";
import {
  DisposedError,
  DTypeError,
  denseForward,
  denseInputGradient,
  denseWeightGradient,
  type Engine,
  EngineMismatchError,
  ParameterError,
  ShapeError,
  squaredNorm,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import type { Shape } from "./dense.reference.ts";
import * as reference from "./dense.reference.ts";

const f = Math.fround;
const abs = (x: Float32Array) => x.map(Math.abs);
const data = ([m, n, k]: Shape) => ({ x: normals(m * k, 1), w: normals(k * n, 2), b: normals(n, 3), dy: normals(m * n, 4) });

/** Raw kernels between guard bands, off alignment, outputs NaN at first; the fused update with alpha, beta too, on w and b. */
function kernelResults(engine: Engine, shape: Shape, alpha: number, beta: number) {
  const [m, n, k] = shape;
  const { x, w, b, dy } = data(shape);
  const nan = (size: number) => guarded(engine, new Float32Array(size).fill(Number.NaN), 4);
  const [px, pw, pb, pdy] = [x, w, b, dy].map((v) => guarded(engine, v, 4)) as [
    ReturnType<typeof nan>,
    ReturnType<typeof nan>,
    ReturnType<typeof nan>,
    ReturnType<typeof nan>,
  ];
  const [y, dx, dw, db] = [nan(m * n), nan(m * k), nan(k * n), nan(n)];
  const scratch = guarded(engine, new Uint8Array(engine.kernels.dense_scratch_f32()).fill(0xff));
  const { kernels } = engine;
  kernels.dense_f32(m, n, k, px.address, pw.address, pb.address, y.address, scratch.address);
  kernels.dense_input_gradient_f32(m, n, k, pdy.address, pw.address, dx.address, scratch.address);
  kernels.dense_weight_gradient_f32(m, n, k, 1, 0, px.address, pdy.address, dw.address, db.address, scratch.address);
  kernels.dense_weight_gradient_f32(m, n, k, alpha, beta, px.address, pdy.address, pw.address, pb.address, scratch.address);
  const got = { y: y.f32(), dx: dx.f32(), dw: dw.f32(), db: db.f32(), w: pw.f32(), b: pb.f32() };
  for (const p of [px, pw, pb, pdy, y, dx, dw, db, scratch]) p.release();
  return got;
}
function check(engine: Engine, shape: Shape): void {
  const [m, n, k] = shape;
  const { x, w, b, dy } = data(shape);
  const [lr, wd] = [f(0.5), f(0.25)];
  const [alpha, beta] = [-lr, f(1 - lr * wd)];
  const got = kernelResults(engine, shape, alpha, beta);
  // Sums of magnitudes, by the twin itself; the bounds are those of gemm, with the bias as its C. The signal is one lost product.
  const sizes = {
    y: reference.forward(shape, abs(x), abs(w), abs(b)),
    dx: reference.inputGradient(shape, abs(dy), abs(w)),
    dw: reference.kernelGradient(shape, abs(x), abs(dy)),
    db: reference.biasGradient(shape, abs(dy)),
  };
  expectWithin(got.y, reference.forward(shape, x, w, b), (i) => (k + 4) * EPS32 * sizes.y[i]!, 0.1);
  expectWithin(got.dx, reference.inputGradient(shape, dy, w), (i) => (n + 4) * EPS32 * sizes.dx[i]!, 0.1);
  expectWithin(got.dw, reference.kernelGradient(shape, x, dy), (i) => (m + 4) * EPS32 * sizes.dw[i]!, 0.1);
  expectWithin(got.db, reference.biasGradient(shape, dy), (i) => (m + 4) * EPS32 * sizes.db[i]!, 0.1);
  // The fused update is the gradient, then the step w - lr (g + wd w).
  const step = (w0: Float32Array, g: Float64Array) => Float64Array.from(w0, (v, i) => v - lr * (g[i]! + wd * v));
  const stepBound = (w0: Float32Array, size: Float64Array) => (i: number) => (m + 4) * EPS32 * (lr * size[i]! + Math.abs(w0[i]!));
  expectWithin(got.w, step(w, reference.kernelGradient(shape, x, dy)), stepBound(w, sizes.dw), 0.1);
  expectWithin(got.b, step(b, reference.biasGradient(shape, dy)), stepBound(b, sizes.db), 0.1);
}

const SHAPES: readonly Shape[] = [
  [0, 3, 4],
  [3, 0, 4],
  [3, 4, 0], // no inputs: the bias alone
  [1, 1, 1],
  [1, 10, 33],
  [3, 7, 5],
  [5, 10, 17],
  [23, 9, 31],
  [24, 8, 32],
  [33, 17, 257],
  [64, 47, 100],
];

forEachBuild("nn/dense", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(SHAPES.length);
    test.each(SHAPES)("m %i n %i k %i", (m, n, k) => {
      ran();
      check(engine(), [m, n, k]);
    });
  });

  test("random shapes", () => {
    let runs = 0;
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, size, (m, n, k) => {
        runs++;
        check(engine(), [m, n, k]);
      }),
      { seed: 6, numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  test("the gradients are the central differences of the reference loss", () => {
    const shape = [4, 6, 5] as const;
    const [m, n, k] = shape;
    const { x, w, b, dy } = data(shape);
    const at = (v: Float32Array, of: (v: ArrayLike<number>) => number): Float64Array =>
      Float64Array.from(v, (_, i) => {
        const moved = (h: number) => of(Float64Array.from(v, (e, j) => (j === i ? e + h : e)));
        return (moved(2 ** -10) - moved(-(2 ** -10))) / 2 ** -9;
      });
    engine().scope(() => {
      const [tx, tw, tdy] = [engine().tensor("f32", [m, k], x), engine().tensor("f32", [k, n], w), engine().tensor("f32", [m, n], dy)];
      const [dx, dw, db] = [engine().tensor("f32", [m, k]), engine().tensor("f32", [k, n]), engine().tensor("f32", n)];
      denseInputGradient(tdy, tw, dx);
      denseWeightGradient(tx, tdy, dw, db);
      // The loss is linear in each argument: the difference is exact but for f64 rounding. 12 steps of f32 on sums of about 10.
      const bound = () => 12 * EPS32 * 10;
      expectWithin(
        dx.toArray(),
        at(x, (v) => reference.loss(shape, v, w, b, dy)),
        bound,
        1e-3,
      );
      expectWithin(
        dw.toArray(),
        at(w, (v) => reference.loss(shape, x, v, b, dy)),
        bound,
        1e-3,
      );
      expectWithin(
        db.toArray(),
        at(b, (v) => reference.loss(shape, x, w, v, dy)),
        bound,
        1e-3,
      );
    });
  });

  test("the squared norm of one example's gradient is (|x|^2 + 1) |dy|^2", () => {
    for (const k of [1, 5, 33]) {
      engine().scope(() => {
        const n = 9;
        const [x, dy] = [engine().tensor("f32", [1, k], normals(k, 7)), engine().tensor("f32", [1, n], normals(n, 8))];
        const [dw, db] = [engine().tensor("f32", [k, n]), engine().tensor("f32", n)];
        denseWeightGradient(x, dy, dw, db);
        const want = (squaredNorm(x) + 1) * squaredNorm(dy);
        expectWithin([squaredNorm(dw) + squaredNorm(db)], [want], () => 4 * EPS32 * want, 1e-3);
      });
    }
  });

  test.each(SHAPES)("per-example norms are those of gradients formed one by one, m %i n %i k %i", (m, n, k) => {
    const { x, dy } = data([m, n, k]);
    const e = engine();
    const [px, pdy, norms] = [guarded(e, x, 4), guarded(e, dy, 4), guarded(e, new Float64Array(m).fill(3))];
    e.kernels.dense_gradient_norms_f32(m, n, k, px.address, pdy.address, norms.address);
    const got = new Float64Array(e.arena.memory.buffer, norms.address, m).slice();
    const want = reference.exampleNorms([m, n, k], x, dy).map((v) => v + 3);
    expectWithin(got, want, (i) => (n + k + 8) * 2 ** -52 * want[i]!, 1e-6);
    for (const p of [px, pdy, norms]) p.release();
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3]);
    engine().scope(() => {
      const tensor = (...shape: number[]) => engine().tensor("f32", shape);
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [x, w, b, y, dx, dw, db] = [tensor(2, 3), tensor(3, 4), tensor(4), filled(2, 4), filled(2, 3), filled(3, 4), filled(4)];
      const [gone, f64] = [tensor(2, 3), engine().tensor("f64", [2, 3]) as unknown as Tensor<"f32">];
      gone.dispose();
      for (const [bad, error] of [
        [tensor(2, 5), ShapeError],
        [tensor(6), ShapeError],
        [f64, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => denseForward(bad, w, b, y)).toThrow(error);
        expect(() => denseInputGradient(y, w, bad)).toThrow(error);
        expect(() => denseWeightGradient(bad, y, dw, db)).toThrow(error);
      }
      expect(() => denseForward(x, w, tensor(3), y)).toThrow(ShapeError);
      expect(() => denseForward(x, w, b, tensor(4, 2))).toThrow(ShapeError);
      expect(() => denseInputGradient(y, tensor(4, 3), dx)).toThrow(ShapeError);
      expect(() => denseWeightGradient(x, y, tensor(4, 3), db)).toThrow(ShapeError);
      expect(() => denseWeightGradient(x, y, dw, tensor(3))).toThrow(ShapeError);
      const square = filled(2, 2);
      expect(() => denseForward(square, tensor(2, 2), tensor(2), square)).toThrow(ParameterError);
      expect(() => denseInputGradient(tensor(2, 2), square, square)).toThrow(ParameterError);
      expect(() => denseWeightGradient(square, tensor(2, 2), square, tensor(2))).toThrow(ParameterError);
      for (const t of [y, dx, dw, db, square]) expect(t.toArray().every((v) => v === 7)).toBe(true);
    });
    other.dispose();
  });
});

describe("nn/dense across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const shape of SHAPES) {
      const [p, q] = [scalar!, simd!].map((engine) => Object.values(kernelResults(engine, shape, -0.1, 0.99)).map(bits));
      expect(p).toEqual(q);
    }
  });
});
