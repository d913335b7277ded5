import fc from "fast-check";
import {
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  maxPool2d,
  maxPoolBackward,
  maxPoolForward,
  ParameterError,
  ShapeError,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { maxPool2dKind } from "#dist/nn/max_pool.js";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { geometries } from "../support/geometries.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { solo } from "../support/solo.ts";
import * as reference from "./max_pool.reference.ts";
import { countsOf, GEOMETRIES, type Geometry, sizes } from "./window.reference.ts";

const outputs = (g: Geometry) => sizes(g)[1];
/** Small integers: many windows hold equal maxima, and zeros of both signs. */
function ties(n: number, seed: number): Float32Array {
  const r = random(seed);
  return Float32Array.from({ length: n }, () => Math.floor(5 * r()) - 2 || (r() < 0.5 ? 0 : -0));
}
const sparseNaN = (n: number, seed: number): Float32Array => ties(n, seed).map((v) => (v === 2 ? Number.NaN : v));
const infinities = (n: number, seed: number): Float32Array => ties(n, seed).map((v) => (v < 1 ? Number.NEGATIVE_INFINITY : v));
const KINDS: readonly ((n: number, seed: number) => Float32Array)[] = [normals, ties, sparseNaN, infinities];

/** Raw kernels between guard bands, off alignment, outputs NaN or rubbish at first. */
function kernelResults(engine: Engine, g: Geometry, x: Float32Array, dy: Float32Array) {
  const { kernels } = engine;
  const [n, o] = [g.h * g.w * g.c, dy.length / Math.max(1, g.m)];
  const nan = (size: number) => guarded(engine, new Float32Array(size).fill(Number.NaN), 4);
  const [px, pdy, y, alone, dx] = [guarded(engine, x, 4), guarded(engine, dy, 4), nan(dy.length), nan(dy.length), nan(x.length)];
  const winners = guarded(engine, new Uint32Array(dy.length).fill(0xffffffff), 4);
  kernels.max_pool_f32(...countsOf(g), px.address, y.address, winners.address);
  kernels.max_pool_f32(...countsOf(g), px.address, alone.address, 0);
  kernels.max_pool_backward_f32(g.m, n, o, winners.address, pdy.address, dx.address);
  const got = { y: y.f32(), alone: alone.f32(), winners: new Uint32Array(winners.bytes().buffer), dx: dx.f32() };
  for (const p of [px, pdy, y, alone, winners, dx]) p.release();
  return got;
}
function check(engine: Engine, g: Geometry): void {
  const n = g.h * g.w * g.c;
  for (const make of KINDS) {
    const [x, dy] = [make(g.m * n, 1), normals(outputs(g), 2)];
    const got = kernelResults(engine, g, x, dy);
    const at = reference.winners(g, x);
    expect([...got.winners]).toEqual(at.map((offset) => offset % n));
    // Nothing is rounded: the value is that of the cell, NaN for NaN.
    const want = Float32Array.from(at, (offset) => x[offset]!);
    expect(got.y).toEqual(want);
    expect(got.alone).toEqual(want);
    const size = reference.backward(g, x, dy.map(Math.abs));
    expectWithin(got.dx, reference.backward(g, x, dy), (i) => g.kernel[0] * g.kernel[1] * EPS32 * size[i]!, 0.01);
  }
}

forEachBuild("nn/max_pool", (engine) => {
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
    // tf.maxPool and its gradient, tfjs 4.22.0 on the cpu backend: x_i = (37 i mod 41) - 20 of shape [1, 4, 5, 2], dy = 1, 2, 3, ...
    const x = Float32Array.from({ length: 40 }, (_, i) => ((i * 37) % 41) - 20);
    const same = {
      options: { poolSize: [3, 2], strides: [2, 3], padding: "same" },
      shape: [1, 2, 2, 2],
      y: [15, 19, -1, -5, 16, 20, 0, -4],
      dx: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 3, 4, 0, 0, 0, 6, 5, 0, 0, 0, 7, 8, 0, 0],
    } as const;
    const valid = {
      options: { poolSize: [2, 3], strides: [1, 2] },
      shape: [1, 3, 2, 2],
      y: [14, 18, 6, 2, 15, 19, 7, 3, 16, 20, 8, 4],
      dx: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 3, 4, 0, 0, 0, 0, 0, 6, 5, 0, 7, 8, 0, 0, 0, 0, 0, 10, 9, 0, 11, 12, 0, 0, 0, 0],
    } as const;
    for (const { options, shape, y, dx } of [same, valid]) {
      engine().scope(() => {
        const winners = engine().tensor("u32", shape);
        const image = engine().tensor("f32", [1, 4, 5, 2], x);
        expect([...maxPoolForward(image, engine().tensor("f32", shape), { ...options, winners }).toArray()]).toEqual(y);
        const dy = engine().tensor(
          "f32",
          shape,
          Float32Array.from(y, (_, i) => i + 1),
        );
        expect([...maxPoolBackward(winners, dy, engine().tensor("f32", [1, 4, 5, 2])).toArray()]).toEqual(dx);
      });
    }
  });

  test("the gradient is the central difference of the twin away from ties", () => {
    const g: Geometry = { m: 2, h: 5, w: 4, c: 3, kernel: [3, 2], strides: [2, 1], padding: "same" };
    // Values 1/8 apart at least, in a mixed order: a step of 1/64 changes no winner, and the loss is linear within it.
    const x = Float32Array.from({ length: 120 }, (_, i) => ((i * 77) % 121) / 8);
    const dy = normals(outputs(g), 3);
    const slope = Float64Array.from(x, (_, i) => {
      const at = (step: number) =>
        reference.loss(
          g,
          Float64Array.from(x, (v, j) => (j === i ? v + step : v)),
          dy,
        );
      return (at(2 ** -6) - at(-(2 ** -6))) * 2 ** 5;
    });
    expectWithin(kernelResults(engine(), g, x, dy).dx, slope, () => 6 * EPS32 * 6, 1e-3);
  });

  test("a NaN makes exactly its windows NaN and the first of them has the gradient, at every place", () => {
    const g: Geometry = { m: 1, h: 4, w: 4, c: 19, kernel: [2, 2], strides: [2, 2], padding: "valid" };
    for (const kernel of [
      [2, 2],
      [3, 2],
    ] as const) {
      for (let at = 0; at < 4 * 4 * 19; at++) {
        const x = normals(4 * 4 * 19, 5);
        x[at] = Number.NaN;
        x[(at + 38) % x.length] = Number.NaN; // a second one, often in the same window
        const case_ = { ...g, kernel };
        const dy = new Float32Array(outputs(case_)).fill(1);
        const got = kernelResults(engine(), case_, x, dy);
        expect(got.winners.length).toBe(outputs(case_));
        const want = reference.winners(case_, x);
        if (!got.winners.every((v, i) => v === want[i])) expect.fail(`winners with NaN at ${at}`);
        expect(got.y.filter(Number.isNaN).length).toBe(want.filter((v) => Number.isNaN(x[v]!)).length);
      }
    }
  });

  test("the kind keeps the winners, reads neither x nor y, and needs no state to predict", () => {
    for (const g of GEOMETRIES.filter(({ m }) => m > 0)) {
      const [x, dy] = [normals(g.m * g.h * g.w * g.c, 6), normals(outputs(g), 7)];
      const layer = maxPool2d(g.kernel, { strides: g.strides, padding: g.padding });
      const got = solo(engine(), maxPool2dKind, layer, [g.h, g.w, g.c], { x, dy, w: new Float32Array() });
      expect([g.m, ...got.output].reduce((a, b) => a * b)).toBe(outputs(g));
      const want = Float32Array.from(reference.forward(g, x));
      expect(got.y).toEqual(want);
      expect(got.predicted).toEqual(want);
      const size = reference.backward(g, x, dy.map(Math.abs));
      expectWithin(got.dx, reference.backward(g, x, dy), (i) => g.kernel[0] * g.kernel[1] * EPS32 * size[i]!, 0.01);
    }
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!;
    const [otherX, otherWinners] = [other.tensor("f32", [1, 4, 4, 2]), other.tensor("u32", [1, 2, 2, 2])];
    engine().scope(() => {
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [x, out, dy, dx] = [filled(1, 4, 4, 2), filled(1, 2, 2, 2), filled(1, 2, 2, 2), filled(1, 4, 4, 2)];
      const winners = engine().tensor("u32", [1, 2, 2, 2], new Uint32Array(8).fill(9));
      const gone = filled(1, 4, 4, 2);
      gone.dispose();
      const pool = { poolSize: 2 };
      for (const [bad, error] of [
        [filled(4, 4, 2), ShapeError],
        [filled(1, 4, 4, 3), ShapeError],
        [filled(2, 4, 4, 2), ShapeError],
        [filled(1, 1, 4, 2), ShapeError],
        [engine().tensor("f64", [1, 4, 4, 2]) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [otherX, EngineMismatchError],
      ] as const) {
        expect(() => maxPoolForward(bad, out, pool)).toThrow(error);
      }
      for (const bad of [filled(1, 2, 2), filled(1, 2, 3, 2), filled(1, 4, 4, 2)]) expect(() => maxPoolForward(x, bad, pool)).toThrow(ShapeError);
      expect(() => maxPoolForward(x, x, { poolSize: 1 })).toThrow(ParameterError);
      expect(() => maxPoolForward(x, out, { poolSize: 0 })).toThrow(/maxPoolForward: expected poolSize/);
      expect(() => maxPoolForward(x, out, { poolSize: 2, winner: winners } as never)).toThrow(ParameterError);
      expect(() => maxPoolForward(x, out, { poolSize: 2, winners: engine().tensor("u32", 8) })).toThrow(ShapeError);
      expect(() => maxPoolForward(x, out, { poolSize: 2, winners: out as never })).toThrow(DTypeError);
      expect(() => maxPoolForward(x, out, { poolSize: 2, winners: otherWinners })).toThrow(EngineMismatchError);

      expect(() => maxPoolBackward(out as never, dy, dx)).toThrow(DTypeError);
      expect(() => maxPoolBackward(engine().tensor("u32", 8), dy, dx)).toThrow(ShapeError);
      expect(() => maxPoolBackward(winners, filled(1, 2, 2, 1), dx)).toThrow(ShapeError);
      expect(() => maxPoolBackward(winners, dy, filled(1, 4, 4, 1))).toThrow(ShapeError);
      expect(() => maxPoolBackward(winners, dy, dy)).toThrow(ParameterError);
      expect(() => maxPoolBackward(otherWinners, dy, dx)).toThrow(EngineMismatchError);
      for (const wild of [32, 0xffffffff]) {
        const bad = engine().tensor("u32", [1, 2, 2, 2], [0, 1, 2, 3, 4, wild, 6, 7]);
        expect(() => maxPoolBackward(bad, dy, dx)).toThrow(`maxPoolBackward: expected winners below 32, got ${wild} at index 5`);
      }
      for (const t of [x, out, dy, dx]) expect(t.toArray().every((v) => v === 7)).toBe(true);
      expect([...winners.toArray()]).toEqual(Array(8).fill(9));
    });
    for (const t of [otherX, otherWinners]) t.dispose();
  });
});

describe("nn/max_pool across builds", () => {
  test("every build gives the same bits: nothing is rounded but sums of gradients, in one order", async () => {
    const engines = Object.values(await allEngines());
    expect(engines.length).toBeGreaterThanOrEqual(2);
    for (const g of GEOMETRIES) {
      for (const make of [normals, ties, infinities]) {
        const [x, dy] = [make(g.m * g.h * g.w * g.c, 8), normals(outputs(g), 9)];
        const got = engines.map((engine) => {
          const { y, winners, dx } = kernelResults(engine, g, x, dy);
          return [bits(y), winners, bits(dx)];
        });
        for (const values of got) expect(values).toEqual(got[0]);
      }
    }
  });
});
