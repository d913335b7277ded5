// The page on films: complete, self-contained, escaped; and its sentences.
import { describe, expect, test } from "vitest";
import { type MovielensOptions, parseCommand } from "#dist/cli/options.js";
import { type FilmsContent, type FilmsRun, formatScore, renderFilms, verdict } from "#dist/cli/recommend-report.js";
import { checkNesting } from "../support/html.ts";

function options(line = ""): MovielensOptions {
  const command = parseCommand(["simulate", "movielens", "--data", "/secret/place", ...line.split(" ").filter(Boolean)]);
  if (command.name !== "movielens") throw new Error(command.name);
  return command.options;
}

function run(objective: "ratings" | "ranking", n = 30, more: Partial<FilmsRun> = {}): FilmsRun {
  return {
    objective,
    config: { objective, factors: 16, epochs: 5, batchSize: 10, learningRate: 0.05, weightDecay: 0.02, negatives: 4, unsafeSeed: 1 },
    rounds: Array.from({ length: n }, (_, i) => ({
      round: i + 1,
      rmse: objective === "ratings" ? 1 - 0.05 * (i / n) : Number.NaN,
      hitRate: 0.3 + 0.4 * (i / n),
      ndcg: 0.2 + 0.2 * (i / n),
      trainLoss: 1 / (i + 1),
      clients: 67,
      bytesUp: 8e5,
      bytesDown: 4e7,
      totalBytesUp: 8e5 * (i + 1),
      totalBytesDown: 4e7 * (i + 1),
      milliseconds: 50,
    })),
    reason: "rounds",
    build: "simd",
    private: false,
    milliseconds: 1500,
    ...more,
  };
}

function content(more: Partial<FilmsContent> = {}): FilmsContent {
  const [ratings, ranking] = [run("ratings"), run("ranking")];
  return {
    version: "1.2.3",
    options: options(),
    ratings: { users: 671, items: 9066, rating: new Float32Array(100_004) },
    runs: [ratings, ranking],
    contenders: [
      { name: "federated, for ratings", quality: ratings.rounds.at(-1) },
      { name: "federated, for ranking", quality: ranking.rounds.at(-1) },
      { name: "mean rating of the film", quality: { rmse: 1.0459, hitRate: 0.07, ndcg: 0.0223 } },
      { name: "popularity of the film", quality: { rmse: Number.NaN, hitRate: 0.531, ndcg: 0.3098 } },
    ],
    ...more,
  };
}

describe("page", () => {
  const html = renderFilms(content());

  test("needs nothing from outside and names no folder", () => {
    expect(html).not.toMatch(/https?:|src=|href=|<script|@import|url\(|<link|secret/);
  });

  test("is well formed and has every part", () => {
    checkNesting(html);
    expect(html.match(/<svg /g)).toHaveLength(3);
    for (const part of [
      "1.2.3, build simd",
      "over 671 users",
      "100004 ratings of 9066 films",
      "4 films not rated for each one rated",
      "secure aggregation",
      "doi:10.1145/2827872",
    ])
      expect(html).toContain(part);
    expect(html).toContain("<td>popularity of the film</td><td>-</td><td>53.1 %</td><td>0.3098</td>");
    expect(html).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  test("with one objective it has the charts of that one", () => {
    const page = renderFilms(content({ options: options("--objective ranking"), runs: [run("ranking")] }));
    checkNesting(page);
    expect(page.match(/<svg /g)).toHaveLength(2);
    expect(page).not.toContain("RMSE by round");
  });

  test.each([0, 1])("%i rounds done", (n) => {
    const stopped = run("ratings", n, { reason: "aborted" });
    const page = renderFilms(content({ runs: [stopped], contenders: [{ name: "federated, for ratings", quality: stopped.rounds.at(-1) }] }));
    checkNesting(page);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
    expect(page).toContain(`Stopped by hand after ${n} rounds`);
    checkNesting(renderFilms(content({ runs: [], contenders: [] })));
  });

  test("escapes what it is given", () => {
    const nasty = '<img src=x onerror="a">&';
    const page = renderFilms(content({ version: nasty, contenders: [{ name: nasty, quality: undefined }] }));
    expect(page).not.toContain("<img");
    checkNesting(page);
  });
});

test("sentences", () => {
  expect(verdict(content())).toBe(
    "RMSE 0.9517 on the ratings held out (mean rating of the film: 1.0459); HR@10 68.7 %, NDCG@10 0.3933 (popularity: 53.1 %, 0.3098); 60 rounds in 3.0 s.",
  );
  expect(verdict(content({ runs: [] }))).toBe("Stopped by hand after 0 rounds in 0.0 s. Nothing to report.");
  expect([0.95123, Number.NaN].map(formatScore)).toEqual(["0.9512", "-"]);
});
