// What a client does: local training, and a look at how well a model does.
import { checkNumber, checkOptions, checkSameEngine } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { subtract } from "../linalg/vector.ts";
import { checkDataset, checkFeatures, type Dataset, featuresOf, rowsOf } from "../nn/dataset.ts";
import { interim } from "../nn/interim.ts";
import type { Model } from "../nn/model.ts";
import { Plan } from "../nn/plan.ts";
import { Trainer } from "../nn/trainer.ts";
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
  checkSameEngine(op, { weights, "data.x": featuresOf(data.x, model.inputNodes[0]!) });
  const { engine } = model;

  const order = rowsOf(op, model, count, options.rows, 1);
  let trainer: Trainer | undefined;
  let local: Tensor<"f32"> | undefined;
  let done = false;
  const optimizer = interim(engine, model.size, { learningRate, weightDecay, momentum });
  try {
    const batch = Math.min(batchSize, order.size);
    trainer = new Trainer({ model, batch, optimizer, random: options.shuffle });
    local = engine.tensor("f32", model.size).set(weights.view);
    let loss = 0;
    let steps = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      shuffle(order, options.shuffle);
      for (let at = 0; at < order.size; at += batch, steps++) {
        loss += trainer.step(local.address, data, order.address + 4 * at, Math.min(batch, order.size - at)).loss;
      }
    }
    subtract(local, weights, local);
    done = true;
    return { delta: local, examples: order.size, steps, loss: loss / (epochs * order.size) };
  } finally {
    trainer?.dispose();
    optimizer.dispose();
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
  checkSameEngine(op, { weights, "data.x": featuresOf(data.x, model.inputNodes[0]!) });
  const order = rowsOf(op, model, count, rows, 1);
  let plan: Plan | undefined;
  try {
    const batch = Math.min(EVALUATION_BATCH, order.size);
    plan = new Plan(model, batch, { training: false, perExample: false });
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
export function predict(model: Model, weights: Tensor<"f32">, x: Dataset["x"], scale?: number): Tensor<"f32"> {
  const op = "predict";
  model.checkWeights(op, weights);
  const count = checkFeatures(op, model, x, scale, "x");
  checkSameEngine(op, { weights, x: featuresOf(x, model.inputNodes[0]!) });
  const { engine } = model;
  // The scope keeps what it returns and frees everything else, also when memory runs out.
  return engine.scope(() => {
    const out = engine.tensor("f32", [count, ...model.outputShape]);
    if (count === 0) return out;
    const batch = Math.min(EVALUATION_BATCH, count);
    const rows = engine.tensor(
      "u32",
      count,
      Uint32Array.from({ length: count }, (_, i) => i),
    );
    const plan = new Plan(model, batch, { training: false, perExample: false });
    try {
      for (let at = 0; at < count; at += batch) {
        const m = Math.min(batch, count - at);
        plan.load({ x, ...(scale === undefined ? {} : { scale }) }, rows.address + 4 * at, m);
        plan.forward(weights.address, m);
        engine.kernels.scale_f32(m * model.classes, 1, plan.logits, out.address + at * model.classes * 4);
      }
    } finally {
      plan.dispose();
    }
    return out;
  });
}
