import { ParameterError, PrivacyError, pldEpsilon, rdpEpsilon } from "fedlane";
import { describe, expect, test } from "vitest";
import { dpSgdEvent, type PrivacyMode, planPrivacy, type ReleaseShape, type SimulationPrivacy } from "#dist/federated/privacy.js";

const shape: ReleaseShape = { size: 7850, clientFraction: 0.1, rounds: 45, epochs: 2, batchSize: 32, examples: new Array<number>(1000).fill(60) };
const budget = { epsilon: 4, delta: 1e-5, clipNorm: 0.5 };
const plan = (mode: PrivacyMode, more: Partial<SimulationPrivacy> = {}, changed: Partial<ReleaseShape> = {}) =>
  planPrivacy("test", { ...budget, mode, ...more }, { ...shape, ...changed });

/** Epsilon of a whole run by the accountants themselves: as many events as the run releases. */
function spent({ event, adjacency, unit, accountant }: ReturnType<typeof plan>, charges: number, delta = budget.delta): number {
  const events = Array.from({ length: charges }, () => event);
  return accountant === "rdp" ? rdpEpsilon(events, { delta, adjacency, unit }).epsilon : pldEpsilon(events, { delta, adjacency, unit });
}

describe("the plan of a run", () => {
  // Of 1000 clients a tenth takes part: with a cycle of 10 rounds, 45 rounds are 5 participations at most.
  test.each([
    ["central", "client", "add-remove", 1, 45],
    ["local", "client", "replace-one", 10, 5],
    ["distributed", "client", "add-remove", 10, 5],
    ["dp-sgd", "example", "add-remove", 10, 5],
  ] as const)("%s hides a %s by %s, and its noise lasts for exactly the rounds asked for", (mode, unit, adjacency, cycle, charges) => {
    const made = plan(mode);
    expect(made).toMatchObject({ mode, unit, adjacency, cycle });
    const epsilon = spent(made, charges);
    expect(epsilon).toBeLessThanOrEqual(4);
    expect(epsilon).toBeGreaterThan(3.95);
  });

  test("the accountant is told of the effective sensitivity: a multiplier a little below sigma over the bound", () => {
    for (const mode of ["central", "local", "dp-sgd"] as const) {
      const { event, noiseMultiplier, sigma } = plan(mode);
      const told = (event.mechanism as { noiseMultiplier: number }).noiseMultiplier;
      expect(told).toBeLessThan(noiseMultiplier);
      expect(told).toBeGreaterThan(0.97 * noiseMultiplier);
      expect(sigma).toBe(noiseMultiplier * 0.5);
    }
  });

  test("given noise is kept, whatever the budget", () => {
    expect(plan("central", { noiseMultiplier: 0.7 }).noiseMultiplier).toBe(0.7);
  });

  test("sampling: of clients only in the central mode, of examples only in DP-SGD", () => {
    expect(plan("central").event.sampling).toEqual({ type: "poisson", rate: 0.1 });
    expect(plan("central", {}, { clientFraction: 1 }).event.sampling).toEqual({ type: "all" });
    expect(plan("local").event.sampling).toEqual({ type: "all" });
    expect(plan("distributed").event.sampling).toEqual({ type: "all" });
    expect(plan("dp-sgd").event).toMatchObject({ sampling: { type: "poisson", rate: 32 / 60 }, count: 2 * 2 });
  });

  test("DP-SGD over unequal clients charges everybody the highest rate of the smallest and the steps of the largest", () => {
    const { event } = plan("dp-sgd", {}, { examples: [40, 100, 64] });
    expect(event).toMatchObject({ sampling: { type: "poisson", rate: 32 / 40 }, count: 2 * Math.ceil(100 / 32) });
    // Batches of the largest vary most, so its bound is the widest: 100 of 100 against 40 of 40 may be drawn.
    const bound = (...examples: number[]) => plan("dp-sgd", { noiseMultiplier: 1 }, { examples }).event.mechanism;
    expect(bound(40, 100, 64)).toEqual(bound(100));
    expect(bound(100)).not.toEqual(bound(40));
  });

  test("a client with a whole batch has no amplification", () => {
    expect(plan("dp-sgd", {}, { examples: [20, 20] }).event.sampling).toEqual({ type: "all" });
  });

  test.each([
    [{ epsilon: 0 }, /privacy.epsilon/],
    [{ epsilon: Number.NaN }, /privacy.epsilon/],
    [{ delta: 0 }, /privacy.delta/],
    [{ delta: 1 }, /privacy.delta/],
    [{ clipNorm: -1 }, /privacy.clipNorm/],
    [{ noiseMultiplier: 0 }, /privacy.noiseMultiplier/],
    [{ mode: "shuffled" as never }, /privacy.mode/],
    [{ bits: 16 }, /privacy.bits only with mode "distributed"/],
    [{ mode: "distributed", bits: 12 as never }, /8, 16 or 32, got 12/],
    [{ sigma: 1 } as never, /sigma/],
  ] as const)("refuses %j", (wrong, sentence) => {
    expect(() => plan("central", wrong)).toThrow(ParameterError);
    expect(() => plan("central", wrong)).toThrow(sentence);
  });

  test("8 bits cannot hold the sum of many clients", () => {
    expect(() => plan("distributed", { bits: 8 }, { clientFraction: 1, examples: new Array<number>(100_000).fill(1) })).toThrow(/bits/);
  });
});

describe("a step of DP-SGD for the accountant", () => {
  const step = { clipNorm: 1, noiseMultiplier: 1.1, batchSize: 256, examples: 60_000, size: 26_010 };

  test("the bound is widened by the f32 sum of the largest batch and by both roundings to the grid", () => {
    const { mechanism, sampling } = dpSgdEvent(step);
    expect(sampling).toEqual({ type: "poisson", rate: 256 / 60_000 });
    // 2 m^2 2^-24 + g sqrt(d), m the size that a Poisson batch passes with probability below 1e-18: between 8.7 and 11 deviations of 16 above 256.
    const told = (mechanism as { noiseMultiplier: number }).noiseMultiplier;
    const slack = 1.1 / told - 1;
    const g = 2 ** -19;
    expect(slack).toBeGreaterThan((2 * 395 ** 2) / 2 ** 24 + g * Math.sqrt(26_010));
    expect(slack).toBeLessThan((2 * 440 ** 2) / 2 ** 24 + g * Math.sqrt(26_010));
  });

  test("a batch is never larger than all examples", () => {
    const small = dpSgdEvent({ ...step, examples: 10, batchSize: 10 }).mechanism as { noiseMultiplier: number };
    expect(small.noiseMultiplier).toBeCloseTo(1.1 / (1 + (2 * 100) / 2 ** 24 + 2 ** -19 * Math.sqrt(26_010)), 9);
  });

  test.each(["clipNorm", "noiseMultiplier", "batchSize", "examples", "size"])("refuses a bad %s", (name) => {
    for (const bad of [0, -1, Number.NaN, "1"]) expect(() => dpSgdEvent({ ...step, [name]: bad } as never)).toThrow(name);
  });
});

test("a budget that no noise meets is refused", () => {
  expect(() => plan("central", { epsilon: 1e-300 })).toThrow(PrivacyError);
});
