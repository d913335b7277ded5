import { createMean, dense, EngineMismatchError, localUpdate, ParameterError, ShapeError, serverRound, subtract } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { bits, EPS32, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { noise } from "../support/streams.ts";

forEachBuild("federated/server", (engine) => {
  // McMahan et al. 2017, algorithm 1: w <- sum (n_k / n) w_k. With w = [1, 2], w_1 = [2, 3] of 1 example and w_2 = [4, 6] of 2.
  test.each([
    { serverLearningRate: undefined, want: [10 / 3, 5] },
    { serverLearningRate: 1, want: [10 / 3, 5] },
    { serverLearningRate: 0.5, want: [13 / 6, 3.5] },
    { serverLearningRate: 2, want: [17 / 3, 8] },
  ])("golden values of federated averaging, rate $serverLearningRate", ({ serverLearningRate, want }) => {
    engine().scope(() => {
      const weights = engine().tensor("f32", 2, [1, 2]);
      const mean = createMean(engine(), 2);
      mean.add(engine().tensor("f32", 2, [1, 1]), 1).add(engine().tensor("f32", 2, [3, 4]), 2);
      const result = serverRound(weights, mean, serverLearningRate === undefined ? {} : { serverLearningRate });
      expect(result).toEqual({ updated: true, updates: 2, totalWeight: 3 });
      for (const [i, value] of want.entries()) expect(Math.abs(weights.view[i]! - value)).toBeLessThanOrEqual(4 * EPS32 * value);
      mean.dispose();
    });
  });

  describe("against the twin, in float64", () => {
    const ran = countCases(LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      const start = normals(n, 1);
      const updates = [2, 3, 4].map((seed) => normals(n, seed, 0.1));
      const counts = [3, 0, 17];
      const [rate, total] = [Math.fround(0.7), 20];
      engine().scope(() => {
        const weights = engine().tensor("f32", n, start);
        const mean = createMean(engine(), n);
        updates.forEach((update, k) => {
          mean.add(engine().tensor("f32", n, update), counts[k]!);
        });
        expect(serverRound(weights, mean, { serverLearningRate: rate })).toEqual({ updated: true, updates: 3, totalWeight: total });
        // The accumulator rounds each update to 2^-30 of its largest w|x| and the mean once to f32; then two roundings here.
        const grid = updates.reduce((sum, u, k) => sum + counts[k]! * u.reduce((a, v) => Math.max(a, Math.abs(v)), 0) * 2 ** -30, 0) / total;
        const got = weights.toArray();
        for (let i = 0; i < n; i++) {
          const delta = updates.reduce((sum, u, k) => sum + counts[k]! * u[i]!, 0) / total;
          const want = start[i]! + rate * delta;
          const bound = rate * (grid + EPS32 * Math.abs(delta)) + 2 * EPS32 * (Math.abs(start[i]!) + rate * Math.abs(delta));
          expect(bound).toBeLessThan(1e-6 * (1 + Math.abs(want)));
          expect(Math.abs(got[i]! - want)).toBeLessThanOrEqual(bound);
        }
        mean.dispose();
      });
    });
  });

  test("total weight 0: no client or only empty ones change nothing, and it is reported", () => {
    engine().scope(() => {
      const weights = engine().tensor("f32", 3, [1, -0, 3]);
      const mean = createMean(engine(), 3);
      expect(serverRound(weights, mean)).toEqual({ updated: false, updates: 0, totalWeight: 0 });
      mean.add(engine().tensor("f32", 3, [9, 9, 9]), 0);
      expect(serverRound(weights, mean)).toEqual({ updated: false, updates: 1, totalWeight: 0 });
      expect(bits(weights.toArray())).toEqual(bits(Float32Array.of(1, -0, 3)));
      mean.dispose();
    });
  });

  test("one client at rate 1: the new weights are its local weights", async () => {
    const stream = await noise(1);
    engine().scope(() => {
      const model = engine().model([dense(5, 7, "relu"), dense(7, 3)]);
      const start = normals(model.size, 5, 0.3);
      const weights = engine().tensor("f32", model.size, start);
      const data = {
        x: engine().tensor("f32", [20, 5], normals(100, 6)),
        labels: engine().tensor(
          "i32",
          20,
          Array.from({ length: 20 }, (_, i) => i % 3),
        ),
      };
      const { delta, examples } = localUpdate(model, weights, data, { epochs: 2, batchSize: 5, learningRate: 0.1, shuffle: stream });
      const d = delta.toArray();
      const mean = createMean(engine(), model.size).add(delta, examples);
      expect(serverRound(weights, mean).updated).toBe(true);
      const got = weights.toArray();
      const largest = d.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      expect(largest).toBeGreaterThan(1e-2);
      for (let i = 0; i < model.size; i++) {
        const local = start[i]! + d[i]!; // exact in f64
        expect(Math.abs(got[i]! - local)).toBeLessThanOrEqual(2 * EPS32 * (Math.abs(start[i]!) + Math.abs(d[i]!)) + 2 ** -30 * largest);
      }
      mean.dispose();
    });
  });

  test("the order of arrival does not change a bit, and the accumulator is not reset", () => {
    engine().scope(() => {
      const updates = [1, 2, 3].map((seed) => engine().tensor("f32", 33, normals(33, seed)));
      const results = [
        [0, 1, 2],
        [2, 0, 1],
      ].map((order) => {
        const weights = engine().tensor("f32", 33, normals(33, 9));
        const mean = createMean(engine(), 33);
        for (const k of order) mean.add(updates[k]!, k + 1);
        serverRound(weights, mean);
        expect([mean.count, mean.totalWeight]).toEqual([3, 6]);
        mean.dispose();
        return bits(weights.toArray());
      });
      expect(results[1]).toEqual(results[0]);
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const other = await makeEngine();
    engine().scope(() => {
      const weights = engine().tensor("f32", 2, [1, 2]);
      const mean = createMean(engine(), 2).add(engine().tensor("f32", 2, [1, 1]), 1);
      for (const serverLearningRate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => serverRound(weights, mean, { serverLearningRate })).toThrow(ParameterError);
      }
      expect(() => serverRound(weights, mean, { learningRate: 1 } as never)).toThrow(ParameterError);
      for (const not of [null, undefined, {}, weights]) expect(() => serverRound(weights, not as never)).toThrow(ParameterError);
      expect(() => serverRound(engine().tensor("f32", 3), mean)).toThrow(ShapeError);
      const theirs = other.tensor("f32", 2, [5, 6]);
      const live = other.stats().liveBlocks;
      expect(() => serverRound(theirs, mean)).toThrow(EngineMismatchError);
      expect([...theirs.toArray(), other.stats().liveBlocks]).toEqual([5, 6, live]);
      expect([...weights.toArray()]).toEqual([1, 2]);
      mean.dispose();
      expect(() => serverRound(weights, mean)).toThrow(/disposed|live/);
    });
  });
});

describe("federated/server across builds", () => {
  test("every build gives the same mean, bit for bit", async () => {
    const rounds = Object.values(await allEngines()).map((engine) =>
      engine.scope(() => {
        const zero = engine.tensor("f32", 1000);
        const mean = createMean(engine, 1000);
        for (const seed of [1, 2, 3]) mean.add(engine.tensor("f32", 1000, normals(1000, seed)), seed);
        const delta = mean.result(engine.tensor("f32", 1000));
        mean.dispose();
        return bits(subtract(delta, zero, delta).toArray());
      }),
    );
    expect(rounds.length).toBeGreaterThanOrEqual(2);
    for (const round of rounds) expect(round).toEqual(rounds[0]);
  });
});
