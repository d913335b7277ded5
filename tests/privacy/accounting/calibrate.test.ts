import {
  type Adjacency,
  calibrateNoise,
  calibrateSamplingRate,
  calibrateSteps,
  gaussianSigma,
  type Mechanism,
  PrivacyError,
  type PrivacyEvent,
  pldEpsilon,
  rdpEpsilon,
  type Sampling,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { random } from "../../support/data.ts";
import { runs } from "../../support/runs.ts";

const RDP = { delta: 1e-5, adjacency: "add-remove", unit: "example", accountant: "rdp" } as const;
const gaussian = (noiseMultiplier: number): Mechanism => ({ type: "gaussian", noiseMultiplier });
const spent = (event: PrivacyEvent, delta = 1e-5, adjacency: Adjacency = "add-remove") => rdpEpsilon([event], { delta, adjacency, unit: "example" }).epsilon;

describe("golden values", () => {
  // NUMERICS 3.3: accept [s, 1.001 s].
  const setting = { epsilon: 8, sampling: { type: "poisson", rate: 0.04 }, steps: 2250 } as const;
  test("q .04, 2250 steps, epsilon 8", () => {
    const sigma = calibrateNoise({ ...RDP, ...setting });
    expect(sigma).toBeGreaterThan(1.415786);
    expect(sigma).toBeLessThanOrEqual(1.415787 * 1.001);
  });

  test("the tight accountant needs less noise: the true 1.345898", () => {
    const { accountant, ...tight } = RDP;
    const sigma = calibrateNoise({ ...tight, ...setting });
    expect(accountant).toBe("rdp");
    expect(sigma).toBeGreaterThanOrEqual(1.345897);
    expect(sigma).toBeLessThanOrEqual(1.345899 * 1.001);
    expect(
      pldEpsilon([{ mechanism: gaussian(sigma), sampling: setting.sampling, count: 2250 }], { delta: 1e-5, adjacency: "add-remove", unit: "example" }),
    ).toBeLessThanOrEqual(8);
  });

  test("the steps and the rate that belong to it", () => {
    const mechanism = gaussian(1.4158);
    const steps = calibrateSteps({ ...RDP, epsilon: 8, mechanism, sampling: setting.sampling });
    expect(spent({ mechanism, sampling: setting.sampling, count: steps })).toBeLessThanOrEqual(8);
    expect(spent({ mechanism, sampling: setting.sampling, count: steps + 1 })).toBeGreaterThan(8);
    expect(steps).toBe(2250);
    const rate = calibrateSamplingRate({ ...RDP, epsilon: 8, mechanism, steps: 2250 });
    expect(rate).toBeGreaterThan(0.04 * 0.999);
    expect(rate).toBeLessThan(0.04 * 1.0001);
  });

  // There is no classical formula here: sqrt(2 log(1.25 / delta)) / epsilon gives too little noise at epsilon 10 and too much at epsilon .1.
  test("one Gaussian release at epsilon 10 has the noise it needs, which the classical formula has not", () => {
    const classical = (epsilon: number, delta: number) => Math.sqrt(2 * Math.log(1.25 / delta)) / epsilon;
    const exact = (epsilon: number, delta: number) => gaussianSigma({ epsilon, delta, adjacency: "add-remove" });
    expect(exact(10, 1e-9)).toBeGreaterThan(1.004 * classical(10, 1e-9));
    expect(exact(0.1, 1e-5)).toBeLessThan(0.7 * classical(0.1, 1e-5));
    const ours = calibrateNoise({ ...RDP, epsilon: 10, delta: 1e-9, sampling: { type: "all" }, steps: 1 });
    expect(ours).toBeGreaterThanOrEqual(exact(10, 1e-9));
    expect(ours).toBeLessThan(1.1 * exact(10, 1e-9));
  });
});

describe("never overspends, and wastes at most a thousandth: random settings", () => {
  const r = random(21);
  const draw = () => {
    const sampling = [
      { type: "all" },
      { type: "poisson", rate: 10 ** (-3 * r()) },
      { type: "without-replacement", size: 1 + Math.floor(20 * r()), population: 1000 },
    ][Math.floor(3 * r())] as Sampling;
    const adjacency: Adjacency = sampling.type === "without-replacement" || r() < 0.3 ? "replace-one" : "add-remove";
    return { sampling, adjacency, steps: Math.ceil(10 ** (3 * r())), epsilon: 10 ** (2 * r() - 0.7), delta: 10 ** (-3 - 5 * r()) };
  };

  test("noise", () => {
    let tight = 0;
    for (let i = 0; i < runs(60); i++) {
      const { sampling, adjacency, steps, epsilon, delta } = draw();
      const type = i % 4 === 0 ? "laplace" : "gaussian";
      const noise = calibrateNoise({ ...RDP, sampling, adjacency, steps, epsilon, delta, mechanism: type });
      const at = (noiseMultiplier: number) => spent({ mechanism: { type, noiseMultiplier }, sampling, count: steps }, delta, adjacency);
      expect(at(noise)).toBeLessThanOrEqual(epsilon);
      expect(at(noise / 1.001)).toBeGreaterThan(epsilon);
      tight++;
    }
    expect(tight).toBe(runs(60));
  });

  test("steps and rate", () => {
    for (let i = 0; i < runs(40); i++) {
      const { sampling, adjacency, steps, epsilon, delta } = draw();
      const mechanism = gaussian(1 + 10 * r());
      const most = calibrateSteps({ ...RDP, sampling, adjacency, epsilon, delta, mechanism });
      expect(spent({ mechanism, sampling, count: most }, delta, adjacency)).toBeLessThanOrEqual(epsilon);
      expect(spent({ mechanism, sampling, count: most + 1 }, delta, adjacency)).toBeGreaterThan(epsilon);
      const rate = calibrateSamplingRate({ ...RDP, adjacency, epsilon, delta, mechanism, steps });
      const at = (q: number) => spent({ mechanism, sampling: { type: "poisson", rate: q }, count: steps }, delta, adjacency);
      expect(at(rate)).toBeLessThanOrEqual(epsilon);
      if (rate < 1) expect(at(Math.min(1, rate * 1.001))).toBeGreaterThan(epsilon);
    }
  });
});

describe("edges", () => {
  test("a mechanism as a function of its noise", () => {
    const mechanism = (sigma: number): Mechanism => ({ type: "discrete-gaussian", sigma, l2: 20 });
    const sigma = calibrateNoise({ ...RDP, epsilon: 1, sampling: { type: "all" }, steps: 5, mechanism });
    const same = calibrateNoise({ ...RDP, epsilon: 1, sampling: { type: "all" }, steps: 5 });
    expect(Math.abs(sigma / (20 * same) - 1)).toBeLessThan(1e-3);
  });
  test("nobody sampled needs no noise; a budget no step fits gives 0 steps; a huge one all units", () => {
    expect(calibrateNoise({ ...RDP, epsilon: 1, sampling: { type: "poisson", rate: 0 }, steps: 5 })).toBe(0);
    expect(calibrateSteps({ ...RDP, epsilon: 0.1, mechanism: gaussian(1), sampling: { type: "all" } })).toBe(0);
    expect(calibrateSteps({ ...RDP, epsilon: 1, mechanism: gaussian(0), sampling: { type: "all" } })).toBe(0);
    expect(calibrateSteps({ ...RDP, epsilon: 1, mechanism: gaussian(1), sampling: { type: "poisson", rate: 0 } })).toBe(1e12);
    expect(calibrateSamplingRate({ ...RDP, epsilon: 100, mechanism: gaussian(5), steps: 10 })).toBe(1);
  });
  test("what no noise achieves is refused", () => {
    expect(() => calibrateNoise({ ...RDP, epsilon: 1, delta: 0, sampling: { type: "all" }, steps: 1 })).toThrow(PrivacyError);
    expect(() => calibrateSamplingRate({ ...RDP, epsilon: 1, mechanism: gaussian(0), steps: 1 })).toThrow(PrivacyError);
    // Laplace noise achieves it.
    const b = calibrateNoise({ ...RDP, epsilon: 1, delta: 0, sampling: { type: "all" }, steps: 3, mechanism: "laplace" });
    expect(b).toBeGreaterThanOrEqual(3 * (1 - 1e-15));
    expect(b).toBeLessThan(3.003);
  });
  test("nonsense is refused", () => {
    const good = { ...RDP, epsilon: 1, sampling: { type: "all" }, steps: 1 } as const;
    for (const change of [
      { epsilon: 0 },
      { epsilon: NaN },
      { epsilon: Infinity },
      { delta: 1 },
      { steps: 0 },
      { steps: 1.5 },
      { adjacency: "" },
      { unit: undefined },
      { accountant: "gdp" },
      { mechanism: "skellam" },
      { sigma: 1 },
    ]) {
      expect(() => calibrateNoise({ ...good, ...change } as never), JSON.stringify(change)).toThrow(new RegExp(Object.keys(change)[0]!));
    }
    expect(() => calibrateNoise({ ...good, sampling: { type: "shuffled" } } as never)).toThrow(/no amplification/);
    expect(() => calibrateSteps({ ...RDP, epsilon: 1, mechanism: gaussian(NaN), sampling: { type: "all" } })).toThrow(/noiseMultiplier/);
    expect(() => calibrateSamplingRate({ ...RDP, epsilon: 1, mechanism: gaussian(1), steps: -1 })).toThrow(/steps/);
  });
});
