// npm run bench: every benchmark in Node.   --only <text>   --quick   --check (answers only: nothing is timed or written)   --slow (rivals that take minutes too)
import { readdirSync } from "node:fs";
import { allowRelaxedSimd, environment, options } from "./environment.ts";
import type { Benchmark, Outcome } from "./kit.ts";
import { compileLimits, prepareLimits } from "./limits.ts";
import { line, write } from "./report.ts";
import { UPDATE } from "./shapes.ts";

const flags = allowRelaxedSimd(); // before the first probe, hence the imports below
const { builds, measure } = await import("./measure.ts");

const { mode, only, slow } = options(process.argv.slice(2));
const here = new URL("./", import.meta.url);
const files = readdirSync(here, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".bench.ts"))
  .sort();
const wasmPath = new URL("../node_modules/@tensorflow/tfjs-backend-wasm/dist/", here).pathname;

const limits = mode === "check" ? undefined : await prepareLimits(await compileLimits(builds()), UPDATE * 4);
const outcomes: Outcome[] = [];
for (const file of files) {
  limits?.();
  const { default: benchmarks } = (await import(new URL(file, here).href)) as { default: Benchmark[] };
  for (const benchmark of benchmarks) {
    if (!`${file} ${benchmark.name} ${benchmark.shape}`.includes(only)) continue;
    if (benchmark.footprint !== undefined) limits?.(benchmark.footprint);
    await measure(benchmark, { mode, slow, wasmPath, sampleMs: 1 }, (outcome) => {
      outcomes.push(outcome);
      console.log(line(outcome));
    });
    if (benchmark.footprint !== undefined) limits?.(benchmark.footprint);
  }
}

const wrong = outcomes.filter(({ status, contender }) => status === "wrong" && contender.startsWith("ours"));
if (limits)
  write(
    "node",
    environment(`node ${process.versions.node}`, process.versions.v8, [
      ...new Set([...process.execArgv.filter((f) => f.startsWith("--experimental")), ...flags]),
    ]),
    limits(),
    outcomes,
    only === "" && mode === "full",
  );
console.log(`${outcomes.length} answers checked, ${outcomes.filter(({ status }) => status === "wrong").length} wrong, ${wrong.length} of them ours`);
process.exit(outcomes.length === 0 || wrong.length > 0 ? 1 : 0);
