// What a simulation is told, and its checks.
import { checkNumber, checkOptions, describe } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import type { LayerNode } from "../nn/layers.ts";
import type { Loss } from "../nn/loss.ts";
import type { Model } from "../nn/model.ts";
import { checkClipping, clippingBounds, type GradientClipping, type PerExampleClipping } from "../nn/trainer.ts";
import { checkOptimizer, type OptimizerOptions } from "../optim/optimizer.ts";
import { checkSgd } from "../optim/sgd.ts";
import type { DataArrays } from "../workers/entry.ts";
import { checkPrivacy, type SimulationPrivacy } from "./privacy.ts";
import { checkFederatedTerm, type FederatedTerm } from "./term.ts";

export interface SimulationData {
  readonly train: DataArrays;
  readonly test: DataArrays;
}

/** What is simulated. Everything that decides the result is here. */
export interface SimulationConfig {
  readonly layers: readonly LayerNode[];
  /** Rows of the training set that each client holds; a client may be empty and then sends nothing. */
  readonly partition: readonly Uint32Array[];
  /** Share of clients in a round (C), in (0, 1]; at least one client. */
  readonly clientFraction: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** SGD of the clients: learningRate, weightDecay and momentum, or any `optimizer` as plain data. */
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  /** Factor by which the clients' learning rate falls every round, in (0, 1]; default 1. Source: McMahan et al. 2017, section 3 (CIFAR). */
  readonly learningRateDecay?: number;
  readonly optimizer?: OptimizerOptions;
  /** What training makes small, default "softmaxCrossEntropy". */
  readonly loss?: Loss;
  /** Clipping of each local step's gradient. */
  readonly clipping?: GradientClipping;
  /** Clipping of each example's gradient in local steps. */
  readonly perExampleClipping?: PerExampleClipping;
  /** FedProx, SCAFFOLD (plain SGD at a constant rate only) or FedDyn. */
  readonly localTerm?: FederatedTerm;
  readonly serverLearningRate?: number;
  /** Bits of an update: 1 to 8, or 32 for plain f32 (default). */
  readonly bits?: number;
  /** L2 bound of an update. With it every update weighs the same; without, as much as it has examples. */
  readonly clipNorm?: number;
  /** Standard deviation of the noise on the sum of a round's updates, in units of clipNorm; each client adds its share before it quantizes. */
  readonly noiseMultiplier?: number;
  /** Differential privacy with a budget, in place of clipNorm, noiseMultiplier, bits and perExampleClipping. */
  readonly privacy?: SimulationPrivacy;
  /** Most rounds to run. */
  readonly rounds: number;
  /** Stop at this test accuracy. */
  readonly targetAccuracy?: number;
  /** Decides every random choice, and makes the noise repeatable: not private. */
  readonly unsafeSeed: number | string;
}

const KNOWN: readonly (keyof SimulationConfig)[] = [
  "layers",
  "partition",
  "clientFraction",
  "epochs",
  "batchSize",
  "learningRate",
  "weightDecay",
  "momentum",
  "learningRateDecay",
  "optimizer",
  "loss",
  "clipping",
  "perExampleClipping",
  "localTerm",
  "serverLearningRate",
  "bits",
  "clipNorm",
  "noiseMultiplier",
  "privacy",
  "rounds",
  "targetAccuracy",
  "unsafeSeed",
];

/** @throws {@link ParameterError} and {@link ShapeError} */
export function checkConfig(config: SimulationConfig, data: SimulationData, model: Model): void {
  const op = "simulate";
  checkOptions(op, config, KNOWN);
  for (const name of ["train", "test"] as const) {
    const part = data[name];
    if (!(part?.labels instanceof Int32Array))
      throw new ParameterError(`${op}: expected data.${name}.labels to be an Int32Array, got ${describe(part?.labels)}`);
    if (!(part.x instanceof Uint8Array || part.x instanceof Float32Array)) {
      throw new ParameterError(`${op}: expected data.${name}.x to be a Uint8Array or Float32Array, got ${describe(part.x)}`);
    }
    const want = part.labels.length * model.inputs;
    if (part.labels.length === 0 || part.x.length !== want) {
      throw new ShapeError(
        `${op}: expected data.${name}.x to hold ${part.labels.length} rows of ${model.inputs} features (one or more), got ${part.x.length} values`,
      );
    }
    const bad = part.labels.findIndex((y) => y < 0 || y >= model.classes);
    if (bad >= 0) throw new ParameterError(`${op}: expected labels in [0, ${model.classes}), got ${part.labels[bad]} at index ${bad} of data.${name}`);
  }
  if (!Array.isArray(config.partition) || config.partition.length === 0)
    throw new ParameterError(`${op}: expected partition to list one or more clients, got ${describe(config.partition)}`);
  config.partition.forEach((rows, client) => {
    if (!(rows instanceof Uint32Array)) throw new ParameterError(`${op}: expected partition[${client}] to be a Uint32Array, got ${describe(rows)}`);
    const bad = rows.find((row) => row >= data.train.labels.length);
    if (bad !== undefined) throw new ParameterError(`${op}: expected rows below ${data.train.labels.length}, got ${bad} in partition[${client}]`);
  });
  checkNumber(op, "clientFraction", config.clientFraction, { above: 0, max: 1 });
  checkNumber(op, "epochs", config.epochs, { min: 1, integer: true });
  checkNumber(op, "batchSize", config.batchSize, { min: 1, integer: true });
  checkNumber(op, "rounds", config.rounds, { min: 1, integer: true });
  const optimizer = clientOptimizer(op, config);
  checkNumber(op, "learningRateDecay", config.learningRateDecay ?? 1, { above: 0, max: 1 });
  if (config.learningRateDecay !== undefined && (typeof optimizer.learningRate !== "number" || config.localTerm?.type === "scaffold")) {
    throw new ParameterError(
      `${op}: expected learningRateDecay with a plain rate and without SCAFFOLD, whose control variates divide by one rate, got it with ${describe(config.localTerm?.type ?? optimizer.learningRate)}`,
      { argument: "learningRateDecay" },
    );
  }
  if (config.clipping !== undefined) checkClipping(op, config.clipping);
  if (config.perExampleClipping !== undefined) clippingBounds(op, model, config.perExampleClipping);
  if (config.localTerm !== undefined) {
    checkFederatedTerm(op, config.localTerm);
    const plain = optimizer.type === "sgd" && !optimizer.momentum && typeof optimizer.learningRate === "number";
    if (config.localTerm.type === "scaffold" && !plain)
      throw new ParameterError(`${op}: expected plain SGD at a constant rate with SCAFFOLD, whose control variates divide by it, got another optimizer`);
  }
  checkNumber(op, "serverLearningRate", config.serverLearningRate ?? 1, { above: 0 });
  const bits = config.bits ?? 32;
  if (bits !== 32) checkNumber(op, "bits (32, or 1 to 8)", bits, { min: 1, max: 8, integer: true });
  if (config.clipNorm !== undefined) checkNumber(op, "clipNorm", config.clipNorm, { above: 0 });
  if (config.noiseMultiplier !== undefined) {
    checkNumber(op, "noiseMultiplier", config.noiseMultiplier, { min: 0 });
    if (config.noiseMultiplier > 0 && config.clipNorm === undefined)
      throw new ParameterError(`${op}: expected clipNorm with noiseMultiplier, got none: noise without a bound hides nothing`);
  }
  if (config.privacy !== undefined) checkWithPrivacy(op, config);
  if (config.targetAccuracy !== undefined) checkNumber(op, "targetAccuracy", config.targetAccuracy, { min: 0, max: 1 });
}

/** Whatever else would leave a client, or make updates weigh differently, has no place beside a promise. */
function checkWithPrivacy(op: string, config: SimulationConfig): void {
  checkPrivacy(op, config.privacy!);
  for (const name of ["clipNorm", "noiseMultiplier", "perExampleClipping"] as const) {
    if (config[name] !== undefined)
      throw new ParameterError(`${op}: expected ${name} to be left to privacy, got ${describe(config[name])} beside it`, { argument: name });
  }
  if ((config.bits ?? 32) !== 32)
    throw new ParameterError(`${op}: expected no bits beside privacy, whose updates stay on their grid, got ${config.bits}`, { argument: "bits" });
  const term = config.localTerm?.type;
  if (term === "scaffold" || term === "feddyn")
    throw new ParameterError(`${op}: expected no local term but FedProx beside privacy, got ${term}, which sends or keeps more than the protected update`, {
      argument: "localTerm",
    });
  if (config.partition.some((rows) => rows.length === 0))
    throw new ParameterError(`${op}: expected every client to have examples beside privacy, got one without: who is left out would depend on data`, {
      argument: "partition",
    });
}

/** The clients' optimizer as plain data. */
export function clientOptimizer(op: string, config: Pick<SimulationConfig, "learningRate" | "weightDecay" | "momentum" | "optimizer">): OptimizerOptions {
  const { learningRate, weightDecay, momentum, optimizer } = config;
  if (optimizer === undefined)
    return { type: "sgd", ...checkSgd(op, { learningRate: learningRate as number, weightDecay: weightDecay ?? 0, momentum: momentum ?? 0 }) };
  if (learningRate !== undefined || weightDecay !== undefined || momentum !== undefined)
    throw new ParameterError(`${op}: expected learningRate, weightDecay and momentum inside optimizer, got both`, { argument: "optimizer" });
  checkOptimizer(op, optimizer);
  return optimizer;
}
