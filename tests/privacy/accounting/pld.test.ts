import { type Adjacency, gaussianDelta, gaussianEpsilon, ParameterError, PldAccountant, type PrivacyEvent, pldDelta, pldEpsilon } from "fedlane";
import { describe, expect, test } from "vitest";
import { logGamma, logSumExp } from "../../../src/privacy/accounting/special.ts";
import { countCases } from "../../support/count.ts";
import { random } from "../../support/data.ts";
import { runs } from "../../support/runs.ts";

const options = { adjacency: "add-remove", unit: "client" } as const;
const sampling = (rate: number): PrivacyEvent["sampling"] => (rate === 1 ? { type: "all" } : { type: "poisson", rate });
const gaussian = (noiseMultiplier: number, rate: number, count = 1): PrivacyEvent => ({
  mechanism: { type: "gaussian", noiseMultiplier },
  sampling: sampling(rate),
  count,
});
const laplace = (noiseMultiplier: number, rate: number, count = 1): PrivacyEvent => ({
  mechanism: { type: "laplace", noiseMultiplier },
  sampling: sampling(rate),
  count,
});
const discrete = (sigma: number, rate: number, count = 1, l2 = 1): PrivacyEvent => ({
  mechanism: { type: "discrete-gaussian", sigma, l2, dimension: 1 },
  sampling: sampling(rate),
  count,
});

function within(got: number, low: number, high: number): void {
  if (!(got >= low && got <= high)) expect.fail(`${got} is not in [${low}, ${high}]`);
}

describe("golden values", () => {
  // True values to 1e-5 from accountants of much finer grids; [rate, sigma, steps, delta, epsilon].
  test.each([
    [0.01, 1.1, 1000, 1e-5, 1.515362],
    [256 / 60000, 1.1, 14062, 1e-5, 2.381597],
    [0.04, 1.5, 2250, 1e-5, 6.76878],
    [0.1, 2, 100, 1e-5, 2.3374],
    [0.2, 0.5, 3, 1e-3, 7.168231],
    [0.008, 1, 2500, 1e-5, 2.265004],
    [1, 10, 50, 1e-6, 3.30760072261],
    [0.01, 1, 1000, 1e-5, 1.828244],
    [1, 5, 100, 1e-5, 9.997256],
  ])("rate %f, sigma %f, %i steps", (rate, sigma, steps, delta, want) => {
    within(pldEpsilon([gaussian(sigma, rate, steps)], { ...options, delta }), want - 1e-6, want + 5e-4);
  });

  // Upper bounds of Opacus' PRV accountant, whose error is .01: [sigma, rate, epsilon] for 100 steps, delta 1e-6.
  test.each([
    [0.8, 0.001, 0.270403364],
    [1.5, 0.001, 0.039369419],
    [2, 0.001, 0.029104537],
    [3, 0.001, 0.021520093],
    [0.8, 0.05, 6.741051939],
    [1.5, 0.05, 1.953853136],
    [2, 0.05, 1.28363738],
    [3, 0.05, 0.76793379],
  ])("below the bound of a looser accountant: sigma %f, rate %f", (sigma, rate, bound) => {
    within(pldEpsilon([gaussian(sigma, rate, 100)], { ...options, delta: 1e-6 }), bound - 0.0104, bound - 0.009);
  });

  test("ten Laplace releases, and a delta", () => {
    within(pldEpsilon([laplace(1, 1, 10)], { ...options, delta: 1e-6 }), 9.998975, 9.99901);
    within(pldDelta([gaussian(0.5, 0.2, 3)], { ...options, epsilon: 1 }), 0.15593, 0.15597);
  });

  test("without sampling Gaussians are exact, whatever their number, and replace-one is twice as far", () => {
    const delta = 1e-5;
    const events = [gaussian(5, 1, 50), gaussian(10, 1, 200)];
    const sigma = 1 / Math.sqrt(50 / 25 + 200 / 100);
    expect(pldEpsilon(events, { ...options, delta })).toBeCloseTo(gaussianEpsilon({ sigma, delta, adjacency: "add-remove" }), 12);
    expect(pldDelta(events, { ...options, epsilon: 3 })).toBeCloseTo(gaussianDelta({ epsilon: 3, sigma, adjacency: "add-remove" }), 12);
    const twice = gaussianEpsilon({ sigma, delta, adjacency: "replace-one" });
    expect(pldEpsilon(events, { ...options, delta, adjacency: "replace-one" })).toBeCloseTo(twice, 12);
    within(pldEpsilon([laplace(2, 1, 10)], { ...options, delta: 1e-6, adjacency: "replace-one" }), 9.998975, 9.99901);
    // A release of almost nothing sends the same question through the transform.
    within(
      pldEpsilon([...events, laplace(1e6, 1)], { ...options, delta }),
      gaussianEpsilon({ sigma, delta, adjacency: "add-remove" }),
      5e-4 + gaussianEpsilon({ sigma, delta, adjacency: "add-remove" }),
    );
  });
});

describe("both directions count", () => {
  // At ten releases of a Laplace of scale 4.5 on samples of .77, adding a unit shows more than removing one; most often it is the reverse.
  test("adding", () => within(pldEpsilon([laplace(4.485279858862785, 0.769665877221116, 10)], { ...options, delta: 0.004834207521312569 }), 1.0815, 1.0832));
  test("removing", () => within(pldEpsilon([gaussian(0.5, 0.2, 3)], { ...options, delta: 1e-3 }), 7.16823, 7.1687));
});

describe("composition", () => {
  const events = [gaussian(1.3, 0.02, 300), laplace(3, 0.1, 40), discrete(2, 0.05, 20), gaussian(20, 1, 5), gaussian(1.3, 0.02, 200)];
  test("order and grouping do not matter", () => {
    const delta = 1e-6;
    const want = pldEpsilon(events, { ...options, delta });
    expect(Math.abs(pldEpsilon([...events].reverse(), { ...options, delta }) - want)).toBeLessThan(1e-9);
    const single = events.flatMap((event) => Array.from({ length: event.count! }, () => ({ ...event, count: 1 })));
    expect(Math.abs(pldEpsilon(single, { ...options, delta }) - want)).toBeLessThan(1e-9);
    // The order of a mechanism's properties neither.
    const turned = events.map(({ mechanism, ...event }) => ({ ...event, mechanism: Object.fromEntries(Object.entries(mechanism).reverse()) }) as PrivacyEvent);
    expect(Math.abs(pldEpsilon(turned, { ...options, delta }) - want)).toBeLessThan(1e-9);
  });

  test("an accountant that is asked as it goes answers as one that is asked at the end; a clone goes its own way", () => {
    const running = new PldAccountant(options);
    let before = 0;
    for (const event of events) {
      running.add(event);
      const now = running.epsilon(1e-6);
      expect(now).toBeGreaterThan(before);
      before = now;
    }
    const want = pldEpsilon(events, { ...options, delta: 1e-6 });
    expect(Math.abs(before - want)).toBeLessThan(5e-4);
    const copy = running.clone();
    copy.add(gaussian(1, 0.02, 1000));
    copy.add(gaussian(5, 1));
    expect(copy.epsilon(1e-6)).toBeGreaterThan(want + 0.5);
    expect(Math.abs(running.epsilon(1e-6) - want)).toBeLessThan(5e-4);
    expect([copy.adjacency, copy.unit]).toEqual(["add-remove", "client"]);
  });

  test("delta and epsilon undo each other", () => {
    const accountant = new PldAccountant(options);
    for (const event of events) accountant.add(event);
    for (const delta of [1e-2, 1e-5, 1e-9, 1e-15]) {
      const back = accountant.delta(accountant.epsilon(delta));
      within(back, delta * (1 - 1e-2), delta * (1 + 1e-2));
    }
  });

  test("charges of one release stay quick, as their grids are kept", () => {
    const accountant = new PldAccountant(options);
    let last = 0;
    const start = performance.now();
    for (let i = 0; i < runs(200); i++) {
      accountant.add(gaussian(1, 0.01, 5));
      const now = accountant.epsilon(1e-5);
      // Grids differ a little from charge to charge, within the tolerance.
      expect(now).toBeGreaterThan(last - 4e-4);
      last = now;
    }
    expect(performance.now() - start).toBeLessThan(runs(200) * 250);
    if (runs(200) === 200) within(last, 1.828244 - 1e-6, 1.828244 + 5e-4);
  });
});

/** Renyi accounting of the sampled Gaussian at whole orders, tight conversion: an upper bound that a tight accountant must not exceed. */
function renyiEpsilon(rate: number, sigma: number, steps: number, delta: number): number {
  let best = Infinity;
  for (let a = 2; a <= 256; a++) {
    const terms = Array.from({ length: a + 1 }, (_, k) => {
      const choose = logGamma(a + 1) - logGamma(k + 1) - logGamma(a - k + 1);
      return choose + (a - k) * Math.log1p(-rate) + k * Math.log(rate) + (k * k - k) / (2 * sigma * sigma);
    });
    best = Math.min(best, (steps * logSumExp(terms)) / (a - 1) + Math.log1p(-1 / a) - (Math.log(delta) + Math.log(a)) / (a - 1));
  }
  return Math.max(best, 0);
}

test("monotone in sigma, rate, steps and delta, and never above Renyi accounting", () => {
  const r = random(21);
  const n = runs(40);
  const ran = countCases(n);
  for (let i = 0; i < n; i++) {
    ran();
    const [sigma, rate, steps, delta] = [0.6 + 2 * r(), 10 ** (-3 + 2.5 * r()), Math.ceil(10 ** (3 * r())), 10 ** (-9 + 6 * r())];
    const epsilon = pldEpsilon([gaussian(sigma, rate, steps)], { ...options, delta });
    const at = `sigma ${sigma}, rate ${rate}, steps ${steps}, delta ${delta}`;
    expect(epsilon, at).toBeLessThanOrEqual(renyiEpsilon(rate, sigma, steps, delta) + 1e-9);
    const slack = 4e-4;
    expect(pldEpsilon([gaussian(sigma * 1.2, rate, steps)], { ...options, delta }), at).toBeLessThan(epsilon + slack);
    expect(pldEpsilon([gaussian(sigma, Math.min(1.5 * rate, 0.99), steps)], { ...options, delta }), at).toBeGreaterThan(epsilon - slack);
    expect(pldEpsilon([gaussian(sigma, rate, 2 * steps)], { ...options, delta }), at).toBeGreaterThan(epsilon - slack);
    expect(pldEpsilon([gaussian(sigma, rate, steps)], { ...options, delta: 3 * delta }), at).toBeLessThan(epsilon + slack);
  }
});

describe("ends", () => {
  test("no noise, no sample, nothing done", () => {
    for (const event of [gaussian(0, 1), gaussian(0, 0.01), laplace(0, 0.5), discrete(0, 1)]) {
      expect(pldEpsilon([event], { ...options, delta: 0.5 })).toBe(Infinity);
      expect(pldDelta([event], { ...options, epsilon: 100 })).toBe(1);
    }
    const nothing = [[], [gaussian(0.1, 0)], [gaussian(0, 0)], [gaussian(1, 1, 0)], [discrete(0, 1, 1, 0.5)]];
    for (const events of nothing) {
      expect(pldEpsilon(events, { ...options, delta: 1e-9 })).toBe(0);
      expect(pldDelta(events, { ...options, epsilon: 0 })).toBe(0);
    }
    expect(pldEpsilon([gaussian(3, 0.01)], { ...options, delta: 0.3 })).toBe(0);
    const whole = { type: "without-replacement", size: 10, population: 10 } as const;
    expect(pldEpsilon([{ ...gaussian(2, 1), sampling: whole }], { ...options, delta: 1e-5 })).toBeCloseTo(1.99309, 5);
  });
  test("ten million steps", () => within(pldEpsilon([gaussian(4, 1e-4, 1e7)], { ...options, delta: 1e-6 }), 0.3, 0.33));
  test("more steps than can be told apart", () => {
    expect(pldEpsilon([gaussian(1e3, 0.1, Number.MAX_SAFE_INTEGER)], { ...options, delta: 1e-6 })).toBeGreaterThan(1e6);
  });
  // Each look is a coin toss from showing everything: the far end of a grid must not vanish under a steep tilt.
  test("almost no noise", () => within(pldEpsilon([laplace(0.01, 0.5, 3)], { ...options, delta: 1e-12 }), 297, 300));
  test.each([0.1, 1, 1e6])("tiny and huge rates and deltas at noise %f", (noise) => {
    for (const [rate, delta] of [
      [1e-6, 1e-12],
      [0.5, 0.6],
      [0.999, 1e-3],
    ] as const) {
      for (const event of [gaussian(noise, rate, 3), laplace(noise, rate, 3)])
        within(pldEpsilon([event], { ...options, delta }), 0, 4 / noise ** 2 + 25 / noise);
    }
  });
});

describe("refused with a reason", () => {
  const refuse = (event: PrivacyEvent, adjacency: Adjacency, why: RegExp) => {
    const call = () => pldEpsilon([event], { ...options, adjacency, delta: 1e-5 });
    expect(call).toThrow(ParameterError);
    expect(call).toThrow(why);
  };
  test("what has no tight answer here", () => {
    const all = { type: "all" } as const;
    refuse({ mechanism: { type: "skellam", variance: 100, l2: 10, l1: 5 }, sampling: all }, "add-remove", /skellam.*RDP/);
    const distributed = { type: "distributed-discrete-gaussian", sigma: 4, clients: 10, l2: 5, l1: 5, dimension: 3 } as const;
    refuse({ mechanism: distributed, sampling: all }, "add-remove", /distributed.*RDP/);
    refuse(gaussian(1, 0.1), "replace-one", /Poisson.*RDP/);
    refuse({ ...gaussian(1, 1), sampling: { type: "without-replacement", size: 1, population: 10 } }, "add-remove", /without replacement.*RDP/);
    // On vectors a shift of (1, 1, 1, 1) tells more than one of (2, 0, 0, 0).
    refuse({ mechanism: { type: "discrete-gaussian", sigma: 4, l2: 2 }, sampling: all }, "add-remove", /dimension.*RDP/);
    refuse({ mechanism: { type: "discrete-gaussian", sigma: 4, l2: 1 }, sampling: all }, "replace-one", /dimension/);
    refuse({ mechanism: { type: "discrete-gaussian", sigma: 1e6, l2: 1 }, sampling: all }, "add-remove", /tabulated/);
    refuse({ ...gaussian(1, 1), sampling: { type: "shuffled" } as never }, "add-remove", /shuffled/);
    refuse({ ...gaussian(1, 1), sampling: { type: "all", rate: 0.01 } as never }, "add-remove", /rate/); // no rate that has no effect
    refuse({ ...gaussian(1, 1), sampling: { type: "poisson", rate: 0.01, size: 6 } as never }, "add-remove", /size/);
    expect(pldEpsilon([{ mechanism: { type: "discrete-gaussian", sigma: 4, l2: 1.4 }, sampling: all }], { ...options, delta: 1e-5 })).toBeGreaterThan(0.8);
  });
  test("nonsense", () => {
    const event = gaussian(1, 0.1, 2);
    for (const bad of [Number.NaN, -1, Infinity, "1", null, 0, 1]) expect(() => pldEpsilon([event], { ...options, delta: bad as never })).toThrow(/delta/);
    for (const bad of [Number.NaN, -1, Infinity, "1", null]) {
      expect(() => pldDelta([event], { ...options, epsilon: bad as never })).toThrow(/epsilon/);
      expect(() => pldEpsilon([gaussian(bad as never, 0.1)], { ...options, delta: 1e-5 }), `sigma ${bad}`).toThrow(ParameterError);
      expect(() => pldEpsilon([gaussian(1, bad as never)], { ...options, delta: 1e-5 }), `rate ${bad}`).toThrow(ParameterError);
      expect(() => pldEpsilon([gaussian(1, 0.1, bad as never)], { ...options, delta: 1e-5 }), `count ${bad}`).toThrow(ParameterError);
    }
    expect(() => pldEpsilon([gaussian(1, 0.1, 1.5)], { ...options, delta: 1e-5 })).toThrow(ParameterError);
    expect(() => pldEpsilon(event as never, { ...options, delta: 1e-5 })).toThrow(/events/);
    expect(() => pldEpsilon([{}] as never, { ...options, delta: 1e-5 })).toThrow(ParameterError);
    expect(() => pldEpsilon([event], { delta: 1e-5, unit: "client" } as never)).toThrow(/adjacency/);
    expect(() => pldEpsilon([event], { delta: 1e-5, adjacency: "add-remove" } as never)).toThrow(/unit/);
    expect(() => pldEpsilon([event], { ...options, delta: 1e-5, epsilon: 1 } as never)).toThrow(ParameterError);
    expect(() => pldEpsilon([{ mechanism: event.mechanism } as never], { ...options, delta: 1e-5 })).toThrow(ParameterError);
    // A refused event is not charged.
    const accountant = new PldAccountant(options);
    expect(() => accountant.add({ ...event, count: -1 })).toThrow(ParameterError);
    expect(accountant.epsilon(1e-5)).toBe(0);
  });
});
