// Layer descriptions to a graph: every layer with its kind, inputs, shapes and place in the flat vector. Nothing here holds memory.
import { describe } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import { type Activation, activation as activationLayer } from "./activation.ts";
import { input } from "./input.ts";
import type { LayerKind, Parameter, Shape, ValueType } from "./layer.ts";
import { kindOf, type Layer, type LayerNode } from "./layers.ts";

/** Where one array of a model lies in the flat vector. Offsets and sizes in elements. */
export interface LayoutEntry {
  readonly name: string;
  readonly shape: Shape;
  readonly offset: number;
  readonly size: number;
  /** Present and false where training never changes it: frozen statistics. */
  readonly trainable?: false;
}

/** One layer in its place. Layers stand in an order in which each comes after those it reads. */
export interface GraphNode {
  readonly name: string;
  readonly layer: Layer;
  readonly kind: LayerKind<Layer>;
  /** Indices of the nodes whose outputs it takes. */
  readonly from: readonly number[];
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  readonly type: ValueType;
  readonly parameters: readonly Parameter[];
  readonly entries: readonly LayoutEntry[];
  readonly trainable: boolean;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly layout: readonly LayoutEntry[];
  /** Parameters in all. */
  readonly size: number;
}

/** @throws {@link ParameterError} for a bad description, {@link ShapeError} where layers do not fit */
export function buildGraph(op: string, layers: readonly LayerNode[]): Graph {
  if (!Array.isArray(layers) || layers.length === 0) throw new ParameterError(`${op}: expected an array of one or more layers, got ${describe(layers)}`);
  const nodes: GraphNode[] = [];
  const layout: LayoutEntry[] = [];
  const byName = new Map<string, number>();
  const counts = new Map<string, number>();
  let size = 0;

  function place(layer: Layer, name: string, from: readonly number[]): void {
    const kind = kindOf(op, layer);
    const where = `${op}: ${name}`;
    const { arity = 1, takes = "f32" } = kind;
    if (arity === "many" ? from.length < 2 : from.length !== arity) {
      throw new ShapeError(`${where}: expected ${arity === "many" ? "two or more inputs" : arity === 1 ? "one input" : `${arity} inputs`}, got ${from.length}`);
    }
    for (const i of from) {
      if (nodes[i]!.type !== takes)
        throw new ParameterError(`${where}: expected ${takes === "u32" ? 'ids, an input of "u32"' : "f32 values"}, got ${nodes[i]!.type} of ${nodes[i]!.name}`);
    }
    const inputs = from.map((i) => nodes[i]!.output);
    const output = kind.shape(where, layer, inputs);
    const parameters = kind.parameters?.(layer, inputs) ?? [];
    const entries = parameters.map((p): LayoutEntry => {
      const entry = { name: `${name}/${p.name}`, shape: p.shape, offset: size, size: p.shape.reduce((a, b) => a * b, 1) };
      size += entry.size;
      return Object.freeze(p.trainable === false ? { ...entry, trainable: false as const } : entry);
    });
    layout.push(...entries);
    const type = layer.type === "input" ? layer.values : "f32";
    const trainable = parameters.some((p) => p.trainable !== false);
    nodes.push({ name, layer, kind, from, inputs, output, type, parameters, entries, trainable });
  }

  layers.forEach((given, position) => {
    kindOf(op, given);
    // A copy: a plan places its buffers by these sizes, and a description changed later must not move them.
    const { name: wanted, from: sources, ...layer } = structuredClone(given) as LayerNode & { activation?: Activation };
    const number = counts.get(layer.type) ?? 0;
    counts.set(layer.type, number + 1);
    const name = wanted === undefined ? `${layer.type}${number}` : wanted;
    if (typeof name !== "string" || name === "")
      throw new ParameterError(`${op}: expected the name of layer ${position} to be a non-empty string, got ${describe(name)}`);
    if (byName.has(name)) throw new ParameterError(`${op}: expected a name of its own for every layer, got ${JSON.stringify(name)} twice`);
    if (nodes.length === 0 && layer.type === "dense" && sources === undefined) {
      place(input([layer.inputs]), "input0", []);
      byName.set("input0", 0);
    }
    const names = sources === undefined ? undefined : typeof sources === "string" ? [sources] : sources;
    const from =
      names?.map((source) => {
        const index = byName.get(source);
        if (index === undefined)
          throw new ParameterError(`${op}: ${name}: expected from to name layers before it (${[...byName.keys()].join(", ")}), got ${describe(source)}`);
        return index;
      }) ?? (layer.type === "input" || nodes.length === 0 ? [] : [nodes.length - 1]);
    place(Object.freeze(layer) as Layer, name, from);
    const { activation } = layer;
    if (activation !== undefined && activation !== "linear") place(activationLayer(activation), `${name}/${activation}`, [nodes.length - 1]);
    byName.set(name, nodes.length - 1); // the layer's output is that of its activation
  });
  checkUse(op, nodes);
  return { nodes: Object.freeze(nodes), layout: Object.freeze(layout), size };
}

/** Every layer but the last feeds another: one that does not was forgotten in a `from`. */
function checkUse(op: string, nodes: readonly GraphNode[]): void {
  const used = new Set(nodes.flatMap((node) => node.from));
  const idle = nodes.slice(0, -1).find((_, i) => !used.has(i));
  if (idle) throw new ParameterError(`${op}: expected every layer but the last to feed another, got ${idle.name}, which feeds none`);
  const last = nodes.at(-1)!;
  if (last.layer.type === "input") throw new ParameterError(`${op}: expected a layer after the inputs, got none`);
}
