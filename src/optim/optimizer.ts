// An optimizer with its state: description in, steps out.
//
// Saved state, little-endian: 0 magic "FLO1"   4 type (u8)   5 state vectors (u8)   6 two zero bytes   8 size (u32)   12 CRC-32 of all other bytes
// (u32)   16 steps done (f64)   24 the vectors, size f32 each. Options are not in it: they are the caller's.
import { checkNumber, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError, EngineMismatchError, FrameError, ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checksum } from "../formats/frame.ts";
import { type AdagradRule, adagradKind, type RmspropRule, rmspropKind } from "./adagrad.ts";
import { type AdamRule, type AdamwRule, adamKind, adamwKind, type YogiRule, yogiKind } from "./adam.ts";
import { type Descent, descend, type OptimizerKind } from "./rule.ts";
import { rateAt } from "./schedule.ts";
import { type SgdRule, sgdKind } from "./sgd.ts";
import { type BoundTerm, NO_TERM, type TermAddresses } from "./term.ts";

type F32 = Tensor<"f32">;

/** An optimizer as plain data. */
export type OptimizerOptions = SgdRule | AdamRule | AdamwRule | AdagradRule | RmspropRule | YogiRule;

const KINDS = { sgd: sgdKind, adam: adamKind, adamw: adamwKind, adagrad: adagradKind, rmsprop: rmspropKind, yogi: yogiKind };
/** A type's number in saved state is its place here: append only. */
const TYPES = ["sgd", "adam", "adamw", "adagrad", "rmsprop", "yogi"] as const satisfies readonly OptimizerOptions["type"][];
const kindOf = ({ type }: OptimizerOptions): OptimizerKind<OptimizerOptions> => KINDS[type] as OptimizerKind<OptimizerOptions>;

const MAGIC = 0x314f4c46;
const HEADER_BYTES = 24;

/** Refuses a bad description. @throws {@link ParameterError} */
export function checkOptimizer(op: string, options: OptimizerOptions): void {
  if (typeof options !== "object" || options === null || !Object.hasOwn(KINDS, options.type)) {
    const got = describe((options as { type?: unknown } | null)?.type ?? options);
    throw new ParameterError(`${op}: expected an optimizer of type ${TYPES.join(", ")}, got ${got}`, { argument: "type" });
  }
  kindOf(options).check(op, options);
}

/** State vectors and step count of an optimizer: made by {@link createOptimizer}. Dispose of it when done. */
export class Optimizer {
  readonly engine: Engine;
  /** Parameters it optimizes. */
  readonly size: number;
  readonly options: OptimizerOptions;
  #slots: readonly F32[] | undefined;
  #steps = 0;
  #rate!: number;
  #descent!: Descent;

  /** @internal Use createOptimizer(). */
  constructor(engine: Engine, size: number, options: OptimizerOptions, slots: readonly F32[]) {
    this.engine = engine;
    this.size = size;
    this.options = options;
    this.#slots = slots;
    this.#prepare();
  }

  /** Steps done. */
  get steps(): number {
    return this.#steps;
  }
  /** Rate of the step that comes. */
  get learningRate(): number {
    return this.#rate;
  }
  /** @internal State vectors. */
  get slots(): readonly F32[] {
    return this.#live("optimizer.slots");
  }
  /** @internal What a product that makes the gradient may apply itself, w <- (1 - rate decay) w - rate g; undefined where the rule needs a pass. */
  get inPlace(): { readonly learningRate: number; readonly weightDecay: number } | undefined {
    const { options } = this;
    if (options.type !== "sgd" || options.momentum) return undefined;
    return { learningRate: this.#rate, weightDecay: options.weightDecay ?? 0 };
  }

  /**
   * One step, in place.
   * @param weights size elements, written
   * @param gradient size elements
   * @param term local term of a federated algorithm, see {@link bindTerm}
   * @throws {@link ShapeError}, {@link DTypeError}, {@link EngineMismatchError}, {@link DisposedError}; nothing is changed, the step count neither
   */
  step(weights: F32, gradient: F32, term?: BoundTerm): F32 {
    const op = "optimizer.step";
    const state = Object.fromEntries(this.#live(op).map((slot, i) => [`state[${i}]`, slot]));
    checkTensor(op, "weights", weights, "f32", { size: this.size });
    if (weights.engine !== this.engine) throw new EngineMismatchError(`${op}: expected weights in the engine of the optimizer, got a tensor of another engine`);
    descend(op, weights, gradient, state, term, () => this.#descent);
    this.advance();
    return weights;
  }

  /**
   * @internal The coming step on n elements anywhere: any part of the weights, or rows that were gathered, with their part of the state.
   * A training step is one or more of these on disjoint parts, then advance(). Nothing is checked.
   */
  applyAt(n: number, g: number, w: number, slots: readonly number[], term: TermAddresses = NO_TERM): void {
    this.#descent(n, g, w, slots, term);
  }
  /** @internal Ends a training step: counts it, and prepares the rate and scalars of the next. */
  advance(): void {
    this.#live("optimizer.advance");
    this.#steps++;
    this.#prepare();
  }
  #prepare(): void {
    this.#rate = rateAt(this.options.learningRate, this.#steps);
    this.#descent = kindOf(this.options).bind(this.engine.kernels, this.options, this.#rate, this.#steps + 1);
  }

  /** Back to the start: no steps done, state as it was when made. */
  reset(): void {
    const start = kindOf(this.options).slots(this.options);
    for (const [i, slot] of this.#live("optimizer.reset").entries()) slot.view.fill(start[i]!);
    this.#steps = 0;
    this.#prepare();
  }

  /** The state as bytes: restored, training goes on to the same bits. */
  stateBytes(): Uint8Array<ArrayBuffer> {
    const slots = this.#live("optimizer.stateBytes");
    const bytes = new Uint8Array(HEADER_BYTES + 4 * this.size * slots.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint8(4, TYPES.indexOf(this.options.type));
    view.setUint8(5, slots.length);
    view.setUint32(8, this.size, true);
    view.setFloat64(16, this.#steps, true);
    for (const [i, slot] of slots.entries()) {
      const values = slot.view;
      bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), HEADER_BYTES + 4 * this.size * i);
    }
    view.setUint32(12, checksum(bytes), true);
    return bytes;
  }

  /**
   * Takes the state from the bytes of an optimizer of the same type and size.
   * @throws {@link FrameError} naming the field that does not fit; the state is unchanged
   */
  restore(bytes: Uint8Array): void {
    const op = "optimizer.restore";
    const slots = this.#live(op);
    const expect = (field: string, right: boolean, expected: string, got: unknown): void => {
      if (!right) throw new FrameError(`${op}: expected ${field} ${expected}, got ${describe(got)}`, { field });
    };
    expect("state", bytes instanceof Uint8Array, "to be a Uint8Array", bytes);
    expect("length", bytes.length >= HEADER_BYTES, `>= ${HEADER_BYTES} bytes`, bytes.length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [magic, type, count, size, steps] = [view.getUint32(0, true), view.getUint8(4), view.getUint8(5), view.getUint32(8, true), view.getFloat64(16, true)];
    expect("magic", magic === MAGIC, '"FLO1"', `0x${magic.toString(16)}`);
    expect("type", TYPES[type] === this.options.type, `"${this.options.type}"`, TYPES[type] ?? type);
    expect("state vectors", count === slots.length, `${slots.length}`, count);
    expect("reserved bytes", bytes[6] === 0 && bytes[7] === 0, "to be 0", `${bytes[6]},${bytes[7]}`);
    expect("size", size === this.size, `${this.size}`, size);
    const length = HEADER_BYTES + 4 * this.size * slots.length;
    expect("length", bytes.length === length, `${length} bytes`, bytes.length);
    expect("steps", Number.isSafeInteger(steps) && steps >= 0, "to be a count", steps);
    expect("checksum", view.getUint32(12, true) === checksum(bytes), "to match the bytes", "another");
    for (const [i, slot] of slots.entries()) {
      const values = slot.view;
      const at = HEADER_BYTES + 4 * this.size * i;
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes.subarray(at, at + values.byteLength));
    }
    this.#steps = steps;
    this.#prepare();
  }

  #live(op: string): readonly F32[] {
    if (!this.#slots) throw new DisposedError(`${op}: expected a live optimizer, got one that was disposed`);
    return this.#slots;
  }

  /** Frees the state; it held gradients, so it is wiped. */
  dispose(): void {
    for (const slot of this.#slots ?? []) slot.dispose({ wipe: true });
    this.#slots = undefined;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * An optimizer for `size` parameters. Its state (none, one or two vectors) outlives scopes: dispose of it.
 * @param size parameters, >= 0
 * @throws {@link ParameterError}; {@link OutOfMemoryError}, nothing stays allocated
 * @example
 * const optimizer = createOptimizer(engine, weights.size, { type: "adam", learningRate: 0.001 });
 * optimizer.step(weights, gradient);
 */
export function createOptimizer(engine: Engine, size: number, options: OptimizerOptions): Optimizer {
  const op = "createOptimizer";
  checkNumber(op, "size", size, { min: 0, max: 2 ** 32 - 1, integer: true });
  checkOptimizer(op, options);
  const slots: F32[] = [];
  try {
    for (const start of kindOf(options).slots(options)) {
      const slot = engine.tensorOutsideScopes("f32", size);
      slots.push(slot);
      slot.view.fill(start);
    }
  } catch (error) {
    for (const slot of slots) slot.dispose();
    throw error;
  }
  return new Optimizer(engine, size, structuredClone(options), slots);
}
