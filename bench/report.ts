// Records as JSON, tables as Markdown, targets as met or missed. Node only.
import { writeFileSync } from "node:fs";
import type { Environment } from "./environment.ts";
import type { Contender, Outcome } from "./kit.ts";
import { type Limits, shareOfLimit } from "./limits.ts";

const RIVALS: readonly Contender[] = ["plain", "tfjs-wasm", "tfjs-cpu", "jax-js"];

/** What the project promises itself, of the simd build. */
const TARGETS = [
  { benchmark: "2NN step", shape: "batch 10", rival: "jax-js", times: 2 },
  { benchmark: "2NN step", shape: "batch 10", rival: "tfjs-wasm", times: 10 },
  { benchmark: "clip + noise", shape: "199,210", rival: "tfjs-wasm", times: 3 },
  { benchmark: "weighted mean", shape: "10 x 199,210", rival: "tfjs-wasm", times: 3 },
] as const;

const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toPrecision(2));

/** One outcome as a line of the log. */
export function line(o: Outcome): string {
  const head = `${o.benchmark.padEnd(26)} ${o.shape.padEnd(16)} ${o.contender.padEnd(13)}`;
  if (o.status !== "timed") return `${head} ${o.status}${o.error === undefined ? "" : `, ${digits(o.error)} of the tolerance`}${o.note ? `: ${o.note}` : ""}`;
  return `${head} ${digits(o.median!)} ms +-${o.margin!.toFixed(1)} % (${o.samples}), ${digits(o.rate!)} ${o.unit}`;
}

function cell(o: Outcome | undefined): string {
  if (!o) return "";
  if (o.status !== "timed") return o.status === "skipped" ? "> 2 s" : o.status;
  return digits(o.median!);
}

/** The table of a run. */
export function table(environment: Environment, limits: Limits, outcomes: readonly Outcome[]): string {
  const rows = new Map<string, Outcome[]>();
  for (const o of outcomes) {
    const key = `${o.benchmark} | ${o.shape}`;
    rows.set(key, [...(rows.get(key) ?? []), o]);
  }
  const text = [...rows].map(([key, row]) => {
    const by = (c: Contender) => row.find((o) => o.contender === c);
    const simd = by("ours simd");
    const best = RIVALS.map(by)
      .filter((o) => o?.status === "timed")
      .sort((a, b) => a!.median! - b!.median!)[0];
    const ours = (["ours scalar", "ours simd", "ours relaxed"] as const).map(by);
    const rate = simd?.rate === undefined ? "" : `${digits(simd.rate)} ${simd.unit}`;
    const share = simd && shareOfLimit(simd, limits);
    const limit = share === undefined ? "" : `${(100 * share).toFixed(0)} %`;
    const ratio = best && simd?.median ? `${digits(best.median! / simd.median)} (${best.contender})` : "";
    return `| ${key} | ${[...ours, ...RIVALS.map(by)].map(cell).join(" | ")} | ${ratio} | ${rate} | ${limit} |`;
  });
  const { madd, copy } = limits;
  return [
    `${environment.engine}, V8 ${environment.v8}, ${environment.cpu}, ${environment.cores} cores, ${environment.date.slice(0, 10)}, commit ${environment.commit.slice(0, 12)}; flags: ${environment.flags.join(" ") || "none"}.`,
    Object.entries(environment.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
    `Limits of the same run, one thread: multiply-add in registers ${Object.entries(madd)
      .map(([build, rate]) => `${build} ${digits(rate)}`)
      .join(", ")} GFLOP/s; copy ${digits(copy.cache)} GB/s in cache, ${digits(copy.memory)} GB/s in memory.`,
    "",
    "Median milliseconds of an iteration, answers checked before timing. The last three columns are of the simd build: times faster than the best rival, rate, share of the limit.",
    "",
    "| work | shape | scalar | simd | relaxed | plain TS | tfjs wasm | tfjs cpu | jax-js | to best rival | rate | of limit |",
    `|---|---|${"--:|".repeat(10)}`,
    ...text,
    "",
    ...targets(outcomes).map((t) => `- ${t}`),
    "",
  ].join("\n");
}

/** One sentence a target. */
export function targets(outcomes: readonly Outcome[]): string[] {
  return TARGETS.map(({ benchmark, shape, rival, times }) => {
    const of = (c: Contender) => outcomes.find((o) => o.benchmark === benchmark && o.shape === shape && o.contender === c)?.median;
    const [ours, theirs] = [of("ours simd"), of(rival)];
    const head = `${benchmark}, ${shape}: at least ${times} times ${rival}:`;
    if (ours === undefined || theirs === undefined) return `${head} not measured`;
    return `${head} ${theirs / ours >= times ? "met" : "missed"} (${digits(theirs / ours)})`;
  });
}

/** Prints the table; a complete run is kept as a dated record and as the latest table. */
export function write(name: "node" | "chromium", environment: Environment, limits: Limits, outcomes: readonly Outcome[], keep: boolean): void {
  const text = table(environment, limits, outcomes);
  console.log(`\n${text}`);
  if (!keep) return;
  const records = new URL("records/", import.meta.url);
  writeFileSync(new URL(`${environment.date.slice(0, 10)}-${name}.json`, records), `${JSON.stringify({ environment, limits, outcomes }, undefined, 1)}\n`);
  writeFileSync(new URL(`latest-${name}.md`, records), text);
}
