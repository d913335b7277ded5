// What the model and its plan must know of a kind of layer. One object of type LayerKind a kind, in the file of its stem.
//
// A layer's description is plain data ({ type, ... }): it can be stored or sent to a worker. Its kind is code, found by `type`.
import type { Kernels } from "../engine/engine.ts";
import type { Initialiser } from "../random/initialise.ts";

/** Lengths of one example, without the batch: [784], [28, 28, 1]. */
export type Shape = readonly number[];

export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** What flows between layers: activations are f32; ids of an embedding are u32 and have no gradient. */
export type ValueType = "f32" | "u32";

/** One array of a layer's weights. */
export interface Parameter {
  /** Keras's name for it: "kernel", "bias", "gamma", "beta", "embeddings", ... */
  readonly name: string;
  readonly shape: Shape;
  /** How it starts: a method with its fans, or one number everywhere. */
  readonly start: { readonly method: Initialiser; readonly fanIn: number; readonly fanOut: number } | { readonly value: number } | { readonly uniform: number };
  /** False: training never changes it (frozen statistics). Default true. */
  readonly trainable?: boolean;
}

/** A layer with the shapes it meets in a model. */
export interface Fitted<L> {
  readonly layer: L;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
}

/**
 * A layer placed in memory by the plan. Addresses in bytes; 0 where the plan has no such buffer because nobody wants it.
 * Buffers are disjoint, except that y may be x[0] and dx[0] may be dy for a kind with `inPlace`.
 */
export interface Placed<L> extends Fitted<L> {
  /** Inputs, [m, ...inputs[i]] each. */
  readonly x: readonly number[];
  /** Output, [m, ...output]. */
  readonly y: number;
  /** Gradient of the output. */
  readonly dy: number;
  /** Gradients of the inputs: written, not added to. The plan adds where a value has several readers. */
  readonly dx: readonly number[];
  /** Room of stateBytes: what forward leaves for backward. */
  readonly state: number;
  /** Room of scratchBytes, shared by all layers: nothing in it survives a call. */
  readonly scratch: number;
  /** Byte offsets of the parameters in the flat vector, in the order of parameters(). */
  readonly at: readonly number[];
}

/** What a pass is for. */
export interface Pass {
  /** Rows in this pass, at most the plan's batch. */
  readonly m: number;
  /** Address of the flat weights. */
  readonly w: number;
  /** False: dropout does nothing. */
  readonly training: boolean;
  /** Addresses of a ChaCha20 key and nonce, and the first block that this layer may use in this step. Valid while training with dropout. */
  readonly key: number;
  readonly nonce: number;
  readonly counter: number;
}

/** Code of one kind of layer. L is its description. All methods are free of allocation but `check`, `shape` and `parameters`. */
export interface LayerKind<L> {
  /** Refuses a bad description. @throws {@link ParameterError} */
  check(op: string, layer: L): void;
  /** Shape of the output. @throws {@link ShapeError} when the inputs do not fit */
  shape(op: string, layer: L, inputs: readonly Shape[]): Shape;
  /** Number of inputs, default 1. "many": two or more. */
  readonly arity?: number | "many";
  /** Type of the inputs, default "f32". */
  readonly takes?: ValueType;
  /** Weights, in the order of the flat vector. */
  parameters?(layer: L, inputs: readonly Shape[]): readonly Parameter[];
  /** Which values `backward`, `gradient` and `norms` read besides dy; the plan frees the others early. */
  readonly reads: { readonly x: boolean; readonly y: boolean };
  /** `forward` may write y over x[0], and `backward` dx[0] over dy. */
  readonly inPlace?: boolean;
  /** Bytes that `forward` leaves for `backward`, `gradient` and `norms`; example i owns the i-th of `batch` equal parts. */
  stateBytes?(fitted: Fitted<L>, batch: number): number;
  scratchBytes?(kernels: Kernels, fitted: Fitted<L>, batch: number): number;
  /** ChaCha20 blocks of a training step. */
  randomBlocks?(fitted: Fitted<L>, batch: number): number;
  /** y <- layer(x) for pass.m rows. */
  forward(kernels: Kernels, p: Placed<L>, pass: Pass): void;
  /** dx <- gradient of the inputs, for those whose dx is not 0. Absent: the inputs have none (ids). */
  backward?(kernels: Kernels, p: Placed<L>, pass: Pass): void;
  /**
   * target <- alpha gradient + beta target, for a flat vector at address target; beta = 0 does not read it.
   * Present when the layer has trainable parameters, unless it has sparseGradient.
   */
  gradient?(kernels: Kernels, p: Placed<L>, pass: Pass, alpha: number, beta: number, target: number): void;
  /**
   * The gradient of a table of which a batch touches few rows: ids of the touched rows without repetition at `ids` (u32) and their gradients,
   * [rows, width], at `values`. Returns the rows. The table is the layer's only parameter.
   */
  sparseGradient?(kernels: Kernels, p: Placed<L>, pass: Pass, ids: number, values: number): number;
  /** Most rows that sparseGradient can return. */
  sparseRows?(fitted: Fitted<L>, batch: number): number;
  /**
   * norms_i <- norms_i + |gradient of example i|^2 over all trainable parameters, f64 [m], without any example's gradient in memory.
   * dy holds the gradients of the examples' own losses. Present with gradient or sparseGradient.
   */
  norms?(kernels: Kernels, p: Placed<L>, pass: Pass, norms: number): void;
}
