import { gaussianDelta, gaussianEpsilon, gdpApproximateDelta, gdpApproximateEpsilon, gdpApproximateMu, PrivacyError, type PrivacyEvent } from "fedlane";
import { expect, test } from "vitest";

const ADD = { adjacency: "add-remove", unit: "example" } as const;
const sampled = (rate: number, noiseMultiplier: number, count: number): PrivacyEvent => ({
  mechanism: { type: "gaussian", noiseMultiplier },
  sampling: { type: "poisson", rate },
  count,
});

test("mu is q sqrt(T (e^(1/s^2) - 1)) and adds up in squares", () => {
  const [a, b] = [sampled(0.01, 1.1, 1000), sampled(0.2, 3, 7)];
  const mu = 0.01 * Math.sqrt(1000 * Math.expm1(1 / 1.21));
  expect(gdpApproximateMu([a], ADD)).toBeCloseTo(mu, 14);
  expect(gdpApproximateMu([a, b], ADD)).toBeCloseTo(Math.sqrt(mu ** 2 + 0.04 * 7 * Math.expm1(1 / 9)), 14);
  expect(gdpApproximateMu([{ ...a, count: 0 }, sampled(0, 0, 1)], ADD)).toBe(0);
});

test("on all units it is the exact Gaussian, in both adjacencies", () => {
  for (const adjacency of ["add-remove", "replace-one"] as const) {
    const event: PrivacyEvent = { mechanism: { type: "gaussian", noiseMultiplier: 3 }, sampling: { type: "all" }, count: 4 };
    expect(gdpApproximateEpsilon([event], { ...ADD, adjacency, delta: 1e-5 })).toBeCloseTo(gaussianEpsilon({ sigma: 1.5, delta: 1e-5, adjacency }), 10);
    expect(gdpApproximateDelta([event], { ...ADD, adjacency, epsilon: 1 })).toBeCloseTo(gaussianDelta({ sigma: 1.5, epsilon: 1, adjacency }), 12);
  }
});

// NUMERICS 3.3: the true epsilons of three settings. The approximation says less than was spent, which is why it is named one.
test.each([
  [0.01, 1.1, 1000, 1.515362],
  [256 / 60000, 1.1, 14062, 2.381597],
  [0.008, 1, 2500, 2.265004],
])("it under-reports: q %d, sigma %d, %i steps", (q, sigma, steps, truth) => {
  const got = gdpApproximateEpsilon([sampled(q, sigma, steps)], { ...ADD, delta: 1e-5 });
  expect(got).toBeLessThan(truth);
  expect(got).toBeGreaterThan(0.8 * truth);
});

test("what it does not know is refused; edges", () => {
  expect(() => gdpApproximateMu([sampled(0.1, 1, 1)], { ...ADD, adjacency: "replace-one" })).toThrow(PrivacyError);
  expect(() => gdpApproximateMu([{ mechanism: { type: "laplace", noiseMultiplier: 1 }, sampling: { type: "all" } }], ADD)).toThrow(PrivacyError);
  expect(() => gdpApproximateEpsilon([], { ...ADD, delta: NaN })).toThrow(/delta/);
  expect(gdpApproximateEpsilon([], { ...ADD, delta: 0.1 })).toBe(0);
  expect(gdpApproximateEpsilon([sampled(0.5, 0, 1)], { ...ADD, delta: 0.1 })).toBe(Infinity);
  expect(gdpApproximateDelta([sampled(0.5, 0, 1)], { ...ADD, epsilon: 1 })).toBe(1);
});

test("nonsense is refused by name", () => {
  expect(() => gdpApproximateMu(undefined as never, ADD)).toThrow(/events/);
  expect(() => gdpApproximateMu([], undefined as never)).toThrow(/options/);
  expect(() => gdpApproximateMu([], { unit: "client" } as never)).toThrow(/adjacency/);
  expect(() => gdpApproximateEpsilon([], { adjacency: "add-remove", delta: 1e-5 } as never)).toThrow(/unit/);
});
