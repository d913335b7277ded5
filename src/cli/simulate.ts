// `fedlane simulate`: data, one or two runs, the report.
import { writeFile } from "node:fs/promises";
import { createEngine } from "../engine/create.ts";
import { type Partition, partitionDirichlet, partitionIid, partitionShards } from "../federated/partition.ts";
import { conv2d } from "../nn/conv2d.ts";
import { dense } from "../nn/dense.ts";
import { dropout } from "../nn/dropout.ts";
import { input } from "../nn/input.ts";
import type { LayerNode } from "../nn/layers.ts";
import { maxPool2d } from "../nn/max_pool.ts";
import { flatten } from "../nn/reshape.ts";
import { createStream } from "../random/key.ts";
import { type SimulationConfig, simulate } from "../workers/index.ts";
import { UsageError } from "./arguments.ts";
import { loadMnist, type Mnist } from "./mnist.ts";
import { reproduceCommand, type SimulateOptions } from "./options.ts";
import { checkOut, type Output, VERSION } from "./output.ts";
import { formatBytes, imageRound, Progress } from "./progress.ts";
import {
  algorithmName,
  bitsName,
  dataName,
  modelName,
  PRIVACY_NOTE,
  percentName,
  privacyNote,
  type ReportContent,
  type Run,
  reached,
  renderReport,
  verdict,
} from "./report.ts";

/** The networks of McMahan et al. 2017 (arXiv:1602.05629), section 3, where nothing else is said. */
const LAYERS: Record<SimulateOptions["model"], readonly LayerNode[]> = {
  // With dropout, which the paper does not mention: five passes over 600 images are otherwise learnt by heart (docs/results.md).
  cnn: [
    input([28, 28, 1]),
    conv2d(1, 32, 5, { padding: "same", activation: "relu" }),
    maxPool2d(2),
    conv2d(32, 64, 5, { padding: "same", activation: "relu" }),
    maxPool2d(2),
    flatten(),
    dropout(0.5),
    dense(3136, 512, "relu"),
    dropout(0.5),
    dense(512, 10),
  ],
  // That of TensorFlow Privacy's tutorial on DP-SGD, whose results are published.
  "cnn-small": [
    input([28, 28, 1]),
    conv2d(1, 16, 8, { strides: 2, padding: "same", activation: "relu" }),
    maxPool2d(2, { strides: 1 }),
    conv2d(16, 32, 4, { strides: 2, activation: "relu" }),
    maxPool2d(2, { strides: 1 }),
    flatten(),
    dense(512, 32, "relu"),
    dense(32, 10),
  ],
  "2nn": [dense(784, 200, "relu"), dense(200, 200, "relu"), dense(200, 10)],
  logistic: [dense(784, 10)],
};

/**
 * Trains, reports progress and writes the report, also when the signal stops it early.
 * @returns exit code: 0, or 130 when stopped
 */
export async function runSimulate(options: SimulateOptions, { stdout, stderr }: Output, signal: AbortSignal): Promise<number> {
  const say = options.json ? stderr : stdout;
  await checkOut(options.out);
  const data = await loadMnist(options.dataset, options.data);
  const partition = await deal(options, data);
  const config = configure(options, partition);
  const sizes = partition.map((rows) => rows.length);
  say.write(
    `${modelName(options)} on ${dataName(options)}, ${algorithmName(options)}, ${options.partition}, ${options.clients} clients, ${options.dp ? `--dp ${options.dp.mode}` : bitsName(options.bits)}, ${options.workers} workers\n`,
  );
  if (options.clip !== undefined) say.write(`${options.dp ? privacyNote(options.dp, options.dp.mode === "dp-sgd" ? "example" : "client") : PRIVACY_NOTE}\n`);

  let parameters = 0;
  async function run(name: "main" | "plain", bits: number): Promise<Run> {
    const progress = new Progress(say, name === "main" ? "round" : "f32 round", options.rounds, imageRound);
    const start = performance.now();
    try {
      const { weights, ...result } = await simulate(
        data,
        { ...config, bits },
        {
          workers: options.workers,
          signal,
          onRound: (report) => {
            progress.round(report);
            if (options.json) stdout.write(`${JSON.stringify({ type: "round", run: name, ...report })}\n`);
          },
        },
      );
      parameters = weights.length;
      return { ...result, bits, milliseconds: performance.now() - start };
    } finally {
      progress.end();
    }
  }

  const main = await run("main", options.bits);
  const plain = options.compare && options.bits !== 32 && !signal.aborted ? await run("plain", 32) : undefined;
  const content: ReportContent = {
    version: VERSION,
    options,
    main,
    plain: plain && plain.rounds.length > 0 ? plain : undefined,
    parameters,
    examples: { train: data.train.labels.length, test: data.test.labels.length },
    clientExamples: [sizes.reduce((a, b) => Math.min(a, b)), sizes.reduce((a, b) => Math.max(a, b))],
  };
  await writeFile(options.out, renderReport(content));
  if (options.json) stdout.write(`${JSON.stringify(resultLine(content))}\n`);
  else say.write(summary(content));
  return signal.aborted ? 130 : 0;
}

async function deal(options: SimulateOptions, { train }: Mnist): Promise<Partition> {
  const { labels } = train;
  const { clients, partition, alpha = 0.5, seed } = options;
  const most = partition === "shards" ? Math.floor(labels.length / 2) : labels.length;
  if (clients > most) throw new UsageError(`fedlane simulate: expected --clients at most ${most} for ${labels.length} training images, got ${clients}`);
  const engine = await createEngine();
  const stream = await createStream({ purpose: "partition", unsafeSeed: seed });
  if (partition === "iid") return partitionIid(engine, labels, clients, stream);
  if (partition === "shards") return partitionShards(engine, labels, clients, stream);
  return partitionDirichlet(engine, labels, clients, stream, alpha);
}

function configure(o: SimulateOptions, partition: Partition): SimulationConfig {
  return {
    layers: LAYERS[o.model],
    partition,
    clientFraction: o.fraction,
    epochs: o.epochs,
    batchSize: o.batch,
    learningRate: o.learningRate,
    ...(o.learningRateDecay === 1 ? {} : { learningRateDecay: o.learningRateDecay }),
    ...localTerm(o),
    ...(o.exampleClip === undefined ? {} : { perExampleClipping: { clipNorm: o.exampleClip } }),
    ...(o.dp ? { privacy: { ...o.dp, clipNorm: o.clip!, ...(o.noiseMultiplier ? { noiseMultiplier: o.noiseMultiplier } : {}) } } : clipAndNoise(o)),
    rounds: o.rounds,
    targetAccuracy: o.target,
    unsafeSeed: o.seed,
  };
}

/** Research noise, which nothing accounts for. */
function clipAndNoise(o: SimulateOptions): Pick<SimulationConfig, "clipNorm" | "noiseMultiplier"> {
  return { ...(o.clip === undefined ? {} : { clipNorm: o.clip }), ...(o.noiseMultiplier ? { noiseMultiplier: o.noiseMultiplier } : {}) };
}

function localTerm({ algorithm, strength = 0 }: SimulateOptions): Pick<SimulationConfig, "localTerm"> {
  switch (algorithm) {
    case "fedavg":
      return {};
    case "fedprox":
      return { localTerm: { type: "fedprox", mu: strength } };
    case "scaffold":
      return { localTerm: { type: "scaffold" } };
    case "feddyn":
      return { localTerm: { type: "feddyn", alpha: strength } };
  }
}

function summary(content: ReportContent): string {
  const { options: o, main, plain } = content;
  const last = main.rounds.at(-1);
  const how = o.dp ? "" : `, ${bitsName(o.bits)}`;
  const lines = [verdict(content), `Sent ${formatBytes(last?.totalBytesUp ?? 0)} up and ${formatBytes(last?.totalBytesDown ?? 0)} down${how}.`];
  if (plain) {
    const hit = reached(plain, o.target);
    const outcome = hit ? `reached ${percentName(o.target)} in ${hit.round} rounds` : `did not reach ${percentName(o.target)} in ${plain.rounds.length} rounds`;
    lines.push(`Without quantization it ${outcome} and sent ${formatBytes(plain.rounds.at(-1)?.totalBytesUp ?? 0)} up.`);
  }
  return `${[...lines, `Report: ${o.out}`].join("\n")}\n`;
}

function resultLine({ version, options, main, plain, parameters, examples }: ReportContent): object {
  const { out, json: _json, data: _data, ...config } = options;
  const brief = ({ rounds, ...run }: Run) => {
    const last = rounds.at(-1);
    return { ...run, rounds: rounds.length, reachedInRounds: reached({ ...run, rounds }, options.target)?.round ?? null, last: last ?? null };
  };
  return {
    type: "result",
    version,
    config: { ...config, parameters, examples, command: reproduceCommand(options) },
    main: brief(main),
    plain: plain ? brief(plain) : null,
    report: out,
  };
}
