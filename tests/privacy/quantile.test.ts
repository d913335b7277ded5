import { clipByNorm, createQuantileClip, noisyVotes, ParameterError, type QuantileClip } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { random } from "../support/data.ts";
import { makeEngine } from "../support/engines.ts";
import { runs } from "../support/runs.ts";
import { mean, SIX, variance } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";

/** One round over records of one number without noise: moves the bound, returns the sum of the clipped records. */
async function rounds(clip: QuantileClip, records: readonly number[], n: number): Promise<{ bounds: number[]; sums: number[] }> {
  const engine = await makeEngine();
  const [bounds, sums]: [number[], number[]] = [[clip.bound], []];
  for (let round = 0; round < n; round++) {
    let [votes, sum] = [0, 0];
    for (const record of records) {
      engine.scope(() => {
        const x = engine.tensor("f32", 1, [record]);
        const { bound } = clip;
        votes += clip.vote(bound > 0 ? clipByNorm(x, bound).norm : Math.abs(record));
        sum += bound > 0 ? x.item() : 0;
      });
    }
    sums.push(sum);
    bounds.push(clip.update(votes));
  }
  return { bounds: bounds.slice(0, n), sums };
}

const expectClose = (got: readonly number[], want: readonly number[], digits = 6) => {
  expect(got).toHaveLength(want.length);
  for (const [i, v] of want.entries()) expect(got[i], `place ${i} of ${got}`).toBeCloseTo(v, digits);
};

// NUMERICS 3.4, as in the tests of TensorFlow Privacy's quantile query.
describe("golden sequences", () => {
  const geometric = { learningRate: Math.LN2, clients: 2, rule: "geometric" } as const;
  const arithmetic = { learningRate: 1, clients: 2, rule: "arithmetic" } as const;
  test("geometric, target 0", async () => {
    const { bounds, sums } = await rounds(createQuantileClip({ ...geometric, initial: 16, target: 0 }), [5, -2.5], 5);
    expectClose(bounds, [16, 8, 4, 2 * Math.SQRT2, 2]);
    expectClose(sums, [2.5, 2.5, 1.5, 2 * Math.SQRT2 - 2.5, 0]);
  });
  test("geometric, target 0, stays below all", async () => {
    const { bounds } = await rounds(createQuantileClip({ ...geometric, initial: 16, target: 0 }), [5, -2.5], 9);
    expectClose(bounds.slice(4), [2, 2, 2, 2, 2]);
  });
  test("geometric, target 1", async () => {
    const { bounds } = await rounds(createQuantileClip({ ...geometric, initial: 0.5, target: 1 }), [1.5, 3], 6);
    expectClose(bounds, [0.5, 1, 2, 2 * Math.SQRT2, 4, 4]);
  });
  test("arithmetic, target 0", async () => {
    const { bounds } = await rounds(createQuantileClip({ ...arithmetic, initial: 10, target: 0 }), [8.5, -7.25], 6);
    expect(bounds).toEqual([10, 9, 8, 7.5, 7, 7]);
  });
  test("arithmetic, target 1", async () => {
    const { bounds, sums } = await rounds(createQuantileClip({ ...arithmetic, initial: 0, target: 1 }), [-1.5, 2.75], 5);
    expect(bounds).toEqual([0, 1, 2, 2.5, 3]);
    expect(sums).toEqual([0, 0, 0.5, 1, 1.25]);
  });
});

// NUMERICS 3.4. With the fraction ABOVE the bound, the loop is unstable: from .1 it runs to 2e-10, from 5 to 2e9.
describe("the sign trap: the fraction counted is at or below the bound", () => {
  const norms = (round: number) => {
    const r = random(round);
    return Array.from({ length: 1000 }, () => 0.5 + 1.5 * r());
  };
  test.each([0.1, 5])("from %d the median of norms uniform in (0.5, 2) is found in 200 rounds", (initial) => {
    const clip = createQuantileClip({ initial, target: 0.5, clients: 1000, learningRate: 0.2 });
    for (let round = 0; round < 200; round++) clip.update(norms(round).reduce((sum, norm) => sum + clip.vote(norm), 0));
    // The deviation of the bound is about that of the median of some ten rounds, 1.5 / 2 / sqrt(1000 * 10) = 0.008.
    expect(clip.bound).toBeGreaterThan(1.22);
    expect(clip.bound).toBeLessThan(1.28);
  });
  test("a norm equal to the bound is below it; one that is not a number is not", () => {
    const clip = createQuantileClip({ initial: 1, target: 0.5, clients: 4 });
    expect([clip.vote(1), clip.vote(1 + 2 ** -52), clip.vote(0), clip.vote(Number.NaN), clip.vote(Infinity)]).toEqual([1, -1, 1, -1, -1]);
  });
});

describe("any quantile", () => {
  const targets = [0.1, 0.5, 0.9];
  const ran = countCases(2 * targets.length);
  test.each(targets)("%d, both rules, with noise on the votes", (target) => {
    const r = random(17);
    for (const rule of ["geometric", "arithmetic"] as const) {
      ran();
      const clip = createQuantileClip({ initial: 1, target, rule, clients: 200, learningRate: 0.1 });
      let [mean, late] = [0, 0];
      for (let round = 0; round < 600; round++) {
        let votes = 0;
        for (let i = 0; i < 200; i++) votes += clip.vote(4 * r());
        // Irwin-Hall of 12 uniforms: integer noise near a Gaussian of the deviation the votes need.
        let z = -6;
        for (let i = 0; i < 12; i++) z += r();
        clip.update(votes + Math.round(clip.voteNoise * z));
        if (round >= 200) mean += (clip.bound - mean) / ++late;
      }
      expect(Math.abs(mean / 4 - target), `${rule} ends at ${mean / 4}`).toBeLessThan(0.02);
    }
  });

  test("the denominator is the number expected, not the number that voted", () => {
    const clip = createQuantileClip({ initial: 1, target: 0.5, clients: 100, learningRate: 1 });
    clip.update(10); // b = .55
    expect(clip.bound).toBeCloseTo(Math.exp(-0.05), 14);
  });

  test("resumes from its bound", () => {
    const options = { target: 0.7, clients: 10 };
    const [whole, first] = [createQuantileClip({ ...options, initial: 1 }), createQuantileClip({ ...options, initial: 1 })];
    for (const sum of [3, -4, 8]) whole.update(sum);
    first.update(3);
    const second = createQuantileClip({ ...options, initial: first.bound });
    second.update(-4);
    expect(second.update(8)).toBe(whole.bound);
  });

  test("no sum makes the bound 0, Infinity or NaN by the geometric rule, or negative by the other", () => {
    for (const sum of [-1e308, -1e9, 1e9, 1e308]) {
      const geometric = createQuantileClip({ initial: 1, target: 0.5, clients: 1 });
      for (let i = 0; i < 3; i++) geometric.update(sum);
      expect(geometric.bound).toBe(sum > 0 ? 2 ** -100 : 2 ** 100);
      const arithmetic = createQuantileClip({ initial: 1, target: 0.5, clients: 1, rule: "arithmetic" });
      expect(arithmetic.update(sum)).toBe(sum < 0 && sum > -1e30 ? 1 - 0.2 * ((sum + 1) / 2 - 0.5) : sum > 0 ? 0 : 2 ** 100);
    }
    const clip = createQuantileClip({ initial: 1, target: 0.5, clients: 1 });
    for (const sum of [Number.NaN, Infinity, "1"]) expect(() => clip.update(sum as number)).toThrow(ParameterError);
    expect(clip.bound).toBe(1);
  });
});

describe("the split of the noise", () => {
  test("z_delta = (z^-2 - (2 s_b)^-2)^(-1/2), s_b a twentieth of the clients", () => {
    const clip = createQuantileClip({ initial: 1, target: 0.5, clients: 100 });
    expect([clip.countNoise, clip.voteNoise]).toEqual([5, 10]);
    for (const z of [0.01, 0.5, 1, 3, 9.999]) expect(clip.splitNoise(z)).toBeCloseTo((z ** -2 - 10 ** -2) ** -0.5, 8);
    expect(clip.splitNoise(6)).toBe(7.5); // 1/36 - 1/100 = 4/225
    // Together they are the mechanism of noise multiplier z: Gaussians compose as 1/z^2.
    for (const z of [0.3, 1, 7]) expect((clip.splitNoise(z) ** -2 + clip.voteNoise ** -2) ** -0.5).toBeCloseTo(z, 12);
    expect(clip.splitNoise(0)).toBe(0);
  });
  test("is refused where the votes alone would spend more than the round may", () => {
    const clip = createQuantileClip({ initial: 1, target: 0.5, clients: 20 });
    expect(clip.splitNoise(1.999)).toBeGreaterThan(60);
    for (const z of [2, 2.1, 100]) expect(() => clip.splitNoise(z)).toThrow(/below 2 countNoise = 2/);
    for (const z of [-1, Number.NaN, Infinity]) expect(() => clip.splitNoise(z)).toThrow(ParameterError);
    const open = createQuantileClip({ initial: 1, target: 0.5, clients: 20, countNoise: 0 });
    expect(open.splitNoise(0)).toBe(0);
    expect(() => open.splitNoise(0.1)).toThrow(ParameterError);
  });
});

describe("noise on the votes", () => {
  // Mean and variance within 6.11 deviations each: false alarm 2e-9.
  test("is integer, of deviation 2 s_b about the sum", async () => {
    const [engine, stream] = [await makeEngine(), await noise(1, "votes")];
    const clip = createQuantileClip({ initial: 1, target: 0.5, clients: 100 });
    const n = runs(20_000);
    const got = Array.from({ length: n }, () => noisyVotes(engine, -37, clip, stream));
    expect(got.every(Number.isInteger)).toBe(true);
    expect(Math.abs(mean(got) + 37)).toBeLessThan((SIX * 10) / Math.sqrt(n));
    expect(Math.abs(variance(got, -37) / 100 - 1)).toBeLessThan(SIX * Math.sqrt(2 / n));
    expect(engine.stats().liveBlocks, "scratch alone").toBeLessThanOrEqual(1);
  });
  test("is none without countNoise; bad sums, bounds and streams are refused", async () => {
    const [engine, stream] = [await makeEngine(), await noise(1, "votes")];
    const clip = createQuantileClip({ initial: 1, target: 0.5, clients: 10, countNoise: 0 });
    expect(noisyVotes(engine, 7, clip, stream)).toBe(7);
    for (const votes of [0.5, Number.NaN, 2 ** 31]) expect(() => noisyVotes(engine, votes, clip, stream)).toThrow("votes");
    expect(() => noisyVotes(engine, 1, {} as never, stream)).toThrow("clip");
    expect(() => noisyVotes(engine, 1, clip, {} as never)).toThrow("stream");
    const wide = createQuantileClip({ initial: 1, target: 0.5, clients: 1e9 });
    expect(() => noisyVotes(engine, 1, wide, stream)).toThrow("countNoise");
  });
});

test("bad options are refused by name", () => {
  const good = { initial: 1, target: 0.5, clients: 10 };
  const bad = [
    ...[0, -1, Number.NaN, Infinity, 1e-40].map((initial) => ({ initial })),
    ...[-0.1, 1.1, Number.NaN].map((target) => ({ target })),
    ...[0, -1, Number.NaN].map((learningRate) => ({ learningRate })),
    ...[0, -1, Infinity].map((clients) => ({ clients })),
    ...[-1, Number.NaN].map((countNoise) => ({ countNoise })),
    ...["median", 1].map((rule) => ({ rule })),
    { quantile: 0.5 },
  ];
  expect(bad).toHaveLength(19);
  for (const wrong of bad) {
    expect(() => createQuantileClip({ ...good, ...wrong } as never)).toThrow(ParameterError);
    expect(() => createQuantileClip({ ...good, ...wrong } as never)).toThrow(Object.keys(wrong)[0]!);
  }
  expect(createQuantileClip({ ...good, initial: 0, rule: "arithmetic" }).bound).toBe(0);
});
