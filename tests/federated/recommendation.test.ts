import { holdOutLatest, judge, ParameterError, type RecommendationConfig, type RecommendationReport, simulateRecommendation } from "fedlane";
import { describe, expect, test } from "vitest";
import { createFactorisation, holdOut } from "#dist/federated/factorisation.js";
import { BUILDS, makeEngine } from "../support/engines.ts";
import { plantedRatings } from "../support/ratings.ts";
import * as reference from "./factorisation.reference.ts";

const CONFIG: RecommendationConfig = {
  objective: "ratings",
  factors: 4,
  epochs: 3,
  batchSize: 8,
  learningRate: 0.1,
  weightDecay: 0.01,
  clientFraction: 0.25,
  rounds: 30,
  unsafeSeed: 1,
};
const ratings = plantedRatings(40, 200, 30, 7);
const timeless = (rounds: readonly RecommendationReport[]) => rounds.map((r) => ({ ...r, milliseconds: 0 }));

test("rounds of all clients are the twin's", async () => {
  const small = plantedRatings(6, 20, 7, 3);
  const config = { ...CONFIG, batchSize: 1000, learningRate: 0.5, clientFraction: 1, rounds: 3 }; // whole batches: order does not matter
  const engine = await makeEngine();
  const factorisation = await createFactorisation(engine, small, config);
  const twin = reference.weightsOf(factorisation.model.layout, factorisation.weights.toArray());
  factorisation.dispose();
  const { trial, split } = await holdOut(engine, small, config.unsafeSeed);
  const examples = reference.examplesOf(small, split.train);
  const { rounds, reason } = await simulateRecommendation(small, config);
  expect([rounds.map((r) => r.round), reason]).toEqual([[1, 2, 3], "rounds"]);
  const rated = split.train.reduce((sum, own) => sum + own.length, 0);
  for (const report of rounds) {
    reference.round(twin, examples, config);
    const want = judge(trial, reference.scoresOf(twin, trial), reference.predictor(small, examples));
    // RMSE of six ratings, each within 1e-6 of the twin's.
    expect(Math.abs(report.rmse - want.rmse)).toBeLessThan(2e-6);
    expect([report.hitRate, report.ndcg]).toEqual([want.hitRate, want.ndcg]);
    expect(report).toMatchObject({
      clients: 6,
      bytesUp: 4 * rated * (1 + 4 + 1),
      bytesDown: 6 * 4 * 20 * (4 + 1),
      totalBytesUp: report.round * report.bytesUp,
    });
  }
});

describe("a federation finds the taste planted in the ratings", () => {
  const planted = plantedRatings(60, 60, 20, 7);
  const config = { ...CONFIG, learningRate: 0.2, clientFraction: 0.5, rounds: 40 };

  test("what an item is worth to a user", async () => {
    const { rounds } = await simulateRecommendation(planted, config);
    const { split, trial } = await holdOut(await makeEngine(), planted, 1);
    const means = Float64Array.from(trial.item, (item) => reference.itemMean(planted, split.train, item));
    // The mean of an item lies between the two kinds of users, more than a star from either; within a kind ratings spread by 0.41 stars.
    expect(judge(trial, means, (mean) => mean).rmse).toBeGreaterThan(1);
    expect(rounds.at(-1)!.rmse).toBeLessThan(0.7);
    expect(rounds.at(-1)!.trainLoss).toBeLessThan(rounds[0]!.trainLoss / 2);
  });

  test("what is chosen next", async () => {
    const { rounds } = await simulateRecommendation(planted, { ...config, objective: "ranking", learningRate: 0.6 });
    expect(rounds.at(-1)!.rmse).toBeNaN();
    // Of the 41 items of a list about 16 are of the user's kind: by chance one in four is among the first 10, knowing the kind nearly two in three.
    expect(rounds.at(-1)!.hitRate).toBeGreaterThan(0.35);
    expect(rounds.at(-1)!.ndcg).toBeGreaterThan(0.15);
  });
});

test("the same seed gives the same rounds in every build that is reproducible, another seed others", async () => {
  const config = { ...CONFIG, objective: "ranking", rounds: 3 } as const;
  const run = async (build: "scalar" | "simd", unsafeSeed: number) =>
    timeless((await simulateRecommendation(ratings, { ...config, unsafeSeed }, { build })).rounds);
  expect(BUILDS).toContain("simd");
  const first = await run("simd", 1);
  expect(await run("simd", 1)).toEqual(first);
  expect(await run("scalar", 1)).toEqual(first);
  expect((await run("simd", 2)).map((r) => r.trainLoss)).not.toEqual(first.map((r) => r.trainLoss));
});

test("a round takes its share of the users, one at least", async () => {
  for (const [clientFraction, clients] of [
    [0.25, 10],
    [1e-9, 1],
    [1, 40],
  ] as const) {
    const { rounds } = await simulateRecommendation(ratings, { ...CONFIG, epochs: 1, rounds: 1, clientFraction });
    expect(rounds[0]!.clients).toBe(clients);
    if (clients === 40) expect(rounds[0]!.bytesUp).toBe(4 * 6 * holdOutLatest(ratings).train.reduce((sum, own) => sum + own.length, 0));
  }
});

test("an abort leaves the rounds that were done", async () => {
  const stop = new AbortController();
  const seen: number[] = [];
  const onRound = ({ round }: RecommendationReport) => {
    seen.push(round);
    if (round === 2) stop.abort();
  };
  const { rounds, reason } = await simulateRecommendation(ratings, CONFIG, { signal: stop.signal, onRound });
  expect([rounds.length, reason, seen]).toEqual([2, "aborted", [1, 2]]);
});

test("bad configurations are refused", async () => {
  for (const bad of [{ clientFraction: 0 }, { clientFraction: 1.1 }, { rounds: 0 }, { objective: "both" }, { factors: 0 }, { round: 1 }]) {
    await expect(simulateRecommendation(ratings, { ...CONFIG, ...bad } as RecommendationConfig), JSON.stringify(bad)).rejects.toThrow(ParameterError);
  }
  await expect(simulateRecommendation(ratings, CONFIG, { workers: 2 } as object)).rejects.toThrow(ParameterError);
  await expect(simulateRecommendation(ratings, { ...CONFIG, learningRate: 1e6 })).rejects.toThrow(/finite updates.*lower the learning rate/);
});
