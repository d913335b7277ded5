// A plan: every buffer that training or evaluation needs for a batch size, placed once. A step is then a list of kernel calls.
import type { Engine, Kernels } from "../engine/engine.ts";
import { DisposedError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Model } from "./model.ts";

/** A data set in an engine's memory. */
export interface Dataset {
  /** [N, inputs], f32, or u8 to be scaled batch by batch. */
  readonly x: Tensor<"f32"> | Tensor<"u8">;
  /** [N] class indices. */
  readonly labels: Tensor<"i32">;
  /** Factor for u8 features, default 1/255. */
  readonly scale?: number;
}

/** Addresses of one layer's parameters (relative to the flat vector) and buffers. Bytes. */
interface Step {
  readonly inputs: number;
  readonly outputs: number;
  readonly relu: boolean;
  readonly kernel: number;
  readonly bias: number;
  /** Output [batch, outputs]; for the last layer the logits, overwritten by their gradient. */
  readonly y: number;
  /** Gradient of the output [batch, outputs]. */
  readonly dy: number;
}

/** How a step changes the weights. */
export interface StepRule {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly momentum: number;
}

const ALIGN = 64;

/** Buffers and call list of one model at one batch size. Dispose of it when done. */
export class Plan {
  readonly model: Model;
  readonly batch: number;
  readonly #engine: Engine;
  #block: number | undefined;
  readonly #steps: readonly Step[];
  readonly #x: number;
  readonly #labels: number;
  readonly #scratch: number;
  readonly #gradient: number;
  readonly #velocity: number;
  readonly #bytes: number;

  /**
   * @param batch rows of a step, >= 1
   * @param mode "predict" needs outputs only; "train" adds gradients of activations; "momentum" adds a flat gradient and velocity (zeros)
   */
  constructor(model: Model, batch: number, mode: "predict" | "train" | "momentum") {
    const { engine } = model;
    this.model = model;
    this.batch = batch;
    this.#engine = engine;
    let bytes = 0;
    const place = (size: number): number => {
      const at = bytes;
      bytes += Math.ceil(size / ALIGN) * ALIGN;
      return at;
    };
    const x = place(batch * model.inputs * 4);
    const labels = place(batch * 4);
    const places = model.layers.map(({ outputs }) => ({ y: place(batch * outputs * 4), dy: mode === "predict" ? 0 : place(batch * outputs * 4) }));
    const scratch = place(Math.max(engine.kernels.dense_scratch_f32(), engine.kernels.softmax_scratch_f32(model.classes)));
    const gradient = mode === "momentum" ? place(model.size * 4) : 0;
    const velocity = mode === "momentum" ? place(model.size * 4) : 0;
    this.#bytes = bytes;
    const block = engine.arena.allocate(bytes);
    this.#block = block;
    this.#steps = model.layers.map((layer, i) => ({
      inputs: layer.inputs,
      outputs: layer.outputs,
      relu: layer.activation === "relu",
      kernel: model.layout[2 * i]!.offset * 4,
      bias: model.layout[2 * i + 1]!.offset * 4,
      y: block + places[i]!.y,
      dy: block + places[i]!.dy,
    }));
    this.#x = block + x;
    this.#labels = block + labels;
    this.#scratch = block + scratch;
    this.#gradient = gradient === 0 ? 0 : block + gradient;
    this.#velocity = velocity === 0 ? 0 : block + velocity;
    if (velocity !== 0) new Uint8Array(engine.arena.memory.buffer, this.#velocity, model.size * 4).fill(0);
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return this.#bytes;
  }
  /** Address of the logits [batch, classes] of the last forward pass. */
  get logits(): number {
    return this.#steps.at(-1)!.y;
  }

  /** Copies m rows of the data set (indices at address `rows`) into the batch. */
  load(data: Dataset, rows: number, m: number): void {
    const { kernels } = this.#live();
    const { x, labels } = data;
    if (x.dtype === "u8") kernels.take_rows_u8_f32(m, this.model.inputs, data.scale ?? 1 / 255, rows, x.address, this.#x);
    else kernels.take_rows_f32(m, this.model.inputs, rows, x.address, this.#x);
    kernels.take_rows_f32(m, 1, rows, labels.address, this.#labels); // labels are 4 bytes each: copied as they are
  }

  /** Logits of the m loaded rows under the weights at address w. */
  forward(w: number, m: number): void {
    const { kernels } = this.#live();
    let x = this.#x;
    for (const s of this.#steps) {
      kernels.dense_f32(m, s.outputs, s.inputs, x, w + s.kernel, w + s.bias, s.y, this.#scratch);
      if (s.relu) kernels.relu_f32(m * s.outputs, s.y, s.y);
      x = s.y;
    }
  }

  /** Sum over the m rows of the cross-entropy; its gradient, divided by m, goes to `to`. */
  loss(m: number, to: number): number {
    return this.#live().kernels.softmax_cross_entropy_f32(m, this.model.classes, 1 / m, this.logits, this.#labels, to, this.#scratch);
  }
  correct(m: number): number {
    return this.#live().kernels.accuracy_f32(m, this.model.classes, this.logits, this.#labels);
  }

  /** One step on the m loaded rows, in place on the weights at address w. Returns the sum of the losses before the step. */
  train(w: number, m: number, rule: StepRule): number {
    const { kernels } = this.#live();
    this.forward(w, m);
    const loss = this.loss(m, this.#steps.at(-1)!.dy);
    if (this.#gradient === 0) {
      // Plain SGD needs no gradient in memory: the weight gradient is applied by the product that makes it.
      this.#backward(kernels, w, m, w, -rule.learningRate, 1 - rule.learningRate * rule.weightDecay);
    } else {
      this.#backward(kernels, w, m, this.#gradient, 1, 0);
      kernels.sgd_momentum_f32(this.model.size, rule.learningRate, rule.weightDecay, rule.momentum, this.#gradient, w, this.#velocity);
    }
    return loss;
  }

  /** target <- alpha gradient + beta target, layer by layer from the last; a layer's input gradient is taken before its weights change. */
  #backward(kernels: Kernels, w: number, m: number, target: number, alpha: number, beta: number): void {
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const s = this.#steps[i]!;
      const below = this.#steps[i - 1];
      if (s.relu) kernels.relu_backward_f32(m * s.outputs, s.y, s.dy, s.dy);
      if (below) kernels.dense_input_gradient_f32(m, s.outputs, s.inputs, s.dy, w + s.kernel, below.dy, this.#scratch);
      kernels.dense_weight_gradient_f32(
        m,
        s.outputs,
        s.inputs,
        alpha,
        beta,
        below ? below.y : this.#x,
        s.dy,
        target + s.kernel,
        target + s.bias,
        this.#scratch,
      );
    }
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
