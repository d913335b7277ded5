// The table of kinds: the one place that knows every layer. A new kind is a file of its own and a line in each list here.
// Recurrent layers and attention will stand here too, as kinds over inputs [T, features].
import { describe } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import { type ActivationLayer, activationKinds } from "./activation.ts";
import { type AveragePool2dLayer, averagePool2dKind, type GlobalAveragePool2dLayer, globalAveragePool2dKind } from "./average_pool.ts";
import { type BatchNormLayer, batchNormKind } from "./batch_norm.ts";
import { type Conv2dLayer, conv2dKind } from "./conv2d.ts";
import { type DenseLayer, denseKind } from "./dense.ts";
import { type DepthwiseConv2dLayer, depthwiseConv2dKind } from "./depthwise_conv2d.ts";
import { type DropoutLayer, dropoutKind } from "./dropout.ts";
import { type EmbeddingBagLayer, type EmbeddingLayer, embeddingBagKind, embeddingKind } from "./embedding.ts";
import { type GroupNormLayer, groupNormKind } from "./group_norm.ts";
import { type InputLayer, inputKind } from "./input.ts";
import type { LayerKind } from "./layer.ts";
import { type LayerNormLayer, layerNormKind } from "./layer_norm.ts";
import { type MaxPool2dLayer, maxPool2dKind } from "./max_pool.ts";
import { type ConcatenateLayer, concatenateKind, type DotProductLayer, dotProductKind, type ResidualLayer, residualKind } from "./merge.ts";
import { type FlattenLayer, flattenKind, type ReshapeLayer, reshapeKind } from "./reshape.ts";

/** Any layer's description. */
export type Layer =
  | InputLayer
  | Conv2dLayer
  | DenseLayer
  | DepthwiseConv2dLayer
  | EmbeddingLayer
  | EmbeddingBagLayer
  | ActivationLayer
  | DropoutLayer
  | FlattenLayer
  | ReshapeLayer
  | ResidualLayer
  | ConcatenateLayer
  | DotProductLayer
  | MaxPool2dLayer
  | AveragePool2dLayer
  | GlobalAveragePool2dLayer
  | LayerNormLayer
  | GroupNormLayer
  | BatchNormLayer;

/** A layer with its place in a graph. */
export type LayerNode = Layer & {
  /** Name for `from` of later layers and for the layout; default the type with a number: "dense0". */
  readonly name?: string;
  /** Names of the layers whose outputs this one takes; default the layer before. */
  readonly from?: string | readonly string[];
};

// A kind takes its own description only: the table's key guarantees it.
// biome-ignore lint/suspicious/noExplicitAny: see above
const KINDS: Readonly<Record<Layer["type"], LayerKind<any>>> = {
  input: inputKind,
  conv2d: conv2dKind,
  dense: denseKind,
  depthwiseConv2d: depthwiseConv2dKind,
  embedding: embeddingKind,
  embeddingBag: embeddingBagKind,
  ...activationKinds,
  dropout: dropoutKind,
  flatten: flattenKind,
  reshape: reshapeKind,
  residual: residualKind,
  concatenate: concatenateKind,
  dotProduct: dotProductKind,
  maxPool2d: maxPool2dKind,
  averagePool2d: averagePool2dKind,
  globalAveragePool2d: globalAveragePool2dKind,
  layerNorm: layerNormKind,
  groupNorm: groupNormKind,
  batchNorm: batchNormKind,
};

/** The kind of a description, which is checked. @throws {@link ParameterError} */
export function kindOf(op: string, layer: Layer): LayerKind<Layer> {
  const type = (layer as Layer | null)?.type;
  if (typeof layer !== "object" || layer === null || typeof type !== "string" || !Object.hasOwn(KINDS, type)) {
    const got = typeof type === "string" ? `type ${JSON.stringify(type)}` : describe(layer);
    throw new ParameterError(`${op}: expected a layer of type ${Object.keys(KINDS).join(", ")}, got ${got}`);
  }
  KINDS[type].check(op, layer);
  return KINDS[type];
}

/**
 * Gives a layer its place in a graph: a name for others to refer to, and where its inputs come from.
 * @param place name: unique in the model; from: one or more names of layers that stand before this one
 * @example
 * const tower = [input([8]), node(dense(8, 8, "relu"), { name: "h" }), dense(8, 8), node(residual(), { from: ["h", "dense1"] })];
 */
export function node(layer: Layer, place: { readonly name?: string; readonly from?: string | readonly string[] }): LayerNode {
  return Object.freeze({ ...layer, ...place });
}
