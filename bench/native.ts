// npm run bench:native: our work beside PyTorch and NumPy, one thread each.   --only <text>
// Optional: where no Python has both, it says so and is done.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { addResearchGaussianNoise, type Build, createEngine, createStream, type Engine, matmul, weightedMean } from "fedlane";
import { random } from "../tests/support/data.ts";
import { allowRelaxedSimd, environment, options } from "./environment.ts";
import type { Case, Numbers } from "./kit.ts";
import { type Native, type Row, report } from "./native/report.ts";
import { start } from "./network.ts";
import { BATCHES, CLIENTS, CLIP_NORM, count, LEARNING_RATE, LOGISTIC, MCMAHAN_CNN, type Network, SIGMA, SMALL_CNN, TWO_NN, UPDATE } from "./shapes.ts";
import { ourStep } from "./steps.ts";

interface Work {
  readonly name: string;
  readonly shape: string;
  /** For bench/native/steps.py. */
  readonly request: object;
  readonly ours?: (engine: Engine) => Case | Promise<Case>;
  /** What must equal the answer of the other side to a part in 10,000. */
  readonly answer?: (ours: Case) => Numbers;
  readonly target?: Row["target"];
}

const uniform = (seed: number, n: number) => Float32Array.from({ length: n }, random(seed));

/** Loss before and after the first step. */
function losses(step: Case): Numbers {
  return [0, 1].map(() => {
    step.run();
    return step.result()[0]!;
  });
}
const ends = (y: Numbers): Numbers => [y[0]!, y[y.length - 1]!];

const step = (network: Network, batch: number, target?: Row["target"]): Work => ({
  name: `${network.name} step`,
  shape: `batch ${batch}`,
  request: { kind: "step", network, batch, rate: LEARNING_RATE },
  ours: (engine) => ourStep(engine, network, batch, start(network, batch)),
  answer: losses,
  ...(target ? { target } : {}),
});

const clipped = (batch: number, sigma: number, target?: Row["target"]): Work => ({
  name: sigma > 0 ? "2NN step, clipped, with noise" : "2NN step, clipped",
  shape: `batch ${batch}`,
  request: { kind: "clipped", network: TWO_NN, batch, rate: LEARNING_RATE, clip: CLIP_NORM, sigma },
  ours: async (engine) => {
    const step = ourStep(engine, TWO_NN, batch, start(TWO_NN, batch), CLIP_NORM);
    if (sigma === 0) return step;
    const stream = await createStream({ purpose: "bench", unsafeSeed: 3 });
    const run = () => {
      step.run();
      // Noise on the sum of the clipped gradients is noise on the weights, scaled as the sum is.
      addResearchGaussianNoise(step.weights, (LEARNING_RATE * sigma * CLIP_NORM) / batch, stream);
    };
    return { run, result: step.result };
  },
  ...(sigma > 0 ? {} : { answer: losses }),
  ...(target ? { target } : {}),
});

const N = 512;
const CLIENT_WEIGHTS = Array.from({ length: CLIENTS }, (_, k) => 100 + 37 * k);

const WORK: readonly Work[] = [
  ...BATCHES.map((batch) => step(LOGISTIC, batch)),
  ...BATCHES.map((batch) => step(TWO_NN, batch, batch === 10 ? { build: "simd", times: 1 } : undefined)),
  ...BATCHES.map((batch) => step(SMALL_CNN, batch, batch === 10 ? { build: "simd", times: 1 / 1.2 } : undefined)),
  ...BATCHES.map((batch) => step(MCMAHAN_CNN, batch, { build: "relaxed", times: 1 / 2.5 })),
  ...[0, SIGMA].flatMap((sigma) => BATCHES.map((batch) => clipped(batch, sigma, { build: "simd", times: 10 }))),
  {
    name: "gemm",
    shape: `${N}x${N}x${N}`,
    request: { kind: "gemm", n: N },
    ours: (engine) => {
      const [a, b] = [1, 2].map((seed) => engine.tensor("f32", [N, N], uniform(seed, N * N)));
      const out = engine.tensor("f32", [N, N]);
      return { run: () => void matmul(a!, b!, out), result: () => ends(out.view) };
    },
  },
  ...["numpy", "torch"].flatMap((library): Work[] => [
    {
      name: `noise, ${library}`,
      shape: count(UPDATE),
      request: { kind: "noise", in: library, n: UPDATE, sigma: SIGMA },
      ours: async (engine) => {
        const [x, y] = [engine.copy(uniform(1, UPDATE)), engine.tensor("f32", UPDATE)];
        const stream = await createStream({ purpose: "bench", unsafeSeed: 3 });
        return { run: () => void addResearchGaussianNoise(x, SIGMA, stream, y), result: () => [] };
      },
    },
    {
      name: `weighted mean, ${library}`,
      shape: `${CLIENTS} x ${count(UPDATE)}`,
      request: { kind: "mean", in: library, n: UPDATE, weights: CLIENT_WEIGHTS },
      ours: (engine) => {
        const updates = CLIENT_WEIGHTS.map((_, k) => engine.copy(uniform(k + 1, UPDATE)));
        const out = engine.tensor("f32", UPDATE);
        return { run: () => void weightedMean(updates, CLIENT_WEIGHTS, out), result: () => ends(out.view) };
      },
    },
  ]),
];

const ROUNDS = 3;
const SLICE_MS = 300;

/** A Python that has NumPy and PyTorch, if there is one. */
function findPython(): string | undefined {
  return ["python3", "/usr/bin/python3"].find((python) => spawnSync(python, ["-c", "import numpy, torch"], { stdio: "ignore" }).status === 0);
}

/** bench/native/steps.py, one question at a time. */
class Steps {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string) {
    this.#child = spawn(python, [new URL("native/steps.py", import.meta.url).pathname]);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line. */
  async read<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("bench/native/steps.py ended before its answer");
    return JSON.parse(value) as T;
  }

  ask(work: object): Promise<{ samples?: number[]; answer?: number[]; error?: string }> {
    this.#child.stdin.write(`${JSON.stringify({ ms: SLICE_MS, work })}\n`);
    return this.read();
  }

  end(): void {
    this.#child.stdin.end();
  }
}

/** Milliseconds of iterations over about SLICE_MS, after a warm-up. */
function sample({ run }: Case): number[] {
  for (let i = 0; i < 2; i++) run();
  const samples: number[] = [];
  const end = performance.now() + SLICE_MS;
  while (samples.length < 3 || performance.now() < end) {
    const begin = performance.now();
    run();
    samples.push(performance.now() - begin);
  }
  return samples;
}

/** Both sides in turns. */
async function measure(work: Work, steps: Steps, engines: readonly (readonly [Build, Engine])[]): Promise<Row> {
  const { name, shape, target } = work;
  const ours = await Promise.all(engines.map(async ([build, engine]) => [build, await work.ours?.(engine)] as const));
  const row = { name, shape, native: [] as number[], ours: {} as Partial<Record<Build, number[]>>, ...(target ? { target } : {}) };
  for (let round = 0; round < ROUNDS; round++) {
    const { samples, answer, error } = await steps.ask(work.request);
    if (!samples) return { ...row, note: error ?? "no samples" };
    row.native.push(...samples);
    for (const [build, subject] of ours) {
      if (!subject) continue;
      if (round === 0 && work.answer) agree(`${name}, ${shape}, ${build}`, work.answer(subject), answer!);
      (row.ours[build] ??= []).push(...sample(subject));
    }
  }
  return row;
}

function agree(what: string, ours: Numbers, native: Numbers): void {
  for (let i = 0; i < native.length; i++) {
    if (!(Math.abs(ours[i]! - native[i]!) <= 1e-4 * Math.abs(native[i]!))) throw new Error(`${what}: expected ${native[i]} as native has it, got ${ours[i]}`);
  }
}

const { only } = options(process.argv.slice(2));
const python = findPython();
if (python) await main(python);
else
  console.log(
    "bench:native: no python3 here has both numpy and torch, so there is nothing to compare (Debian: apt-get install python3-torch libopenblas0-pthread)",
  );

async function main(python: string): Promise<void> {
  const flags = allowRelaxedSimd();
  const { builds } = await import("./measure.ts");
  const steps = new Steps(python);
  const native = await steps.read<Native>();
  const engines = await Promise.all(
    builds()
      .filter((build) => build !== "scalar")
      .map(async (build) => [build, await createEngine({ build })] as const),
  );
  const rows: Row[] = [];
  for (const work of WORK.filter(({ name, shape }) => `${name} ${shape}`.includes(only))) {
    rows.push(await measure(work, steps, engines));
    console.error(`${work.name}, ${work.shape}: done`);
  }
  steps.end();
  const where = environment(`node ${process.versions.node}`, process.versions.v8, flags);
  const text = report(
    { ...native, python: `${native.python} (${python})` },
    `${where.engine}, ${where.cpu}, ${where.date.slice(0, 10)}, commit ${where.commit.slice(0, 12)}`,
    rows,
  );
  console.log(text);
  if (only === "") writeFileSync(new URL("records/latest-native.md", import.meta.url), text);
}
