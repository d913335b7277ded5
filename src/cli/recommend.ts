// `fedlane simulate movielens`: data, one or two federations, what they are compared with, the report.
import { writeFile } from "node:fs/promises";
import { createEngine } from "../engine/create.ts";
import { type FactorisationConfig, holdOut, type Objective, trainFactorisation } from "../federated/factorisation.ts";
import { itemMeans, judge, popularity, type Ratings } from "../federated/ranking.ts";
import { type RecommendationReport, simulateRecommendation } from "../federated/recommendation.ts";
import { loadMovielens } from "./movielens.ts";
import { FACTORISATION, type MovielensOptions, reproduceFilms } from "./options.ts";
import { checkOut, type Output, VERSION } from "./output.ts";
import { formatBytes, formatPercent, Progress } from "./progress.ts";
import { type Contender, type FilmsContent, type FilmsRun, formatScore, renderFilms, verdict } from "./recommend-report.ts";

/** Passes over everybody's ratings where training is in one place: where it is at its best, by experiment (docs/movielens.md). */
const CENTRAL_EPOCHS = { ratings: 40, ranking: 20 } as const;

/**
 * Trains, reports progress and writes the report, also when the signal stops it early.
 * @returns exit code: 0, or 130 when stopped
 */
export async function runMovielens(options: MovielensOptions, { stdout, stderr }: Output, signal: AbortSignal): Promise<number> {
  const say = options.json ? stderr : stdout;
  await checkOut(options.out);
  const ratings = await loadMovielens(options.data);
  say.write(`Matrix factorisation on MovieLens: ${ratings.rating.length} ratings of ${ratings.items} films by ${ratings.users} users, each a client\n`);

  const runs: FilmsRun[] = [];
  const contenders: Contender[] = [];
  for (const objective of ["ratings", "ranking"] as const) {
    if ((options.objective !== "both" && options.objective !== objective) || signal.aborted) continue;
    const progress = new Progress<RecommendationReport>(say, `${objective}, round`, options.rounds, roundWords(objective));
    const start = performance.now();
    const config = configure(options, objective);
    const result = await simulateRecommendation(
      ratings,
      { ...config, clientFraction: options.fraction, rounds: options.rounds },
      {
        signal,
        onRound: (report) => {
          progress.round(report);
          if (options.json) stdout.write(`${JSON.stringify({ type: "round", run: objective, ...report })}\n`);
        },
      },
    ).finally(() => progress.end());
    const run = { objective, config, ...result, milliseconds: performance.now() - start };
    runs.push(run);
    contenders.push({ name: `federated, for ${objective}`, quality: run.rounds.at(-1) });
    if (options.compare && !signal.aborted) {
      say.write(`${objective}, in one place: ${CENTRAL_EPOCHS[objective]} passes over all ratings\n`);
      const quality = await trainFactorisation(await createEngine(), ratings, { ...config, epochs: CENTRAL_EPOCHS[objective] }, { signal });
      if (!signal.aborted) contenders.push({ name: `in one place, for ${objective}`, quality });
    }
  }
  contenders.push(...(await baselines(ratings, options.seed)));
  const content: FilmsContent = { version: VERSION, options, ratings, runs, contenders };
  await writeFile(options.out, renderFilms(content));
  if (options.json) stdout.write(`${JSON.stringify(resultLine(content))}\n`);
  else say.write(summary(content));
  return signal.aborted ? 130 : 0;
}

function configure(o: MovielensOptions, objective: Objective): FactorisationConfig {
  return {
    objective,
    factors: o.factors,
    epochs: o.epochs,
    batchSize: o.batch,
    learningRate: o.learningRate ?? FACTORISATION[objective].learningRate,
    weightDecay: o.regularisation ?? FACTORISATION[objective].regularisation,
    ...(objective === "ranking" ? { negatives: o.negatives } : {}),
    unsafeSeed: o.seed,
  };
}

/** What needs no training: the mean rating of an item, and how often it was rated. */
async function baselines(ratings: Ratings, seed: number): Promise<Contender[]> {
  const { split, trial } = await holdOut(await createEngine(), ratings, seed);
  const scores = (of: Float64Array) => Float64Array.from(trial.item, (item) => of[item]!);
  return [
    { name: "mean rating of the film", quality: judge(trial, scores(itemMeans(ratings, split)), (mean) => mean) },
    { name: "popularity of the film", quality: judge(trial, scores(popularity(ratings, split))) },
  ];
}

const roundWords =
  (objective: Objective) =>
  (r: RecommendationReport, short: boolean): string => {
    const rmse = objective === "ratings" ? `RMSE ${formatScore(r.rmse)}  ` : "";
    const ranks = `HR@10 ${formatPercent(r.hitRate, 1)}`;
    return short
      ? `${rmse}${ranks}`
      : `${rmse}${ranks}  NDCG@10 ${formatScore(r.ndcg)}  ${formatBytes(r.totalBytesUp)} up ${formatBytes(r.totalBytesDown)} down`;
  };

function summary(content: FilmsContent): string {
  const { contenders, options } = content;
  const rows = contenders.map(({ name, quality }) => [
    name,
    formatScore(quality?.rmse ?? Number.NaN),
    formatPercent(quality?.hitRate ?? Number.NaN, 1),
    formatScore(quality?.ndcg ?? Number.NaN),
  ]);
  const width = rows.reduce((most, [name]) => Math.max(most, name!.length), 0);
  const lines = [["", "RMSE", "HR@10", "NDCG@10"], ...rows].map(([name, ...cells]) => name!.padEnd(width) + cells.map((c) => c.padStart(10)).join(""));
  return `${[verdict(content), ...lines, `Report: ${options.out}`].join("\n")}\n`;
}

function resultLine({ version, options, ratings, runs, contenders }: FilmsContent): object {
  const { out, json: _json, data: _data, ...config } = options;
  return {
    type: "result",
    version,
    config: { dataset: "movielens", ...config, users: ratings.users, items: ratings.items, ratings: ratings.rating.length, command: reproduceFilms(options) },
    runs: Object.fromEntries(
      runs.map(({ objective, rounds, config: { learningRate, weightDecay }, ...rest }) => [
        objective,
        { ...rest, learningRate, weightDecay, rounds: rounds.length, last: rounds.at(-1) ?? null },
      ]),
    ),
    comparison: contenders.map(({ name, quality }) => ({
      name,
      rmse: quality?.rmse ?? null,
      hitRate: quality?.hitRate ?? null,
      ndcg: quality?.ndcg ?? null,
    })),
    report: out,
  };
}
