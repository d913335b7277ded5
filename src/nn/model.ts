// A model: plain layer descriptions turned into a graph and a layout of one flat f32 vector. Weights are separate tensors.
import { checkNumber, checkOptions, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineMismatchError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { initialise } from "../random/initialise.ts";
import { uniform } from "../random/uniform.ts";
import { planBuffers } from "./buffers.ts";
import { buildGraph, type Graph, type GraphNode, type LayoutEntry } from "./graph.ts";
import { type Parameter, type Shape, sizeOf } from "./layer.ts";
import type { LayerNode } from "./layers.ts";
import { checkLoss, type Loss, lossKind } from "./loss.ts";

export interface ModelOptions {
  /** What training makes small, default "softmaxCrossEntropy". */
  readonly loss?: Loss;
}

/** Layers with their layout in a flat vector of `size` parameters. Made by {@link Engine.model}. Holds no memory. */
export class Model {
  readonly engine: Engine;
  /** The descriptions, as given, frozen. */
  readonly layers: readonly LayerNode[];
  readonly loss: Loss;
  /** @internal */
  readonly graph: Graph;
  readonly layout: readonly LayoutEntry[];
  /** Number of parameters. */
  readonly size: number;
  /** The inputs by name, in the order of the layers. */
  readonly inputNodes: readonly GraphNode[];
  /** Numbers of one example in the first input. */
  readonly inputs: number;
  readonly outputShape: Shape;
  /** Numbers of one example in the output: the classes of a classifier. */
  readonly classes: number;

  /** @internal Use engine.model(). */
  constructor(engine: Engine, layers: readonly LayerNode[], graph: Graph, loss: Loss) {
    this.engine = engine;
    this.layers = layers;
    this.loss = loss;
    this.graph = graph;
    this.layout = graph.layout;
    this.size = graph.size;
    this.inputNodes = graph.nodes.filter((node) => node.layer.type === "input");
    this.inputs = sizeOf(this.inputNodes[0]!.output);
    this.outputShape = graph.nodes.at(-1)!.output;
    this.classes = sizeOf(this.outputShape);
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
      for (const { parameters, entries } of this.graph.nodes) {
        parameters.forEach((parameter, i) => {
          const { offset, size } = entries[i]!;
          const values = engine.tensor("f32", size);
          start(values, parameter, stream);
          weights.view.set(values.view, offset);
        });
      }
      return weights;
    });
  }

  /**
   * A table of layers, output shapes, parameters and bytes, with what a training step of a batch takes.
   * @param options batchSize, default 32; print, default console.log
   * @returns what was printed
   */
  summary(options: { readonly batchSize?: number; readonly print?: (text: string) => void } = {}): string {
    checkOptions("model.summary", options, ["batchSize", "print"]);
    const { batchSize = 32, print = console.log } = options;
    checkNumber("model.summary", "batchSize", batchSize, { min: 1, integer: true });
    const rows = [["layer", "output", "parameters", "bytes", "from"]];
    const { nodes } = this.graph;
    nodes.forEach((node, i) => {
      const count = node.entries.reduce((sum, entry) => sum + entry.size, 0);
      const from = node.from.length === 1 && node.from[0] === i - 1 ? "" : node.from.map((j) => nodes[j]!.name).join(", ");
      rows.push([`${node.name} (${node.layer.type})`, `[${node.output.join(", ")}]`, thousands(count), thousands(4 * count), from]);
    });
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    const lines = rows.map((row) =>
      row
        .map((cell, c) => (c === 2 || c === 3 ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
        .join("  ")
        .trimEnd(),
    );
    lines.splice(1, 0, "-".repeat(widths.reduce((a, b) => a + b + 2, -2)));
    const frozen = this.layout.reduce((sum, entry) => sum + (entry.trainable === false ? entry.size : 0), 0);
    lines.push(`parameters: ${thousands(this.size)}${frozen > 0 ? `, of which ${thousands(frozen)} frozen` : ""}; ${thousands(4 * this.size)} bytes`);
    const { bytes } = planBuffers(this, batchSize, { training: true, perExample: false });
    lines.push(`peak of a training step, batch ${batchSize}: ${thousands(bytes)} bytes besides the weights`);
    const text = lines.join("\n");
    print(text);
    return text;
  }

  /** @internal */
  checkWeights(op: string, weights: Tensor<"f32">): void {
    checkTensor(op, "weights", weights, "f32", { size: this.size });
    if (weights.engine !== this.engine)
      throw new EngineMismatchError(`${op}: expected weights in the model's engine, got a tensor of another; copy it with toArray()`);
  }
}

function start(values: Tensor<"f32">, { start }: Parameter, stream: RandomStream): void {
  if ("method" in start) initialise(values, start.method, start.fanIn, start.fanOut, stream);
  else if ("uniform" in start) uniform(values, stream, { low: -start.uniform, high: start.uniform });
  else values.view.fill(start.value);
}

const thousands = (n: number): string => n.toLocaleString("en-US");

/**
 * @param layers in an order in which each comes after those it reads: the last one's output is the model's. Each takes the layer before,
 *   or those its `from` names (see {@link node}); several inputs are several input() layers
 * @throws {@link ShapeError} when neighbours do not fit; {@link ParameterError} for a bad description
 * @example
 * const model = engine.model([dense(784, 200, "relu"), dense(200, 200, "relu"), dense(200, 10)]);
 * model.size; // 199210
 */
export function createModel(engine: Engine, layers: readonly LayerNode[], options: ModelOptions = {}): Model {
  const op = "model";
  const graph = buildGraph(op, layers);
  checkOptions(op, options, ["loss"]);
  const { loss = "softmaxCrossEntropy" } = options;
  checkLoss(op, loss);
  const model = new Model(engine, Object.freeze(structuredClone(layers).map((layer) => Object.freeze(layer))), graph, loss);
  const { minOutputs } = lossKind(loss);
  if (model.classes < minOutputs) throw new ShapeError(`${op}: expected ${minOutputs} or more outputs for the loss ${describe(loss)}, got ${model.classes}`);
  return model;
}
