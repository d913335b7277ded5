import fc from "fast-check";
import {
  createStream,
  drawTrial,
  hitRate,
  holdOutLatest,
  itemMeans,
  judge,
  ndcg,
  ParameterError,
  popularity,
  type Ratings,
  rankAmong,
  sampleUnrated,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { random } from "../support/data.ts";
import { makeEngine } from "../support/engines.ts";
import { chiSquare } from "../support/statistics.ts";

/** Rows [user, item, rating, time]. */
function ratings(users: number, items: number, rows: readonly (readonly [number, number, number, number])[]): Ratings {
  return {
    users,
    items,
    user: Uint32Array.from(rows, (r) => r[0]),
    item: Uint32Array.from(rows, (r) => r[1]),
    rating: Float32Array.from(rows, (r) => r[2]),
    time: Float64Array.from(rows, (r) => r[3]),
  };
}

describe("holdOutLatest", () => {
  test("the latest goes out, of equal times the largest item, of one rating none", () => {
    const { train, held } = holdOutLatest(
      ratings(4, 9, [
        [2, 3, 4, 50],
        [0, 1, 5, 10], // the only one of user 0
        [2, 7, 3, 99], // the latest of user 2
        [3, 8, 1, 7], // three at one time: item 8 goes
        [3, 2, 2, 7],
        [2, 1, 1, 98],
        [3, 5, 3, 7],
      ]),
    );
    expect([...held]).toEqual([2, 3]);
    expect(train.map((rows) => [...rows])).toEqual([[1], [], [0, 5], [4, 6]]);
  });

  test("the order of the rows does not matter, and every row has its place", () => {
    let runs = 0;
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.nat(4), fc.nat(9), fc.integer({ min: 1, max: 5 }), fc.nat(3)), { selector: ([u, i]) => 10 * u + i, maxLength: 30 }),
        fc.nat(),
        (rows, seed) => {
          runs++;
          const next = random(seed);
          const moved = rows
            .map((row) => [next(), row] as const)
            .sort((a, b) => a[0] - b[0])
            .map(([, row]) => row);
          const [one, other] = [rows, moved].map((all) => {
            const { train, held } = holdOutLatest(ratings(5, 10, all));
            expect([...held, ...train.flatMap((t) => [...t])].sort((a, b) => a - b)).toEqual(all.map((_, i) => i));
            return [...held].map((r) => all[r]);
          });
          expect(other).toEqual(one);
        },
      ),
    );
    expect(runs).toBe(100);
  });

  test("columns that do not fit are refused", () => {
    const good = ratings(2, 3, [
      [0, 1, 4, 1],
      [1, 2, 3, 2],
    ]);
    for (const [bad, sentence] of [
      [{ ...good, user: Uint32Array.of(0, 2) }, /users below 2, got 2 at rating 1/],
      [{ ...good, item: Uint32Array.of(3, 0) }, /items below 3, got 3 at rating 0/],
      [{ ...good, rating: Float32Array.of(1, Number.NaN) }, /finite ratings, got NaN at rating 1/],
      [{ ...good, time: Float64Array.of(1, Number.POSITIVE_INFINITY) }, /finite times/],
      [{ ...good, time: Float64Array.of(1) }, /ratings\.time to hold 2 values as ratings\.user, got 1/],
      [{ ...good, item: [1, 2] as unknown as Uint32Array }, /ratings\.item to be a Uint32Array, got Array/],
      [{ ...good, user: Uint32Array.of(0, 0), item: Uint32Array.of(1, 1) }, /a second of item 1 by user 0/],
      [{ ...good, users: 0 }, /ratings\.users/],
    ] as const) {
      expect(() => holdOutLatest(bad)).toThrow(ParameterError);
      expect(() => holdOutLatest(bad)).toThrow(sentence);
    }
  });
});

describe("sampleUnrated", () => {
  test("draws items not rated, each once, and all of them where fewer are left than asked for", async () => {
    const engine = await makeEngine();
    const stream = await createStream({ purpose: "test", unsafeSeed: 1 });
    const rated = new Set([1, 4, 7]);
    const few = sampleUnrated(engine, 10, rated, 5, stream);
    expect(new Set(few).size).toBe(5);
    expect([...few].some((i) => rated.has(i) || i >= 10)).toBe(false);
    expect([...sampleUnrated(engine, 10, rated, 99, stream)].sort()).toEqual([0, 2, 3, 5, 6, 8, 9]);
    expect(sampleUnrated(engine, 3, new Set([0, 1, 2]), 5, stream).length).toBe(0);
    expect(engine.stats().liveBlocks).toBe(1); // the engine's scratch
  });

  test("every item as often as any other", async () => {
    const engine = await makeEngine();
    const stream = await createStream({ purpose: "test", unsafeSeed: 2 });
    const rated = new Set([0, 5]);
    const counts = new Array<number>(12).fill(0);
    for (let i = 0; i < 4000; i++) for (const item of sampleUnrated(engine, 12, rated, 3, stream)) counts[item]!++;
    // Draws without replacement vary less than independent ones, of which chi-square with 9 degrees of freedom exceeds 60.7 with probability 1e-9.
    expect(chiSquare(counts.filter((_, i) => !rated.has(i)))).toBeLessThan(60.7);
  });
});

describe("a trial", () => {
  const given = ratings(3, 30, [
    [0, 1, 4, 1],
    [0, 2, 2, 2],
    [1, 2, 5, 1],
    [2, 2, 3, 9],
    [2, 7, 1, 8],
  ]);
  const split = holdOutLatest(given);

  test("lists the held-out item of every user first, then others that the user never rated", async () => {
    const engine = await makeEngine();
    const draw = async (seed: number) => drawTrial(engine, given, split, 6, await createStream({ purpose: "test", unsafeSeed: seed }));
    const { user, item, from, rating } = await draw(1);
    expect([[...from], [...user], [...rating]]).toEqual([
      [0, 7, 14],
      [...Array(7).fill(0), ...Array(7).fill(2)],
      [2, 3],
    ]);
    expect([item[0], item[7]]).toEqual([2, 2]);
    expect([...item.subarray(1, 7)].some((i) => i === 1 || i === 2)).toBe(false);
    expect([...item.subarray(8)].some((i) => i === 7 || i === 2)).toBe(false);
    expect(new Set(item.subarray(0, 7)).size).toBe(7);
    expect((await draw(1)).item).toEqual(item);
    expect((await draw(2)).item).not.toEqual(item);
  });

  test("is judged list by list", () => {
    // Lists of 3 and 2; the held-out items rank 1st of 3 (rank 0) and 2nd of 2 (rank 1); predicted 2.5 for 2 and 4 for 3.
    const trial = { user: Uint32Array.of(0, 0, 0, 2, 2), item: Uint32Array.of(2, 5, 6, 2, 9), from: Uint32Array.of(0, 3, 5), rating: Float32Array.of(2, 3) };
    const got = judge(trial, [1.5, 1, 0.5, 3, 4], (score) => score + 1);
    expect(got.rmse).toBeCloseTo(Math.sqrt((0.25 + 1) / 2), 14);
    expect([got.hitRate, got.ndcg]).toEqual([1, (1 + 1 / Math.log2(3)) / 2]);
    expect(judge(trial, [1.5, 1, 0.5, 3, 4]).rmse).toBeNaN();
  });

  test("popularity and mean ratings see what is trained on alone", () => {
    expect([...popularity(given, split)].slice(0, 8)).toEqual([0, 1, 1, 0, 0, 0, 0, 1]); // of item 2 user 1's, who has one rating
    const means = itemMeans(given, split);
    expect([means[1], means[2], means[7], means[0]]).toEqual([4, 5, 1, 10 / 3]);
  });
});

describe("ranks", () => {
  test("count what is not lower: ties and NaN are held against the item", () => {
    expect(rankAmong(3, [1, 2, 4, 5, 6])).toBe(3);
    expect(rankAmong(9, [1, 2])).toBe(0);
    expect(rankAmong(3, [3, 3, 1])).toBe(2);
    expect(rankAmong(Number.NaN, [1, 2, 3])).toBe(3);
    expect(rankAmong(1, [Number.NaN, 0])).toBe(1);
    expect(rankAmong(1, [])).toBe(0);
  });

  test("a scorer that says the same of everything hits nothing", () => {
    const ranks = Array.from({ length: 50 }, () => rankAmong(1, new Array<number>(99).fill(1)));
    expect([hitRate(ranks, 10), ndcg(ranks, 10)]).toEqual([0, 0]);
  });

  test("golden values", () => {
    // Ranks 0, 1, 3, 9, 10: 1, 1/log2(3) = 0.6309298, 1/log2(5) = 0.4306766, 1/log2(11) = 0.2890648, nothing.
    const ranks = [0, 1, 3, 9, 10];
    expect(hitRate(ranks, 10)).toBeCloseTo(0.8, 15);
    expect(ndcg(ranks, 10)).toBeCloseTo((1 + 0.6309297535714575 + 0.43067655807339306 + 0.2890648263178879) / 5, 14);
    expect([hitRate(ranks, 1), ndcg(ranks, 1)]).toEqual([0.2, 0.2]);
    expect(hitRate([], 10)).toBeNaN();
    expect(ndcg([], 10)).toBeNaN();
  });
});
