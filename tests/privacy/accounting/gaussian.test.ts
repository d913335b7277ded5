import { gaussianDelta, gaussianEpsilon, gaussianSigma, ParameterError } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../../support/count.ts";
import { random } from "../../support/data.ts";

const adjacency = "add-remove" as const;

function close(got: number, want: number, relative: number): void {
  if (!(Math.abs(got - want) <= relative * Math.abs(want))) expect.fail(`got ${got} for ${want}, off by ${(got - want) / want} relative`);
}

// Solved with 60 digits; those of the papers' settings agree with the published values.
describe("golden values", () => {
  test.each([
    [1, 1e-5, 3.730631634815942],
    [0.1, 1e-5, 30.74956613197745],
    [0.5, 1e-6, 8.057618480725043],
    [2, 1e-6, 2.2304762711864172],
    [8, 1e-5, 0.6002290721989516],
    [1, 1e-6, 4.224678889326835],
    [0.001, 1e-15, 6486.490638320443],
    [50, 1e-15, 0.20514271101905668],
    [50, 0.5, 0.09901784387823793],
    [0.001, 0.5, 0.7408691851956264],
    [10, 1e-9, 0.6502469189586574],
    [0.001, 0.001, 276.12887556920276],
    [0, 1e-5, 39894.22803909884],
  ])("sigma for epsilon %f, delta %f", (epsilon, delta, want) => {
    close(gaussianSigma({ epsilon, delta, adjacency }), want, 1e-13);
    close(gaussianSigma({ epsilon, delta, adjacency: "replace-one", sensitivity: 3 }), 6 * want, 1e-13);
  });
  test.each([
    [1, 1e-5, 4.3771780956812245],
    [10, 1e-6, 0.3968573776440836],
    [0.1, 1e-15, 128.67807326805686],
    [3, 1e-15, 2.567341291588031],
    [100, 1e-12, 0.06075221062978622],
    [1000, 1e-6, 0.0027182190888139952],
    [0.5, 0.4, 1.607283167622049],
  ])("epsilon of sigma %f at delta %f", (sigma, delta, want) => {
    close(gaussianEpsilon({ sigma, delta, adjacency }), want, 1e-13);
    close(gaussianEpsilon({ sigma: 2 * sigma, delta, adjacency: "replace-one" }), want, 1e-13);
    close(gaussianEpsilon({ sigma: 5 * sigma, delta, adjacency, sensitivity: 5 }), want, 1e-13);
  });
  test.each([
    [1, 1, 0.12693673750664394],
    [0, 1, 0.3829249225480262],
    [0.5, 2, 0.05244032328766966],
    [0.0012526943250635505, 0.040475024934095084, 1],
    [0.004879442222411231, 650.148906703055, 3.163513017318446e-7],
    [0.07178284159806926, 90.17284595948843, 8.17261327329518e-14],
    [0.001, 8000, 9.442548090944728e-21],
    [50, 0.05, 0.9999999999999487],
    [0, 1e6, 3.9894228040141607e-7],
  ])("delta at epsilon %f for sigma %f", (epsilon, sigma, want) => close(gaussianDelta({ epsilon, sigma, adjacency }), want, 1e-12));

  test("adjacency: sigma 2, delta 1e-5", () => {
    expect(gaussianEpsilon({ sigma: 2, delta: 1e-5, adjacency })).toBeCloseTo(1.99309, 5);
    expect(gaussianEpsilon({ sigma: 2, delta: 1e-5, adjacency: "replace-one" })).toBeCloseTo(4.37718, 5);
  });
});

test("delta is the integral of the density of one above e^epsilon times the other's, by Simpson's rule", () => {
  const r = random(3);
  for (let i = 0; i < 40; i++) {
    const [epsilon, sigma] = [3 * r(), 0.3 + 3 * r()];
    // In units of sigma: p is the density at distance h, q at 0; p > e^epsilon q right of their crossing.
    const h = 1 / sigma;
    const crossing = epsilon / h + h / 2;
    const n = 4000;
    const step = 14 / n;
    let sum = 0;
    for (let k = 0; k <= n; k++) {
      const x = crossing + k * step;
      const gap = Math.exp(-0.5 * (x - h) ** 2) - Math.exp(epsilon - 0.5 * x * x);
      sum += gap * (k === 0 || k === n ? 1 : k % 2 === 1 ? 4 : 2);
    }
    const want = (sum * step) / 3 / Math.sqrt(2 * Math.PI);
    expect(Math.abs(gaussianDelta({ epsilon, sigma, adjacency }) - want)).toBeLessThan(1e-11);
  }
});

test("epsilon and sigma undo delta, and fall as they should, on 10,000 random settings", () => {
  const r = random(7);
  const ran = countCases(10_000);
  for (let i = 0; i < 10_000; i++) {
    ran();
    const [sigma, delta] = [10 ** (4 * r() - 1.5), 10 ** (-15 + 14.6 * r())];
    const epsilon = gaussianEpsilon({ sigma, delta, adjacency });
    const spent = gaussianDelta({ epsilon, sigma, adjacency });
    if (!(spent <= delta)) expect.fail(`sigma ${sigma}, delta ${delta}: epsilon ${epsilon} spends ${spent}`);
    if (epsilon > 0) {
      close(spent, delta, 1e-9 * (1 + epsilon * sigma));
      close(gaussianSigma({ epsilon, delta, adjacency }), sigma, 1e-9);
    }
    const more = 1 + r();
    if (!(gaussianEpsilon({ sigma: sigma * more, delta, adjacency }) <= epsilon)) expect.fail(`epsilon rises from sigma ${sigma} to ${sigma * more}`);
    if (!(gaussianEpsilon({ sigma, delta: Math.min(delta * more, 0.99), adjacency }) <= epsilon)) expect.fail(`epsilon rises with delta ${delta}`);
  }
});

describe("ends", () => {
  test("no noise gives no privacy, endless noise gives all of it", () => {
    expect(gaussianEpsilon({ sigma: 0, delta: 0.9, adjacency })).toBe(Infinity);
    expect(gaussianDelta({ epsilon: 100, sigma: 0, adjacency })).toBe(1);
    for (const sigma of [1e300, Number.MAX_VALUE]) {
      expect(gaussianEpsilon({ sigma, delta: 1e-15, adjacency })).toBe(0);
      expect(gaussianDelta({ epsilon: 1e-3, sigma, adjacency })).toBe(0);
    }
    expect(gaussianEpsilon({ sigma: Number.MIN_VALUE, delta: 1e-15, adjacency })).toBe(Infinity);
    expect(gaussianEpsilon({ sigma: 1e-100, delta: 1e-15, adjacency })).toBeGreaterThan(1e199);
    expect(gaussianDelta({ epsilon: 0, sigma: 1e300, adjacency })).toBeGreaterThan(0);
  });
  test("nonsense is refused by its name", () => {
    const good = { epsilon: 1, sigma: 1, delta: 1e-5, adjacency } as Record<string, unknown>;
    const calls: [(options: never) => number, string[]][] = [
      [gaussianDelta, ["epsilon", "sigma"]],
      [gaussianEpsilon, ["sigma", "delta"]],
      [gaussianSigma, ["epsilon", "delta"]],
    ];
    for (const [call, names] of calls) {
      const options = Object.fromEntries([...names, "adjacency"].map((name) => [name, good[name]]));
      expect(call(options as never)).toBeGreaterThan(0);
      for (const name of [...names, "sensitivity"]) {
        for (const bad of [Number.NaN, -1, Infinity, -Infinity, "1", null]) {
          expect(() => call({ ...options, [name]: bad } as never), `${name} ${bad}`).toThrow(ParameterError);
          expect(() => call({ ...options, [name]: bad } as never)).toThrow(name);
        }
      }
      if (names.includes("delta")) for (const delta of [0, 1]) expect(() => call({ ...options, delta } as never)).toThrow(/delta/);
      expect(() => call({ ...options, sensitivity: 0 } as never)).toThrow(/sensitivity/);
      for (const bad of [undefined, "replace", "add-remove "]) expect(() => call({ ...options, adjacency: bad } as never)).toThrow(/adjacency/);
      expect(() => call({ ...options, noise: 1 } as never)).toThrow(ParameterError);
      expect(() => call(undefined as never)).toThrow(ParameterError);
    }
  });
});
