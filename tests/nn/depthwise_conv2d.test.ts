import fc from "fast-check";
import {
  DisposedError,
  DTypeError,
  depthwiseConv2d,
  depthwiseConv2dForward,
  depthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient,
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
import * as reference from "./depthwise_conv2d.reference.ts";

const subject: Subject = {
  kernels: ({ kernels }) => ({
    scratch: kernels.depthwise_conv2d_scratch_f32,
    forward: kernels.depthwise_conv2d_f32,
    inputGradient: kernels.depthwise_conv2d_input_gradient_f32,
    weightGradient: kernels.depthwise_conv2d_weight_gradient_f32,
    norms: kernels.depthwise_conv2d_gradient_norms_f32,
  }),
  channels: (g) => g.c * g.n,
  ...reference,
};

/** Tensors of a geometry and the options that give it. */
function tensors(engine: Engine, g: Conv, { x, k, b, dy }: ReturnType<typeof data>) {
  const shape = { x: [g.m, g.h, g.w, g.c], k: [g.kh, g.kw, g.c, g.n], y: [g.m, g.oh, g.ow, g.c * g.n] };
  const filled = (of: readonly number[] | number) => engine.tensor("f32", of);
  return {
    x: engine.tensor("f32", shape.x, x),
    k: engine.tensor("f32", shape.k, k),
    b: engine.copy(b),
    dy: engine.tensor("f32", shape.y, dy),
    y: filled(shape.y),
    dx: filled(shape.x),
    dk: filled(shape.k),
    db: filled(g.c * g.n),
  };
}
/** The four results by the wrappers. */
function results(engine: Engine, g: Conv, options: Options, values = data(subject, g)) {
  return engine.scope(() => {
    const t = tensors(engine, g, values);
    depthwiseConv2dForward(t.x, t.k, t.b, t.y, options);
    depthwiseConv2dInputGradient(t.dy, t.k, t.dx, options);
    depthwiseConv2dWeightGradient(t.x, t.dy, t.dk, t.db, options);
    return { y: t.y.toArray(), dx: t.dx.toArray(), dk: t.dk.toArray(), db: t.db.toArray() };
  });
}

forEachBuild("nn/depthwise_conv2d", (engine) => {
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
        fc.constantFrom(1, 3, 5, 8, 17),
        pair(5),
        fc.constantFrom(1, 2, 3),
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
      b: new Float32Array(g.c * g.n),
      dy: Float32Array.from({ length: g.m * g.oh * g.ow * g.c * g.n }, (_, i) => ((i * 3) % 5) - 2),
    });
    const strided: Options = { strides: [2, 2], padding: "same" };
    const g = conv([1, [5, 4], 2, [3, 2], 2, strided])!;
    const got = results(engine(), g, strided, values(g));
    expect([...got.y]).toEqual([-17, 16, 13, -2, -11, -11, 16, -6, -7, 10, -11, -13, -7, 13, -14, -13, 15, -17, 16, -2, 16, -14, -2, 10]);
    expect([...got.dx]).toEqual([
      -6, 8, 5, 6, 8, -4, -6, -4, -1, -5, -3, -14, 2, -2, -5, 11, 2, 4, -2, 6, -9, -8, 7, -4, -10, 16, 13, -4, 13, -6, -14, -4, 5, 0, -4, -4, -6, 8, 5, 6,
    ]);
    expect([...got.dk]).toEqual([7, 1, 4, 6, 0, -7, -6, -5, 6, -12, 5, 7, 7, 5, -12, 6, -5, -6, -7, 0, 6, 4, 1, 7]);
    const dilated: Options = { dilation: [2, 2], padding: "same" };
    const d = conv([1, [5, 6], 3, [2, 3], 1, dilated])!;
    expect([...results(engine(), d, dilated, values(d)).y]).toEqual([
      -7, -6, 3, 1, 15, 2, -10, 15, -3, 15, -6, -7, 8, -6, -2, 3, -3, 14, -7, 9, 6, -5, 9, 4, 8, 9, -13, 2, 9, -7, 16, -12, 10, 6, -6, 14, -2, -12, 8, -7, 9, 6,
      -21, 9, -12, 8, 9, -13, -2, 3, -8, 16, -12, 10, -4, -12, -4, -2, -12, 8, -15, 9, 10, -21, 9, -12, 8, -3, -12, -2, 3, -8, 5, -6, 5, -8, -6, 4, -11, -6, -9,
      -7, 15, -6, -10, 9, -6, 13, -9, -4,
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
          db: reference.biasGradient(g.c * g.n, dy),
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
      const [x, k, b, y] = [tensor(2, 4, 5, 3), tensor(3, 2, 3, 2), tensor(6), filled(2, 2, 4, 6)];
      const [dx, dk, db] = [filled(2, 4, 5, 3), filled(3, 2, 3, 2), filled(6)];
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
        expect(() => depthwiseConv2dForward(bad, k, b, y)).toThrow(error);
        expect(() => depthwiseConv2dInputGradient(y, k, bad)).toThrow(error);
        expect(() => depthwiseConv2dWeightGradient(bad, y, dk, db)).toThrow(error);
      }
      expect(() => depthwiseConv2dForward(x, k, tensor(5), y)).toThrow(ShapeError);
      expect(() => depthwiseConv2dForward(x, k, b, y, { padding: "same" })).toThrow(/expected out of shape \[2,4,5,6\], got shape \[2,2,4,6\]/);
      expect(() => depthwiseConv2dForward(x, k, b, y, { dilation: 2 })).toThrow(/images of 5x3 or more/);
      expect(() => depthwiseConv2dWeightGradient(x, y, dk, tensor(5))).toThrow(ShapeError);
      expect(() => depthwiseConv2dForward(tensor(2, 4, 5, 0), tensor(3, 2, 0, 2), b, y)).toThrow(ShapeError);
      for (const options of [
        { strides: 0 },
        { strides: 1.5 },
        { strides: [1] },
        { padding: "full" },
        { dilation: "2" },
        { stride: 1 },
      ] as unknown as Options[]) {
        expect(() => depthwiseConv2dForward(x, k, b, y, options)).toThrow(ParameterError);
        expect(() => depthwiseConv2dInputGradient(y, k, dx, options)).toThrow(ParameterError);
        expect(() => depthwiseConv2dWeightGradient(x, y, dk, db, options)).toThrow(ParameterError);
      }
      const square = filled(1, 1, 1, 1);
      expect(() => depthwiseConv2dForward(square, square, tensor(1), square)).toThrow(ParameterError);
      expect(() => depthwiseConv2dInputGradient(tensor(1, 1, 1, 1), square, square)).toThrow(ParameterError);
      expect(() => depthwiseConv2dWeightGradient(square, tensor(1, 1, 1, 1), square, tensor(1))).toThrow(ParameterError);
      for (const t of [y, dx, dk, db, square]) expect(t.toArray().every((v) => v === 7)).toBe(true);
    });
    other.dispose();
  });

  test("a layer is plain data, checked, and fits images", () => {
    expect(depthwiseConv2d(3, [3, 2], { multiplier: 2, strides: 2, padding: "same", activation: "relu" })).toEqual({
      type: "depthwiseConv2d",
      inputs: 3,
      multiplier: 2,
      kernelSize: [3, 2],
      strides: [2, 2],
      padding: "same",
      dilation: [1, 1],
      activation: "relu",
      initialiser: "glorotUniform",
    });
    expect(depthwiseConv2d(3, 3).multiplier).toBe(1);
    const bad = [
      [0, 3],
      [3, 0],
      [3, [3]],
      [3, 3, { multiplier: 0 }],
      [3, 3, { activation: "swish?" }],
      [3, 3, { initialiser: "ones" }],
      [3, 3, { filters: 2 }],
    ];
    for (const args of bad) expect(() => depthwiseConv2d(...(args as Parameters<typeof depthwiseConv2d>))).toThrow(ParameterError);
    const model = engine().model([input([7, 6, 3]), depthwiseConv2d(3, [3, 2], { multiplier: 2, strides: 2, padding: "same" })]);
    expect(model.outputShape).toEqual([4, 3, 6]);
    expect(model.layout.map(({ name, shape }) => [name, ...shape])).toEqual([
      ["depthwiseConv2d0/depthwise_kernel", 3, 2, 3, 2],
      ["depthwiseConv2d0/bias", 6],
    ]);
    expect(() => engine().model([input([7, 6, 4]), depthwiseConv2d(3, 3)])).toThrow(
      /depthwiseConv2d0: expected images of shape \[h, w, 3\], got shape \[7,6,4\]/,
    );
  });
});

describe("nn/depthwise_conv2d across builds", () => {
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
