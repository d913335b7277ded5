import fc from "fast-check";
import {
  averagePool2d,
  averagePoolBackward,
  averagePoolForward,
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  globalAveragePool2d,
  globalAveragePoolBackward,
  globalAveragePoolForward,
  ParameterError,
  ShapeError,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { averagePool2dKind, globalAveragePool2dKind } from "#dist/nn/average_pool.js";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { geometries } from "../support/geometries.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { solo } from "../support/solo.ts";
import * as reference from "./average_pool.reference.ts";
import { countsOf, GEOMETRIES, type Geometry, sizes } from "./window.reference.ts";

const abs = (x: Float32Array) => x.map(Math.abs);

/** Raw kernels between guard bands, off alignment, outputs NaN at first. */
function kernelResults(engine: Engine, g: Geometry, x: Float32Array, dy: Float32Array) {
  const { kernels } = engine;
  const nan = (size: number) => guarded(engine, new Float32Array(size).fill(Number.NaN), 4);
  const [px, pdy, y, dx] = [guarded(engine, x, 4), guarded(engine, dy, 4), nan(dy.length), nan(x.length)];
  kernels.average_pool_f32(...countsOf(g), px.address, y.address);
  kernels.average_pool_backward_f32(...countsOf(g), pdy.address, dx.address);
  const got = { y: y.f32(), dx: dx.f32() };
  for (const p of [px, pdy, y, dx]) p.release();
  return got;
}
/** n additions and a division; a gradient is divided once and at most n of them meet. The signal is one lost cell of 81. */
function expectRight(g: Geometry, got: { readonly y: Float32Array; readonly dx: Float32Array }, x: Float32Array, dy: Float32Array): void {
  const n = g.kernel[0] * g.kernel[1];
  const [size, sizeX] = [reference.forward(g, abs(x)), reference.backward(g, abs(dy))];
  expectWithin(got.y, reference.forward(g, x), (i) => (n + 1) * EPS32 * size[i]!, 1e-3);
  expectWithin(got.dx, reference.backward(g, dy), (i) => (n + 1) * EPS32 * sizeX[i]!, 1e-3);
}
function check(engine: Engine, g: Geometry): void {
  const [n, o] = sizes(g);
  const [x, dy] = [normals(n, 1), normals(o, 2)];
  expectRight(g, kernelResults(engine, g, x, dy), x, dy);
}

forEachBuild("nn/average_pool", (engine) => {
  describe("is the twin", () => {
    const ran = countCases(GEOMETRIES.length);
    test.each(GEOMETRIES)("m $m h $h w $w c $c, windows $kernel, strides $strides, $padding", (g) => {
      ran();
      check(engine(), g);
    });
  });

  test("random geometries", () => {
    let count = 0;
    fc.assert(
      fc.property(geometries, (g) => {
        count++;
        check(engine(), g);
      }),
      { numRuns: runs(150) },
    );
    expect(count).toBe(runs(150));
  });

  test("is that of tfjs", () => {
    // tf.avgPool and its gradient, tfjs 4.22.0 on the cpu backend: x_i = (37 i mod 41) - 20 of shape [1, 4, 5, 2], dy = 1, 2, 3, ...
    // (Of "same" only the forward pass: its gradient there divides by the whole window where the average divided by the cells inside.)
    const third = 1 / 3;
    const sixth = 1 / 6;
    const x = Float32Array.from({ length: 40 }, (_, i) => ((i * 37) % 41) - 20);
    engine().scope(() => {
      const image = engine().tensor("f32", [1, 4, 5, 2], x);
      const same = averagePoolForward(image, engine().tensor("f32", [1, 2, 2, 2]), { poolSize: [3, 2], strides: [2, 3], padding: "same" });
      expectWithin(same.toArray(), [-2.5, 14, -6, -10, -1, 15.5, -4.5, -8.5], () => 1e-5, 1e-3);
      const valid = { poolSize: [2, 3], strides: [1, 2] } as const;
      const out = averagePoolForward(image, engine().tensor("f32", [1, 3, 2, 2]), valid);
      expectWithin(out.toArray(), [-sixth, 9.5, -2.5, -6.5, 5 * sixth, 10.5, -1.5, -5.5, 11 * sixth, 11.5, -0.5, -4.5], () => 1e-5, 1e-3);
      const dy = engine().tensor("f32", [1, 3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
      const dx = averagePoolBackward(dy, engine().tensor("f32", [1, 4, 5, 2]), valid).toArray();
      const top = [sixth, third, sixth, third, 2 * third, 1, 0.5, 2 * third, 0.5, 2 * third];
      const second = [1, 4 * third, 1, 4 * third, 8 * third, 10 * third, 5 * third, 2, 5 * third, 2];
      const next = [7 * third, 8 * third, 7 * third, 8 * third, 16 * third, 6, 3, 10 * third, 3, 10 * third];
      const last = [1.5, 5 * third, 1.5, 5 * third, 10 * third, 11 * third, 11 * sixth, 2, 11 * sixth, 2];
      expectWithin(dx, [...top, ...second, ...next, ...last], () => 1e-5, 1e-3);
    });
  });

  test("the gradient is the central difference of the twin", () => {
    const g: Geometry = { m: 2, h: 5, w: 4, c: 3, kernel: [3, 2], strides: [2, 1], padding: "same" };
    const [n, o] = sizes(g);
    const [x, dy] = [normals(n, 3), normals(o, 4)];
    const slope = Float64Array.from(x, (_, i) => {
      const at = (step: number) =>
        reference.loss(
          g,
          Float64Array.from(x, (v, j) => (j === i ? v + step : v)),
          dy,
        );
      return (at(2 ** -6) - at(-(2 ** -6))) * 2 ** 5;
    });
    expectWithin(kernelResults(engine(), g, x, dy).dx, slope, () => 7 * EPS32 * 12, 1e-3);
  });

  test("equal values average to themselves; NaN and Infinity stay in their windows and channels", () => {
    engine().scope(() => {
      const x = engine().tensor("f32", [1, 4, 4, 5], new Float32Array(80).fill(0.1));
      const out = engine().tensor("f32", [1, 2, 2, 5]);
      expect(
        averagePoolForward(x, out, { poolSize: 2 })
          .toArray()
          .every((v) => v === Math.fround(0.1)),
      ).toBe(true);
      for (let at = 0; at < 80; at++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
          x.view.fill(1)[at] = bad;
          const [y, column, channel] = [Math.floor(at / 20), Math.floor(at / 5) % 4, at % 5];
          const want = new Float32Array(20).fill(1);
          want[((y >> 1) * 2 + (column >> 1)) * 5 + channel] = bad;
          const got = averagePoolForward(x, out, { poolSize: 2 }).toArray();
          if (!got.every((v, i) => Object.is(v, want[i]))) expect(got).toEqual(want);
        }
      }
    });
  });

  test("of the whole image is global, by the wrapper and by the kind", () => {
    for (const [h, w, c] of [
      [1, 1, 1],
      [3, 5, 7],
      [7, 7, 64],
      [28, 28, 3],
    ] as const) {
      const m = 3;
      const g: Geometry = { m, h, w, c, kernel: [h, w], strides: [1, 1], padding: "valid" };
      const [x, dy] = [normals(m * h * w * c, 5), normals(m * c, 6)];
      engine().scope(() => {
        const y = globalAveragePoolForward(engine().tensor("f32", [m, h, w, c], x), engine().tensor("f32", [m, c])).toArray();
        const dx = globalAveragePoolBackward(engine().tensor("f32", [m, c], dy), engine().tensor("f32", [m, h, w, c])).toArray();
        expectRight(g, { y, dx }, x, dy);
        const got = solo(engine(), globalAveragePool2dKind, globalAveragePool2d(), [h, w, c], { x, dy, w: new Float32Array() });
        expect(got.output).toEqual([c]);
        for (const same of [got.y, got.predicted]) expect(same).toEqual(y);
        expect(got.dx).toEqual(dx);
      });
    }
    expect(() => globalAveragePool2dKind.shape("op", globalAveragePool2d(), [[4, 4]])).toThrow(ShapeError);
  });

  test("the kind reads neither x nor y", () => {
    for (const g of GEOMETRIES.filter(({ m }) => m > 0)) {
      const [n, o] = sizes(g);
      const [x, dy] = [normals(n, 6), normals(o, 7)];
      const layer = averagePool2d(g.kernel, { strides: g.strides, padding: g.padding });
      const got = solo(engine(), averagePool2dKind, layer, [g.h, g.w, g.c], { x, dy, w: new Float32Array() });
      expect(g.m * got.output.reduce((a, b) => a * b)).toBe(o);
      expectRight(g, got, x, dy);
      expect(got.predicted).toEqual(got.y);
    }
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [1, 4, 4, 2]);
    engine().scope(() => {
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [x, y, flat] = [filled(1, 4, 4, 2), filled(1, 2, 2, 2), filled(1, 2)];
      const gone = filled(1, 4, 4, 2);
      gone.dispose();
      const pool = { poolSize: 2 };
      for (const [bad, error] of [
        [filled(4, 4, 2), ShapeError],
        [filled(1, 4, 4, 3), ShapeError],
        [filled(2, 4, 4, 2), ShapeError],
        [engine().tensor("f64", [1, 4, 4, 2]) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => averagePoolForward(bad, y, pool)).toThrow(error);
        expect(() => averagePoolBackward(y, bad, pool)).toThrow(error);
        expect(() => globalAveragePoolForward(bad, flat)).toThrow(error);
        expect(() => globalAveragePoolBackward(flat, bad)).toThrow(error);
      }
      for (const bad of [filled(1, 2, 2), filled(1, 2, 3, 2), filled(1, 4, 4, 2)]) {
        expect(() => averagePoolForward(x, bad, pool)).toThrow(ShapeError);
        expect(() => averagePoolBackward(bad, x, pool)).toThrow(ShapeError);
        expect(() => globalAveragePoolForward(x, bad)).toThrow(ShapeError);
        expect(() => globalAveragePoolBackward(bad, x)).toThrow(ShapeError);
      }
      expect(() => globalAveragePoolForward(engine().tensor("f32", [1, 0, 4, 2]), flat)).toThrow(ShapeError);
      expect(() => averagePoolForward(x, x, { poolSize: 1 })).toThrow(ParameterError);
      expect(() => averagePoolBackward(x, x, { poolSize: 1 })).toThrow(ParameterError);
      expect(() => averagePoolForward(x, y, { poolSize: [2, 0] })).toThrow(/averagePoolForward: expected poolSize/);
      expect(() => averagePoolBackward(y, x, { poolSize: 2, stride: 2 } as never)).toThrow(ParameterError);
      expect(() => averagePoolForward(filled(1, 1, 4, 2), y, pool)).toThrow(ShapeError);
      for (const t of [x, y, flat]) expect(t.toArray().every((v) => v === 7)).toBe(true);
    });
    other.dispose();
  });
});

describe("nn/average_pool across builds", () => {
  test("every build gives the same bits: nothing here can fuse", async () => {
    const engines = Object.values(await allEngines());
    expect(engines.length).toBeGreaterThanOrEqual(2);
    for (const g of GEOMETRIES) {
      const [n, o] = sizes(g);
      const got = engines.map((engine) => Object.values(kernelResults(engine, g, normals(n, 8), normals(o, 9))).map(bits));
      for (const values of got) expect(values).toEqual(got[0]);
    }
  });
});
