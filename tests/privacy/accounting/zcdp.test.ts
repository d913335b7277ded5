import { gaussianDelta, gaussianEpsilon, PrivacyError, type PrivacyEvent, rdpEpsilon, zcdpDelta, zcdpEpsilon, zcdpRho } from "fedlane";
import { describe, expect, test } from "vitest";

const ADD = { adjacency: "add-remove", unit: "client" } as const;
const gaussian = (noiseMultiplier: number, count = 1): PrivacyEvent => ({ mechanism: { type: "gaussian", noiseMultiplier }, sampling: { type: "all" }, count });

describe("rho", () => {
  test("adds up, and replace-one is four times as much", () => {
    const events: PrivacyEvent[] = [gaussian(2, 3), { mechanism: { type: "discrete-gaussian", sigma: 10, l2: 5 }, sampling: { type: "all" } }];
    expect(zcdpRho(events, ADD)).toBeCloseTo(3 / 8 + 1 / 8, 15);
    expect(zcdpRho(events, { ...ADD, adjacency: "replace-one" })).toBeCloseTo(2, 15);
    expect(zcdpRho([], ADD)).toBe(0);
    expect(zcdpRho([gaussian(0)], ADD)).toBe(Infinity);
    expect(zcdpRho([gaussian(0, 0)], ADD)).toBe(0);
  });
  test("other mechanisms and samples are refused", () => {
    expect(() => zcdpRho([{ ...gaussian(1), sampling: { type: "poisson", rate: 0.1 } }], ADD)).toThrow(PrivacyError);
    expect(() => zcdpRho([{ mechanism: { type: "laplace", noiseMultiplier: 1 }, sampling: { type: "all" } }], ADD)).toThrow(PrivacyError);
  });
  test("nonsense is refused by name", () => {
    expect(() => zcdpRho(undefined as never, ADD)).toThrow(/events/);
    expect(() => zcdpRho([], undefined as never)).toThrow(/options/);
    expect(() => zcdpRho([], { unit: "client" } as never)).toThrow(/adjacency/);
    expect(() => zcdpRho([], { adjacency: "add-remove" } as never)).toThrow(/unit/);
    expect(() => zcdpRho([], { ...ADD, delta: 1e-5 } as never)).toThrow(/delta/);
  });
});

describe("conversion", () => {
  test("classic is its formula, tight lies between the exact Gaussian and it, at or below the grid of orders", () => {
    for (const sigma of [0.3, 1, 5, 40]) {
      for (const delta of [1e-3, 1e-5, 1e-9]) {
        const rho = zcdpRho([gaussian(sigma)], ADD);
        const classic = zcdpEpsilon(rho, { delta, conversion: "classic" });
        const tight = zcdpEpsilon(rho, { delta });
        expect(classic).toBeCloseTo(rho + 2 * Math.sqrt(rho * Math.log(1 / delta)), 12);
        expect(tight).toBeLessThan(classic);
        expect(tight).toBeGreaterThanOrEqual(gaussianEpsilon({ sigma, delta, adjacency: "add-remove" }));
        const grid = rdpEpsilon([gaussian(sigma)], { ...ADD, delta }).epsilon;
        expect(tight).toBeLessThanOrEqual(grid * (1 + 1e-9));
        // Every order is a bound, so a coarse look may not find better.
        for (let t = -6; t < 8; t += 0.05) {
          const a = 1 + Math.exp(t);
          expect(a * rho + Math.log((a - 1) / a) - Math.log(delta * a) / (a - 1)).toBeGreaterThanOrEqual(tight * (1 - 1e-9));
        }
      }
    }
  });
  test("delta is the inverse", () => {
    for (const rho of [0.01, 0.5, 10]) {
      for (const conversion of ["tight", "classic"] as const) {
        const epsilon = zcdpEpsilon(rho, { delta: 1e-6, conversion });
        expect(Math.abs(zcdpDelta(rho, { epsilon, conversion }) / 1e-6 - 1)).toBeLessThan(1e-6);
      }
    }
    expect(zcdpDelta(0.5, { epsilon: 1 })).toBeGreaterThan(gaussianDelta({ epsilon: 1, sigma: 1, adjacency: "add-remove" }));
    expect([zcdpEpsilon(0, { delta: 0.1 }), zcdpEpsilon(Infinity, { delta: 0.1 }), zcdpDelta(0, { epsilon: 0 }), zcdpDelta(Infinity, { epsilon: 9 })]).toEqual([
      0,
      Infinity,
      0,
      1,
    ]);
  });
  test("nonsense is refused", () => {
    expect(() => zcdpEpsilon(NaN, { delta: 0.1 })).toThrow(/rho/);
    expect(() => zcdpEpsilon(-1, { delta: 0.1 })).toThrow(/rho/);
    expect(() => zcdpEpsilon(1, { delta: 0 })).toThrow(/delta/);
    expect(() => zcdpDelta(1, { epsilon: NaN })).toThrow(/epsilon/);
    expect(() => zcdpDelta(1, { epsilon: 1, conversion: "old" as never })).toThrow(/conversion/);
  });
});
