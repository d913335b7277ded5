import { type AdamOptions, adam, bindTerm, ParameterError, ShapeError, yogi } from "fedlane";
import { describe, expect, test } from "vitest";
import { normals } from "../support/data.ts";
import { type Descent, testDescents } from "../support/descent.ts";
import { forEachBuild } from "../support/engines.ts";
import { add, div, madd, mul, type Rounded, sqrt, sub } from "../support/rounding.ts";
import { expectSameBits } from "../support/same.ts";
import * as reference from "./adam.reference.ts";
import { slope } from "./sgd.reference.ts";

const f = Math.fround;
// lr, wd, decay, 1 - beta1, 1 - beta2, eps
const scalars = [0.1, 0.01, 0.002, 0.1, 0.05, 1e-3].map(f);

function rounded(square: (r2: Rounded, q: Rounded, v: Rounded) => Rounded): Descent["rounded"] {
  return ([lr, , decay, r1, r2, eps], d, w, [m, v]) => {
    const mean = madd(r1!, sub(d, m!), m!);
    const next = square(r2!, mul(d, d), v!);
    return [sub(w, madd(decay!, w, mul(lr!, div(mean, add(sqrt(next), eps!))))), mean, next];
  };
}
testDescents("optim/adam", [
  {
    name: "adam_f32",
    kernel: (kernels) => kernels.adam_f32,
    scalars,
    state: ["any", "square"],
    twin: ([lr, , decay, r1, r2, eps], d, w, [m, v]) => reference.adam(lr!, decay!, r1!, r2!, eps!, d, w, m!, v!),
    rounded: rounded((r2, q, v) => madd(r2, sub(q, v), v)),
  },
  {
    name: "yogi_f32",
    kernel: (kernels) => kernels.yogi_f32,
    scalars,
    state: ["any", "square"],
    twin: ([lr, , decay, r1, r2, eps], d, w, [m, v]) => reference.yogi(lr!, decay!, r1!, r2!, eps!, d, w, m!, v!),
    rounded: rounded((r2, q, v) => {
      if (Math.abs(q.value - v.value) <= q.error + v.error) throw new RangeError("twin: d^2 too near v to tell the sign; choose other data");
      return (q.value > v.value ? add : sub)(v, mul(r2, q));
    }),
  },
]);

forEachBuild("optim/adam by tensors", (engine) => {
  const fresh = (w: ArrayLike<number>, square = 0) => ({
    weights: engine().tensor("f32", w.length, w),
    mean: engine().tensor("f32", w.length),
    square: engine().tensor("f32", w.length, new Float32Array(w.length).fill(square)),
  });

  test("golden values: Adam at 0.1 from w = 1, g = 2 (NUMERICS 3.6)", () => {
    engine().scope(() => {
      const { weights, mean, square } = fresh([1]);
      const gradient = engine().tensor("f32", 1, [2]);
      for (const [i, w] of [0.9, 0.8, 0.7, 0.6].entries()) {
        adam(weights, gradient, { mean, square, step: i + 1 }, { learningRate: 0.1 });
        expect(weights.item()).toBeCloseTo(w, 6);
      }
    });
  });

  test("golden values: Yogi's first step from w = 1, g = 2, square 1e-6 (by hand)", () => {
    engine().scope(() => {
      const gradient = engine().tensor("f32", 1, [2]);
      const { weights, mean, square } = fresh([1], 1e-6);
      yogi(weights, gradient, { mean, square, step: 1 }, { learningRate: 0.01 });
      expect(mean.item()).toBeCloseTo(0.2, 7);
      expect(square.item()).toBeCloseTo(0.004001, 9); // 1e-6 + 0.001 * 4
      expect(weights.item()).toBeCloseTo(0.99000625, 7); // 1 - 0.01 * 2 / (sqrt(4.001) + 0.001)
    });
  });

  test("the correction folded into rate and epsilon is algorithm 1 of the paper, with large epsilon too", () => {
    engine().scope(() => {
      const n = 9;
      const w = normals(n, 1);
      const { weights, mean, square } = fresh(w);
      const gradient = engine().tensor("f32", n);
      const options = { learningRate: 0.01, beta1: 0.8, beta2: 0.9, epsilon: 0.5, weightDecay: 0.1, decoupled: true };
      const twin = Array.from(w, (x): [number, number, number] => [x, 0, 0]);
      for (let t = 1; t <= 5; t++) {
        const g = normals(n, 10 + t);
        gradient.set(g);
        adam(weights, gradient, { mean, square, step: t }, options);
        for (const [i, [x, m, v]] of twin.entries()) twin[i] = reference.adamStep({ ...options, rate: 0.01, decay: 0.1 }, t, g[i]!, x, m, v);
        // A share of 1e-6 of a step's size, where leaving the correction out of epsilon changes a step by more than 1e-3.
        for (const [i, [x]] of twin.entries()) expect(Math.abs(weights.view[i]! - x)).toBeLessThan(2e-7 * (1 + Math.abs(x)) * t);
      }
    });
  });

  test("without biasCorrection the first step is (1 - beta1) / sqrt(1 - beta2) as long", () => {
    engine().scope(() => {
      const { weights, mean, square } = fresh([1]);
      const gradient = engine().tensor("f32", 1, [2]);
      adam(weights, gradient, { mean, square, step: 1 }, { learningRate: 0.1, biasCorrection: false });
      expect(1 - weights.item()).toBeCloseTo((0.1 * 0.1) / Math.sqrt(0.001), 6);
    });
  });

  test("weight decay: in the gradient by default, beside the step when decoupled (AdamW)", () => {
    engine().scope(() => {
      const gradient = engine().tensor("f32", 1, [2]);
      const options = { learningRate: 0.125, weightDecay: 0.5 };
      const l2 = fresh([1]);
      adam(l2.weights, gradient, { mean: l2.mean, square: l2.square, step: 1 }, options);
      expect(l2.weights.item()).toBeCloseTo(0.875, 6); // the size of the gradient does not matter
      expect(l2.mean.item()).toBeCloseTo(0.25, 6);
      const apart = fresh([1]);
      adam(apart.weights, gradient, { mean: apart.mean, square: apart.square, step: 1 }, { ...options, decoupled: true });
      expect(apart.weights.item()).toBeCloseTo(1 - 0.125 - 0.125 * 0.5, 6);
      expect(apart.mean.item()).toBeCloseTo(0.2, 6);
    });
  });

  test("a term enters the means", () => {
    engine().scope(() => {
      const [w, g, start] = [normals(7, 1), normals(7, 2), normals(7, 3)];
      const { weights, mean, square } = fresh(w);
      const [gradient, global] = [engine().copy(g), engine().copy(start)];
      using term = bindTerm({ type: "fedprox", mu: 0.5 }, global);
      adam(weights, gradient, { mean, square, step: 1 }, { learningRate: 0.01 }, term);
      mean.view.forEach((got, i) => {
        expect(Math.abs(got - 0.1 * slope(0, 0.5, g[i]!, start[i]!, 0, w[i]!))).toBeLessThan(1e-6);
      });
    });
  });

  test.each([
    { name: "adam", step: adam },
    { name: "yogi", step: yogi },
  ])("$name refuses bad input and changes nothing", ({ step }) => {
    engine().scope(() => {
      const { weights, mean, square } = fresh([1, 2, 3], 4);
      const gradient = engine().tensor("f32", 3, [1, 1, 1]);
      const short = engine().tensor("f32", 2);
      const good = { mean, square, step: 1 };
      const refused = (options: Partial<AdamOptions>, state = good, error: new (...a: never[]) => Error = ParameterError) =>
        expect(() => step(weights, gradient, state, { learningRate: 0.1, ...options })).toThrow(error);
      for (const learningRate of [0, -1, Number.NaN, 1e39]) refused({ learningRate });
      for (const beta of [-0.1, 1, Number.NaN]) {
        refused({ beta1: beta });
        refused({ beta2: beta });
      }
      for (const epsilon of [0, -1, 1e-31]) refused({ epsilon });
      refused({ weightDecay: -1 });
      refused({ decoupled: 1 as unknown as boolean });
      refused({ biasCorrection: "no" as unknown as boolean });
      refused({ initialAccumulator: 1 } as Partial<AdamOptions>);
      for (const t of [0, 1.5, Number.NaN]) refused({}, { ...good, step: t });
      refused({}, { ...good, mean: short }, ShapeError);
      refused({}, { ...good, square: mean });
      refused({}, { ...good, mean: gradient });
      refused({}, null as never);
      refused({}, { ...good, extra: 1 } as never);
      expect([...weights.toArray(), ...mean.toArray(), ...square.toArray()]).toEqual([1, 2, 3, 0, 0, 0, 4, 4, 4]);
      step(weights, gradient, good, { learningRate: 0.1 });
      expect(weights.view[0]).toBeLessThan(1);
    });
  });
});

describe("yogi_f32", () => {
  forEachBuild("where d^2 equals v", (engine) => {
    test("v stays", () => {
      engine().scope(() => {
        const gradient = engine().tensor("f32", 5, [2, 2, 2, 2, 2]);
        const weights = engine().tensor("f32", 5);
        const mean = engine().tensor("f32", 5);
        const square = engine().tensor("f32", 5, [4, 3, 5, 4, 0]);
        yogi(weights, gradient, { mean, square, step: 1 }, { learningRate: 1, beta2: 0.75 });
        expectSameBits(square.toArray(), Float32Array.of(4, 4, 4, 4, 1)); // by a quarter of d^2, up and down
      });
    });
  });
});
