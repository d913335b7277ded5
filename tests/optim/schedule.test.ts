import fc from "fast-check";
import { learningRateAt, ParameterError, type Schedule } from "fedlane";
import { describe, expect, test } from "vitest";

describe("golden values", () => {
  // Those of piecewise, polynomial and exponential are from the tests of Keras (learning_rate_schedule_test.py); the rest by hand.
  const cases: { schedule: number | Schedule; at: readonly (readonly [step: number, rate: number])[] }[] = [
    {
      schedule: 0.1,
      at: [
        [0, 0.1],
        [1e9, 0.1],
      ],
    },
    { schedule: { type: "constant", initial: 0.1 }, at: [[7, 0.1]] },
    {
      schedule: { type: "step", initial: 0.5, every: 10, factor: 0.25 },
      at: [
        [0, 0.5],
        [9, 0.5],
        [10, 0.125],
        [19, 0.125],
        [20, 0.03125],
      ],
    },
    {
      schedule: { type: "exponential", initial: 0.05, decaySteps: 10, rate: 0.96 },
      at: [
        [0, 0.05],
        [5, 0.05 * Math.sqrt(0.96)],
        [10, 0.048],
        [20, 0.04608],
      ],
    },
    {
      schedule: { type: "exponential", initial: 0.1, decaySteps: 3, rate: 0.96, staircase: true },
      at: [
        [1, 0.1],
        [2, 0.1],
        [3, 0.096],
        [5, 0.096],
        [100, 0.1 * 0.96 ** 33],
      ],
    },
    {
      schedule: { type: "cosine", initial: 1, decaySteps: 1000 },
      at: [
        [0, 1],
        [250, 0.5 * (1 + Math.SQRT1_2)],
        [500, 0.5],
        [1000, 0],
        [5000, 0],
      ],
    },
    {
      schedule: { type: "cosine", initial: 1, decaySteps: 1000, final: 0.1 },
      at: [
        [500, 0.55],
        [1000, 0.1],
        [5000, 0.1],
      ],
    },
    {
      schedule: { type: "polynomial", initial: 0.05, decaySteps: 10 },
      at: [
        [5, 0.025],
        [10, 0],
        [11, 0],
      ],
    },
    { schedule: { type: "polynomial", initial: 0.05, decaySteps: 10, final: 0.001 }, at: [[5, (0.05 + 0.001) * 0.5]] },
    {
      schedule: { type: "polynomial", initial: 0.05, decaySteps: 10, final: 0.001, power: 0.5 },
      at: [
        [5, (0.05 - 0.001) * Math.SQRT1_2 + 0.001],
        [99, 0.001],
      ],
    },
    {
      schedule: { type: "piecewise", boundaries: [100, 110, 120], values: [1, 0.1, 0.01, 0.001] },
      at: [
        [0, 1],
        [100, 1],
        [105, 0.1],
        [110, 0.1],
        [120, 0.01],
        [999, 0.001],
      ],
    },
    {
      schedule: { type: "cosine", initial: 1, decaySteps: 100, warmupSteps: 4 },
      at: [
        [0, 0],
        [1, 0.25],
        [3, 0.75],
        [4, 1],
        [54, 0.5],
      ],
    },
    {
      schedule: { type: "piecewise", boundaries: [2], values: [1, 0.5], warmupSteps: 2 },
      at: [
        [1, 0.5],
        [2, 1],
        [4, 1],
        [5, 0.5],
      ],
    },
  ];
  test.each(cases)("$schedule", ({ schedule, at }) => {
    for (const [step, rate] of at) expect(learningRateAt(schedule, step), `step ${step}`).toBeCloseTo(rate, 12);
  });
});

test("decaying schedules never grow, stay between their ends and are finite far out", () => {
  const count = fc.integer({ min: 1, max: 10_000 });
  const rate = fc.double({ min: 1e-3, max: 1, noNaN: true });
  const schedule: fc.Arbitrary<Schedule> = fc.oneof(
    fc.record({ type: fc.constant("step" as const), initial: rate, every: count, factor: rate }),
    fc.record({ type: fc.constant("exponential" as const), initial: rate, decaySteps: count, rate, staircase: fc.boolean() }),
    fc.record({ type: fc.constant("cosine" as const), initial: rate, decaySteps: count, final: fc.constant(1e-4) }),
    fc.record({
      type: fc.constant("polynomial" as const),
      initial: rate,
      decaySteps: count,
      final: fc.constant(1e-4),
      power: fc.double({ min: 0.1, max: 4, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(schedule, fc.nat(20_000), fc.nat(20_000), (s, a, b) => {
      const [early, late] = [learningRateAt(s, Math.min(a, b)), learningRateAt(s, Math.max(a, b))];
      const { initial } = s as { initial: number };
      expect(late).toBeLessThanOrEqual(early * (1 + 1e-12));
      expect(early).toBeLessThanOrEqual(initial * (1 + 1e-12));
      expect(late).toBeGreaterThanOrEqual("final" in s ? 1e-4 * (1 - 1e-12) : 0);
      const far = learningRateAt(s, 2 ** 52);
      expect(far >= 0 && far <= early).toBe(true);
    }),
  );
});

test("bad schedules are refused, the field named", () => {
  const bad: [unknown, RegExp][] = [
    [0, /learningRate/],
    [-1, /learningRate/],
    [Number.NaN, /learningRate/],
    [1e39, /learningRate/],
    ["0.1", /learningRate/],
    [null, /learningRate/],
    [{ type: "linear", initial: 1 }, /schedule of type/],
    [{ type: "toString", initial: 1 }, /schedule of type/],
    [{ initial: 1 }, /schedule of type/],
    [{ type: "constant" }, /learningRate\.initial/],
    [{ type: "constant", initial: 0 }, /learningRate\.initial/],
    [{ type: "constant", initial: 1, every: 2 }, /every/],
    [{ type: "constant", initial: 1, warmupSteps: -1 }, /warmupSteps/],
    [{ type: "constant", initial: 1, warmupSteps: 0.5 }, /warmupSteps/],
    [{ type: "step", initial: 1, every: 0, factor: 0.5 }, /every/],
    [{ type: "step", initial: 1, every: 1.5, factor: 0.5 }, /every/],
    [{ type: "step", initial: 1, every: 1, factor: 0 }, /factor/],
    [{ type: "step", initial: 1, every: 1, factor: 1.1 }, /factor/],
    [{ type: "exponential", initial: 1, decaySteps: 0, rate: 0.5 }, /decaySteps/],
    [{ type: "exponential", initial: 1, decaySteps: 1, rate: 2 }, /rate/],
    [{ type: "exponential", initial: 1, decaySteps: 1, rate: 0.5, staircase: 1 }, /staircase/],
    [{ type: "cosine", initial: 1, decaySteps: 1, final: -1 }, /final/],
    [{ type: "cosine", initial: 1 }, /decaySteps/],
    [{ type: "polynomial", initial: 1, decaySteps: 1, power: 0 }, /power/],
    [{ type: "polynomial", initial: 1, decaySteps: 1, power: Number.POSITIVE_INFINITY }, /power/],
    [{ type: "piecewise", boundaries: [1], values: [1] }, /values/],
    [{ type: "piecewise", boundaries: [1, 1], values: [1, 1, 1] }, /boundaries\[1\]/],
    [{ type: "piecewise", boundaries: [-1], values: [1, 1] }, /boundaries\[0\]/],
    [{ type: "piecewise", boundaries: [1.5], values: [1, 1] }, /boundaries\[0\]/],
    [{ type: "piecewise", boundaries: [1], values: [1, 0] }, /values\[1\]/],
    [{ type: "piecewise", values: [1] }, /values/],
  ];
  for (const [schedule, words] of bad) {
    expect(() => learningRateAt(schedule as Schedule, 0), JSON.stringify(schedule)).toThrow(ParameterError);
    expect(() => learningRateAt(schedule as Schedule, 0), JSON.stringify(schedule)).toThrow(words);
  }
  for (const step of [-1, 0.5, Number.NaN]) expect(() => learningRateAt(0.1, step)).toThrow(/step/);
});
