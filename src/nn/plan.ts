// A plan: every buffer that training or evaluation needs for a batch size, placed once. A step is then a list of kernel calls.
import type { Engine, Kernels } from "../engine/engine.ts";
import { DisposedError } from "../engine/errors.ts";
import { type Buffers, type Purpose, planBuffers } from "./buffers.ts";
import { type Dataset, featuresOf } from "./dataset.ts";
import type { GraphNode, LayoutEntry } from "./graph.ts";
import { type LayerKind, type Pass, type Placed, sizeOf } from "./layer.ts";
import type { Layer } from "./layers.ts";
import { type LossKind, lossKind } from "./loss.ts";
import type { Model } from "./model.ts";

/** Where gradients go: target <- alpha gradient + beta target, a flat vector at an address. beta = 0 does not read it. */
export interface Sink {
  readonly alpha: number;
  readonly beta: number;
  readonly target: number;
  /** Takes the touched rows of a table (ids without repetition, [rows, width] gradients) in place of target. */
  readonly rows?: ((entry: LayoutEntry, rows: number, ids: number, values: number) => void) | undefined;
}

/** Addresses of a ChaCha20 key and nonce, and the first block to use. */
export type PassRandom = Pick<Pass, "key" | "nonce" | "counter">;

/** Bounds of per-example clipping, one for all weights or one a layer with weights. */
export type Bounds = readonly number[];

/** A node's code with its buffers. */
interface Step {
  readonly node: GraphNode;
  readonly kind: LayerKind<Layer>;
  readonly placed: Placed<Layer>;
  readonly size: number;
  readonly dy: number;
  /** It has weights or stands behind some. */
  readonly backward: boolean;
  readonly add: readonly { readonly from: number; readonly to: number; readonly size: number }[];
  readonly stateBytes: number;
  /** Its first random block, counted from the step's. */
  readonly counter: number;
}

/** Buffers and call list of one model at one batch size. Dispose of it when done. */
export class Plan {
  readonly model: Model;
  readonly batch: number;
  /** Blocks of ChaCha20 that a training step uses: 0 without dropout. */
  readonly randomBlocks: number;
  readonly #engine: Engine;
  readonly #buffers: Buffers;
  readonly #loss: LossKind;
  readonly #steps: readonly Step[];
  /** Steps of layers with weights, in order. */
  readonly #weighted: readonly Step[];
  readonly #inputs: readonly Step[];
  readonly #losses: Float64Array;
  readonly #pass: { -readonly [K in keyof Pass]: Pass[K] } = { m: 0, w: 0, training: false, key: 0, nonce: 0, counter: 0 };
  #counter = 0;
  #block: number | undefined;

  /** @param batch most rows of a step, >= 1 */
  constructor(model: Model, batch: number, purpose: Purpose) {
    const { engine, graph } = model;
    this.model = model;
    this.batch = batch;
    this.#engine = engine;
    this.#loss = lossKind(model.loss);
    const buffers = planBuffers(model, batch, purpose);
    this.#buffers = buffers;
    const block = engine.arena.allocate(buffers.bytes);
    this.#block = block;
    const at = (offset: number): number => (offset < 0 ? 0 : block + offset);
    let counter = 0;
    this.#steps = graph.nodes.map((node, i): Step => {
      const b = buffers.nodes[i]!;
      const placed: Placed<Layer> = {
        layer: node.layer,
        inputs: node.inputs,
        output: node.output,
        x: b.x.map(at),
        y: at(b.y),
        dy: at(b.dy),
        dx: b.dx.map(at),
        state: at(b.state),
        scratch: at(buffers.scratch),
        at: node.entries.map((entry) => 4 * entry.offset),
      };
      const add = b.addTo.flatMap((to, slot) => (to < 0 ? [] : [{ from: at(b.dx[slot]!), to: at(to), size: sizeOf(node.inputs[slot]!) }]));
      const step = { node, kind: node.kind, placed, size: sizeOf(node.output), dy: at(b.dy), backward: b.dy >= 0, add, stateBytes: b.stateBytes, counter };
      counter += node.kind.randomBlocks?.(placed, batch) ?? 0;
      return step;
    });
    this.#weighted = this.#steps.filter((step) => step.node.trainable);
    this.#inputs = this.#steps.filter((step) => step.node.layer.type === "input");
    this.#losses = new Float64Array(purpose.perExample ? batch : 0);
    this.randomBlocks = counter;
  }

  /** Bytes of all buffers: the peak of a step, weights not counted. */
  get bytes(): number {
    return this.#buffers.bytes;
  }
  /** Address of the output [batch, ...outputShape] of the last forward pass: logits, scores or values. */
  get logits(): number {
    return this.#steps.at(-1)!.placed.y;
  }

  /** Copies m rows of the data set (indices at address `rows`) into the batch. */
  load(data: Dataset, rows: number, m: number): void {
    const { kernels } = this.#live();
    for (const { node, placed, size } of this.#inputs) {
      const x = featuresOf(data.x, node);
      if (x.dtype === "u8") kernels.take_rows_u8_f32(m, size, data.scale ?? 1 / 255, rows, x.address, placed.y);
      else kernels.take_rows_f32(m, size, rows, x.address, placed.y); // u32 ids are 4 bytes each: copied as they are
    }
    const targets = this.#loss.target === "labels" ? data.labels : this.#loss.target === "values" ? data.targets : undefined;
    if (targets) kernels.take_rows_f32(m, this.#loss.targetSize(this.model.classes), rows, targets.address, this.#targets);
  }

  /**
   * Outputs of the m loaded rows under the weights at address w.
   * @param random for training, `randomBlocks` blocks from its counter; absent: evaluation, dropout does nothing
   */
  forward(w: number, m: number, random?: PassRandom): void {
    const { kernels } = this.#live();
    const pass = this.#pass;
    pass.m = m;
    pass.w = w;
    pass.training = random !== undefined;
    pass.key = random?.key ?? 0;
    pass.nonce = random?.nonce ?? 0;
    this.#counter = random?.counter ?? 0;
    for (const { kind, placed, counter } of this.#steps) {
      pass.counter = this.#counter + counter;
      kind.forward(kernels, placed, pass);
    }
  }

  /** Sum of the losses of the m rows; the gradient of their mean goes to `to`, which may be the logits. */
  loss(m: number, to: number): number {
    return this.#loss.run(this.#live().kernels, m, this.model.classes, 1 / m, this.logits, this.#targets, to, this.#scratch);
  }
  /** Rows whose largest output stands at the label. */
  correct(m: number): number {
    return this.#live().kernels.accuracy_f32(m, this.model.classes, this.logits, this.#targets);
  }

  /** After forward: the gradient of the mean loss of the m rows goes to the sink. Returns the sum of the losses. */
  backward(m: number, sink: Sink): number {
    const { kernels } = this.#live();
    const loss = this.loss(m, this.#steps.at(-1)!.dy);
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const step = this.#steps[i]!;
      if (!step.backward) continue;
      this.#inputGradient(kernels, step); // before the weights change
      if (step.node.trainable) this.#weightGradient(kernels, step, sink);
    }
    return loss;
  }

  /**
   * After forward: sum over the m rows of the examples' gradients, each clipped to its bound, goes to the sink. An example whose
   * gradient is not finite contributes zero. No example's gradient is ever formed: norms come from each layer's algebra, then one
   * backward product weighs the examples by their factors.
   * Source: Lee and Kifer 2020 (arXiv:2009.03106); Li et al. 2021 (arXiv:2110.05679), section 4 ("ghost clipping").
   * @param bounds one bound for the norm over all weights, or one for each layer with weights
   */
  backwardClipped(m: number, bounds: Bounds, sink: Sink): { readonly loss: number; readonly nonFinite: number } {
    const { kernels } = this.#live();
    const { memory } = this.#engine.arena;
    const perLayer = bounds.length > 1;
    const groups = bounds.length;
    const [norms, factors] = [this.#block! + this.#buffers.norms, this.#block! + this.#buffers.factors];
    const last = this.#steps.at(-1)!;
    const [n, t] = [this.model.classes, 4 * this.#loss.targetSize(this.model.classes)];
    for (let i = 0; i < m; i++) {
      const row = 4 * i * n;
      this.#losses[i] = this.#loss.run(kernels, 1, n, 1, this.logits + row, this.#targets + i * t, last.dy + row, this.#scratch);
    }
    new Float64Array(memory.buffer, norms, groups * this.batch).fill(0);
    let group = this.#weighted.length;
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const step = this.#steps[i]!;
      if (!step.backward) continue;
      this.#inputGradient(kernels, step);
      if (step.node.trainable) {
        group--;
        step.kind.norms!(kernels, step.placed, this.#pass, norms + (perLayer ? 8 * group * this.batch : 0));
      }
    }
    let bad = 0;
    for (let g = 0; g < groups; g++) bad += kernels.clip_factors_f64_f32(m, bounds[g]!, norms + 8 * g * this.batch, factors + 4 * g * this.batch);
    const nonFinite = bad > 0 ? this.#removeNonFinite(m, groups, norms, factors) : 0;
    this.#weighted.forEach((step, g) => {
      const own = factors + (perLayer ? 4 * g * this.batch : 0);
      kernels.scale_rows_f32(m, step.size, own, step.dy, step.dy);
      this.#weightGradient(kernels, step, sink);
    });
    let loss = 0;
    for (let i = 0; i < m; i++) loss += this.#losses[i]!;
    return { loss, nonFinite };
  }

  #inputGradient(kernels: Kernels, { kind, placed, add, counter }: Step): void {
    this.#pass.counter = this.#counter + counter; // the random blocks of the forward pass again
    if (kind.backward && placed.dx.some((address) => address !== 0)) kind.backward(kernels, placed, this.#pass);
    for (const { from, to, size } of add) kernels.add_f32(this.#pass.m * size, to, from, to);
  }

  #weightGradient(kernels: Kernels, { node, kind, placed }: Step, { alpha, beta, target, rows }: Sink): void {
    if (!kind.sparseGradient) {
      kind.gradient!(kernels, placed, this.#pass, alpha, beta, target);
      return;
    }
    const [ids, values] = [this.#block! + this.#buffers.ids, this.#block! + this.#buffers.values];
    const count = kind.sparseGradient(kernels, placed, this.#pass, ids, values);
    const entry = node.entries[0]!;
    if (rows) {
      rows(entry, count, ids, values);
      return;
    }
    const table = target + 4 * entry.offset;
    if (beta === 0) new Uint8Array(this.#engine.arena.memory.buffer, table, 4 * entry.size).fill(0);
    kernels.update_rows_f32(count, entry.shape[1]!, alpha, beta, ids, values, table);
  }

  /**
   * Takes the examples without a finite gradient out of the sum: their factors become 0 in every layer and what they left in the buffers,
   * which 0 * NaN would carry into the sum, is cleared. Returns how many they are.
   */
  #removeNonFinite(m: number, groups: number, norms: number, factors: number): number {
    const { buffer } = this.#engine.arena.memory;
    let count = 0;
    for (let i = 0; i < m; i++) {
      let finite = true;
      for (let g = 0; g < groups; g++) finite &&= Number.isFinite(new Float64Array(buffer, norms + 8 * (g * this.batch + i), 1)[0]!);
      if (finite) continue;
      count++;
      this.#losses[i] = 0;
      for (let g = 0; g < groups; g++) new Float32Array(buffer, factors + 4 * (g * this.batch + i), 1)[0] = 0;
      for (const { node, kind, placed, size, stateBytes } of this.#weighted) {
        const clear = (address: number, bytes: number) => new Uint8Array(buffer, address + i * bytes, bytes).fill(0);
        if (kind.reads.x && kind.takes !== "u32") for (const [slot, x] of placed.x.entries()) clear(x, 4 * sizeOf(node.inputs[slot]!));
        if (kind.reads.y) clear(placed.y, 4 * size);
        if (stateBytes > 0) clear(placed.state, stateBytes / this.batch);
      }
    }
    return count;
  }

  get #targets(): number {
    return this.#block! + this.#buffers.targets;
  }
  get #scratch(): number {
    return this.#block! + this.#buffers.scratch;
  }

  #live(): Engine {
    if (this.#block === undefined) throw new DisposedError("plan: expected a live plan, got one that was disposed");
    return this.#engine;
  }

  /** Frees the buffers; they held examples and gradients, so they are wiped. */
  dispose(): void {
    if (this.#block !== undefined) this.#engine.arena.free(this.#block, { wipe: true });
    this.#block = undefined;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
