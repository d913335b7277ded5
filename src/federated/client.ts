// What a client does: local training, and a look at how well a model does.
import { checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { subtract } from "../linalg/vector.ts";
import type { Model } from "../nn/model.ts";
import { type Dataset, Plan } from "../nn/plan.ts";
import { checkRows } from "../nn/rows.ts";
import { checkLabels } from "../nn/softmax.ts";
import { checkSgd } from "../optim/sgd.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { shuffle } from "../random/permutation.ts";

/** How a client trains. */
export interface LocalUpdateOptions {
  /** Passes over the client's examples (E), >= 1. */
  readonly epochs: number;
  /** Examples a step (B), >= 1; the last step of an epoch may be shorter. */
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  /** Order of the examples, drawn anew each epoch. */
  readonly shuffle: RandomStream;
  /** The client's examples as row indices of the data set; default all rows. */
  readonly rows?: Tensor<"u32">;
}

/** What training gave. */
export interface LocalUpdate {
  /** w_local - w_global, f32 of model.size elements: dispose of it. */
  readonly delta: Tensor<"f32">;
  /** Examples of the client: the weight of its update. */
  readonly examples: number;
  readonly steps: number;
  /** Mean loss over the steps, each before its update. */
  readonly loss: number;
}

function checkDataset(op: string, model: Model, data: Dataset): number {
  if (typeof data !== "object" || data === null) throw new ParameterError(`${op}: expected a data set { x, labels }, got ${describe(data)}`);
  checkTensor<"f32" | "u8">(op, "data.x", data.x, ["f32", "u8"], { shape: [-1, model.inputs] });
  const count = data.x.shape[0]!;
  checkTensor(op, "data.labels", data.labels, "i32", { shape: [count] });
  checkSameEngine(op, { "data.x": data.x, "data.labels": data.labels });
  // f32 rows are copied as they are.
  if (data.scale !== undefined) checkNumber(op, "data.scale", data.scale, data.x.dtype === "f32" ? { min: 1, max: 1 } : { f32: true });
  checkLabels(op, data.labels, model.classes);
  return count;
}

/** Row indices to walk: a copy of `rows`, or all. Disposed by the caller. */
function rowsOf(op: string, model: Model, count: number, rows: Tensor<"u32"> | undefined): Tensor<"u32"> {
  if (rows) {
    checkTensor(op, "rows", rows, "u32", { rank: 1 });
    checkRows(op, rows, count);
  }
  const size = rows?.size ?? count;
  if (size === 0) throw new ShapeError(`${op}: expected a client with one or more examples, got none`);
  return model.engine.tensorOutsideScopes("u32", size, rows ? rows.view.slice() : Uint32Array.from({ length: size }, (_, i) => i));
}

/**
 * Local SGD from the global weights: ClientUpdate of McMahan et al. 2017 (arXiv:1602.05629), algorithm 1.
 * The weights are not changed. A step allocates nothing.
 * @param weights global weights, model.size elements
 * @param data labels in [0, model.classes)
 * @throws {@link ShapeError} for a client without examples; {@link ParameterError} for options or labels out of range. Nothing is left allocated.
 * @example
 * const { delta, examples } = localUpdate(model, weights, data, { epochs: 1, batchSize: 10, learningRate: 0.1, shuffle: stream });
 */
export function localUpdate(model: Model, weights: Tensor<"f32">, data: Dataset, options: LocalUpdateOptions): LocalUpdate {
  const op = "localUpdate";
  model.checkWeights(op, weights);
  checkOptions(op, options, ["epochs", "batchSize", "learningRate", "weightDecay", "momentum", "shuffle", "rows"]);
  const { epochs, batchSize } = options;
  checkNumber(op, "epochs", epochs, { min: 1, integer: true });
  checkNumber(op, "batchSize", batchSize, { min: 1, integer: true });
  const { learningRate, weightDecay, momentum } = checkSgd(op, {
    learningRate: options.learningRate,
    weightDecay: options.weightDecay ?? 0,
    momentum: options.momentum ?? 0,
  });
  checkStream(op, options.shuffle);
  const count = checkDataset(op, model, data);
  checkSameEngine(op, { weights, "data.x": data.x });
  const { engine } = model;

  const order = rowsOf(op, model, count, options.rows);
  let plan: Plan | undefined;
  let local: Tensor<"f32"> | undefined;
  let done = false;
  try {
    const batch = Math.min(batchSize, order.size);
    plan = new Plan(model, batch, momentum > 0 ? "momentum" : "train");
    local = engine.tensor("f32", model.size).set(weights.view);
    const rule = { learningRate, weightDecay, momentum };
    let loss = 0;
    let steps = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      shuffle(order, options.shuffle);
      for (let at = 0; at < order.size; at += batch, steps++) {
        const m = Math.min(batch, order.size - at);
        plan.load(data, order.address + 4 * at, m);
        loss += plan.train(local.address, m, rule);
      }
    }
    subtract(local, weights, local);
    done = true;
    return { delta: local, examples: order.size, steps, loss: loss / (epochs * order.size) };
  } finally {
    plan?.dispose();
    order.dispose();
    if (!done) local?.dispose({ wipe: true });
  }
}

/** What an evaluation found, over all its rows. */
export interface Evaluation {
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** Share of rows predicted right, in [0, 1]. */
  readonly accuracy: number;
  readonly examples: number;
}

const EVALUATION_BATCH = 128;

/**
 * Loss and accuracy of the weights on a data set, or on some of its rows.
 * @param rows indices of the rows to use; default all
 */
export function evaluate(model: Model, weights: Tensor<"f32">, data: Dataset, rows?: Tensor<"u32">): Evaluation {
  const op = "evaluate";
  model.checkWeights(op, weights);
  const count = checkDataset(op, model, data);
  checkSameEngine(op, { weights, "data.x": data.x });
  const order = rowsOf(op, model, count, rows);
  let plan: Plan | undefined;
  try {
    const batch = Math.min(EVALUATION_BATCH, order.size);
    plan = new Plan(model, batch, "predict");
    let loss = 0;
    let correct = 0;
    for (let at = 0; at < order.size; at += batch) {
      const m = Math.min(batch, order.size - at);
      plan.load(data, order.address + 4 * at, m);
      plan.forward(weights.address, m);
      correct += plan.correct(m);
      loss += plan.loss(m, plan.logits);
    }
    return { loss: loss / order.size, accuracy: correct / order.size, examples: order.size };
  } finally {
    plan?.dispose();
    order.dispose();
  }
}

/**
 * Logits of every row of x. Apply softmax() for probabilities.
 * @param x [N, model.inputs], f32, or u8 (scaled by `scale`, default 1/255)
 * @returns [N, model.classes]: dispose of it
 */
export function predict(model: Model, weights: Tensor<"f32">, x: Tensor<"f32"> | Tensor<"u8">, scale?: number): Tensor<"f32"> {
  const op = "predict";
  model.checkWeights(op, weights);
  checkTensor<"f32" | "u8">(op, "x", x, ["f32", "u8"], { shape: [-1, model.inputs] });
  if (scale !== undefined) checkNumber(op, "scale", scale, x.dtype === "f32" ? { min: 1, max: 1 } : { f32: true });
  checkSameEngine(op, { weights, x });
  const { engine } = model;
  const count = x.shape[0]!;
  // The scope keeps what it returns and frees everything else, also when memory runs out.
  return engine.scope(() => {
    const out = engine.tensor("f32", [count, model.classes]);
    if (count === 0) return out;
    const batch = Math.min(EVALUATION_BATCH, count);
    const rows = engine.tensor(
      "u32",
      count,
      Uint32Array.from({ length: count }, (_, i) => i),
    );
    const labels = engine.tensor("i32", count);
    const plan = new Plan(model, batch, "predict");
    try {
      for (let at = 0; at < count; at += batch) {
        const m = Math.min(batch, count - at);
        plan.load({ x, labels, ...(scale === undefined ? {} : { scale }) }, rows.address + 4 * at, m);
        plan.forward(weights.address, m);
        engine.kernels.scale_f32(m * model.classes, 1, plan.logits, out.address + at * model.classes * 4);
      }
    } finally {
      plan.dispose();
    }
    return out;
  });
}
