// Gradients of a model as flat vectors, for those who bring their own step: a privacy mechanism, an attack, a test.
import { checkNumber, checkOptions, checkSameEngine } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkDataset, type Dataset, featuresOf, rowsOf } from "./dataset.ts";
import type { Model } from "./model.ts";
import { Plan } from "./plan.ts";
import { clippingBounds, type PerExampleClipping } from "./trainer.ts";

export interface GradientOptions {
  /** Rows of the data set, default all. May be empty: the sum over no examples is 0. */
  readonly rows?: Tensor<"u32">;
  /** Most examples at a time, default 128: memory against speed, same result within rounding. */
  readonly batchSize?: number;
}

export interface Gradient {
  /** f32, model.size elements: dispose of it. */
  readonly gradient: Tensor<"f32">;
  /** Mean loss of the examples. */
  readonly loss: number;
  readonly examples: number;
}

export interface ClippedGradient {
  /** Sum of the clipped gradients, f32, model.size elements: dispose of it. Its L2 sensitivity to one example is clipNorm. */
  readonly sum: Tensor<"f32">;
  /** Sum of the losses of the examples in the sum. */
  readonly loss: number;
  readonly examples: number;
  /** Examples whose gradient held NaN or Infinity: they contribute zero. */
  readonly nonFinite: number;
}

/**
 * Gradient of the mean loss over rows of a data set, dropout off. The weights are not changed.
 * @throws {@link ShapeError}, {@link ParameterError} for data that do not fit
 */
export function gradient(model: Model, weights: Tensor<"f32">, data: Dataset, options: GradientOptions = {}): Gradient {
  const op = "gradient";
  checkOptions(op, options, ["rows", "batchSize"]);
  let loss = 0;
  const { out, examples } = overBatches(op, model, weights, data, options, false, (plan, m, first, total, target) => {
    loss += plan.backward(m, { alpha: m / total, beta: first ? 0 : 1, target });
  });
  return { gradient: out, loss: examples === 0 ? 0 : loss / examples, examples };
}

/**
 * The inner step of DP-SGD: the sum over rows of the examples' gradients, each clipped to clipNorm. Noise is the caller's, and so is the
 * division by the expected number of examples. Dropout off. Examples' gradients are never formed; see {@link Plan}.
 * @param options clipNorm > 0; perLayer: every layer with weights clips to clipNorm / sqrt(layers)
 * @example
 * const { sum, nonFinite } = clippedGradient(model, weights, data, { clipNorm: 1, rows: poissonSample(engine, examples, 0.01, stream) });
 * Source: Abadi et al. 2016 (arXiv:1607.00133), algorithm 1, lines 4 to 7.
 */
export function clippedGradient(model: Model, weights: Tensor<"f32">, data: Dataset, options: GradientOptions & PerExampleClipping): ClippedGradient {
  const op = "clippedGradient";
  checkOptions(op, options, ["rows", "batchSize", "clipNorm", "perLayer"]);
  const { rows: _, batchSize: __, ...clipping } = options;
  const bounds = clippingBounds(op, model, clipping);
  let [loss, nonFinite] = [0, 0];
  const { out, examples } = overBatches(op, model, weights, data, options, true, (plan, m, first, _, target) => {
    const part = plan.backwardClipped(m, bounds, { alpha: 1, beta: first ? 0 : 1, target });
    loss += part.loss;
    nonFinite += part.nonFinite;
  });
  return { sum: out, loss, examples, nonFinite };
}

type Body = (plan: Plan, m: number, first: boolean, total: number, target: number) => void;

/** A flat vector of zeros, to which the body adds what each loaded and forwarded batch gives. */
function overBatches(op: string, model: Model, weights: Tensor<"f32">, data: Dataset, options: GradientOptions, perExample: boolean, body: Body) {
  model.checkWeights(op, weights);
  const { batchSize = 128 } = options;
  checkNumber(op, "batchSize", batchSize, { min: 1, integer: true });
  const count = checkDataset(op, model, data);
  checkSameEngine(op, { weights, "data.x": featuresOf(data.x, model.inputNodes[0]!) });
  const { engine } = model;
  const order = rowsOf(op, model, count, options.rows, 0);
  let plan: Plan | undefined;
  let out: Tensor<"f32"> | undefined;
  let done = false;
  try {
    out = engine.tensor("f32", model.size);
    const batch = Math.max(1, Math.min(batchSize, order.size));
    plan = new Plan(model, batch, { training: true, perExample });
    for (let at = 0; at < order.size; at += batch) {
      const m = Math.min(batch, order.size - at);
      plan.load(data, order.address + 4 * at, m);
      plan.forward(weights.address, m);
      body(plan, m, at === 0, order.size, out.address);
    }
    done = true;
    return { out, examples: order.size };
  } finally {
    plan?.dispose();
    order.dispose();
    if (!done) out?.dispose({ wipe: true });
  }
}
