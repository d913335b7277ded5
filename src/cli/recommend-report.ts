// The report on films: one HTML file that needs nothing else.
import type { FactorisationConfig, Objective } from "../federated/factorisation.ts";
import type { RankingQuality, Ratings } from "../federated/ranking.ts";
import type { RecommendationResult } from "../federated/recommendation.ts";
import { type MovielensOptions, reproduceFilms } from "./options.ts";
import { figure, page, prose, roundTable, tileList, wordTable } from "./page.ts";
import { escapeText, lineChart } from "./plot.ts";
import { formatBytes, formatPercent, formatSeconds } from "./progress.ts";

/** One federation as measured. */
export interface FilmsRun extends RecommendationResult {
  readonly objective: Objective;
  readonly config: FactorisationConfig;
  /** Wall clock, milliseconds. */
  readonly milliseconds: number;
}

/** Something that scores films, and how well. */
export interface Contender {
  readonly name: string;
  /** Undefined: it was stopped before it had an answer. */
  readonly quality: RankingQuality | undefined;
}

export interface FilmsContent {
  readonly version: string;
  readonly options: MovielensOptions;
  readonly ratings: Pick<Ratings, "users" | "items" | "rating">;
  readonly runs: readonly FilmsRun[];
  readonly contenders: readonly Contender[];
}

/** "0.9512", or a dash where there is no such number. */
export function formatScore(value: number): string {
  return Number.isFinite(value) ? value.toFixed(4) : "-";
}

const PRIVACY_NOTE =
  "A user's vector and ratings stay with the client, but what it sends is not private: the ids of the rows in an update say which films were rated (for ranking, within those drawn at random), and the rows say more. Hiding both takes secure aggregation.";
const TERMS =
  "MovieLens is for research that earns no money; cite F. M. Harper and J. A. Konstan, The MovieLens Datasets, ACM TiiS 5 (2015), doi:10.1145/2827872.";

const last = (content: FilmsContent, objective: Objective) => content.runs.find((run) => run.objective === objective)?.rounds.at(-1);
const baseline = ({ contenders }: FilmsContent, name: string) => contenders.find((c) => c.name.startsWith(name))?.quality;

/** The runs in a sentence or two. */
export function verdict(content: FilmsContent): string {
  const { runs } = content;
  const rounds = runs.reduce((sum, run) => sum + run.rounds.length, 0);
  const seconds = formatSeconds(runs.reduce((sum, run) => sum + run.milliseconds, 0) / 1000);
  const stopped = runs.length === 0 || runs.some((run) => run.reason === "aborted") ? `Stopped by hand after ${rounds} rounds in ${seconds}. ` : "";
  const words: string[] = [];
  const [rated, ranked] = [last(content, "ratings"), last(content, "ranking")];
  if (rated)
    words.push(
      `RMSE ${formatScore(rated.rmse)} on the ratings held out (mean rating of the film: ${formatScore(baseline(content, "mean")?.rmse ?? Number.NaN)})`,
    );
  if (ranked)
    words.push(
      `HR@10 ${formatPercent(ranked.hitRate, 1)}, NDCG@10 ${formatScore(ranked.ndcg)} (popularity: ${formatPercent(baseline(content, "popularity")?.hitRate ?? Number.NaN, 1)}, ${formatScore(baseline(content, "popularity")?.ndcg ?? Number.NaN)})`,
    );
  return words.length === 0 ? `${stopped}Nothing to report.` : `${stopped}${words.join("; ")}${stopped ? "" : `; ${rounds} rounds in ${seconds}`}.`;
}

/** The page. */
export function renderFilms(content: FilmsContent): string {
  const { options: o, ratings, runs, contenders, version } = content;
  const title = `Matrix factorisation on MovieLens, federated over ${ratings.users} users`;
  const [rated, ranked] = [last(content, "ratings"), last(content, "ranking")];
  const tiles: [string, string][] = [
    ...(rated ? [["RMSE", formatScore(rated.rmse)] as [string, string]] : []),
    ...(ranked
      ? ([
          ["HR@10", formatPercent(ranked.hitRate, 1)],
          ["NDCG@10", formatScore(ranked.ndcg)],
        ] as [string, string][])
      : []),
    ["sent up", formatBytes(runs.reduce((sum, run) => sum + (run.rounds.at(-1)?.totalBytesUp ?? 0), 0))],
    ["sent down", formatBytes(runs.reduce((sum, run) => sum + (run.rounds.at(-1)?.totalBytesDown ?? 0), 0))],
    ["time", formatSeconds(runs.reduce((sum, run) => sum + run.milliseconds, 0) / 1000)],
  ];
  const body = [
    `<h1>${escapeText(title)}</h1>`,
    `<p class="lead">${prose(verdict(content))}</p>`,
    tileList(tiles),
    `<p class="note">${prose(PRIVACY_NOTE)}</p>`,
    ...figures(content),
    "<h2>Beside others</h2>",
    `<p>${prose("All on the same ratings held out and the same 99 films drawn for each user. By chance HR@10 would be 10 % and NDCG@10 0.0454. The defaults were chosen by these numbers, so they are a little kind to every run here.")}</p>`,
    roundTable(
      ["", "RMSE", "HR@10", "NDCG@10"],
      contenders.map(({ name, quality: q }) => [name, ...(q ? [formatScore(q.rmse), formatPercent(q.hitRate, 1), formatScore(q.ndcg)] : ["-", "-", "-"])]),
    ),
    `<h2>Configuration</h2>\n${configuration(content)}`,
    `<h2>Reproduce</h2>\n<pre>${escapeText(reproduceFilms(o))}</pre>\n<p>Needs <code>npm install fedlane@${escapeText(version)}</code> and the same ratings.csv. ${escapeText(TERMS)}</p>`,
    ...runs.map((run) => `<details><summary>Every round of the run for ${run.objective} as a table</summary>${everyRound(run)}</details>`),
  ];
  return page(title, body);
}

function figures(content: FilmsContent): string[] {
  const { runs } = content;
  const round = { label: "round", format: (v: number) => (Number.isInteger(v) ? String(v) : ""), include: [0] };
  const series = (of: (q: RankingQuality) => number, only = runs) =>
    only.map((run) => ({ name: `for ${run.objective}`, points: run.rounds.map((r) => [r.round, of(r)] as const) }));
  const guide = (y: number | undefined, label: string) => (y === undefined ? {} : { guide: { y, label } });
  const share = { label: "HR@10 (%)", format: (v: number) => String(Number((100 * v).toFixed(2))), include: [0], limit: 1 };
  const score = (label: string) => ({ label, format: (v: number) => String(v) });
  const forRatings = runs.filter((run) => run.objective === "ratings");
  const charts = [
    figure(
      "HR@10 by round",
      "Share of the users whose latest film, held out, is among the first 10 of it and 99 films that the user never rated. Ties count against it.",
      lineChart({
        title: "HR@10 by round",
        x: round,
        y: share,
        series: series((q) => q.hitRate),
        ...guide(baseline(content, "popularity")?.hitRate, "popularity"),
      }),
    ),
    figure(
      "NDCG@10 by round",
      "The same with more weight to the first places: 1 / log2(rank + 2), rank from 0.",
      lineChart({
        title: "NDCG@10 by round",
        x: round,
        y: { ...score("NDCG@10"), include: [0] },
        series: series((q) => q.ndcg),
        ...guide(baseline(content, "popularity")?.ndcg, "popularity"),
      }),
    ),
  ];
  if (forRatings.length > 0) {
    const chart = lineChart({
      title: "RMSE by round",
      x: round,
      y: score("RMSE (stars)"),
      series: series((q) => q.rmse, forRatings),
      ...guide(baseline(content, "mean")?.rmse, "mean rating of the film"),
    });
    charts.unshift(figure("RMSE by round", "Root mean squared error of the predicted ratings held out, in stars.", chart));
  }
  return charts;
}

function configuration({ options: o, ratings, runs, version }: FilmsContent): string {
  const rows: [string, string][] = [
    ["model", `score = user's vector . film's vector + user's bias + film's bias, ${o.factors} factors`],
    ["data", `MovieLens, ${ratings.rating.length} ratings of ${ratings.items} films by ${ratings.users} users; the latest of each user held out`],
    ["clients a round", formatPercent(o.fraction, 1)],
    ...runs.map(({ objective, config: c }): [string, string] => [
      `local training, ${objective}`,
      `SGD, ${c.epochs} epoch${c.epochs === 1 ? "" : "s"}, batch ${c.batchSize}, learning rate ${c.learningRate}, regularisation ${c.weightDecay}${objective === "ranking" ? `, ${c.negatives} films not rated for each one rated` : ""}`,
    ]),
    ["server", "adds to a film's row the mean of the changes by the clients that touched it"],
    ["updates", "rows touched, f32, with their ids"],
    ["rounds", String(o.rounds)],
    ["seed", String(o.seed)],
    ["fedlane", `${version}${runs[0] ? `, build ${runs[0].build}` : ""}`],
  ];
  return wordTable(rows);
}

function everyRound(run: FilmsRun): string {
  const head = ["round", "RMSE", "HR@10", "NDCG@10", "training loss", "clients", "sent up", "sent down", "ms"];
  const rows = run.rounds.map((r) => {
    const cells = [r.round, formatScore(r.rmse), formatPercent(r.hitRate, 1), formatScore(r.ndcg), r.trainLoss.toFixed(4), r.clients];
    return [...cells, formatBytes(r.bytesUp), formatBytes(r.bytesDown), Math.round(r.milliseconds)];
  });
  return roundTable(head, rows);
}
