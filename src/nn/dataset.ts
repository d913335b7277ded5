// Examples in an engine's memory, and their check against a model.
import { checkNumber, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import { Tensor } from "../engine/tensor.ts";
import { PADDING } from "./embedding.ts";
import type { GraphNode } from "./graph.ts";
import { sizeOf } from "./layer.ts";
import { lossKind } from "./loss.ts";
import type { Model } from "./model.ts";
import { checkRows } from "./rows.ts";

/** Examples of one input: f32, bytes to be scaled batch by batch, or ids. */
export type Features = Tensor<"f32"> | Tensor<"u8"> | Tensor<"u32">;

/** A data set in an engine's memory. */
export interface Dataset {
  /** [N, ...shape of the input], or [N, numbers]; for a model of several inputs one tensor each, by the name of the input. */
  readonly x: Features | Readonly<Record<string, Features>>;
  /** [N] class indices, for the losses and metrics of classifiers. */
  readonly labels?: Tensor<"i32">;
  /** [N, outputs] values, for the other losses. */
  readonly targets?: Tensor<"f32">;
  /** Factor for u8 features, default 1/255. */
  readonly scale?: number;
}

/** Tensor of one input. */
export function featuresOf(x: Dataset["x"], input: GraphNode): Features {
  return x instanceof Tensor ? x : x[input.name]!;
}

/**
 * Checks the features of a data set: shapes, types, ids in range, one engine. Returns the number of examples.
 * @throws {@link ShapeError}, {@link ParameterError}, DTypeError or EngineMismatchError, naming the argument
 */
export function checkFeatures(op: string, model: Model, x: Dataset["x"], scale: number | undefined, path = "data.x"): number {
  const { inputNodes } = model;
  if (x instanceof Tensor) {
    if (inputNodes.length > 1) {
      const names = inputNodes.map((input) => input.name);
      throw new ParameterError(`${op}: expected ${path} to be an object with a tensor for each input (${names.join(", ")}), got one tensor`, {
        argument: path,
      });
    }
  } else if (typeof x !== "object" || x === null) {
    throw new ParameterError(`${op}: expected ${path} to be a tensor, got ${describe(x)}`, { argument: path });
  }
  let count = -1;
  const all: Record<string, Tensor> = {};
  let floats = false;
  for (const input of inputNodes) {
    const name = x instanceof Tensor ? path : `${path}.${input.name}`;
    const features = featuresOf(x, input);
    checkTensor<"f32" | "u8" | "u32">(op, name, features as Tensor<"f32" | "u8" | "u32">, input.type === "u32" ? "u32" : ["f32", "u8"]);
    // Rows of the input's own shape, or flat.
    const flat = features.shape.length === 2 && input.output.length !== 1;
    checkTensor(op, name, features as Tensor, features.dtype, { shape: [count, ...(flat ? [sizeOf(input.output)] : input.output)] });
    count = features.shape[0]!;
    floats ||= features.dtype === "f32";
    if (features.dtype === "u32") checkIds(op, name, model, input, features);
    all[name] = features;
  }
  checkSameEngine(op, all);
  // f32 rows are copied as they are.
  if (scale !== undefined) checkNumber(op, path === "data.x" ? "data.scale" : "scale", scale, floats ? { min: 1, max: 1 } : { f32: true });
  return count;
}

/** Every id is below the rows of each table that reads it; bags may hold padding. */
function checkIds(op: string, name: string, model: Model, input: GraphNode, ids: Tensor<"u32">): void {
  const { nodes } = model.graph;
  for (const { layer, from } of nodes) {
    if (!("rows" in layer) || nodes[from[0]!] !== input) continue;
    const bad = ids.view.findIndex((id) => id >= layer.rows && !(id === PADDING && layer.type === "embeddingBag"));
    if (bad >= 0)
      throw new ParameterError(`${op}: expected ids below ${layer.rows}, got ${ids.view[bad]} at index ${bad} of ${name}`, { argument: name, index: bad });
  }
}

/** Features and targets. Returns the number of examples. */
export function checkDataset(op: string, model: Model, data: Dataset): number {
  if (typeof data !== "object" || data === null) throw new ParameterError(`${op}: expected a data set { x, labels }, got ${describe(data)}`);
  const count = checkFeatures(op, model, data.x, data.scale);
  const first = featuresOf(data.x, model.inputNodes[0]!);
  const loss = lossKind(model.loss);
  if (loss.target === "labels") {
    checkTensor(op, "data.labels", data.labels!, "i32", { shape: [count] });
    checkSameEngine(op, { "data.x": first, "data.labels": data.labels! });
    loss.checkTarget?.(op, data.labels!, model.classes);
  } else if (loss.target === "values") {
    checkTensor(op, "data.targets", data.targets!, "f32");
    const { shape } = data.targets!;
    if (shape[0] !== count || data.targets!.size !== count * model.classes) {
      throw new ShapeError(`${op}: expected data.targets of shape [${[count, ...model.outputShape]}], got shape [${shape}]`, { argument: "data.targets" });
    }
    checkSameEngine(op, { "data.x": first, "data.targets": data.targets! });
    loss.checkTarget?.(op, data.targets!, model.classes);
  }
  return count;
}

/** Row indices to walk, at least `least`: a copy of `rows`, or all. Disposed by the caller. */
export function rowsOf(op: string, model: Model, count: number, rows: Tensor<"u32"> | undefined, least: number): Tensor<"u32"> {
  if (rows) {
    checkTensor(op, "rows", rows, "u32", { rank: 1 });
    checkRows(op, rows, count);
  }
  const size = rows?.size ?? count;
  if (size < least) throw new ShapeError(`${op}: expected one or more examples, got none`);
  return model.engine.tensorOutsideScopes("u32", size, rows ? rows.view.slice() : Uint32Array.from({ length: size }, (_, i) => i));
}
