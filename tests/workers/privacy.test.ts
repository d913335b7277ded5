// Simulations with a privacy budget: every mode against a plain loop or against what it promises.
import { clipToGrid, createGridSum, createStream, evaluate, gaussianGrid, localUpdate, ParameterError, poissonSample } from "fedlane";
import { type PrivacyMode, type SimulationConfig, type SimulationPrivacy, simulate } from "fedlane/worker";
import { describe, expect, test } from "vitest";
import { makeEngine } from "../support/engines.ts";
import { smallConfig, smallData } from "../support/federation.ts";
import { SIX } from "../support/statistics.ts";

const { bits: _, ...base } = smallConfig;
const config = (privacy: Partial<SimulationPrivacy> & { mode: PrivacyMode }, more: Partial<SimulationConfig> = {}): SimulationConfig => ({
  ...base,
  ...more,
  privacy: { epsilon: 8, delta: 1e-5, clipNorm: 0.5, ...privacy },
});
const MODES = ["central", "local", "distributed", "dp-sgd"] as const;
const bitsOf = (x: Float32Array) => [...new Uint32Array(x.buffer, x.byteOffset, x.length)];

describe("a simulation with a budget", () => {
  test("central: Poisson clients, sums on the grid, noise once, a fixed divisor: the same bits as a plain loop", async () => {
    const { weights, rounds, privacy } = await simulate(smallData, config({ mode: "central" }));
    const engine = await makeEngine();
    const model = engine.model(base.layers);
    const seed = (purpose: string) => createStream({ purpose, unsafeSeed: base.unsafeSeed });
    const { train, test: held } = smallData;
    const data = { x: engine.tensor("f32", [240, 8], train.x as Float32Array), labels: engine.tensor("i32", 240, train.labels) };
    const global = model.initialise(await seed("initialise"));
    const [sample, shuffle, noise] = [await seed("sample"), await seed("shuffle"), await seed("server noise")];
    const grid = gaussianGrid({ sigma: privacy!.noiseMultiplier * 0.5, clipNorm: 0.5, size: model.size });
    for (let round = 1; round <= base.rounds; round++) {
      const sum = createGridSum(engine, grid);
      const clients = poissonSample(engine, 8, 0.5, sample.fork(round, 0)).toArray();
      for (const client of clients) {
        const rows = engine.tensor("u32", 30, base.partition[client]!);
        const { epochs, batchSize, learningRate } = base;
        const { delta } = localUpdate(model, global, data, { epochs, batchSize, learningRate, shuffle: shuffle.fork(round, client), rows });
        sum.add(delta);
      }
      expect(rounds[round - 1]!.clients).toBe(clients.length);
      sum.addNoise(noise.fork(round, 0));
      const mean = engine.tensor("f32", model.size);
      sum.release(mean, 0.5 * 8);
      const view = global.view;
      for (const [i, v] of mean.view.entries()) view[i] = Math.fround(view[i]! + v);
    }
    expect(bitsOf(weights)).toEqual(bitsOf(global.toArray()));
    const tests = { x: engine.tensor("f32", [100, 8], held.x as Float32Array), labels: engine.tensor("i32", 100, held.labels) };
    expect(rounds.at(-1)!.accuracy).toBe(evaluate(model, global, tests).accuracy);
  });

  test.each(MODES)("%s: the same bits for any number of workers, epsilon rising to the budget and never past it, nothing called private", async (mode) => {
    const [one, three] = await Promise.all([simulate(smallData, config({ mode }), { workers: 1 }), simulate(smallData, config({ mode }), { workers: 3 })]);
    expect(bitsOf(three.weights)).toEqual(bitsOf(one.weights));
    expect(one.reason).toBe("rounds");
    const spent = one.rounds.map((r) => r.epsilon!);
    expect(
      spent.every((e, i) => e > 0 && e <= 8 && (i === 0 || e >= spent[i - 1]!)),
      `${spent}`,
    ).toBe(true);
    expect(spent.at(-1)).toBeGreaterThan(7.9);
    expect(one.private).toBe(false);
    expect(one.privacy).toMatchObject({ mode, budget: 8, delta: 1e-5, private: false });
  });

  test.each(MODES)("%s: with less noise than the rounds need, training stops before the budget would be passed", async (mode) => {
    const noiseMultiplier = mode === "local" ? 2.2 : 1.2;
    const { rounds, reason, privacy } = await simulate(smallData, config({ mode, noiseMultiplier }, { rounds: 200 }));
    expect(reason).toBe("budget");
    expect(rounds.length).toBeGreaterThan(0);
    expect(rounds.length).toBeLessThan(200);
    expect(rounds.at(-1)!.epsilon).toBeLessThanOrEqual(8);
    expect(privacy!.noiseMultiplier).toBe(noiseMultiplier);
  });

  test.each(["local", "distributed", "dp-sgd"] as const)("%s: no client takes part twice before all others did", async (mode) => {
    // Half of 8 clients a round: a cycle of two rounds, and one charge for both.
    const { rounds } = await simulate(smallData, config({ mode }));
    const spent = rounds.map((r) => r.epsilon!);
    expect([spent[0] === spent[1], spent[2] === spent[3], spent[1]! < spent[2]!]).toEqual([true, true, true]);
    for (const r of rounds) expect(r.clients).toBe(4);
  });

  // What a round moves is noise alone where the rate is next to nothing: its deviation says how much of it there is, and that it is there once.
  test.each([
    ["central", 1 / (0.5 * 8)],
    ["local", 1 / Math.sqrt(4)],
    ["distributed", 1 / 4],
  ] as const)("%s: the mean of a round has noise of the stated deviation", async (mode, share) => {
    const still = { learningRate: 1e-30, rounds: 1 };
    const start = (await simulate(smallData, { ...base, ...still })).weights;
    const { weights, privacy } = await simulate(smallData, config({ mode, noiseMultiplier: 20 }, still));
    expect(privacy!.noiseMultiplier).toBe(20);
    const noise = Array.from(weights, (w, i) => w - start[i]!);
    const deviation = Math.sqrt(noise.reduce((sum, v) => sum + v * v, 0) / noise.length) / (20 * 0.5 * share);
    const error = SIX / Math.sqrt(2 * noise.length);
    expect(error, "the bound is below the signal").toBeLessThan(0.5);
    expect(Math.abs(deviation - 1)).toBeLessThan(error + 0.02);
  });

  test("what would leave a client beside the protected update is refused, with the reason", async () => {
    const wrong: [Partial<SimulationConfig>, RegExp][] = [
      [{ clipNorm: 1 }, /clipNorm to be left to privacy/],
      [{ clipNorm: 1, noiseMultiplier: 1 }, /left to privacy/],
      [{ perExampleClipping: { clipNorm: 1 } }, /perExampleClipping to be left to privacy/],
      [{ bits: 8 }, /no bits beside privacy/],
      [{ localTerm: { type: "scaffold" } }, /no local term but FedProx beside privacy, got scaffold/],
      [{ localTerm: { type: "feddyn", alpha: 0.1 } }, /got feddyn/],
      [{ partition: [...base.partition, new Uint32Array(0)] }, /every client to have examples/],
    ];
    for (const [more, sentence] of wrong) {
      const run = simulate(smallData, config({ mode: "central" }, more));
      await expect(run).rejects.toThrow(ParameterError);
      await expect(run).rejects.toThrow(sentence);
    }
    expect((await simulate(smallData, config({ mode: "central" }, { localTerm: { type: "fedprox", mu: 0.1 }, rounds: 1 }))).rounds).toHaveLength(1);
  });
});

test("a sum that holds an update twice is not within the bound: the grid refuses what was not clipped to it", async () => {
  const engine = await makeEngine();
  const grid = gaussianGrid({ sigma: 1, clipNorm: 1, size: 2 });
  const [x, k] = [engine.tensor("f32", 2, [0.6, 0.8]), engine.tensor("i32", 2)];
  clipToGrid(x, grid, k);
  const sum = createGridSum(engine, grid);
  sum.addClipped(k);
  for (const [i, v] of k.view.entries()) k.view[i] = 2 * v;
  expect(() => sum.addClipped(k)).toThrow(/squared norm/);
  for (const t of [x, k, sum]) t.dispose();
});
