import fc from "fast-check";
import {
  batchNorm,
  batchNormBackward,
  batchNormForward,
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  ParameterError,
  ShapeError,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { batchNormKind } from "#dist/nn/batch_norm.js";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { solo } from "../support/solo.ts";
import * as reference from "./batch_norm.reference.ts";

const EPSILON = 1e-3;
function channelsOf(c: number) {
  return { gamma: normals(c, 1), beta: normals(c, 2), mean: normals(c, 3, 3), variance: normals(c, 4).map((v) => v * v), epsilon: EPSILON };
}

/** Raw kernels between guard bands, off alignment, outputs NaN at first; y over x and dx over dy as well. */
function kernelResults(engine: Engine, m: number, channels: ReturnType<typeof channelsOf>, x: Float32Array, dy: Float32Array) {
  const { kernels } = engine;
  const c = channels.gamma.length;
  const nan = (size: number) => guarded(engine, new Float32Array(size).fill(Number.NaN), 4);
  const [px, pdy, y, dx] = [guarded(engine, x, 4), guarded(engine, dy, 4), nan(x.length), nan(x.length)];
  const [g, b] = [guarded(engine, channels.gamma, 4), guarded(engine, channels.beta, 4)];
  const [mean, variance] = [guarded(engine, channels.mean, 4), guarded(engine, channels.variance, 4)];
  const scratch = guarded(engine, new Uint8Array(kernels.batch_norm_scratch_f32(c)).fill(0xff), 4);
  const forward = (to: number) => kernels.batch_norm_f32(m, c, EPSILON, px.address, g.address, b.address, mean.address, variance.address, to, scratch.address);
  const backward = (to: number) => kernels.batch_norm_backward_f32(m, c, EPSILON, g.address, variance.address, pdy.address, to, scratch.address);
  forward(y.address);
  backward(dx.address);
  const got = { y: y.f32(), dx: dx.f32() };
  forward(px.address);
  backward(pdy.address);
  expect(bits(px.f32()), "y over x").toEqual(bits(got.y));
  expect(bits(pdy.f32()), "dx over dy").toEqual(bits(got.dx));
  for (const p of [px, pdy, y, dx, g, b, mean, variance, scratch]) p.release();
  return got;
}
/** gamma / sqrt(variance + epsilon) takes four roundings (epsilon's own too), the difference and the product one each, the sum one of its terms. */
function expectRight(
  channels: ReturnType<typeof channelsOf>,
  got: { readonly y: Float32Array; readonly dx: Float32Array },
  x: Float32Array,
  dy: Float32Array,
): void {
  const c = channels.gamma.length;
  const [y, dx] = [reference.forward(channels, x), reference.inputGradient(channels, dy)];
  expectWithin(got.y, y, (i) => 8 * EPS32 * (Math.abs(y[i]! - channels.beta[i % c]!) + Math.abs(channels.beta[i % c]!)), 1e-2);
  expectWithin(got.dx, dx, (i) => 6 * EPS32 * Math.abs(dx[i]!), 1e-2);
}
const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33] as const;

forEachBuild("nn/batch_norm", (engine) => {
  describe("is the twin", () => {
    const ran = countCases(CHANNELS.length);
    test.each(CHANNELS)("%i channels", (c) => {
      ran();
      for (const m of [0, 1, 6]) {
        const [x, dy] = [normals(m * c, 5, 4), normals(m * c, 6)];
        expectRight(channelsOf(c), kernelResults(engine(), m, channelsOf(c), x, dy), x, dy);
      }
    });
  });

  test("random shapes", () => {
    let count = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 40 }), fc.nat(), (m, c, seed) => {
        count++;
        const [x, dy] = [normals(m * c, seed, 4), normals(m * c, seed + 1)];
        expectRight(channelsOf(c), kernelResults(engine(), m, channelsOf(c), x, dy), x, dy);
      }),
      { numRuns: runs(50) },
    );
    expect(count).toBe(runs(50));
  });

  test("is that of tfjs", () => {
    // tf.batchNorm (epsilon 1e-3), tfjs 4.22.0 on the cpu backend. Its last channel has variance 0.
    engine().scope(() => {
      const tensor = (shape: number | number[], values: number[]) => engine().tensor("f32", shape, values);
      const [gamma, beta] = [tensor(5, [1, 2, 0.5, -1, 3]), tensor(5, [0, 1, 0, -1, 0.5])];
      const [mean, variance] = [tensor(5, [0, 1, -2, 3, 0.5]), tensor(5, [1, 0.25, 4, 2, 0])];
      const out = batchNormForward(tensor([2, 5], [1, 2, 3, 4, 10, -0.5, 0.25, 0, 8, -3]), gamma, beta, mean, variance, engine().tensor("f32", [2, 5]));
      const first = [0.9995003938674927, 4.992023944854736, 1.2498438358306885, -1.7069300413131714, 901.7491455078125];
      const second = [-0.49975019693374634, -1.9940179586410522, 0.499937504529953, -4.5346503257751465, -331.5391540527344];
      expectWithin(out.toArray(), [...first, ...second], (i) => 8 * EPS32 * Math.max(8, Math.abs([...first, ...second][i]!)), 1e-2);
    });
  });

  test("the gradient is the central difference of the twin's loss", () => {
    const channels = channelsOf(7);
    const [x, dy] = [normals(21, 7), normals(21, 8)];
    const slope = Float64Array.from(x, (_, i) => {
      const at = (step: number) =>
        reference.loss(
          channels,
          Float64Array.from(x, (v, j) => (j === i ? v + step : v)),
          dy,
        );
      return (at(2 ** -6) - at(-(2 ** -6))) * 2 ** 5;
    });
    expectWithin(kernelResults(engine(), 3, channels, x, dy).dx, slope, (i) => 6 * EPS32 * Math.abs(slope[i]!) + 1e-10, 1e-2);
  });

  test("examples do not see each other: NaN, Infinity and a negative variance stay where they are", () => {
    const c = 7;
    for (let at = 0; at < 3 * c; at++) {
      const x = normals(3 * c, 5);
      const clean = kernelResults(engine(), 3, channelsOf(c), x, x);
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        x[at] = bad;
        const got = kernelResults(engine(), 3, channelsOf(c), x, x);
        for (const key of ["y", "dx"] as const) {
          expect(Number.isFinite(got[key][at])).toBe(false);
          expect(Array.from(got[key], (v, i) => (i === at ? 0 : v))).toEqual(Array.from(clean[key], (v, i) => (i === at ? 0 : v)));
        }
      }
    }
    const channels = channelsOf(c);
    channels.variance[2] = -1;
    const got = kernelResults(engine(), 3, channels, normals(3 * c, 5), normals(3 * c, 6));
    for (const values of [got.y, got.dx]) expect(Array.from(values, Number.isNaN)).toEqual(Array.from(values, (_, i) => i % c === 2));
  });

  test("the kind works in place of its input, and is frozen", () => {
    for (const input of [[5], [3, 9], [2, 3, 16]]) {
      const c = input.at(-1)!;
      const size = input.reduce((a, b) => a * b);
      const channels = channelsOf(c);
      const { gamma, beta, mean, variance } = channels;
      const [x, dy] = [normals(4 * size, 5, 4), normals(4 * size, 6)];
      const got = solo(engine(), batchNormKind, batchNorm(c), input, { x, dy, w: Float32Array.of(...gamma, ...beta, ...mean, ...variance) });
      expect(got.output).toEqual(input);
      expectRight(channels, got, x, dy);
      expect(bits(got.predicted)).toEqual(bits(got.y));
      expect([got.updated, got.norms]).toEqual([undefined, undefined]);
      expect(got.parameters).toEqual([
        { name: "gamma", shape: [c], start: { value: 1 }, trainable: false },
        { name: "beta", shape: [c], start: { value: 0 }, trainable: false },
        { name: "moving_mean", shape: [c], start: { value: 0 }, trainable: false },
        { name: "moving_variance", shape: [c], start: { value: 1 }, trainable: false },
      ]);
    }
    expect([batchNormKind.inPlace, batchNormKind.reads]).toEqual([true, { x: false, y: false }]);
    for (const shape of [[5], [4, 3], []]) expect(() => batchNormKind.shape("op", batchNorm(4), [shape])).toThrow(ShapeError);
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3]);
    engine().scope(() => {
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [x, gamma, beta, mean, variance, out] = [filled(2, 3), filled(3), filled(3), filled(3), filled(3), filled(2, 3)];
      const gone = filled(2, 3);
      gone.dispose();
      for (const [bad, error] of [
        [filled(2, 4), ShapeError],
        [engine().tensor("f64", [2, 3]) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => batchNormForward(bad, gamma, beta, mean, variance, out)).toThrow(error);
        expect(() => batchNormForward(x, gamma, beta, mean, variance, bad)).toThrow(error);
        expect(() => batchNormBackward(bad, gamma, variance, out)).toThrow(error);
        expect(() => batchNormBackward(x, gamma, variance, bad)).toThrow(error);
      }
      for (const bad of [filled(2), filled(3, 1)]) {
        expect(() => batchNormForward(x, bad, beta, mean, variance, out)).toThrow(ShapeError);
        expect(() => batchNormForward(x, gamma, bad, mean, variance, out)).toThrow(ShapeError);
        expect(() => batchNormForward(x, gamma, beta, bad, variance, out)).toThrow(ShapeError);
        expect(() => batchNormForward(x, gamma, beta, mean, bad, out)).toThrow(ShapeError);
        expect(() => batchNormBackward(x, bad, variance, out)).toThrow(ShapeError);
        expect(() => batchNormBackward(x, gamma, bad, out)).toThrow(ShapeError);
      }
      for (const epsilon of [0, -1, Number.NaN, 1e39]) {
        expect(() => batchNormForward(x, gamma, beta, mean, variance, out, { epsilon })).toThrow(/epsilon/);
        expect(() => batchNormBackward(x, gamma, variance, out, { epsilon })).toThrow(/epsilon/);
      }
      expect(() => batchNormForward(x, gamma, beta, mean, variance, out, { eps: 1 } as object)).toThrow(ParameterError);
      expect(() => batchNormForward(filled(3), gamma, beta, mean, variance, gamma)).toThrow(ParameterError);
      expect(() => batchNormBackward(filled(3), gamma, variance, variance)).toThrow(ParameterError);
      for (const t of [x, gamma, beta, mean, variance, out]) expect(t.toArray().every((v) => v === 7)).toBe(true);
      expect(batchNormBackward(x, gamma, variance)).toBe(x);
    });
    other.dispose();
  });
});

describe("descriptions of batchNorm", () => {
  test("are plain frozen data with Keras's epsilon", () => {
    expect(structuredClone(batchNorm(8))).toEqual({ type: "batchNorm", channels: 8, epsilon: 1e-3 });
    expect(Object.isFrozen(batchNorm(8, { epsilon: 1e-5 }))).toBe(true);
  });
  test("of nonsense are refused", () => {
    for (const channels of [0, -1, 1.5, Number.NaN]) expect(() => batchNorm(channels)).toThrow(/channels/);
    for (const epsilon of [0, -1, Number.NaN]) expect(() => batchNorm(3, { epsilon })).toThrow(/epsilon/);
    expect(() => batchNorm(3, { momentum: 0.9 } as object)).toThrow(ParameterError);
  });
});

describe("nn/batch_norm across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const c of CHANNELS) {
      const [p, q] = [scalar!, simd!].map((engine) => Object.values(kernelResults(engine, 5, channelsOf(c), normals(5 * c, 8), normals(5 * c, 9))).map(bits));
      expect(p).toEqual(q);
    }
  });
});
