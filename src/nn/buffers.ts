// Which buffers a model's step needs, from when to when, and where they lie. Times: layer i runs forward at i, the loss at N, layer i
// backward at 2N - i; with per-example clipping all weight gradients come at the end, because they wait for every layer's norms.
import type { GraphNode } from "./graph.ts";
import { type Placed, sizeOf } from "./layer.ts";
import { type Placement, placeByLifetime, type Wanted } from "./lifetime.ts";
import { lossKind } from "./loss.ts";
import type { Model } from "./model.ts";

/** What the buffers are for. */
export interface Purpose {
  readonly training: boolean;
  /** Norms of the examples' gradients before the gradients. */
  readonly perExample: boolean;
}

/** A layer's buffers, as offsets; -1 where there is none. */
export interface NodeBuffers {
  readonly x: readonly number[];
  readonly y: number;
  readonly dy: number;
  readonly dx: readonly number[];
  /** For an input of several readers: dx of this layer is added to the gradient that lies here. -1: dx is that gradient itself. */
  readonly addTo: readonly number[];
  readonly state: number;
  readonly stateBytes: number;
}

export interface Buffers {
  readonly nodes: readonly NodeBuffers[];
  /** Labels or target values. */
  readonly targets: number;
  readonly scratch: number;
  /** f64 [layers with weights, batch], and their f32 factors. */
  readonly norms: number;
  readonly factors: number;
  /** Row ids and gradients of a table of which few rows are touched. */
  readonly ids: number;
  readonly values: number;
  /** All of it. */
  readonly bytes: number;
}

/** Where every buffer of a step of `batch` rows lies. */
export function planBuffers(model: Model, batch: number, { training, perExample }: Purpose): Buffers {
  const { nodes } = model.graph;
  const { kernels } = model.engine;
  const count = nodes.length;
  const END = 2 * count + 1;
  const wanted: { bytes: number; from: number; to: number }[] = [];
  const want = (bytes: number, from: number, to: number): number => wanted.push({ bytes, from, to }) - 1;
  const bytesOf = (node: GraphNode): number => batch * sizeOf(node.output) * 4;

  const readers = nodes.map((): { node: number; slot: number }[] => []);
  nodes.forEach((node, j) => {
    node.from.forEach((i, slot) => {
      readers[i]!.push({ node: j, slot });
    });
  });
  // A layer runs backward if it, or anything before it, has weights to train.
  const backward: boolean[] = [];
  for (const node of nodes) backward.push(training && (node.trainable || node.from.some((i) => backward[i])));
  const lastUse = (j: number): number => (perExample && nodes[j]!.trainable ? END : 2 * count - j);

  // Outputs.
  const y: number[] = [];
  nodes.forEach((node, i) => {
    let to = i;
    for (const { node: j } of readers[i]!) to = Math.max(to, backward[j] && nodes[j]!.kind.reads.x ? lastUse(j) : j);
    if (backward[i] && node.kind.reads.y) to = Math.max(to, lastUse(i));
    if (i === count - 1) to = Math.max(to, training ? count : END);
    const source = node.from[0];
    const over =
      node.kind.inPlace &&
      nodes[source!]!.layer.type !== "input" &&
      readers[source!]!.length === 1 &&
      !(backward[i] && node.kind.reads.x) &&
      !(backward[source!] && nodes[source!]!.kind.reads.y);
    if (over) {
      y.push(y[source!]!);
      wanted[y[i]!]!.to = Math.max(wanted[y[i]!]!.to, to);
    } else y.push(want(bytesOf(node), node.layer.type === "input" ? 0 : i, to));
  });

  // Gradients of outputs: written by the last reader, which runs backward first; further readers write theirs aside, to be added.
  const dy = new Array<number>(count).fill(-1);
  const dx = nodes.map((node) => node.from.map(() => -1));
  const addTo = nodes.map((node) => node.from.map(() => -1));
  for (let i = count - 1; i >= 0; i--) {
    if (!backward[i]) continue;
    const node = nodes[i]!;
    if (i === count - 1) dy[i] = want(bytesOf(node), count, lastUse(i));
    const all = readers[i]!;
    const first = all.at(-1);
    if (!first) continue;
    const above = first.node;
    if (all.length === 1 && first.slot === 0 && nodes[above]!.kind.inPlace && !nodes[above]!.trainable) {
      dy[i] = dy[above]!;
      wanted[dy[i]!]!.to = Math.max(wanted[dy[i]!]!.to, lastUse(i));
    } else dy[i] = want(bytesOf(node), 2 * count - above, lastUse(i));
    dx[above]![first.slot] = dy[i]!;
    for (const { node: j, slot } of all.slice(0, -1)) {
      dx[j]![slot] = want(bytesOf(node), 2 * count - j, 2 * count - j);
      addTo[j]![slot] = dy[i]!;
    }
  }

  const stateBytes = nodes.map((node) => node.kind.stateBytes?.(fitted(node), batch) ?? 0);
  const state = nodes.map((_, i) => (stateBytes[i]! > 0 ? want(stateBytes[i]!, i, backward[i] ? lastUse(i) : i) : -1));

  const loss = lossKind(model.loss);
  const targets = want(batch * loss.targetSize(model.classes) * 4, 0, END);
  let scratchBytes = loss.scratchBytes?.(kernels, model.classes) ?? 0;
  let [idBytes, valueBytes] = [0, 0];
  for (const node of nodes) {
    scratchBytes = Math.max(scratchBytes, node.kind.scratchBytes?.(kernels, fitted(node), batch) ?? 0);
    if (training && node.kind.sparseRows) {
      const rows = node.kind.sparseRows(fitted(node), batch);
      idBytes = Math.max(idBytes, rows * 4);
      valueBytes = Math.max(valueBytes, rows * node.entries[0]!.shape[1]! * 4);
    }
  }
  const always = (bytes: number): number => want(bytes, 0, END);
  const scratch = always(scratchBytes);
  const [ids, values] = [always(idBytes), always(valueBytes)];
  const weighted = perExample ? nodes.filter((node) => node.trainable).length : 0;
  const [norms, factors] = [always(weighted * batch * 8), always(weighted * batch * 4)];

  const { offsets, bytes }: Placement = placeByLifetime(wanted as readonly Wanted[]);
  const at = (id: number): number => (id < 0 ? -1 : offsets[id]!);
  return {
    nodes: nodes.map((node, i) => ({
      x: node.from.map((j) => at(y[j]!)),
      y: at(y[i]!),
      dy: at(dy[i]!),
      dx: dx[i]!.map(at),
      addTo: addTo[i]!.map(at),
      state: at(state[i]!),
      stateBytes: stateBytes[i]!,
    })),
    targets: at(targets),
    scratch: at(scratch),
    norms: at(norms),
    factors: at(factors),
    ids: at(ids),
    values: at(values),
    bytes,
  };
}

function fitted(node: GraphNode): Pick<Placed<GraphNode["layer"]>, "layer" | "inputs" | "output"> {
  return { layer: node.layer, inputs: node.inputs, output: node.output };
}
