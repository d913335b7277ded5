// Records as JSON, tables as Markdown, targets as met or missed. Node only.
import { writeFileSync } from "node:fs";
import type { Environment } from "./environment.ts";
import type { Contender, Outcome } from "./kit.ts";
import { type Limits, shareOfLimit } from "./limits.ts";
import { verdicts } from "./targets.ts";

const RIVALS: readonly Contender[] = ["plain", "tfjs-wasm", "tfjs-cpu", "jax-js", "convnetjs"];

const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toPrecision(2));

/** One outcome as a line of the log. */
export function line(o: Outcome): string {
  const head = `${o.benchmark.padEnd(26)} ${o.shape.padEnd(16)} ${o.contender.padEnd(13)}`;
  if (o.status !== "timed") return `${head} ${o.status}${o.error === undefined ? "" : `, ${digits(o.error)} of the tolerance`}${o.note ? `: ${o.note}` : ""}`;
  const margin = o.margin === undefined ? "" : ` +-${o.margin.toFixed(1)} %`;
  return `${head} ${digits(o.median!)} ms${margin} (${o.samples})${o.rate === undefined ? "" : `, ${digits(o.rate)} ${o.unit}`}`;
}

function cell(o: Outcome | undefined): string {
  return o ? (o.status === "timed" ? digits(o.median!) : o.status) : "";
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
  const { madd, roots = {}, copy } = limits;
  const byBuild = (rates: Partial<Record<string, number>>) =>
    Object.entries(rates)
      .map(([build, rate]) => `${build} ${digits(rate!)}`)
      .join(", ");
  return [
    `${environment.engine}, V8 ${environment.v8}, ${environment.cpu}, ${environment.cores} cores, ${environment.date.slice(0, 10)}, commit ${environment.commit.slice(0, 12)}; flags: ${environment.flags.join(" ") || "none"}.`,
    Object.entries(environment.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
    `Limits of the same run, one thread: multiply-add in registers ${byBuild(madd)} GFLOP/s; square root with quotient ${byBuild(roots)} G/s; copy ${digits(copy.cache)} GB/s in cache, ${digits(copy.memory)} GB/s in memory. Work on vectors that names its footprint is held against a copy within as many bytes, or the roots where they bind more.`,
    "",
    "Median milliseconds of an iteration, answers checked before timing. The last three columns are of the simd build: times faster than the best rival, rate, share of the limit.",
    "",
    "| work | shape | scalar | simd | relaxed | plain TS | tfjs wasm | tfjs cpu | jax-js | convnetjs | to best rival | rate | of limit |",
    `|---|---|${"--:|".repeat(11)}`,
    ...text,
    "",
    ...verdicts(outcomes, limits).map((t) => `- ${t}`),
    "",
  ].join("\n");
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
