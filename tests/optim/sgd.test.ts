import { bindTerm, DisposedError, EngineMismatchError, ParameterError, type SgdOptions, ShapeError, sgd } from "fedlane";
import { describe, expect, test } from "vitest";
import { bits, normals } from "../support/data.ts";
import { type Descent, testDescents } from "../support/descent.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { exact, madd, mul, sub } from "../support/rounding.ts";
import { expectSameBits } from "../support/same.ts";
import * as reference from "./sgd.reference.ts";

const f = Math.fround;
const [lr, wd, decay, beta] = [f(0.1), f(0.01), f(0.002), f(0.9)];

const heavyBall: Descent = {
  name: "sgd_momentum_f32",
  kernel: (kernels) => kernels.sgd_momentum_f32,
  scalars: [lr, wd, decay, beta],
  state: ["any"],
  twin: ([lr, , decay, beta], d, w, [v]) => reference.momentum(lr!, decay!, beta!, d, w, v!),
  rounded([lr, , decay, beta], d, w, [v]) {
    const u = madd(beta!, v!, d);
    return [sub(w, madd(decay!, w, mul(lr!, u))), u];
  },
};
testDescents("optim/sgd", [
  {
    name: "sgd_f32",
    kernel: (kernels) => kernels.sgd_f32,
    scalars: [lr, wd],
    state: [],
    twin: ([lr], d, w) => [reference.sgd(lr!, d, w)],
    rounded: ([lr], d, w) => [sub(w, mul(lr!, d))],
  },
  heavyBall,
  {
    ...heavyBall,
    name: "sgd_nesterov_f32",
    kernel: (kernels) => kernels.sgd_nesterov_f32,
    twin: ([lr, , decay, beta], d, w, [v]) => reference.nesterov(lr!, decay!, beta!, d, w, v!),
    rounded([lr, , decay, beta], d, w, [v]) {
      const u = madd(beta!, v!, d);
      return [sub(w, madd(decay!, w, mul(lr!, madd(beta!, u, d)))), u];
    },
  },
]);

test("the bound counts roundings: one for a product, and an exact sum stays exact but for its own", () => {
  const third = f(1 / 3);
  expect(mul(exact(third), exact(third)).error).toBeGreaterThanOrEqual(Math.abs(f(third * third) - third * third));
  expect(mul(exact(third), exact(third)).error).toBeLessThan(1.0001 * 2 ** -24 * third * third);
});

forEachBuild("optim/sgd by tensors", (engine) => {
  // NUMERICS 3.6: from w = 1, g = 2, four steps.
  test.each([
    { momentum: 0, nesterov: false, want: [0.98, 0.96, 0.94, 0.92] },
    { momentum: 0.5, nesterov: false, want: [0.98, 0.95, 0.915, 0.8775] },
    { momentum: 0.5, nesterov: true, want: [0.97, 0.935, 0.8975, 0.85875] },
  ])("golden values of the optimizer table, momentum $momentum, nesterov $nesterov", ({ momentum, nesterov, want }) => {
    engine().scope(() => {
      const weights = engine().tensor("f32", 1, [1]);
      const gradient = engine().tensor("f32", 1, [2]);
      const velocity = engine().tensor("f32", 1);
      for (const w of want) {
        sgd(weights, gradient, { learningRate: 0.01, momentum, nesterov, velocity });
        expect(weights.item()).toBeCloseTo(w, 6);
      }
    });
  });

  test("weight decay enters the velocity; decoupled, it does not", () => {
    engine().scope(() => {
      const [weights, gradient, velocity] = [engine().tensor("f32", 1, [4]), engine().tensor("f32", 1, [1]), engine().tensor("f32", 1, [2])];
      const options = { learningRate: 0.5, weightDecay: 0.25, momentum: 0.5, velocity };
      sgd(weights, gradient, options);
      expect([weights.item(), velocity.item()]).toEqual([2.5, 3]); // d = 1 + 0.25 * 4; v = 0.5 * 2 + 2; w = 4 - 0.5 * 3
      weights.set([4]);
      velocity.set([2]);
      sgd(weights, gradient, { ...options, decoupled: true });
      expect([weights.item(), velocity.item()]).toEqual([2.5, 2]); // v = 0.5 * 2 + 1; w = 4 - 0.5 * 0.25 * 4 - 0.5 * 2
      weights.set([4]);
      sgd(weights, gradient, { learningRate: 0.5, weightDecay: 0.25 });
      expect(weights.item()).toBe(3);
      weights.set([4]);
      sgd(weights, gradient, { learningRate: 0.5, weightDecay: 0.25, decoupled: true });
      expect(weights.item()).toBe(3); // the same thing without momentum
    });
  });

  test("a term changes the step as the twin says", () => {
    engine().scope(() => {
      const [w, g, start] = [normals(9, 1), normals(9, 2), normals(9, 3)];
      const [weights, gradient, global] = [engine().copy(w), engine().copy(g), engine().copy(start)];
      using term = bindTerm({ type: "fedprox", mu: 0.25 }, global);
      sgd(weights, gradient, { learningRate: 0.5, weightDecay: 0.125 }, term);
      weights.view.forEach((got, i) => {
        const want = reference.sgd(0.5, reference.slope(0.125, 0.25, g[i]!, start[i]!, 0, w[i]!), w[i]!);
        expect(Math.abs(got - want)).toBeLessThan(1e-6);
      });
      expectSameBits(global.toArray(), start);
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const stranger = (await makeEngine()).tensor("f32", 3);
    const weights = engine().tensor("f32", 3, [1, 2, 3]);
    const short = engine().tensor("f32", 2);
    const gradient = engine().tensor("f32", 3);
    const velocity = engine().tensor("f32", 3, [4, 5, 6]);
    for (const learningRate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e39, { type: "constant", initial: 1 } as unknown as number]) {
      expect(() => sgd(weights, gradient, { learningRate })).toThrow(ParameterError);
    }
    const refused = (options: Partial<SgdOptions>, error: new (...a: never[]) => Error = ParameterError) =>
      expect(() => sgd(weights, gradient, { learningRate: 0.1, ...options })).toThrow(error);
    refused({ momentum: 1, velocity });
    refused({ momentum: -0.1, velocity });
    refused({ nesterov: true, velocity });
    refused({ nesterov: 1 as unknown as boolean, momentum: 0.5, velocity });
    refused({ decoupled: "yes" as unknown as boolean });
    refused({ weightDecay: -1 });
    refused({ beta: 0.9 } as Partial<SgdOptions>);
    refused({ momentum: 0.9, velocity: short }, ShapeError);
    refused({ momentum: 0.9, velocity: gradient });
    refused({ momentum: 0.9, velocity: weights });
    refused({ momentum: 0.9, velocity: stranger }, EngineMismatchError);
    expect(() => sgd(weights, gradient, { learningRate: 0.1, momentum: 0.9 })).toThrow(/sgd: expected a velocity tensor/);
    expect(() => sgd(weights, short, { learningRate: 0.1 })).toThrow(ShapeError);
    expect(() => sgd(weights, weights, { learningRate: 0.1 })).toThrow(ParameterError);
    expect(() => sgd(weights, stranger, { learningRate: 0.1 })).toThrow(EngineMismatchError);
    gradient.dispose();
    expect(() => sgd(weights, gradient, { learningRate: 0.1 })).toThrow(DisposedError);
    expect([...weights.toArray(), ...velocity.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
    for (const tensor of [weights, short, velocity]) tensor.dispose();
  });
});

describe("optim/sgd and what it was", () => {
  test("without term and decoupled decay the bits are those of w - lr (g + wd w), each product and sum rounded", async () => {
    const engine = await makeEngine({ build: "simd" });
    engine.scope(() => {
      const [w, g, v] = [normals(100, 7), normals(100, 8), normals(100, 9)];
      const [weights, gradient, velocity] = [engine.copy(w), engine.copy(g), engine.copy(v)];
      sgd(weights, gradient, { learningRate: lr, weightDecay: wd });
      expect(bits(weights.toArray())).toEqual(bits(w.map((x, i) => x + f(-lr * f(f(wd * x) + g[i]!)))));
      weights.set(w);
      sgd(weights, gradient, { learningRate: lr, weightDecay: wd, momentum: beta, velocity });
      const u = v.map((x, i) => f(beta * x) + f(f(wd * w[i]!) + g[i]!));
      expect(bits(velocity.toArray())).toEqual(bits(u));
      expect(bits(weights.toArray())).toEqual(bits(w.map((x, i) => x + f(-lr * u[i]!))));
    });
  });
});
