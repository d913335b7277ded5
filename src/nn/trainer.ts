// Steps of local training: a plan, an optimizer, and what stands between the gradient and the weights.
import { checkNumber, checkOptions, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { type BoundTerm, NO_TERM } from "../optim/term.ts";
import { noiseOnGrid } from "../privacy/grid_gaussian.ts";
import type { RandomStream } from "../random/chacha.ts";
import type { Dataset } from "./dataset.ts";
import type { LayoutEntry } from "./graph.ts";
import type { Model } from "./model.ts";
import { type Bounds, type PassRandom, Plan, type Sink } from "./plan.ts";

/** Clipping of a step's gradient (not of its examples' gradients: that is {@link PerExampleClipping}). One of the three. */
export interface GradientClipping {
  /** Every number to [-value, value]. */
  readonly value?: number;
  /** The L2 norm of every array of the layout. */
  readonly norm?: number;
  /** The L2 norm of the whole gradient. Source: Pascanu et al. 2013 (arXiv:1211.5063), algorithm 1. */
  readonly globalNorm?: number;
}

/** Clipping of every example's gradient, as in DP-SGD. Source: Abadi et al. 2016 (arXiv:1607.00133), algorithm 1. */
export interface PerExampleClipping {
  /** Bound C of the L2 norm of an example's gradient over all weights. */
  readonly clipNorm: number;
  /** Clip each of the L layers with weights to C / sqrt(L) instead: the whole is within C again. Source: McMahan et al. 2018 (arXiv:1710.06963), section 3. */
  readonly perLayer?: boolean;
}

/** @internal */
export function checkClipping(op: string, clipping: GradientClipping): void {
  checkOptions(op, clipping, ["value", "norm", "globalNorm"]);
  const given = Object.entries(clipping).filter(([, bound]) => bound !== undefined);
  if (given.length !== 1)
    throw new ParameterError(`${op}: expected clipping by one of value, norm, globalNorm, got ${given.map(([name]) => name).join(" and ") || "none"}`);
  checkNumber(op, `clipping.${given[0]![0]}`, given[0]![1], { above: 0, f32: true });
}

/** @internal Bounds for the plan. */
export function clippingBounds(op: string, model: Model, clipping: PerExampleClipping): Bounds {
  checkOptions(op, clipping, ["clipNorm", "perLayer"]);
  const { clipNorm, perLayer = false } = clipping;
  checkNumber(op, "perExampleClipping.clipNorm", clipNorm, { above: 0, f32: true });
  if (typeof perLayer !== "boolean") throw new ParameterError(`${op}: expected perExampleClipping.perLayer to be true or false, got ${describe(perLayer)}`);
  const layers = model.graph.nodes.filter((node) => node.trainable).length;
  return perLayer ? new Array<number>(layers).fill(clipNorm / Math.sqrt(layers)) : [clipNorm];
}

/** Gaussian noise on the sum of a step's clipped gradients. */
export interface GradientNoise {
  /** Standard deviation over the clip norm. */
  readonly noiseMultiplier: number;
  /** Where it comes from: a stream of its own, private for anything that leaves the device. */
  readonly stream: RandomStream;
}

/** What a step found. */
export interface StepResult {
  /** Sum of the examples' losses before the step; those without a finite gradient are left out. */
  readonly loss: number;
  /** Examples left out. 0 without per-example clipping, where a NaN shows in the loss and the weights. */
  readonly nonFinite: number;
}

export interface TrainerParts {
  readonly model: Model;
  /** Rows of a step; with per-example clipping the expected number, by which the sum is divided. */
  readonly batch: number;
  readonly optimizer: Optimizer;
  readonly clipping?: GradientClipping | undefined;
  readonly bounds?: Bounds | undefined;
  /** With bounds only: what is added to the sum before it is divided by `batch`. */
  readonly noise?: { readonly sigma: number; readonly stream: RandomStream } | undefined;
  readonly term?: BoundTerm | undefined;
  /** For dropout: needed by a model that has it. */
  readonly random?: RandomStream;
  /** Steps may take any number of rows, none and more than `batch` included: Poisson sampling. */
  readonly anyBatch?: boolean;
}

/** @internal One model in training: made once, then a step allocates nothing. Checks are its caller's. Dispose of it when done. */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #engine: Engine;
  readonly #plan: Plan;
  /** Flat gradient of arrays that are not updated in place or by rows. */
  #gradient: Tensor<"f32"> | undefined;
  /** Rows of a table and of the optimizer's slots, gathered: [1 + slots][rows, width]. */
  #gathered: Tensor<"f32"> | undefined;
  /** Runs of the flat vector that training changes in one pass, in elements. */
  readonly #dense: readonly { readonly from: number; readonly size: number }[];
  readonly #byRows: boolean;

  constructor(parts: TrainerParts) {
    const { model, batch, optimizer, clipping, bounds, noise, term, anyBatch = false } = parts;
    this.#parts = parts;
    this.#engine = model.engine;
    this.#plan = new Plan(model, batch, { training: true, perExample: bounds !== undefined });
    // Clipping, noise and local terms concern every row of a table, and parts of a batch add up in a gradient: else a step leaves rows unread.
    this.#byRows = clipping === undefined && noise === undefined && term === undefined && !anyBatch;
    const tables = model.graph.nodes.filter((node) => node.kind.sparseGradient && this.#byRows);
    const entries = model.layout.filter((entry) => entry.trainable !== false && !tables.some((node) => node.entries[0] === entry));
    this.#dense = joined(entries);
    try {
      if (!(optimizer.inPlace && this.#byRows)) {
        this.#gradient = this.#engine.tensorOutsideScopes("f32", model.size);
        const most = tables.reduce((max, node) => {
          const rows = node.kind.sparseRows!({ layer: node.layer, inputs: node.inputs, output: node.output }, batch);
          return Math.max(max, rows * node.entries[0]!.shape[1]!);
        }, 0);
        if (most > 0) this.#gathered = this.#engine.tensorOutsideScopes("f32", [1 + optimizer.slots.length, most]);
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * One step on rows of the data set, in place on the weights.
   * @param weights address of the flat weights
   * @param rows address of m row indices; m is at most `batch`, unless `anyBatch`, where it may also be 0
   */
  step(weights: number, data: Dataset, rows: number, m: number): StepResult {
    const { optimizer } = this.#parts;
    const gradient = this.#gradient;
    let result: StepResult;
    if (gradient === undefined) {
      // Plain SGD needs no gradient in memory: w <- (1 - lr wd) w - lr g, by the product that makes g.
      const { learningRate, weightDecay } = optimizer.inPlace!;
      result = this.#accumulate(weights, data, rows, m, { alpha: -learningRate, beta: 1 - learningRate * weightDecay, target: weights });
    } else {
      result = this.#accumulate(weights, data, rows, m, {
        alpha: 1,
        beta: 0,
        target: gradient.address,
        rows: this.#byRows ? this.#updateRows(weights) : undefined,
      });
      this.#apply(weights, gradient);
    }
    optimizer.advance();
    return result;
  }

  /** target <- alpha gradient of the mean loss (or of the clipped sum, with noise, over the expected batch) + beta target, in parts of at most a plan's rows. */
  #accumulate(weights: number, data: Dataset, rows: number, m: number, sink: Sink): StepResult {
    const { bounds, noise, batch } = this.#parts;
    const expected = noise ? 1 : batch; // with noise the sum is divided after it
    if (m === 0) this.#gradient!.view.fill(0);
    let [loss, nonFinite] = [0, 0];
    for (let at = 0; at < m; at += batch) {
      const count = Math.min(batch, m - at);
      const beta = at === 0 ? sink.beta : 1;
      this.#plan.load(data, rows + 4 * at, count);
      this.#withRandom((random) => {
        this.#plan.forward(weights, count, random);
        if (bounds) {
          const part = this.#plan.backwardClipped(count, bounds, { ...sink, alpha: sink.alpha / expected, beta });
          loss += part.loss;
          nonFinite += part.nonFinite;
        } else loss += this.#plan.backward(count, { ...sink, alpha: (sink.alpha * count) / m, beta });
      });
    }
    if (noise) noiseOnGrid(this.#gradient!, noise.sigma, noise.stream, batch);
    return { loss, nonFinite };
  }

  /** Runs body with the key of dropout in memory: backward draws the same masks as forward. */
  #withRandom(body: (random: PassRandom) => void): void {
    const blocks = this.#plan.randomBlocks;
    if (blocks === 0) body(NO_RANDOM);
    else {
      this.#parts.random!.use(this.#engine, blocks, 0, (counter, key, nonce) => {
        body({ counter, key, nonce });
        return undefined;
      });
    }
  }

  #apply(weights: number, gradient: Tensor<"f32">): void {
    const { model, optimizer, clipping, term } = this.#parts;
    if (clipping) clip(this.#engine, model.layout, clipping, gradient);
    const { mu, w0, c } = term?.addresses ?? NO_TERM;
    for (const { from, size } of this.#dense) {
      const at = 4 * from;
      const slots = optimizer.slots.map((slot) => slot.address + at);
      optimizer.applyAt(size, gradient.address + at, weights + at, slots, { mu, w0: w0 && w0 + at, c: c && c + at });
    }
  }

  /** Rows of a table through the optimizer: gathered with their slots, changed, put back. Other rows are neither read nor written. */
  #updateRows(weights: number): Sink["rows"] {
    const { optimizer } = this.#parts;
    const { kernels } = this.#engine;
    return (entry, rows, ids, values) => {
      const gathered = this.#gathered!;
      const [width, stride, at] = [entry.shape[1]!, 4 * gathered.shape[1]!, 4 * entry.offset];
      const tables = [weights + at, ...optimizer.slots.map((slot) => slot.address + at)];
      const compact = tables.map((_, i) => gathered.address + i * stride);
      tables.forEach((table, i) => void kernels.take_rows_f32(rows, width, ids, table, compact[i]!));
      optimizer.applyAt(rows * width, values, compact[0]!, compact.slice(1));
      tables.forEach((table, i) => void kernels.put_rows_f32(rows, width, ids, compact[i]!, table));
    };
  }

  dispose(): void {
    this.#plan.dispose();
    this.#gradient?.dispose({ wipe: true });
    this.#gathered?.dispose({ wipe: true });
  }
}

const NO_RANDOM: PassRandom = { key: 0, nonce: 0, counter: 0 };

/** Neighbouring arrays as one run. */
function joined(entries: readonly LayoutEntry[]): { from: number; size: number }[] {
  const runs: { from: number; size: number }[] = [];
  for (const { offset, size } of entries) {
    const last = runs.at(-1);
    if (last && last.from + last.size === offset) last.size += size;
    else runs.push({ from: offset, size });
  }
  return runs;
}

function clip({ kernels }: Engine, layout: readonly LayoutEntry[], { value, norm, globalNorm }: GradientClipping, gradient: Tensor<"f32">): void {
  const g = gradient.address;
  if (value !== undefined) kernels.clip_value_f32(gradient.size, value, g, g);
  else if (globalNorm !== undefined) kernels.clip_l2_f32(gradient.size, globalNorm, g, g);
  else for (const { offset, size } of layout) kernels.clip_l2_f32(size, norm!, g + 4 * offset, g + 4 * offset);
}
