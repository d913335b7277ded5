// What a client does: local training, and a look at how well a model does.
import { checkChoice, checkNumber, checkOptions, checkSameEngine } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { subtract } from "../linalg/vector.ts";
import { checkDataset, checkFeatures, type Dataset, featuresOf, rowsOf } from "../nn/dataset.ts";
import type { Model } from "../nn/model.ts";
import { Plan } from "../nn/plan.ts";
import { checkClipping, clippingBounds, type GradientClipping, type GradientNoise, type PerExampleClipping, Trainer } from "../nn/trainer.ts";
import { checkOptimizer, createOptimizer, Optimizer, type OptimizerOptions } from "../optim/optimizer.ts";
import { checkSgd } from "../optim/sgd.ts";
import { bindTerm, checkTerm, type LocalTerm } from "../optim/term.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { shuffle } from "../random/permutation.ts";
import { poissonSample } from "../random/poisson.ts";

/** How a client trains. Give `learningRate` for SGD, or an `optimizer`. */
export interface LocalUpdateOptions {
  /** Passes over the client's examples (E), >= 1. */
  readonly epochs: number;
  /** Examples a step (B), >= 1; the last step of an epoch may be shorter. */
  readonly batchSize: number;
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  /** Any optimizer as plain data, fresh for this call; or one made by createOptimizer, whose state goes on from call to call. */
  readonly optimizer?: OptimizerOptions | Optimizer;
  /** Clipping of each step's gradient. */
  readonly clipping?: GradientClipping;
  /** Clipping of each example's gradient: steps take the clipped sum over batchSize. Without noise it is no privacy mechanism. */
  readonly perExampleClipping?: PerExampleClipping;
  /**
   * DP-SGD: Gaussian noise on the grid (docs/derivations/grid_gaussian.md) on every step's clipped sum. Needs perExampleClipping and
   * sampling "poisson". A step is one release of dpSgdEvent(): charge a ledger for all of them before the call.
   * Source: Abadi et al. 2016 (arXiv:1607.00133), algorithm 1.
   */
  readonly noise?: GradientNoise;
  /** FedProx, SCAFFOLD or FedDyn. */
  readonly localTerm?: LocalTerm;
  /**
   * "shuffled" (default): every example once an epoch. "poisson": every step takes each example with probability batchSize / examples,
   * independently; epochs * ceil(examples / batchSize) steps. Only the second lets an accountant claim amplification by sampling.
   */
  readonly sampling?: "shuffled" | "poisson";
  /** Order or choice of the examples, and the masks of dropout. */
  readonly shuffle: RandomStream;
  /** The client's examples as row indices of the data set; default all rows. */
  readonly rows?: Tensor<"u32">;
}

const KNOWN: readonly (keyof LocalUpdateOptions)[] = [
  "epochs",
  "batchSize",
  "learningRate",
  "weightDecay",
  "momentum",
  "optimizer",
  "clipping",
  "perExampleClipping",
  "noise",
  "localTerm",
  "sampling",
  "shuffle",
  "rows",
];

/** What training gave. */
export interface LocalUpdate {
  /** w_local - w_global, f32 of model.size elements: dispose of it. */
  readonly delta: Tensor<"f32">;
  /** Examples of the client: the weight of its update. */
  readonly examples: number;
  readonly steps: number;
  /** Mean loss over the examples of all steps, each before its update. */
  readonly loss: number;
  /** Examples, counted in every step, that per-example clipping left out because their gradient was not finite. */
  readonly nonFinite: number;
}

/** The options that say how a step changes the weights, checked: an optimizer's description or an optimizer. */
export function localOptimizer(
  op: string,
  options: Pick<LocalUpdateOptions, "learningRate" | "weightDecay" | "momentum" | "optimizer">,
): OptimizerOptions | Optimizer {
  const { learningRate, weightDecay, momentum, optimizer } = options;
  if (optimizer === undefined) {
    const sgd = checkSgd(op, { learningRate: learningRate as number, weightDecay: weightDecay ?? 0, momentum: momentum ?? 0 });
    return { type: "sgd", ...sgd };
  }
  if (learningRate !== undefined || weightDecay !== undefined || momentum !== undefined)
    throw new ParameterError(`${op}: expected learningRate, weightDecay and momentum inside optimizer, got both`, { argument: "optimizer" });
  if (!(optimizer instanceof Optimizer)) checkOptimizer(op, optimizer);
  return optimizer;
}

/**
 * Local training from the global weights: ClientUpdate of McMahan et al. 2017 (arXiv:1602.05629), algorithm 1, with any optimizer,
 * clipping and local term. The weights are not changed. A step allocates nothing.
 * @param weights global weights, model.size elements
 * @param data labels in [0, model.classes)
 * @throws {@link ShapeError} for a client without examples; {@link ParameterError} for options or labels out of range. Nothing is left allocated.
 * @example
 * const { delta, examples } = localUpdate(model, weights, data, { epochs: 1, batchSize: 10, learningRate: 0.1, shuffle: stream });
 */
export function localUpdate(model: Model, weights: Tensor<"f32">, data: Dataset, options: LocalUpdateOptions): LocalUpdate {
  const op = "localUpdate";
  model.checkWeights(op, weights);
  checkOptions(op, options, KNOWN);
  const { epochs, batchSize, clipping, perExampleClipping, noise, localTerm, sampling = "shuffled", shuffle: stream } = options;
  checkNumber(op, "epochs", epochs, { min: 1, integer: true });
  checkNumber(op, "batchSize", batchSize, { min: 1, integer: true });
  const given = localOptimizer(op, options);
  if (given instanceof Optimizer && (given.engine !== model.engine || given.size !== model.size)) {
    throw new ParameterError(`${op}: expected an optimizer of ${model.size} parameters in the model's engine, got one of ${given.size}`, {
      argument: "optimizer",
    });
  }
  if (clipping !== undefined) checkClipping(op, clipping);
  const bounds = perExampleClipping && clippingBounds(op, model, perExampleClipping);
  if (localTerm !== undefined) checkTerm(op, localTerm, model.size);
  checkChoice(op, "sampling", sampling, ["shuffled", "poisson"]);
  checkStream(op, stream);
  if (noise !== undefined) checkNoise(op, noise, perExampleClipping, sampling, stream);
  const count = checkDataset(op, model, data);
  checkSameEngine(op, { weights, "data.x": featuresOf(data.x, model.inputNodes[0]!) });
  const { engine } = model;

  const order = rowsOf(op, model, count, options.rows, 1);
  const n = order.size;
  const batch = Math.min(batchSize, n);
  const opened: { dispose(): void }[] = [order];
  const keep = <T extends { dispose(): void }>(resource: T): T => {
    opened.push(resource);
    return resource;
  };
  let local: Tensor<"f32"> | undefined;
  let done = false;
  try {
    const optimizer = given instanceof Optimizer ? given : keep(createOptimizer(engine, model.size, given));
    const term = localTerm && keep(bindTerm(localTerm, weights));
    const trainer = keep(
      new Trainer({
        model,
        batch,
        optimizer,
        clipping,
        bounds,
        noise: noise && { sigma: noise.noiseMultiplier * perExampleClipping!.clipNorm, stream: noise.stream },
        term,
        random: stream,
        anyBatch: sampling === "poisson",
      }),
    );
    local = engine.tensor("f32", model.size).set(weights.view);
    let [loss, seen, steps, nonFinite] = [0, 0, 0, 0];
    const step = (rows: number, m: number): void => {
      const result = trainer.step(local!.address, data, rows, m);
      loss += result.loss;
      nonFinite += result.nonFinite;
      seen += m - result.nonFinite;
      steps++;
    };
    for (let epoch = 0; epoch < epochs; epoch++) {
      if (sampling === "shuffled") {
        shuffle(order, stream);
        for (let at = 0; at < n; at += batch) step(order.address + 4 * at, Math.min(batch, n - at));
      } else {
        for (let at = 0; at < n; at += batch) {
          const sample = poissonSample(engine, n, batch / n, stream);
          const [places, rows] = [sample.view, order.view];
          for (let i = 0; i < places.length; i++) places[i] = rows[places[i]!]!;
          step(sample.address, sample.size);
          sample.dispose();
        }
      }
    }
    subtract(local, weights, local);
    done = true;
    return { delta: local, examples: n, steps, loss: seen === 0 ? 0 : loss / seen, nonFinite };
  } finally {
    for (const resource of opened.reverse()) resource.dispose();
    if (!done) local?.dispose({ wipe: true });
  }
}

/** Noise hides an example only where its gradient is bounded and its presence in a batch is a coin of its own. */
function checkNoise(op: string, noise: GradientNoise, clipping: PerExampleClipping | undefined, sampling: string, shuffle: RandomStream): void {
  checkOptions(op, noise, ["noiseMultiplier", "stream"]);
  checkNumber(op, "noise.noiseMultiplier", noise.noiseMultiplier, { above: 0 });
  checkStream(op, noise.stream);
  if (clipping === undefined)
    throw new ParameterError(`${op}: expected perExampleClipping with noise, got none: noise without a bound hides nothing`, { argument: "noise" });
  if (sampling !== "poisson")
    throw new ParameterError(
      `${op}: expected sampling "poisson" with noise, got "${sampling}": no accountant covers batches cut from a shuffled epoch as sampled`,
      {
        argument: "sampling",
      },
    );
  if (noise.stream.private && !shuffle.private)
    throw new ParameterError(
      `${op}: expected a private shuffle stream beside private noise, got one made from a seed: who knows it knows the batches, and sampling hides nothing`,
      { argument: "shuffle" },
    );
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
