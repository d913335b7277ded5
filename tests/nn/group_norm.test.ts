import fc from "fast-check";
import {
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  groupNorm,
  groupNormBackward,
  groupNormForward,
  groupNormGradient,
  layerNormForward,
  ParameterError,
  ShapeError,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { groupNormKind } from "#dist/nn/group_norm.js";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { expectNormalised, type Normalised, type Problem } from "../support/normalised.ts";
import { runs } from "../support/runs.ts";
import { solo } from "../support/solo.ts";
import { groups } from "./group_norm.reference.ts";
import * as reference from "./layer_norm.reference.ts";

const f = Math.fround;
/** Examples, positions of each, channels, groups. */
type Shape = readonly [m: number, p: number, c: number, count: number];
const UPDATE = [f(-0.1), f(0.99)] as const;

const problem = ([m, p, c]: Shape, x = normals(m * p * c, 1)): Problem => ({ x, gamma: normals(c, 2), beta: normals(c, 3), dy: normals(m * p * c, 4) });

/** Raw kernels between guard bands, off alignment, outputs NaN and scratch rubbish at first; y over x and dx over dy as well. */
function kernelResults(engine: Engine, [m, p, c, count]: Shape, { x, gamma, beta, dy }: Problem, epsilon = 1e-3): Normalised {
  const { kernels } = engine;
  const nan = (size: number) => guarded(engine, new Float32Array(size).fill(Number.NaN), 4);
  const [px, pg, pb, pdy] = [guarded(engine, x, 4), guarded(engine, gamma, 4), guarded(engine, beta, 4), guarded(engine, dy, 4)];
  const [y, alone, dx, state, dg, db] = [nan(x.length), nan(x.length), nan(x.length), nan(3 * m * c), nan(c), nan(c)];
  const [xAgain, dyAgain] = [guarded(engine, x, 4), guarded(engine, dy, 4)];
  const norms = guarded(engine, new Float64Array(m).fill(0.5), 8);
  const scratch = guarded(engine, new Uint8Array(kernels.group_norm_scratch_f32(c)).fill(0xff), 4);
  kernels.group_norm_f32(m, p, c, count, epsilon, px.address, pg.address, pb.address, alone.address, 0, scratch.address);
  kernels.group_norm_f32(m, p, c, count, epsilon, px.address, pg.address, pb.address, y.address, state.address, scratch.address);
  kernels.group_norm_backward_f32(m, p, c, count, px.address, pg.address, state.address, pdy.address, dx.address, scratch.address);
  kernels.group_norm_gradient_f32(m, p, c, 1, 0, px.address, state.address, pdy.address, dg.address, db.address);
  kernels.group_norm_norms_f32(m, p, c, px.address, state.address, pdy.address, norms.address, scratch.address);
  kernels.group_norm_backward_f32(m, p, c, count, px.address, pg.address, state.address, dyAgain.address, dyAgain.address, scratch.address);
  kernels.group_norm_f32(m, p, c, count, epsilon, xAgain.address, pg.address, pb.address, xAgain.address, state.address, scratch.address);
  const gradient = Float32Array.of(...dg.f32(), ...db.f32());
  const got = { y: y.f32(), dx: dx.f32(), gradient, norms: new Float64Array(norms.bytes().buffer) };
  expect(bits(alone.f32()), "without statistics").toEqual(bits(got.y));
  expect(bits(dyAgain.f32()), "dx over dy").toEqual(bits(got.dx));
  expect(bits(xAgain.f32()), "y over x").toEqual(bits(got.y));
  kernels.group_norm_gradient_f32(m, p, c, UPDATE[0], UPDATE[1], px.address, state.address, pdy.address, pg.address, pb.address);
  const updated = Float32Array.of(...pg.f32(), ...pb.f32());
  for (const block of [px, pg, pb, pdy, y, alone, dx, state, dg, db, xAgain, dyAgain, norms, scratch]) block.release();
  return { ...got, updated };
}
function check(engine: Engine, shape: Shape, p = problem(shape), epsilon = 1e-3, signal = 1e-2): void {
  expectNormalised(groups(...shape, epsilon), p, UPDATE, kernelResults(engine, shape, p, epsilon), signal);
}

const SHAPES: readonly Shape[] = [
  [0, 4, 6, 3],
  [1, 1, 1, 1],
  [2, 1, 3, 1],
  [2, 3, 4, 4],
  [3, 5, 5, 1],
  [2, 4, 8, 2],
  [2, 9, 9, 3],
  [1, 7, 17, 17],
  [2, 6, 18, 6],
  [2, 25, 20, 5],
  [3, 4, 32, 32],
  [1, 16, 35, 7],
  [2, 49, 64, 32],
];

forEachBuild("nn/group_norm", (engine) => {
  describe("is the twin", () => {
    const ran = countCases(SHAPES.length);
    test.each(SHAPES)("%i examples of %i positions, %i channels in %i groups", (...shape) => {
      ran();
      check(engine(), shape);
    });
  });

  test("random shapes, offsets and scales", () => {
    let count = 0;
    const size = (max: number) => fc.integer({ min: 1, max });
    const offset = fc.integer({ min: -4, max: 4 });
    fc.assert(
      fc.property(size(4), size(12), size(9), size(4), offset, fc.integer({ min: -3, max: 3 }), (m, p, number, each, a, b) => {
        count++;
        const shape = [m, p, number * each, number] as const;
        const x = normals(m * p * number * each, 9, 2 ** b).map((v) => f(v + Math.sign(a) * 10 ** Math.abs(a)));
        check(engine(), shape, problem(shape, x), 1e-3, 0.1);
      }),
      { numRuns: runs(60) },
    );
    expect(count).toBe(runs(60));
  });

  test("by hand", () => {
    // One example, two positions, groups of two channels. Group 1: 1, 3, 5, 7: mean 4, variance 5. Group 2: 2, 2, 2, 2.
    engine().scope(() => {
      const x = engine().tensor("f32", [1, 2, 4], [1, 3, 2, 2, 5, 7, 2, 2]);
      const [gamma, beta] = [engine().tensor("f32", 4, [1, 2, 3, 4]), engine().tensor("f32", 4, [0, 10, 0, 1])];
      const out = groupNormForward(x, gamma, beta, engine().tensor("f32", [1, 2, 4]), { groups: 2, epsilon: 4 });
      // 1/sqrt(5 + 4) = 1/3
      expectWithin(out.toArray(), [-1, 10 - 2 / 3, 0, 1, 1 / 3, 12, 0, 1], () => 8 * EPS32 * 12, 1e-3);
    });
  });

  test("one group of one position is layer normalisation", () => {
    engine().scope(() => {
      const [m, c] = [5, 21];
      const { x, gamma, beta } = problem([m, 1, c, 1]);
      const tensor = (v: Float32Array, ...shape: number[]) => engine().tensor("f32", shape, v);
      const [tx, tg, tb] = [tensor(x, m, c), tensor(gamma, c), tensor(beta, c)];
      const [one, two] = [engine().tensor("f32", [m, c]), engine().tensor("f32", [m, c])];
      groupNormForward(tx, tg, tb, one, { groups: 1 });
      layerNormForward(tx, tg, tb, two);
      expectWithin(one.toArray(), two.toArray(), () => 12 * EPS32 * 10, 1e-3);
    });
  });

  test("the gradients are the central differences of the twin's loss", () => {
    const shape = [2, 3, 6, 2] as const;
    const s = groups(...shape);
    const { x, gamma, beta, dy } = problem(shape);
    const h = 2 ** -13;
    const slope = (v: Float32Array, of: (v: Float64Array) => number) =>
      Float64Array.from(v, (_, i) => {
        const at = (step: number) => of(Float64Array.from(v, (e, j) => (j === i ? e + step : e)));
        return (at(h) - at(-h)) / (2 * h);
      });
    const got = kernelResults(engine(), shape, { x, gamma, beta, dy });
    // Third derivatives are below 100 here: h^2 100 / 6; the rest is f32.
    const bound = () => (100 * h ** 2) / 6 + 40 * EPS32 * 10;
    expectWithin(
      got.dx,
      slope(x, (v) => reference.loss(s, v, gamma, beta, dy)),
      bound,
      1e-3,
    );
    const weights = [...slope(gamma, (v) => reference.loss(s, x, v, beta, dy)), ...slope(beta, (v) => reference.loss(s, x, gamma, v, dy))];
    expectWithin(got.gradient, weights, bound, 1e-3);
  });

  test("hard groups: all equal, channels each equal, a mean a million times the spread, large and small", () => {
    for (const [p, c, count] of [
      [1, 1, 1],
      [1, 6, 3],
      [5, 4, 2],
      [7, 18, 9],
      [4, 20, 1],
    ] as const) {
      const shape = [2, p, c, count] as const;
      const n = 2 * p * c;
      for (const value of [0, -123.456, 1e4, 3e38, 1e-45]) {
        const equal = problem(shape, new Float32Array(n).fill(value));
        const got = kernelResults(engine(), shape, equal);
        expect(
          got.y.every((v, i) => v === equal.beta[i % c]),
          `equal ${value}`,
        ).toBe(true);
        expect(got.gradient.subarray(0, c).every((v) => v === 0)).toBe(true);
      }
      // No spread within a channel, all of it between them.
      const between = Float32Array.from({ length: n }, (_, i) => 1e4 + (i % c));
      check(engine(), shape, problem(shape, between), 1e-3, 0.1);
      const near = normals(n, 5, 0.01).map((v) => f(1e4 + v));
      check(engine(), shape, problem(shape, near), 1e-6, 0.1);
      const far = normals(n, 5, 1).map((v) => f(-1e6 + v));
      check(engine(), shape, problem(shape, far), 1e-3, 0.1);
      check(engine(), shape, problem(shape, normals(n, 6, 1e-20)));
      if (p * c > count) check(engine(), shape, problem(shape, normals(n, 7, 1e30)));
    }
  });

  test("NaN and Infinity make their group NaN and leave the others alone, at every place", () => {
    const [p, c, count] = [2, 20, 5];
    for (let at = 0; at < p * c; at++) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const shape = [3, p, c, count] as const;
        const hurt = problem(shape);
        hurt.x[p * c + at] = bad;
        const { y, dx } = kernelResults(engine(), shape, hurt);
        const group = (i: number) => Math.floor((i % c) / (c / count));
        const want = Array.from(y, (_, i) => Math.floor(i / (p * c)) === 1 && group(i) === group(at));
        expect(Array.from(y, Number.isNaN)).toEqual(want);
        expect(Array.from(dx, Number.isNaN)).toEqual(want);
      }
    }
  });

  test("the kind normalises the last axis of any shape", () => {
    for (const [input, count] of [
      [[8], 4],
      [[3, 6], 2],
      [[3, 2, 20], 5],
    ] as const) {
      const c = input.at(-1)!;
      const p = (input as readonly number[]).reduce((a, b) => a * b) / c;
      const shape = [4, p, c, count] as const;
      const { x, gamma, beta, dy } = problem(shape);
      const got = solo(engine(), groupNormKind, groupNorm(c, { groups: count }), input, { x, dy, w: Float32Array.of(...gamma, ...beta) }, UPDATE);
      expect(got.output).toEqual(input);
      expect(got.parameters).toEqual([
        { name: "gamma", shape: [c], start: { value: 1 } },
        { name: "beta", shape: [c], start: { value: 0 } },
      ]);
      const { gradient } = kernelResults(engine(), shape, { x, gamma, beta, dy });
      expectNormalised(groups(...shape), { x, gamma, beta, dy }, UPDATE, { ...got, gradient, updated: got.updated!, norms: got.norms! }, 1e-2);
      expect(bits(got.predicted)).toEqual(bits(got.y));
    }
    for (const shape of [[5], [4, 3], []]) expect(() => groupNormKind.shape("op", groupNorm(4, { groups: 2 }), [shape])).toThrow(ShapeError);
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3, 4]);
    engine().scope(() => {
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [x, gamma, beta, out] = [filled(2, 3, 4), filled(4), filled(4), filled(2, 3, 4)];
      const [statistics, dy, dGamma, dBeta] = [filled(2, 3, 4), filled(2, 3, 4), filled(4), filled(4)];
      const gone = filled(2, 3, 4);
      gone.dispose();
      const two = { groups: 2 };
      for (const [bad, error] of [
        [filled(2, 3, 5), ShapeError],
        [filled(24), ShapeError],
        [engine().tensor("f64", [2, 3, 4]) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        const wrong = bad.shape.at(-1) === 5 ? { groups: 1 } : two;
        expect(() => groupNormForward(bad, gamma, beta, out, wrong)).toThrow(error);
        expect(() => groupNormForward(x, gamma, beta, bad, two)).toThrow(error);
        expect(() => groupNormForward(x, gamma, beta, out, { groups: 2, statistics: bad })).toThrow(error);
        expect(() => groupNormBackward(bad, gamma, statistics, dy, out, wrong)).toThrow(error);
        expect(() => groupNormBackward(x, gamma, statistics, bad, out, two)).toThrow(error);
        expect(() => groupNormBackward(x, gamma, statistics, dy, bad, two)).toThrow(error);
        expect(() => groupNormGradient(bad, statistics, dy, dGamma, dBeta)).toThrow(error);
        expect(() => groupNormGradient(x, bad, dy, dGamma, dBeta)).toThrow(error);
      }
      for (const bad of [filled(3), filled(4, 1)]) {
        expect(() => groupNormForward(x, bad, beta, out, two)).toThrow(ShapeError);
        expect(() => groupNormForward(x, gamma, bad, out, two)).toThrow(ShapeError);
        expect(() => groupNormBackward(x, bad, statistics, dy, out, two)).toThrow(ShapeError);
        expect(() => groupNormGradient(x, statistics, dy, bad, dBeta)).toThrow(ShapeError);
        expect(() => groupNormGradient(x, statistics, dy, dGamma, bad)).toThrow(ShapeError);
      }
      expect(() => groupNormForward(x, gamma, beta, out)).toThrow("groupNormForward: expected groups to divide the 4 channels, got 32");
      for (const groups of [0, 3, 8, 1.5, "2" as unknown as number]) {
        expect(() => groupNormForward(x, gamma, beta, out, { groups })).toThrow(ParameterError);
        expect(() => groupNormBackward(x, gamma, statistics, dy, out, { groups })).toThrow(ParameterError);
      }
      for (const epsilon of [0, -1e-3, Number.NaN]) expect(() => groupNormForward(x, gamma, beta, out, { groups: 2, epsilon })).toThrow(/epsilon/);
      expect(() => groupNormForward(x, gamma, beta, out, { group: 2 } as object)).toThrow(ParameterError);
      expect(() => groupNormForward(engine().tensor("f32", [2, 0, 4]), gamma, beta, out, two)).toThrow(ShapeError);
      expect(() => groupNormForward(x, gamma, beta, out, { groups: 2, statistics: out })).toThrow(ParameterError);
      expect(() => groupNormBackward(x, gamma, statistics, dy, x, two)).toThrow(ParameterError);
      expect(() => groupNormGradient(x, statistics, dy, dGamma, dGamma)).toThrow(ParameterError);
      for (const t of [x, gamma, beta, out, statistics, dy, dGamma, dBeta]) expect(t.toArray().every((v) => v === 7)).toBe(true);
    });
    other.dispose();
  });
});

describe("descriptions of groupNorm", () => {
  test("are plain frozen data with Keras's defaults", () => {
    expect(groupNorm(64)).toEqual({ type: "groupNorm", channels: 64, groups: 32, epsilon: 1e-3 });
    const layer = groupNorm(6, { groups: 3, epsilon: 1e-5 });
    expect(structuredClone(layer)).toEqual({ type: "groupNorm", channels: 6, groups: 3, epsilon: 1e-5 });
    expect(Object.isFrozen(layer)).toBe(true);
  });
  test("of nonsense are refused", () => {
    for (const channels of [0, -32, 1.5, Number.NaN]) expect(() => groupNorm(channels)).toThrow(/channels/);
    expect(() => groupNorm(16)).toThrow("groupNorm: expected groups to divide the 16 channels, got 32");
    expect(() => groupNorm(4, { groups: 3 })).toThrow(ParameterError);
    for (const epsilon of [0, -1, Number.NaN]) expect(() => groupNorm(32, { epsilon })).toThrow(/epsilon/);
    expect(() => groupNorm(32, { eps: 1 } as object)).toThrow(ParameterError);
  });
});

describe("nn/group_norm across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const shape of SHAPES) {
      const [p, q] = [scalar!, simd!].map((engine) => {
        const { y, dx, gradient, updated, norms } = kernelResults(engine, shape, problem(shape));
        return [bits(y), bits(dx), bits(gradient), bits(updated), norms];
      });
      expect(p).toEqual(q);
    }
  });
});
