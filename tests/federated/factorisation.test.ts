import { type FactorisationConfig, holdOutLatest, judge, ParameterError, type RankingQuality, type Ratings, trainFactorisation } from "fedlane";
import { describe, expect, test } from "vitest";
import { createFactorisation, holdOut } from "#dist/federated/factorisation.js";
import { expectWithin } from "../support/bound.ts";
import { EPS32 } from "../support/data.ts";
import { makeEngine } from "../support/engines.ts";
import { plantedRatings } from "../support/ratings.ts";
import * as reference from "./factorisation.reference.ts";

const CONFIG: FactorisationConfig = {
  objective: "ratings",
  factors: 5,
  epochs: 2,
  batchSize: 1000, // whole batches: the order of the examples does not matter
  learningRate: 0.5,
  weightDecay: 0.05,
  unsafeSeed: 1,
};
const small = plantedRatings(6, 20, 7, 3);

async function make(config: Partial<FactorisationConfig> = {}) {
  const engine = await makeEngine();
  const factorisation = await createFactorisation(engine, small, { ...CONFIG, ...config });
  return { engine, factorisation, weights: () => reference.weightsOf(factorisation.model.layout, factorisation.weights.toArray()) };
}
const EXAMPLES = reference.examplesOf(small, holdOutLatest(small).train);

describe("one client", () => {
  test("its update is the twin's, by rows; the items are as before and nobody else's rows were touched", async () => {
    const { factorisation, weights } = await make();
    const before = weights();
    for (const user of [0, 3]) {
      const start = weights();
      const want = reference.copy(start);
      reference.fit(want, EXAMPLES[user]!, CONFIG);
      let got: { rows: number[]; deltas: Float32Array[] } | undefined;
      const loss = factorisation.update(user, 1, ({ rows, deltas }) => {
        got = { rows: [...rows.view], deltas: deltas.map((t) => t.toArray()) };
      });
      expect([...got!.rows].sort((a, b) => a - b)).toEqual([...new Set(EXAMPLES[user]!.map((e) => e.item))].sort((a, b) => a - b));
      const vectors = got!.rows.flatMap((i) => want.q[i]!.map((v, j) => v - start.q[i]![j]!));
      const biases = got!.rows.map((i) => want.bi[i]! - start.bi[i]!);
      // Two steps of a dozen roundings on numbers below 8.
      expectWithin(got!.deltas[0]!, vectors, () => 24 * EPS32 * 8, 1e-3);
      expectWithin(got!.deltas[1]!, biases, () => 24 * EPS32 * 8, 1e-3);
      const after = weights();
      expectWithin([...after.p[user]!, after.bu[user]!], [...want.p[user]!, want.bu[user]!], () => 24 * EPS32 * 8, 1e-3);
      expect([after.q, after.bi]).toEqual([start.q, start.bi]); // bit for bit
      expect(after.p.filter((_, u) => u !== user)).toEqual(start.p.filter((_, u) => u !== user));
      // Losses of the first epoch alone are those of the start; over two they lie between.
      const mse = (w: reference.Weights) =>
        EXAMPLES[user]!.reduce((sum, e) => sum + (reference.score(w, e.user, e.item) - e.target) ** 2, 0) / EXAMPLES[user]!.length;
      expect(loss).toBeLessThan(mse(start));
      expect(loss).toBeGreaterThan(mse(want));
    }
    expect(weights().q).toEqual(before.q);
    factorisation.dispose();
  });

  test("for ranking it sends rows of what it did not rate too, never of what it holds out as one", async () => {
    const { factorisation } = await make({ objective: "ranking", negatives: 2 });
    const { train } = holdOutLatest(small);
    let counts: number[] = [];
    for (let round = 1; round <= 3; round++) {
      factorisation.update(2, round, ({ rows }) => {
        counts = [...counts, rows.size];
        const rated = new Set([...train[2]!].map((r) => small.item[r]!));
        const sent = new Set(rows.view);
        for (const item of rated) expect(sent.has(item)).toBe(true);
        expect(sent.size).toBe(Math.min(small.items, 3 * rated.size));
      });
    }
    expect(counts.length).toBe(3);
    factorisation.dispose();
  });

  test("a divergence is refused by name", async () => {
    const { factorisation } = await make({ epochs: 60, learningRate: 1e4 });
    expect(() => factorisation.update(1, 7, () => expect.fail("received"))).toThrow(/finite updates, got one of user 1 in round 7.*lower the learning rate/);
    factorisation.dispose();
  });

  test("nothing is left allocated", async () => {
    const { engine, factorisation } = await make();
    factorisation.update(1, 1, () => {});
    factorisation.evaluate();
    const live = engine.stats().liveBlocks;
    factorisation.update(1, 2, () => {});
    factorisation.pass(1);
    factorisation.evaluate();
    expect(engine.stats().liveBlocks).toBe(live);
    factorisation.dispose();
    expect(engine.stats().liveBlocks).toBe(1); // the engine's scratch
  });
});

describe("training in one place", () => {
  test("is the twin's over everybody's examples", async () => {
    const engine = await makeEngine();
    const { factorisation, weights } = await make();
    const twin = weights();
    const { trial } = await holdOut(engine, small, CONFIG.unsafeSeed);
    let passes = 0;
    const check = (epoch: number, quality: RankingQuality) => {
      passes++;
      expect(epoch).toBe(passes);
      reference.fit(twin, EXAMPLES.flat(), { ...CONFIG, epochs: 1 });
      const want = judge(trial, reference.scoresOf(twin, trial), reference.predictor(small, EXAMPLES));
      // RMSE of six ratings, each within 1e-6 of the twin's.
      expect(Math.abs(quality.rmse - want.rmse)).toBeLessThan(2e-6);
      expect([quality.hitRate, quality.ndcg]).toEqual([want.hitRate, want.ndcg]);
    };
    await trainFactorisation(engine, small, { ...CONFIG, epochs: 3 }, { onEpoch: check });
    expect(passes).toBe(3);
    factorisation.dispose();
  });

  test("stops at a signal", async () => {
    const stop = new AbortController();
    let passes = 0;
    await trainFactorisation(
      await makeEngine(),
      small,
      { ...CONFIG, epochs: 100 },
      { signal: stop.signal, onEpoch: () => void (++passes === 2 && stop.abort()) },
    );
    expect(passes).toBe(2);
  });
});

test("bad configurations and ratings are refused", async () => {
  const engine = await makeEngine();
  const train = (config: object, ratings: Ratings = small) => trainFactorisation(engine, ratings, { ...CONFIG, ...config });
  for (const bad of [
    { objective: "both" },
    { factors: 0 },
    { epochs: 1.5 },
    { batchSize: 0 },
    { learningRate: 0 },
    { weightDecay: -1 },
    { negatives: 0 },
    { rounds: 3 },
  ]) {
    await expect(train(bad), JSON.stringify(bad)).rejects.toThrow(ParameterError);
  }
  const one = { users: 1, items: 2, user: Uint32Array.of(0), item: Uint32Array.of(1), rating: Float32Array.of(3), time: Float64Array.of(1) };
  await expect(train({}, one)).rejects.toThrow(/a user with two ratings or more, got none/);
  await expect(train({}, { ...one, item: Uint32Array.of(2) })).rejects.toThrow(/items below 2, got 2/);
});
