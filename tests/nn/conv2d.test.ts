import fc from "fast-check";
import {
  conv2d,
  conv2dForward,
  conv2dInputGradient,
  conv2dWeightGradient,
  DisposedError,
  DTypeError,
  dense,
  type Engine,
  EngineMismatchError,
  input,
  ParameterError,
  ShapeError,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { CASES, check, conv, data, kernelResults, type Options, type Subject } from "../support/convolutions.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32 } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import type { Conv } from "./conv2d.reference.ts";
import * as reference from "./conv2d.reference.ts";

const subject: Subject = {
  kernels: ({ kernels }) => ({
    scratch: kernels.conv2d_scratch_f32,
    forward: kernels.conv2d_f32,
    inputGradient: kernels.conv2d_input_gradient_f32,
    weightGradient: kernels.conv2d_weight_gradient_f32,
    norms: kernels.conv2d_gradient_norms_f32,
  }),
  channels: (g) => g.n,
  ...reference,
};

/** Tensors of a geometry and the options that give it. */
function tensors(engine: Engine, g: Conv, { x, k, b, dy }: ReturnType<typeof data>) {
  const shape = { x: [g.m, g.h, g.w, g.c], k: [g.kh, g.kw, g.c, g.n], y: [g.m, g.oh, g.ow, g.n] };
  const filled = (of: readonly number[] | number) => engine.tensor("f32", of);
  return {
    x: engine.tensor("f32", shape.x, x),
    k: engine.tensor("f32", shape.k, k),
    b: engine.copy(b),
    dy: engine.tensor("f32", shape.y, dy),
    y: filled(shape.y),
    dx: filled(shape.x),
    dk: filled(shape.k),
    db: filled(g.n),
  };
}
/** The four results by the wrappers. */
function results(engine: Engine, g: Conv, options: Options, values = data(subject, g)) {
  return engine.scope(() => {
    const t = tensors(engine, g, values);
    conv2dForward(t.x, t.k, t.b, t.y, options);
    conv2dInputGradient(t.dy, t.k, t.dx, options);
    conv2dWeightGradient(t.x, t.dy, t.dk, t.db, options);
    return { y: t.y.toArray(), dx: t.dx.toArray(), dk: t.dk.toArray(), db: t.db.toArray() };
  });
}

forEachBuild("nn/conv2d", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(CASES.length);
    test.each(CASES.map((of) => [JSON.stringify(of), of] as const))("%s", (_, of) => {
      ran();
      check(engine(), subject, conv(of)!);
    });
  });

  test("random shapes", () => {
    let runs = 0;
    const pair = (max: number) => fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        pair(14),
        fc.constantFrom(1, 3, 5, 8),
        pair(5),
        fc.constantFrom(1, 3, 4, 5, 8, 17),
        pair(3),
        pair(3),
        fc.boolean(),
        (m, image, c, kernel, n, strides, dilation, same) => {
          const g = conv([m, image, c, kernel, n, { strides, dilation, padding: same ? "same" : "valid" }]);
          fc.pre(g !== undefined);
          runs++;
          check(engine(), subject, g!);
        },
      ),
      { seed: 12, numRuns: 60 },
    );
    expect(runs).toBe(60);
  });

  test("the gradients are the central differences of the reference loss", () => {
    const at = (v: Float32Array, of: (v: ArrayLike<number>) => number): Float64Array =>
      Float64Array.from(v, (_, i) => {
        const moved = (h: number) => of(Float64Array.from(v, (e, j) => (j === i ? e + h : e)));
        return (moved(2 ** -10) - moved(-(2 ** -10))) / 2 ** -9;
      });
    for (const options of [{ padding: "same", strides: [2, 1] }, { dilation: [1, 2] }] as Options[]) {
      const g = conv([2, [5, 6], 3, [3, 2], 5, options])!;
      const values = data(subject, g);
      const { x, k, b, dy } = values;
      const got = results(engine(), g, options, values);
      // The loss is linear in each argument: the difference is exact but for f64 rounding. 40 steps of f32 on sums of about 30.
      const bound = () => 40 * EPS32 * 30;
      const differences = {
        dx: at(x, (v) => reference.loss(g, v, k, b, dy)),
        dk: at(k, (v) => reference.loss(g, x, v, b, dy)),
        db: at(b, (v) => reference.loss(g, x, k, v, dy)),
      };
      for (const name of ["dx", "dk", "db"] as const) expectWithin(got[name], differences[name], bound, 1e-3);
    }
  });

  test("gives the values of TensorFlow.js 4.22 (cpu), strides with padding and dilation", () => {
    const values = (g: Conv) => ({
      x: Float32Array.from({ length: g.m * g.h * g.w * g.c }, (_, i) => ((i * 5) % 7) - 3),
      k: Float32Array.from({ length: g.kh * g.kw * g.c * g.n }, (_, i) => ((i * 4) % 9) - 4),
      b: new Float32Array(g.n),
      dy: Float32Array.from({ length: g.m * g.oh * g.ow * g.n }, (_, i) => ((i * 3) % 5) - 2),
    });
    const strided: Options = { strides: [2, 1], padding: "same" };
    const g = conv([1, [5, 4], 2, [3, 2], 3, strided])!;
    const got = results(engine(), g, strided, values(g));
    expect([...got.y]).toEqual([
      21, -42, 21, -36, 21, 15, 19, -21, 2, -19, 15, 4, -60, 27, 33, 30, -15, -15, -48, 27, 21, 16, 12, -28, 17, 3, -20, -30, 12, 18, 21, 21, -42, 10, -21, 11,
    ]);
    expect([...got.dx]).toEqual([
      7, -8, 6, 9, -24, 9, -4, -1, -4, 11, 5, -13, -15, 12, 5, -13, 7, -8, 11, -1, 6, 9, -24, 9, -4, -4, 10, 7, 5, -13, -15, 12, -8, 7, 11, -16, 11, -1, 6, 9,
    ]);
    expect([...got.dk]).toEqual([
      6, 8, -5, -13, -5, 8, -3, -11, 6, 5, 9, -2, -4, -9, 16, -4, -4, 1, 10, 10, -10, 2, 9, -9, -13, 4, 6, 6, 4, -13, 8, 0, -3, -13, 1, 5,
    ]);
    const dilated: Options = { dilation: [2, 2] };
    const d = conv([2, [5, 6], 1, [2, 3], 2, dilated])!;
    expect([...results(engine(), d, dilated, values(d)).y]).toEqual([
      20, 3, -13, -13, 11, 5, 20, 3, -19, -7, 11, 5, 3, 20, 5, 11, -13, -13, 3, 20, 20, 3, -13, -13,
    ]);
  });

  test("an output does not depend on the other images of the batch", () => {
    const options: Options = { padding: "same" };
    const all = conv([7, [3, 4], 3, [3, 3], 5, options])!;
    const values = data(subject, all);
    const { y } = results(engine(), all, options, values);
    const [pixels, out] = [values.x.length / 7, y.length / 7];
    for (const i of [0, 6]) {
      const alone = results(engine(), { ...all, m: 1 }, options, { ...values, x: values.x.slice(i * pixels, (i + 1) * pixels), dy: values.dy.slice(0, out) });
      expect(bits(alone.y)).toEqual(bits(y.slice(i * out, (i + 1) * out)));
    }
  });

  test("NaN and Infinity propagate to what they touch, the border's zeros included, and nowhere else", () => {
    const options: Options = { padding: "same", strides: [2, 1] };
    const g = conv([2, [5, 6], 3, [3, 3], 5, options])!;
    const clean = data(subject, g);
    const planted = (v: Float32Array, at: number, value: number) => v.map((e, i) => (i === at ? value : e));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const values of [
        { ...clean, x: planted(clean.x, 40, value) },
        { ...clean, k: planted(clean.k, 7, value) },
        { ...clean, dy: planted(clean.dy, 33, value) },
        { ...clean, b: planted(clean.b, 2, value) },
      ]) {
        const { x, k, b, dy } = values;
        const got = results(engine(), g, options, values);
        const want = {
          y: reference.forward(g, x, k, b),
          dx: reference.inputGradient(g, dy, k),
          dk: reference.kernelGradient(g, x, dy),
          db: reference.biasGradient(g.n, dy),
        };
        for (const name of ["y", "dx", "dk", "db"] as const) expectWithin(got[name], want[name], () => 1e-4, 0.1);
      }
    }
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 4, 5, 3]);
    engine().scope(() => {
      const tensor = (...shape: number[]) => engine().tensor("f32", shape);
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [x, k, b, y] = [tensor(2, 4, 5, 3), tensor(3, 2, 3, 6), tensor(6), filled(2, 2, 4, 6)];
      const [dx, dk, db] = [filled(2, 4, 5, 3), filled(3, 2, 3, 6), filled(6)];
      const [gone, f64] = [tensor(2, 4, 5, 3), engine().tensor("f64", [2, 4, 5, 3]) as unknown as Tensor<"f32">];
      gone.dispose();
      for (const [bad, error] of [
        [tensor(2, 4, 5, 4), ShapeError],
        [tensor(2, 4, 15), ShapeError],
        [tensor(2, 2, 5, 3), ShapeError],
        [f64, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => conv2dForward(bad, k, b, y)).toThrow(error);
        expect(() => conv2dInputGradient(y, k, bad)).toThrow(error);
        expect(() => conv2dWeightGradient(bad, y, dk, db)).toThrow(error);
      }
      expect(() => conv2dForward(x, k, tensor(5), y)).toThrow(ShapeError);
      expect(() => conv2dForward(x, k, b, y, { padding: "same" })).toThrow(/expected out of shape \[2,4,5,6\], got shape \[2,2,4,6\]/);
      expect(() => conv2dForward(x, k, b, y, { dilation: 2 })).toThrow(/images of 5x3 or more/);
      expect(() => conv2dWeightGradient(x, y, dk, tensor(5))).toThrow(ShapeError);
      expect(() => conv2dForward(tensor(2, 4, 5, 0), tensor(3, 2, 0, 6), b, y)).toThrow(ShapeError);
      for (const options of [
        { strides: 0 },
        { strides: 1.5 },
        { strides: [1] },
        { padding: "full" },
        { dilation: "2" },
        { stride: 1 },
      ] as unknown as Options[]) {
        expect(() => conv2dForward(x, k, b, y, options)).toThrow(ParameterError);
        expect(() => conv2dInputGradient(y, k, dx, options)).toThrow(ParameterError);
        expect(() => conv2dWeightGradient(x, y, dk, db, options)).toThrow(ParameterError);
      }
      const square = filled(3, 3, 3, 3);
      expect(() => conv2dForward(square, square, tensor(3), square, { padding: "same" })).toThrow(ParameterError);
      expect(() => conv2dInputGradient(tensor(3, 3, 3, 3), square, square, { padding: "same" })).toThrow(ParameterError);
      expect(() => conv2dWeightGradient(square, tensor(3, 3, 3, 3), square, tensor(3), { padding: "same" })).toThrow(ParameterError);
      for (const t of [y, dx, dk, db, square]) expect(t.toArray().every((v) => v === 7)).toBe(true);
    });
    other.dispose();
  });

  test("a layer is plain data, checked, and fits images", () => {
    expect(conv2d(3, 8, [3, 2], { strides: 2, padding: "same", activation: "relu" })).toEqual({
      type: "conv2d",
      inputs: 3,
      filters: 8,
      kernelSize: [3, 2],
      strides: [2, 2],
      padding: "same",
      dilation: [1, 1],
      activation: "relu",
      initialiser: "glorotUniform",
    });
    const bad = [
      [0, 8, 3],
      [3, 1.5, 3],
      [3, 8, 0],
      [3, 8, [3]],
      [3, 8, 3, { activation: "swish?" }],
      [3, 8, 3, { initialiser: "ones" }],
      [3, 8, 3, { stride: 2 }],
    ];
    for (const args of bad) expect(() => conv2d(...(args as Parameters<typeof conv2d>))).toThrow(ParameterError);
    const model = engine().model([input([7, 6, 3]), conv2d(3, 8, [3, 2], { strides: 2, padding: "same", activation: "relu" }), conv2d(8, 4, 1)]);
    expect(model.outputShape).toEqual([4, 3, 4]);
    expect(model.layout.map(({ name, shape }) => [name, ...shape])).toEqual([
      ["conv2d0/kernel", 3, 2, 3, 8],
      ["conv2d0/bias", 8],
      ["conv2d1/kernel", 1, 1, 8, 4],
      ["conv2d1/bias", 4],
    ]);
    expect(() => engine().model([input([7, 6, 4]), conv2d(3, 8, 3)])).toThrow(/conv2d0: expected images of shape \[h, w, 3\], got shape \[7,6,4\]/);
    expect(() => engine().model([input([2, 6, 3]), conv2d(3, 8, 3)])).toThrow(/images of 3x3 or more/);
    expect(() => engine().model([dense(5, 3), conv2d(3, 8, 3)])).toThrow(ShapeError);
  });
});

describe("nn/conv2d across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const of of CASES) {
      const g = conv(of)!;
      const [p, q] = [scalar!, simd!].map((engine) => {
        const { norms, ...rest } = kernelResults(engine, subject, g, data(subject, g), -0.1, 0.99);
        return [...Object.values(rest).map(bits), norms];
      });
      expect(p).toEqual(q);
    }
  });
});
