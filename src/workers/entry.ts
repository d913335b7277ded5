// What runs inside a worker: one engine, one model, one data set; a task is a whole client update or a slice of an evaluation.
import { expose, transfer } from "comlink";
import { quantize } from "../compress/quantize.ts";
import { createEngine } from "../engine/create.ts";
import type { Build, Engine, Numerics, Profile } from "../engine/engine.ts";
import { type SerialisedError, serialiseError, WorkerError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type Evaluation, evaluate, localUpdate } from "../federated/client.ts";
import type { TaskPrivacy } from "../federated/protection.ts";
import { type TaskTerm, trainWithTerm } from "../federated/term.ts";
import { encodeFrame } from "../formats/frame.ts";
import { encodeIntegers, type IntegerBits } from "../formats/integers.ts";
import type { Dataset } from "../nn/dataset.ts";
import type { LayerNode } from "../nn/layers.ts";
import type { Loss } from "../nn/loss.ts";
import type { Model } from "../nn/model.ts";
import type { GradientClipping, PerExampleClipping } from "../nn/trainer.ts";
import type { OptimizerOptions } from "../optim/optimizer.ts";
import { clipByNorm } from "../privacy/clip.ts";
import { distributedGaussian } from "../privacy/distributed_gaussian.ts";
import { addResearchGaussianNoise } from "../privacy/gaussian.ts";
import { gaussianGrid } from "../privacy/grid.ts";
import { createGridSum } from "../privacy/grid_sum.ts";
import { RandomStream, type StreamState } from "../random/chacha.ts";
import { asEndpoint, threads } from "./spawn.ts";

/** A data set as plain arrays: x is N rows of features; scale is the factor of byte features, default 1/255. */
export interface DataArrays {
  readonly x: Uint8Array | Float32Array;
  readonly labels: Int32Array;
  readonly scale?: number;
}

/** What a worker is told once, and again after it was replaced. */
export interface Setup {
  readonly module: WebAssembly.Module;
  readonly build: Build;
  readonly numerics: Numerics;
  readonly layers: readonly LayerNode[];
  readonly loss: Loss;
  readonly train: DataArrays;
  readonly test: DataArrays;
}

/** One client's work in one round. Everything it depends on is here, so that any worker gives the same bytes and a retry is harmless. */
export interface TrainTask {
  readonly weights: Float32Array;
  readonly rows: Uint32Array;
  readonly epochs: number;
  readonly batchSize: number;
  readonly optimizer: OptimizerOptions;
  readonly clipping: GradientClipping | undefined;
  readonly perExampleClipping: PerExampleClipping | undefined;
  /** Differential privacy, where the run has it. With "central" it is the server's: the update travels as it is. */
  readonly privacy: TaskPrivacy | undefined;
  readonly term: TaskTerm | undefined;
  /** 1 to 8, or 32 for plain f32. */
  readonly bits: number;
  /** Weight of the update in the mean. */
  readonly weight: number;
  readonly clipNorm?: number | undefined;
  /** Standard deviation of this client's share of the noise. */
  readonly sigma: number;
  readonly shuffle: StreamState;
  readonly noise: StreamState;
  readonly rounding: StreamState;
}
export interface TrainResult {
  readonly frame: Uint8Array<ArrayBuffer>;
  readonly loss: number;
  readonly profile: Profile;
  /** The client's own vector of its local term, and the change of it that a server is sent. */
  readonly own?: Float32Array<ArrayBuffer>;
  readonly change?: Uint8Array<ArrayBuffer>;
}

export interface EvaluateTask {
  readonly weights: Float32Array;
  readonly rows: Uint32Array;
}
export interface EvaluateResult extends Evaluation {
  readonly profile: Profile;
}

/** Every answer of a worker: comlink would drop the class and fields of a thrown error. */
export type Answer<T> = { readonly value: T } | { readonly error: SerialisedError };

interface Ready {
  readonly engine: Engine;
  readonly model: Model;
  readonly train: Dataset;
  readonly test: Dataset;
}
let ready: Ready | undefined;

function live(): Ready {
  if (!ready) throw new WorkerError("worker: expected start() before any task");
  return ready;
}

function place(engine: Engine, model: Model, { x, labels, scale }: DataArrays): Dataset {
  const shape = [labels.length, model.inputs];
  const tensor = x instanceof Uint8Array ? engine.tensor("u8", shape, x) : engine.tensor("f32", shape, x);
  return { x: tensor, labels: engine.tensor("i32", labels.length, labels), ...(scale === undefined ? {} : { scale }) };
}

async function answer<T>(body: () => T | Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await body() };
  } catch (error) {
    return { error: serialiseError(error) };
  }
}

/** What leaves the client: its update clipped, with noise where that is its part, as bytes. */
function encodeUpdate(engine: Engine, delta: Tensor<"f32">, task: TrainTask): Uint8Array<ArrayBuffer> {
  const { privacy, clipNorm, weight } = task;
  const noise = new RandomStream(task.noise);
  if (privacy?.mode === "distributed") {
    const { pipeline, rotation } = privacy;
    const integers = distributedGaussian(pipeline).encode(delta, { rotation: new RandomStream(rotation), noise });
    return encodeIntegers(integers, pipeline.bits as IntegerBits);
  }
  if (privacy?.mode === "local") {
    const grid = gaussianGrid({ sigma: privacy.sigma, clipNorm: privacy.clipNorm, size: delta.size });
    const sum = createGridSum(engine, grid);
    try {
      sum.add(delta);
      sum.addNoise(noise);
      sum.release(delta);
    } finally {
      sum.dispose();
    }
    return encodeFrame(delta, weight);
  }
  if (clipNorm !== undefined) clipByNorm(delta, clipNorm);
  if (task.sigma > 0) addResearchGaussianNoise(delta, task.sigma, noise);
  return encodeFrame(task.bits === 32 ? delta : quantize(delta, task.bits, new RandomStream(task.rounding)), weight);
}

const api = {
  start: (setup: Setup): Promise<Answer<true>> =>
    answer(async () => {
      const engine = await createEngine({ wasm: setup.module, build: setup.build, numerics: setup.numerics });
      const model = engine.model(setup.layers, { loss: setup.loss });
      ready = { engine, model, train: place(engine, model, setup.train), test: place(engine, model, setup.test) };
      return true as const;
    }),

  train: async (task: TrainTask): Promise<Answer<TrainResult>> => {
    const result = await answer(() => {
      const { engine, model, train } = live();
      const profile = engine.startProfile();
      try {
        return engine.scope(() => {
          const weights = engine.copy(task.weights);
          const { update: trained, state } = trainWithTerm(engine, task.term, (localTerm) =>
            localUpdate(model, weights, train, {
              epochs: task.epochs,
              batchSize: task.batchSize,
              optimizer: task.optimizer,
              ...(task.clipping && { clipping: task.clipping }),
              ...(task.perExampleClipping && { perExampleClipping: task.perExampleClipping }),
              ...(localTerm && { localTerm }),
              ...(task.privacy?.mode === "dp-sgd" && {
                sampling: "poisson" as const,
                noise: { noiseMultiplier: task.privacy.noiseMultiplier, stream: new RandomStream(task.noise) },
              }),
              shuffle: new RandomStream(task.shuffle),
              rows: engine.tensor("u32", task.rows.length, task.rows),
            }),
          );
          const { delta, loss } = trained;
          const frame = encodeUpdate(engine, delta, task);
          return {
            frame,
            loss,
            profile,
            ...(state && { own: state.own }),
            ...(state?.change && { change: encodeFrame(state.change, 1) }),
          };
        });
      } finally {
        engine.stopProfile();
      }
    });
    if (!("value" in result)) return result;
    const { frame, own, change } = result.value;
    return transfer(
      result,
      [frame, own, change].flatMap((part) => (part ? [part.buffer] : [])),
    );
  },

  evaluate: (task: EvaluateTask): Promise<Answer<EvaluateResult>> =>
    answer(() => {
      const { engine, model, test } = live();
      const profile = engine.startProfile();
      try {
        return engine.scope(() => ({
          ...evaluate(model, engine.copy(task.weights), test, engine.tensor("u32", task.rows.length, task.rows)),
          profile,
        }));
      } finally {
        engine.stopProfile();
      }
    }),
};
export type WorkerApi = typeof api;

if (threads?.parentPort) expose(api, asEndpoint(threads.parentPort));
else expose(api);
