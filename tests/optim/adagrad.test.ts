import { type AdagradOptions, adagrad, bindTerm, ParameterError, type RmspropOptions, rmsprop, ShapeError, type Tensor } from "fedlane";
import { expect, test } from "vitest";
import { normals } from "../support/data.ts";
import { type Descent, testDescents } from "../support/descent.ts";
import { forEachBuild } from "../support/engines.ts";
import { add, div, madd, mul, sqrt, sub } from "../support/rounding.ts";
import * as reference from "./adagrad.reference.ts";
import { slope } from "./sgd.reference.ts";

const f = Math.fround;
const [lr, wd, decay, r, eps] = [f(0.1), f(0.01), f(0.002), f(0.05), f(1e-3)];

testDescents("optim/adagrad", [
  {
    name: "adagrad_f32",
    kernel: (kernels) => kernels.adagrad_f32,
    scalars: [lr, wd, decay, eps],
    state: ["square"],
    twin: ([lr, , decay, eps], d, w, [v]) => reference.adagrad(lr!, decay!, eps!, d, w, v!),
    rounded([lr, , decay, eps], d, w, [v]) {
      const sum = madd(d, d, v!);
      return [sub(w, madd(decay!, w, mul(lr!, div(d, add(sqrt(sum), eps!))))), sum];
    },
  },
  {
    name: "rmsprop_f32",
    kernel: (kernels) => kernels.rmsprop_f32,
    scalars: [lr, wd, decay, r, eps],
    state: ["square"],
    twin: ([lr, , decay, r, eps], d, w, [v]) => reference.rmsprop(lr!, decay!, r!, eps!, d, w, v!),
    rounded([lr, , decay, r, eps], d, w, [v]) {
      const mean = madd(r!, sub(mul(d, d), v!), v!);
      return [sub(w, madd(decay!, w, mul(lr!, div(d, add(sqrt(mean), eps!))))), mean];
    },
  },
] satisfies Descent[]);

forEachBuild("optim/adagrad by tensors", (engine) => {
  test("golden values: Adagrad at 0.01 from w = 1, g = 2, accumulator 0 (NUMERICS 3.6)", () => {
    engine().scope(() => {
      const [weights, gradient, accumulator] = [engine().tensor("f32", 1, [1]), engine().tensor("f32", 1, [2]), engine().tensor("f32", 1)];
      for (const w of [0.99, 0.9829289, 0.9771554, 0.9721554]) {
        adagrad(weights, gradient, accumulator, { learningRate: 0.01 });
        expect(weights.item()).toBeCloseTo(w, 6);
      }
    });
  });

  test("golden values: RMSprop, rho 0.75, from w = 1, g = 2 (by hand)", () => {
    engine().scope(() => {
      const [weights, gradient, average] = [engine().tensor("f32", 1, [1]), engine().tensor("f32", 1, [2]), engine().tensor("f32", 1)];
      rmsprop(weights, gradient, average, { learningRate: 0.125, rho: 0.75 });
      expect([average.item(), weights.item()]).toEqual([1, 0.75]); // a quarter of 4; 1 - 0.125 * 2 / 1
      rmsprop(weights, gradient, average, { learningRate: 0.125, rho: 0.75 });
      expect(average.item()).toBe(1.75);
      expect(weights.item()).toBeCloseTo(0.75 - 0.25 / Math.sqrt(1.75), 6);
    });
  });

  test("a zero gradient on an empty accumulator moves nothing", () => {
    engine().scope(() => {
      for (const step of [adagrad, rmsprop]) {
        const [weights, gradient, state] = [engine().tensor("f32", 9, normals(9, 1)), engine().tensor("f32", 9), engine().tensor("f32", 9)];
        step(weights, gradient, state, { learningRate: 1 });
        expect(weights.toArray()).toEqual(normals(9, 1));
      }
    });
  });

  test("decoupled decay is beside the step, and a term in it", () => {
    engine().scope(() => {
      for (const step of [adagrad, rmsprop]) {
        const [weights, gradient, state, global] = [
          engine().tensor("f32", 1, [1]),
          engine().tensor("f32", 1),
          engine().tensor("f32", 1),
          engine().tensor("f32", 1, [3]),
        ];
        step(weights, gradient, state, { learningRate: 0.5, weightDecay: 0.25, decoupled: true });
        expect(weights.item()).toBe(0.875);
        using term = bindTerm({ type: "fedprox", mu: 2 }, global);
        step(weights, gradient, state, { learningRate: 0.5 }, term);
        const d = slope(0, 2, 0, 3, 0, 0.875);
        const share = step === adagrad ? 1 : 1 - 0.9;
        expect(state.item()).toBeCloseTo(share * d * d, 4);
        expect(weights.item()).toBeCloseTo(0.875 + 0.5 / Math.sqrt(share), 5);
      }
    });
  });

  test.each([
    { name: "adagrad", step: adagrad as (w: Tensor<"f32">, g: Tensor<"f32">, s: Tensor<"f32">, o: AdagradOptions & RmspropOptions) => unknown },
    { name: "rmsprop", step: rmsprop as (w: Tensor<"f32">, g: Tensor<"f32">, s: Tensor<"f32">, o: AdagradOptions & RmspropOptions) => unknown },
  ])("$name refuses bad input and changes nothing", ({ name, step }) => {
    engine().scope(() => {
      const [weights, gradient, state] = [engine().tensor("f32", 3, [1, 2, 3]), engine().tensor("f32", 3, [1, 1, 1]), engine().tensor("f32", 3, [4, 4, 4])];
      const refused = (options: object, slot = state, error: new (...a: never[]) => Error = ParameterError) =>
        expect(() => step(weights, gradient, slot, { learningRate: 0.1, ...options })).toThrow(error);
      for (const learningRate of [0, -1, Number.NaN, 1e39]) refused({ learningRate });
      for (const epsilon of [0, -1, 1e-31]) refused({ epsilon });
      for (const rho of [-0.1, 1, Number.NaN]) refused({ rho }); // unknown to adagrad
      refused({ weightDecay: -1 });
      refused({ decoupled: 1 });
      refused({ initialAccumulator: 0.1 }); // the accumulator is the caller's
      refused({ type: name });
      refused({}, engine().tensor("f32", 2), ShapeError);
      refused({}, gradient);
      refused({}, weights);
      expect([...weights.toArray(), ...state.toArray()]).toEqual([1, 2, 3, 4, 4, 4]);
    });
  });
});
