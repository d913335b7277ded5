// A model: plain layer descriptions turned into a layout of one flat f32 vector. Weights are separate tensors.
import { checkNumber, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineMismatchError, ParameterError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { INITIALISERS, type Initialiser, initialise } from "../random/initialise.ts";

export type Activation = "linear" | "relu";

/** Description of a dense layer: plain data, so that it can be sent to a worker or stored. */
export interface DenseLayer {
  readonly type: "dense";
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: Activation;
  readonly initialiser: Initialiser;
}
export type Layer = DenseLayer;

/**
 * A dense layer y = activation(x kernel + bias).
 * @param inputs features in, >= 1
 * @param outputs units, >= 1
 * @param activation "relu" or "linear" (default)
 * @param initialiser of the kernel, default "glorotUniform"; the bias starts at 0
 */
export function dense(inputs: number, outputs: number, activation: Activation = "linear", initialiser: Initialiser = "glorotUniform"): DenseLayer {
  const layer = { type: "dense", inputs, outputs, activation, initialiser } as const;
  checkLayer("dense", layer);
  return layer;
}

function checkLayer(op: string, layer: Layer): void {
  if (typeof layer !== "object" || layer === null || layer.type !== "dense")
    throw new ParameterError(`${op}: expected a layer made by dense(), got ${describe(layer)}`);
  checkNumber(op, "inputs", layer.inputs, { min: 1, integer: true });
  checkNumber(op, "outputs", layer.outputs, { min: 1, integer: true });
  if (layer.activation !== "linear" && layer.activation !== "relu")
    throw new ParameterError(`${op}: expected activation "linear" or "relu", got ${describe(layer.activation)}`);
  if (!INITIALISERS.includes(layer.initialiser))
    throw new ParameterError(`${op}: expected initialiser ${INITIALISERS.join(" or ")}, got ${describe(layer.initialiser)}`);
}

/** Where one array of a model lies in the flat vector. Offsets and sizes in elements. */
export interface LayoutEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

/** Layers with their layout in a flat vector of `size` parameters. Made by {@link Engine.model}. Holds no memory. */
export class Model {
  readonly engine: Engine;
  readonly layers: readonly Layer[];
  readonly layout: readonly LayoutEntry[];
  /** Number of parameters. */
  readonly size: number;
  readonly inputs: number;
  readonly classes: number;

  /** @internal Use engine.model(). */
  constructor(engine: Engine, layers: readonly Layer[], layout: readonly LayoutEntry[]) {
    this.engine = engine;
    this.layers = layers;
    this.layout = layout;
    this.size = layout.reduce((sum, entry) => sum + entry.size, 0);
    this.inputs = layers[0]!.inputs;
    this.classes = layers.at(-1)!.outputs;
  }

  /**
   * New weights, initialised layer by layer from the stream.
   * @returns f32 vector of `size` elements: dispose of it
   */
  initialise(stream: RandomStream): Tensor<"f32"> {
    checkStream("model.initialise", stream);
    const { engine } = this;
    return engine.scope(() => {
      const weights = engine.tensor("f32", this.size);
      this.layers.forEach((layer, i) => {
        const kernel = this.layout[2 * i]!;
        const values = engine.tensor("f32", kernel.size);
        initialise(values, layer.initialiser, layer.inputs, layer.outputs, stream);
        weights.view.set(values.view, kernel.offset);
      });
      return weights;
    });
  }

  /** @internal */
  checkWeights(op: string, weights: Tensor<"f32">): void {
    checkTensor(op, "weights", weights, "f32", { size: this.size });
    if (weights.engine !== this.engine)
      throw new EngineMismatchError(`${op}: expected weights in the model's engine, got a tensor of another; copy it with toArray()`);
  }
}

/**
 * @param layers one or more dense layers, each taking what the one before gives; the last one's outputs are the logits of the classes
 * @throws {@link ShapeError} when neighbours do not fit
 * @example
 * const model = engine.model([dense(784, 200, "relu"), dense(200, 200, "relu"), dense(200, 10)]);
 * model.size; // 199210
 */
export function createModel(engine: Engine, layers: readonly Layer[]): Model {
  const op = "model";
  if (!Array.isArray(layers) || layers.length === 0) throw new ParameterError(`${op}: expected an array of one or more layers, got ${describe(layers)}`);
  const layout: LayoutEntry[] = [];
  let offset = 0;
  layers.forEach((layer: Layer, i) => {
    checkLayer(op, layer);
    const before = layers[i - 1];
    if (before && before.outputs !== layer.inputs) throw new ShapeError(`${op}: expected layer ${i} to take ${before.outputs} inputs, got ${layer.inputs}`);
    const size = layer.inputs * layer.outputs;
    layout.push({ name: `dense${i}/kernel`, shape: [layer.inputs, layer.outputs], offset, size });
    layout.push({ name: `dense${i}/bias`, shape: [layer.outputs], offset: offset + size, size: layer.outputs });
    offset += size + layer.outputs;
  });
  // A copy: plans place their buffers by these sizes, and a description changed later must not move them.
  return new Model(engine, Object.freeze(layers.map((layer: Layer) => Object.freeze({ ...layer }))), Object.freeze(layout));
}
