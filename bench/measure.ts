// Check the answer, warm up, time: the same for every contender, in Node and in the page.
import { type Build, createEngine, probe } from "fedlane";
import { Bench } from "tinybench";
import type { Benchmark, Case, Contender, Outcome } from "./kit.ts";
import { loadJax } from "./rivals/jax.ts";
import { loadTfjs } from "./rivals/tfjs.ts";

export interface Plan {
  readonly mode: "full" | "quick" | "check";
  /** Runs the slow contenders as well. */
  readonly slow: boolean;
  /** Folder of the .wasm files of tfjs. */
  readonly wasmPath: string;
  /** Milliseconds a sample must take, well above what the clock resolves. */
  readonly sampleMs: number;
}

/** Builds that run here. */
export const builds = (): Build[] => (probe().relaxedSimd ? ["scalar", "simd", "relaxed"] : ["scalar", "simd"]);

/** Beyond it one iteration is timed. */
const TOO_SLOW_MS = 2000;
const TIMES = { full: { time: 400, warmupTime: 150 }, quick: { time: 120, warmupTime: 60 }, check: { time: 0, warmupTime: 0 } };

/** Runs one benchmark by all its contenders. */
export async function measure(benchmark: Benchmark, plan: Plan, say: (outcome: Outcome) => void): Promise<void> {
  const attempt = async (contender: Contender, make: () => Case | Promise<Case>) => {
    if (benchmark.slow?.includes(contender) && !plan.slow) return;
    const about = { benchmark: benchmark.name, shape: benchmark.shape, contender };
    let outcome: Outcome;
    try {
      outcome = { ...about, ...(await one(benchmark, await make(), plan)) };
    } catch (error) {
      const note = String(error).slice(0, 200);
      outcome = { ...about, status: /not registered for backend/.test(note) ? "cannot" : "wrong", note };
    }
    say(outcome);
  };
  for (const build of builds()) await attempt(`ours ${build}`, async () => benchmark.ours(await createEngine({ build })));
  if (benchmark.plain) await attempt("plain", benchmark.plain);
  for (const backend of benchmark.tfjs ? (["wasm", "cpu"] as const) : []) {
    const tf = await loadTfjs(backend, plan.wasmPath);
    tf.engine().startScope();
    await attempt(`tfjs-${backend}`, () => benchmark.tfjs!(tf));
    tf.engine().endScope();
  }
  if (benchmark.jax) {
    const jax = await loadJax();
    await attempt("jax-js", () => benchmark.jax!(jax));
  }
  if (benchmark.convnet) await attempt("convnetjs", benchmark.convnet);
}

type Found = Omit<Outcome, "benchmark" | "shape" | "contender">;

async function one(benchmark: Benchmark, subject: Case, plan: Plan): Promise<Found> {
  const start = performance.now();
  subject.run();
  const first = performance.now() - start;
  const error = benchmark.check(subject.result());
  if (!(error <= 1)) return { status: "wrong", error, note: `worst error ${error} of the tolerance` };
  if (plan.mode === "check") return { status: "right", error };
  if (first > TOO_SLOW_MS) {
    const from = performance.now();
    subject.run();
    const median = performance.now() - from;
    return { status: "timed", error, median, least: median, samples: 1, ...rateOf(benchmark, median) };
  }

  // Samples of several iterations where one is too short for the clock.
  let once = Number.POSITIVE_INFINITY;
  const until = performance.now() + 30;
  let repeat = 1;
  do {
    const from = performance.now();
    for (let i = 0; i < repeat; i++) subject.run();
    const took = performance.now() - from;
    once = took / repeat;
    if (took < plan.sampleMs) repeat *= 2;
  } while (performance.now() < until);
  repeat = Math.max(1, Math.ceil(plan.sampleMs / Math.max(once, 1e-5)));

  const bench = new Bench({ ...TIMES[plan.mode], iterations: 5, warmupIterations: 1 });
  bench.add("x", () => {
    for (let i = 0; i < repeat; i++) subject.run();
  });
  await bench.run();
  const result = bench.tasks[0]!.result;
  if (!("latency" in result)) throw new Error(`tinybench: ${result.state}`);
  const { p50, min, rme, samplesCount } = result.latency;
  const median = p50 / repeat;
  return { status: "timed", error, median, least: min / repeat, margin: rme, samples: samplesCount, ...rateOf(benchmark, median) };
}

function rateOf({ flops, bytes, footprint, roots }: Benchmark, median: number): Pick<Outcome, "rate" | "unit" | "footprint" | "roots"> {
  if (flops !== undefined) return { rate: flops / median / 1e6, unit: "GFLOP/s" };
  return bytes === undefined
    ? {}
    : { rate: bytes / median / 1e6, unit: "GB/s", ...(footprint !== undefined && { footprint }), ...(roots !== undefined && { roots }) };
}
