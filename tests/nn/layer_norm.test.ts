import fc from "fast-check";
import {
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  layerNorm,
  layerNormBackward,
  layerNormForward,
  layerNormGradient,
  ParameterError,
  ShapeError,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { layerNormKind } from "#dist/nn/layer_norm.js";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { expectNormalised, type Normalised, type Problem } from "../support/normalised.ts";
import { runs } from "../support/runs.ts";
import { solo } from "../support/solo.ts";
import * as reference from "./layer_norm.reference.ts";

const f = Math.fround;
/** Examples, rows of each, elements of a row. */
type Shape = readonly [m: number, r: number, n: number];
const UPDATE = [f(-0.1), f(0.99)] as const;

const problem = ([m, r, n]: Shape, x = normals(m * r * n, 1)): Problem => ({ x, gamma: normals(n, 2), beta: normals(n, 3), dy: normals(m * r * n, 4) });

/** Raw kernels between guard bands, off alignment, outputs NaN and scratch rubbish at first; y over x and dx over dy as well. */
function kernelResults(engine: Engine, [m, r, n]: Shape, { x, gamma, beta, dy }: Problem, epsilon = 1e-3): Normalised {
  const { kernels } = engine;
  const nan = (size: number) => guarded(engine, new Float32Array(size).fill(Number.NaN), 4);
  const [px, pg, pb, pdy] = [guarded(engine, x, 4), guarded(engine, gamma, 4), guarded(engine, beta, 4), guarded(engine, dy, 4)];
  const [y, alone, dx, state, dg, db] = [nan(x.length), nan(x.length), nan(x.length), nan(3 * m * r), nan(n), nan(n)];
  const norms = guarded(engine, new Float64Array(m).fill(0.5), 8);
  const scratch = guarded(engine, new Uint8Array(kernels.layer_norm_scratch_f32(n)).fill(0xff), 4);
  kernels.layer_norm_f32(m * r, n, epsilon, px.address, pg.address, pb.address, alone.address, 0, scratch.address);
  kernels.layer_norm_f32(m * r, n, epsilon, px.address, pg.address, pb.address, y.address, state.address, scratch.address);
  kernels.layer_norm_backward_f32(m * r, n, px.address, pg.address, state.address, pdy.address, dx.address, scratch.address);
  kernels.layer_norm_gradient_f32(m * r, n, 1, 0, px.address, state.address, pdy.address, dg.address, db.address);
  kernels.layer_norm_norms_f32(m, r, n, px.address, state.address, pdy.address, norms.address, scratch.address);
  const gradient = Float32Array.of(...dg.f32(), ...db.f32());
  const got = { y: y.f32(), dx: dx.f32(), gradient, norms: new Float64Array(norms.bytes().buffer) };
  expect(bits(alone.f32()), "without statistics").toEqual(bits(got.y));
  // In place, before the weights change.
  kernels.layer_norm_backward_f32(m * r, n, px.address, pg.address, state.address, pdy.address, dx.address, scratch.address);
  const dyAgain = guarded(engine, dy, 4);
  kernels.layer_norm_backward_f32(m * r, n, px.address, pg.address, state.address, dyAgain.address, dyAgain.address, scratch.address);
  expect(bits(dyAgain.f32()), "dx over dy").toEqual(bits(got.dx));
  const xAgain = guarded(engine, x, 4);
  kernels.layer_norm_f32(m * r, n, epsilon, xAgain.address, pg.address, pb.address, xAgain.address, state.address, scratch.address);
  expect(bits(xAgain.f32()), "y over x").toEqual(bits(got.y));
  kernels.layer_norm_gradient_f32(m * r, n, UPDATE[0], UPDATE[1], px.address, state.address, pdy.address, pg.address, pb.address);
  const updated = Float32Array.of(...pg.f32(), ...pb.f32());
  for (const p of [px, pg, pb, pdy, y, alone, dx, state, dg, db, norms, scratch, dyAgain, xAgain]) p.release();
  return { ...got, updated };
}
function check(engine: Engine, shape: Shape, p = problem(shape), epsilon = 1e-3, signal = 1e-2): void {
  expectNormalised(reference.rows(...shape, epsilon), p, UPDATE, kernelResults(engine, shape, p, epsilon), signal);
}

const SHAPES: readonly Shape[] = [
  [0, 2, 5],
  [3, 0, 5],
  [1, 1, 1],
  [2, 1, 2],
  [3, 1, 3],
  [2, 3, 4],
  [3, 2, 7],
  [2, 2, 8],
  [5, 3, 9],
  [4, 1, 15],
  [3, 5, 16],
  [2, 4, 17],
  [7, 1, 31],
  [2, 9, 33],
  [3, 1, 200],
  [2, 2, 1000],
];

forEachBuild("nn/layer_norm", (engine) => {
  describe("is the twin", () => {
    const ran = countCases(SHAPES.length);
    test.each(SHAPES)("%i examples of %i rows of %i", (...shape) => {
      ran();
      check(engine(), shape);
    });
  });

  test("random shapes, offsets and scales", () => {
    let count = 0;
    const size = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(
        size(5),
        size(4),
        size(40),
        fc.integer({ min: -4, max: 4 }),
        fc.integer({ min: -3, max: 3 }),
        fc.constantFrom(1e-3, 1e-5),
        (m, r, n, a, b, epsilon) => {
          count++;
          const x = normals(m * r * n, 9, 2 ** b).map((v) => f(v + Math.sign(a) * 10 ** Math.abs(a)));
          check(engine(), [m, r, n], problem([m, r, n], x), epsilon, 0.1);
        },
      ),
      { numRuns: runs(60) },
    );
    expect(count).toBe(runs(60));
  });

  test("is that of tfjs", () => {
    // tf.layers.layerNormalization (axis -1, epsilon 1e-3), tfjs 4.22.0 on the cpu backend.
    engine().scope(() => {
      const tensor = (shape: number | number[], values: number[]) => engine().tensor("f32", shape, values);
      const x = tensor([2, 5], [1, 2, 3, 4, 10, -0.5, 0.25, 0, 8, -3]);
      const out = layerNormForward(x, tensor(5, [1, 2, 0.5, -1, 3]), tensor(5, [0, 1, 0, -1, 0.5]), engine().tensor("f32", [2, 5]));
      const first = [-0.9486358761787415, -0.2648478150367737, -0.1581059843301773, -1, 6.191815376281738];
      const second = [-0.3908796012401581, 0.6225990056991577, -0.12804676592350006, -2.9004836082458496, -2.694429874420166];
      expectWithin(out.toArray(), [...first, ...second], () => 4e-6, 1e-3);
    });
  });

  test("the gradients are the central differences of the twin's loss", () => {
    const shape = [2, 2, 7] as const;
    const s = reference.rows(...shape);
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

  test("hard rows: all equal, one element, a mean a million times the spread, the ends of f32", () => {
    for (const n of [1, 2, 5, 8, 19, 64]) {
      const shape = [2, 1, n] as const;
      for (const value of [0, 1, -123.456, 1e4, 3e38, 1e-45]) {
        const p = problem(shape, new Float32Array(2 * n).fill(value));
        const got = kernelResults(engine(), shape, p);
        expect([...got.y], `equal ${value}`).toEqual([...p.beta, ...p.beta]);
        expect([...got.gradient.subarray(0, n)].every((v) => v === 0)).toBe(true);
      }
      check(
        engine(),
        shape,
        problem(
          shape,
          normals(2 * n, 5, 0.01).map((v) => f(1e4 + v)),
        ),
        1e-6,
        0.1,
      );
      check(
        engine(),
        shape,
        problem(
          shape,
          normals(2 * n, 5, 1).map((v) => f(-1e6 + v)),
        ),
        1e-3,
        0.1,
      );
      check(engine(), shape, problem(shape, normals(2 * n, 6, 1e-20)));
      // Half up, half down, at half of f32's range: xhat is +-1.
      if (n % 2 === 0)
        check(
          engine(),
          shape,
          problem(
            shape,
            Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? 1.7e38 : -1.7e38)),
          ),
        );
    }
  });

  test("NaN and Infinity make their row NaN and leave the others alone, at every place", () => {
    for (const n of [1, 7, 19]) {
      for (let at = 0; at < n; at++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const p = problem([3, 1, n]);
          p.x[n + at] = bad;
          const { y, dx } = kernelResults(engine(), [3, 1, n], p);
          const want = Array.from({ length: 3 * n }, (_, i) => Math.floor(i / n) === 1);
          expect(Array.from(y, Number.isNaN)).toEqual(want);
          expect(Array.from(dx, Number.isNaN)).toEqual(want);
        }
      }
    }
  });

  test("the kind normalises any last axes", () => {
    for (const [input, n] of [
      [[12], 12],
      [[3, 5], 5],
      [[2, 3, 4], 4],
      [[2, 3, 4], 12],
      [[2, 3, 4], 24],
    ] as const) {
      const r = (input as readonly number[]).reduce((a, b) => a * b) / n;
      const shape = [4, r, n] as const;
      const { x, gamma, beta, dy } = problem(shape);
      const got = solo(engine(), layerNormKind, layerNorm(n), input, { x, dy, w: Float32Array.of(...gamma, ...beta) }, UPDATE);
      expect(got.output).toEqual(input);
      expect(got.parameters).toEqual([
        { name: "gamma", shape: [n], start: { value: 1 } },
        { name: "beta", shape: [n], start: { value: 0 } },
      ]);
      const { gradient } = kernelResults(engine(), shape, { x, gamma, beta, dy });
      expectNormalised(reference.rows(...shape), { x, gamma, beta, dy }, UPDATE, { ...got, gradient, updated: got.updated!, norms: got.norms! }, 1e-2);
      expect(bits(got.predicted)).toEqual(bits(got.y));
    }
    for (const shape of [[5], [4, 3], [3, 4, 5], []]) expect(() => layerNormKind.shape("op", layerNorm(4), [shape])).toThrow(ShapeError);
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3]);
    engine().scope(() => {
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [x, gamma, beta, out, statistics, dy, dGamma, dBeta] = [
        filled(2, 3),
        filled(3),
        filled(3),
        filled(2, 3),
        filled(2, 3),
        filled(2, 3),
        filled(3),
        filled(3),
      ];
      const gone = filled(2, 3);
      gone.dispose();
      for (const [bad, error] of [
        [filled(2, 4), ShapeError],
        [filled(6), ShapeError],
        [engine().tensor("f64", [2, 3]) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => layerNormForward(bad, gamma, beta, out)).toThrow(error);
        expect(() => layerNormForward(x, gamma, beta, bad)).toThrow(error);
        expect(() => layerNormForward(x, gamma, beta, out, { statistics: bad })).toThrow(error);
        expect(() => layerNormBackward(bad, gamma, statistics, dy, out)).toThrow(error);
        expect(() => layerNormBackward(x, gamma, statistics, bad, out)).toThrow(error);
        expect(() => layerNormBackward(x, gamma, statistics, dy, bad)).toThrow(error);
        expect(() => layerNormGradient(bad, statistics, dy, dGamma, dBeta)).toThrow(error);
        expect(() => layerNormGradient(x, bad, dy, dGamma, dBeta)).toThrow(error);
      }
      for (const bad of [filled(2), filled(3, 1)]) {
        expect(() => layerNormForward(x, bad, beta, out)).toThrow(ShapeError);
        expect(() => layerNormForward(x, gamma, bad, out)).toThrow(ShapeError);
        expect(() => layerNormBackward(x, bad, statistics, dy, out)).toThrow(ShapeError);
        expect(() => layerNormGradient(x, statistics, dy, bad, dBeta)).toThrow(ShapeError);
        expect(() => layerNormGradient(x, statistics, dy, dGamma, bad)).toThrow(ShapeError);
      }
      for (const epsilon of [0, -1e-3, Number.NaN, "1" as unknown as number]) {
        expect(() => layerNormForward(x, gamma, beta, out, { epsilon })).toThrow(/layerNormForward: expected epsilon/);
      }
      expect(() => layerNormForward(x, gamma, beta, out, { axis: 1 } as object)).toThrow(ParameterError);
      expect(() => layerNormForward(engine().tensor("f32", [2, 0]), gamma, beta, out)).toThrow(ShapeError);
      expect(() => layerNormForward(x, gamma, beta, out, { statistics: x })).toThrow(ParameterError);
      expect(() => layerNormForward(x, gamma, beta, out, { statistics: out })).toThrow(ParameterError);
      expect(() => layerNormBackward(x, gamma, statistics, dy, x)).toThrow(ParameterError);
      expect(() => layerNormBackward(x, gamma, statistics, dy, statistics)).toThrow(ParameterError);
      expect(() => layerNormGradient(x, statistics, dy, dGamma, dGamma)).toThrow(ParameterError);
      for (const t of [x, gamma, beta, out, statistics, dy, dGamma, dBeta]) expect(t.toArray().every((v) => v === 7)).toBe(true);
    });
    other.dispose();
  });
});

describe("descriptions of layerNorm", () => {
  test("are plain frozen data with Keras's epsilon", () => {
    expect(layerNorm(8)).toEqual({ type: "layerNorm", units: 8, epsilon: 1e-3 });
    const layer = layerNorm(8, { epsilon: 1e-5 });
    expect(structuredClone(layer)).toEqual({ type: "layerNorm", units: 8, epsilon: 1e-5 });
    expect(Object.isFrozen(layer)).toBe(true);
  });
  test("of nonsense are refused", () => {
    for (const units of [0, -1, 1.5, Number.NaN, "3" as unknown as number]) expect(() => layerNorm(units)).toThrow(/units/);
    for (const epsilon of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => layerNorm(3, { epsilon })).toThrow(/epsilon/);
    expect(() => layerNorm(3, { eps: 1 } as object)).toThrow(ParameterError);
  });
});

describe("nn/layer_norm across builds", () => {
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
