// A federation on one machine: federated averaging over clients whose local training runs in a pool of workers.
//
// Same final bits for any number of workers and any order of answers: a client's update depends on its task alone, the mean does not
// depend on order (aggregate/mean.ts), and the test set is evaluated in fixed slices.
import { createMean, type Mean } from "../aggregate/mean.ts";
import type { ModularSum } from "../aggregate/modular.ts";
import { checkOptions } from "../engine/check.ts";
import { createEngine } from "../engine/create.ts";
import type { Build, Engine, Numerics, Profile } from "../engine/engine.ts";
import { Tensor } from "../engine/tensor.ts";
import { decodeFrame, type FrameCaps } from "../formats/frame.ts";
import { decodeIntegers, type IntegerBits } from "../formats/integers.ts";
import type { Model } from "../nn/model.ts";
import type { OptimizerOptions } from "../optim/optimizer.ts";
import { GridSum } from "../privacy/grid_sum.ts";
import type { RandomStream } from "../random/chacha.ts";
import { createStream } from "../random/key.ts";
import type { TrainTask } from "../workers/entry.ts";
import { createPool, type Pool } from "../workers/pool.ts";
import { checkConfig, clientOptimizer, type SimulationConfig, type SimulationData } from "./config.ts";
import { sampleClients } from "./partition.ts";
import { clientsOfRound, type ReleaseShape } from "./privacy.ts";
import { type PrivacySummary, Protection } from "./protection.ts";
import { TermState } from "./term.ts";

/** One round, as it is reported. */
export interface RoundReport {
  /** From 1. */
  readonly round: number;
  /** On the test set after the round. */
  readonly accuracy: number;
  readonly loss: number;
  /** Mean of the clients' local losses. */
  readonly trainLoss: number;
  /** Clients that sent an update. */
  readonly clients: number;
  /** Bytes of all update frames of the round. */
  readonly bytesUp: number;
  /** Bytes of the weights sent to its clients, as f32. */
  readonly bytesDown: number;
  readonly totalBytesUp: number;
  readonly totalBytesDown: number;
  /** With `privacy`: epsilon spent after the round, at the budget's delta. */
  readonly epsilon?: number;
  readonly milliseconds: number;
}

export interface SimulationOptions {
  /** Workers to start, default 2. Ignored with `pool`. */
  readonly workers?: number;
  /** Stops after the work in hand: the result holds the rounds completed and says "aborted". */
  readonly signal?: AbortSignal;
  readonly onRound?: (report: RoundReport) => void;
  readonly build?: Build;
  readonly numerics?: Numerics;
  /** Called once with the pool, for supervision from outside. */
  readonly onPool?: (pool: Pool) => void;
}

export interface SimulationResult {
  /** Final global weights. */
  readonly weights: Float32Array;
  readonly rounds: readonly RoundReport[];
  /** "budget": another round would have spent more than the privacy budget. */
  readonly reason: "target" | "rounds" | "budget" | "aborted";
  /** With `privacy` in the configuration. */
  readonly privacy?: PrivacySummary;
  /** Milliseconds in kernels by room, over all workers and the server. */
  readonly profile: Profile;
  readonly build: Build;
  readonly workers: number;
  readonly workerRestarts: number;
  /** False: every key of a simulation comes from its seed, so nothing in here is a private release. */
  readonly private: false;
}

const SLICE = 1000; // test rows an evaluation task takes; fixed, so that sums do not depend on the number of workers

/**
 * Runs federated averaging (McMahan et al. 2017, arXiv:1602.05629, algorithm 1) until the target accuracy, the last round or an abort.
 * @throws {@link ParameterError} and {@link ShapeError} for a bad configuration, before any worker starts; {@link WorkerError} when a task fails three times
 */
export async function simulate(data: SimulationData, config: SimulationConfig, options: SimulationOptions = {}): Promise<SimulationResult> {
  checkOptions("simulate", options, ["workers", "signal", "onRound", "build", "numerics", "onPool"]);
  const { workers = 2, signal, onRound } = options;
  const engine = await createEngine({ ...(options.build ? { build: options.build } : {}), ...(options.numerics ? { numerics: options.numerics } : {}) });
  const model = engine.model(config.layers, config.loss === undefined ? {} : { loss: config.loss });
  checkConfig(config, data, model);
  const { build, numerics, module } = engine;
  const pool = await createPool({ module, build, numerics, layers: config.layers, loss: model.loss, train: data.train, test: data.test }, { workers });
  options.onPool?.(pool);
  const profile = engine.startProfile();
  const rounds: RoundReport[] = [];
  let protection: Protection | undefined;
  const done = (weights: Tensor<"f32">, reason: SimulationResult["reason"]): SimulationResult => ({
    weights: weights.toArray(),
    rounds,
    reason,
    profile,
    build,
    workers,
    workerRestarts: pool.restarts,
    private: false,
    ...(protection && { privacy: protection.summary }),
  });
  try {
    const seed = (purpose: string) => createStream({ purpose, unsafeSeed: config.unsafeSeed });
    const streams: Streams = {
      initialise: await seed("initialise"),
      sample: await seed("sample"),
      shuffle: await seed("shuffle"),
      noise: await seed("noise"),
      serverNoise: await seed("server noise"),
      rotation: await seed("rotation"),
      rounding: await seed("rounding"),
    };
    const weights = model.initialise(streams.initialise);
    const mean = createMean(engine, model.size);
    const optimizer = clientOptimizer("simulate", config);
    const rate = typeof optimizer.learningRate === "number" ? optimizer.learningRate : 0;
    const term = new TermState(engine, model.size, config.partition.length, config.localTerm, rate);
    if (config.privacy) protection = await Protection.open("simulate", engine, config.privacy, releaseShape(config, model.size), streams);
    const round = { engine, model, pool, data, config, optimizer, term, streams, protection, mean, weights, profile, signal };
    while (rounds.length < config.rounds) {
      let report: RoundReport;
      try {
        if (protection && !(await protection.charge(rounds.length + 1))) return done(weights, "budget");
        report = await runRound(round, rounds.length + 1, rounds.at(-1));
      } catch (error) {
        if (signal?.aborted && error === signal.reason) return done(weights, "aborted");
        throw error;
      }
      rounds.push(report);
      onRound?.(report);
      if (config.targetAccuracy !== undefined && report.accuracy >= config.targetAccuracy) return done(weights, "target");
      if (signal?.aborted) return done(weights, "aborted");
    }
    return done(weights, "rounds");
  } finally {
    pool.close();
  }
}

interface Streams {
  readonly initialise: RandomStream;
  readonly sample: RandomStream;
  readonly shuffle: RandomStream;
  readonly noise: RandomStream;
  /** Keys that no client's task carries, and one that all do. */
  readonly serverNoise: RandomStream;
  readonly rotation: RandomStream;
  readonly rounding: RandomStream;
}

interface Round {
  readonly engine: Engine;
  readonly model: Model;
  readonly pool: Pool;
  readonly data: SimulationData;
  readonly config: SimulationConfig;
  readonly optimizer: OptimizerOptions;
  readonly term: TermState;
  readonly streams: Streams;
  readonly protection: Protection | undefined;
  readonly mean: Mean;
  readonly weights: Tensor<"f32">;
  readonly profile: Profile;
  readonly signal: AbortSignal | undefined;
}

/** Sample clients, train them, average, evaluate. The weights change only when every update of the round is in. */
async function runRound(r: Round, index: number, before: RoundReport | undefined): Promise<RoundReport> {
  const { engine, model, pool, config, term, protection, mean, weights, profile, signal } = r;
  const start = performance.now();
  const clients = config.partition.length;
  const chosen = protection?.choose(index) ?? sampleClients(engine, clients, clientsOfRound(clients, config.clientFraction), r.streams.sample.fork(index, 0));
  const active = Array.from(chosen).filter((client) => config.partition[client]!.length > 0);
  const sent = weights.toArray();
  mean.reset();
  term.beginRound();
  protection?.beginRound();
  let bytesUp = 0;
  const results = await mapInTurn(active, 2 * pool.size, async (client) => {
    const rows = config.partition[client]!;
    const result = await pool.train(() => trainTask(r, sent, rows, active.length, index, client), signal);
    bytesUp += result.frame.length;
    addProfile(profile, result.profile);
    if (protection?.residues) addResidues(engine, protection.residues, result.frame);
    else addFrame(engine, protection?.sum ?? mean, result.frame, { size: model.size, maxWeight: Math.max(1, rows.length) });
    if (result.change) {
      bytesUp += result.change.length;
      addFrame(engine, term.changes!, result.change, { size: model.size, maxWeight: 1 });
    }
    return { client, ...result };
  });
  const own = results.flatMap(({ client, own }) => (own ? [[client, own] as const] : []));
  const rate = config.serverLearningRate ?? 1;
  if (protection?.sum || protection?.residues) protection.finish(index, weights, rate);
  else term.endRound(weights, mean, own, rate);
  const { accuracy, loss } = await evaluateSlices(r);
  const bytesDown = active.length * (model.size + term.extraDown) * 4;
  return {
    round: index,
    accuracy,
    loss,
    trainLoss: results.length === 0 ? Number.NaN : results.reduce((sum, { loss }) => sum + loss, 0) / results.length,
    clients: active.length,
    bytesUp,
    bytesDown,
    totalBytesUp: (before?.totalBytesUp ?? 0) + bytesUp,
    totalBytesDown: (before?.totalBytesDown ?? 0) + bytesDown,
    ...(protection && { epsilon: protection.spent }),
    milliseconds: performance.now() - start,
  };
}

/** As Promise.all over map, with at most `limit` under way: a round may have thousands of clients. */
async function mapInTurn<T, R>(items: readonly T[], limit: number, run: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const i = next++;
      try {
        results[i] = await run(items[i]!);
      } catch (error) {
        next = items.length; // the others stop after what they have in hand
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}

/** The task of one client in one round; the worker gets a clone. */
function trainTask(r: Round, sent: Float32Array, rows: Uint32Array, clients: number, round: number, client: number): TrainTask {
  const { config, streams, term, protection } = r;
  const { clipNorm, noiseMultiplier = 0, privacy } = config;
  return {
    weights: sent,
    rows,
    epochs: config.epochs,
    batchSize: config.batchSize,
    optimizer: inRound(r.optimizer, config.learningRateDecay ?? 1, round),
    clipping: config.clipping,
    perExampleClipping: privacy?.mode === "dp-sgd" ? { clipNorm: privacy.clipNorm } : config.perExampleClipping,
    privacy: protection?.task(round),
    term: term.task(client),
    bits: config.bits ?? 32,
    weight: clipNorm === undefined && privacy?.mode !== "local" && !term.equalWeights ? rows.length : 1,
    clipNorm,
    // Independent shares of n clients add up to a variance of (noiseMultiplier clipNorm)^2.
    sigma: (noiseMultiplier * (clipNorm ?? 0)) / Math.sqrt(clients),
    shuffle: streams.shuffle.fork(round, client).toState(),
    noise: streams.noise.fork(round, client).toState(),
    rounding: streams.rounding.fork(round, client).toState(),
  };
}

/** The clients' optimizer in a round, from 1. */
function inRound(optimizer: OptimizerOptions, decay: number, round: number): OptimizerOptions {
  return decay === 1 ? optimizer : { ...optimizer, learningRate: (optimizer.learningRate as number) * decay ** (round - 1) };
}

/** What of a configuration decides how many releases there are. */
function releaseShape({ clientFraction, rounds, epochs, batchSize, partition }: SimulationConfig, size: number): ReleaseShape {
  return { size, clientFraction, rounds, epochs, batchSize, examples: partition.map((rows) => rows.length) };
}

/** What a server does with bytes from a client. */
function addFrame(engine: Engine, sum: Mean | GridSum, bytes: Uint8Array, caps: FrameCaps): void {
  const { update, weight } = decodeFrame(engine, bytes, caps);
  if (update instanceof Tensor) {
    if (sum instanceof GridSum) sum.add(update);
    else sum.add(update, weight);
    update.dispose();
  } else {
    (sum as Mean).addQuantized(update, weight);
    update.bytes.dispose();
  }
}

/** The same for the integers of a secure sum, which arrive as they are. */
function addResidues(engine: Engine, sum: ModularSum, bytes: Uint8Array): void {
  const integers = decodeIntegers(engine, bytes, sum.size, sum.bits as IntegerBits);
  sum.add(integers);
  integers.dispose();
}

async function evaluateSlices({ pool, data, weights, profile, signal }: Round): Promise<{ accuracy: number; loss: number }> {
  const total = data.test.labels.length;
  const now = weights.toArray();
  const starts = Array.from({ length: Math.ceil(total / SLICE) }, (_, i) => i * SLICE);
  const slices = await Promise.all(
    starts.map((from) =>
      pool.evaluate(() => ({ weights: now, rows: Uint32Array.from({ length: Math.min(SLICE, total - from) }, (_, i) => from + i) }), signal),
    ),
  );
  let loss = 0;
  let correct = 0;
  for (const slice of slices) {
    loss += slice.loss * slice.examples;
    correct += Math.round(slice.accuracy * slice.examples);
    addProfile(profile, slice.profile);
  }
  return { accuracy: correct / total, loss: loss / total };
}

function addProfile(sum: Profile, more: Profile): void {
  for (const [room, { milliseconds, calls }] of Object.entries(more)) {
    const entry = (sum[room] ??= { milliseconds: 0, calls: 0 });
    entry.milliseconds += milliseconds;
    entry.calls += calls;
  }
}
