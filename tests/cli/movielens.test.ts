// ratings.csv: a sound one, and every way it can be unsound.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataError } from "#dist/cli/data.js";
import { loadMovielens, parseRatings } from "#dist/cli/movielens.js";
import { findMovielens } from "../support/movielens.ts";

const HEADER = "userId,movieId,rating,timestamp\n";
const SOUND = `${HEADER}7,31,2.5,1260759144\n7,1029,3.0,1260759179\n1,31,5,1260759182\n`;

describe("ratings.csv", () => {
  test("users and movies get indices in the order of their ids", () => {
    const want = {
      users: 2,
      items: 2,
      user: Uint32Array.of(1, 1, 0),
      item: Uint32Array.of(0, 1, 0),
      rating: Float32Array.of(2.5, 3, 5),
      time: Float64Array.of(1260759144, 1260759179, 1260759182),
    };
    expect(parseRatings(SOUND, "r")).toEqual(want);
    expect(parseRatings(SOUND.trimEnd(), "r")).toEqual(want);
    expect(parseRatings(SOUND.replaceAll("\n", "\r\n"), "r")).toEqual(want);
  });

  const bad: [string, string, RegExp][] = [
    ["empty", "", /^r: expected the header userId,movieId,rating,timestamp, got ""$/],
    ["another header", "userId::movieId\n1::2\n", /got "userId::movieId"$/],
    ["no ratings", HEADER, /^r: expected one or more ratings, got none$/],
    ["a field too few", `${HEADER}1,2,3\n`, /^r: line 2: expected 4 fields, got 3$/],
    ["a blank line", `${SOUND}\n1,2,3,4\n`, /^r: line 5: expected 4 fields, got 1$/],
    ["a user that is no number", `${HEADER}a,2,3,4\n`, /line 2: expected userId to be a whole number, got "a"$/],
    ["a movie below 0", `${HEADER}1,-2,3,4\n`, /expected movieId to be a whole number, got "-2"$/],
    ["a time too large to be exact", `${HEADER}1,2,3,99999999999999999\n`, /expected timestamp to be a whole number, got "99999999999999999"$/],
    ["no stars", `${HEADER}1,2,0,4\n`, /expected a rating of 0.5 to 5 in halves, got "0"$/],
    ["too many stars", `${HEADER}1,2,5.5,4\n`, /got "5.5"$/],
    ["a third of a star", `${HEADER}1,2,3.3,4\n`, /got "3.3"$/],
    ["an empty rating", `${HEADER}1,2,,4\n`, /got ""$/],
    ["a movie rated twice", `${SOUND}7,31,4.0,9\n`, /^r: line 5: expected one rating of a movie by a user, got a second of 31 by 7$/],
  ];
  test.each(bad)("refuses: %s", (_, text, sentence) => {
    expect(() => parseRatings(text, "r")).toThrow(DataError);
    expect(() => parseRatings(text, "r")).toThrow(sentence);
  });
});

describe("folders", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fedlane-movielens-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("a folder without ratings says where to get them", async () => {
    for (const from of [folder, join(folder, "absent")]) {
      await expect(loadMovielens(from)).rejects.toThrow(DataError);
      await expect(loadMovielens(from)).rejects.toThrow(/ml-latest-small\.zip from https:\/\/grouplens\.org\/datasets\/movielens\//);
    }
    await writeFile(join(folder, "ratings.csv"), SOUND);
    expect((await loadMovielens(folder)).users).toBe(2);
    await expect(loadMovielens(join(folder, "ratings.csv"))).rejects.toThrow(DataError);
  });

  const real = findMovielens();
  test.skipIf(real === undefined)("the set of October 2016", async () => {
    const { users, items, rating, user, item } = await loadMovielens(real!);
    expect([users, items, rating.length]).toEqual([671, 9066, 100_004]);
    expect(rating.reduce((a, b) => a + b, 0) / rating.length).toBeCloseTo(3.5436, 4);
    expect([user[0], item[0], rating[0], user.at(-1)]).toEqual([0, 30, 2.5, 670]);
  });
});
