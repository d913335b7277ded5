// Weighted mean of updates, one at a time, whose bits do not depend on the order of arrival.
//
// An update x with weight w is rounded to a power-of-two grid chosen from that update alone and added as 64-bit integers, which
// commute exactly. The grid: 2^e > w max|x| >= 2^(e-1), window j = floor(e/16), unit 2^(16j - 31). So an update keeps 30 bits or more
// below its own largest element (an f32 has 24), and a window takes at least 2^16 updates. Updates of similar size share a window;
// each window costs 8 bytes a parameter. Weights are added exactly as big integers. ADR 0004 has the alternatives.
import { checkQuantized, type Quantized } from "../compress/quantize.ts";
import { checkNumber, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError, EngineMismatchError, ParameterError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { notFinite } from "../privacy/clip.ts";

const WINDOW_BITS = 16;
const UNIT_BITS = 31;
/** Sum of |w x| / unit that one window may hold: 2^62, half of an i64. */
const HEADROOM = 2 ** 62;
const MIN_WEIGHT = 2 ** -100;
const MAX_WEIGHT = 2 ** 100;
/** Weights are multiples of 2^-153 (2^-100 with 52 bits behind), so their sum is an exact integer of these. */
const WEIGHT_SCALE = 2 ** 153;

const bits = new DataView(new ArrayBuffer(8));
/** The window of an update whose largest |w x| is `size` > 0. */
function windowOf(size: number): number {
  bits.setFloat64(0, size);
  const e = ((bits.getUint32(0) >>> 20) & 0x7ff) - 1022; // size < 2^e
  return Math.floor(e / WINDOW_BITS);
}
const unitOf = (window: number): number => 2 ** (WINDOW_BITS * window - UNIT_BITS);
/** Adding this rounds to a multiple of the unit: 1.5 * 2^52 units. */
const magicOf = (window: number): number => 1.5 * 2 ** 52 * unitOf(window);

function checkWeight(op: string, weight: number): void {
  if (weight !== 0) checkNumber(op, "weight", weight, { min: MIN_WEIGHT, max: MAX_WEIGHT });
}

interface Window {
  readonly sum: Tensor<"u32">; // n x i64 as pairs of words
  /** Bound on |sum| in units. */
  used: number;
}

/**
 * Streaming weighted mean in memory of one model: made by {@link createMean}. add() in any order, from f32 or quantized bytes;
 * merge() with accumulators of other workers; result() at any time.
 */
export class Mean {
  readonly engine: Engine;
  /** Number of parameters. */
  readonly size: number;
  #count = 0;
  #weight = 0n;
  #windows: Map<number, Window> | undefined = new Map();

  /** @internal Use createMean(). */
  constructor(engine: Engine, size: number) {
    this.engine = engine;
    this.size = size;
  }

  /** Updates added, those of weight 0 included. */
  get count(): number {
    return this.#count;
  }
  /** Exact sum of the weights, rounded once. */
  get totalWeight(): number {
    return Number(this.#weight) / WEIGHT_SCALE;
  }

  /**
   * Adds one update.
   * @param update `size` finite elements
   * @param weight 0, or between 2^-100 and 2^100; usually the number of examples
   * @throws {@link PrivacyError} for NaN or Infinity, naming the place; {@link ShapeError}; {@link ParameterError}. The accumulator is unchanged.
   */
  add(update: Tensor<"f32">, weight: number): this {
    const op = "mean.add";
    const windows = this.#live(op);
    checkTensor(op, "update", update, "f32", { size: this.size });
    this.#checkEngine(op, update);
    checkWeight(op, weight);
    const largest = this.engine.kernels.max_abs_f32(this.size, update.address);
    if (!Number.isFinite(largest)) throw notFinite(op, "update", update);
    this.#deposit(windows, op, weight, weight * largest, (magic, sum) => this.engine.kernels.accumulate_f32_i64(this.size, weight, magic, update.address, sum));
    return this;
  }

  /**
   * Adds one quantized update without unpacking it to a vector: the values are those of dequantize().
   * @param update `size` values
   * @param weight as in add()
   */
  addQuantized(update: Quantized, weight: number): this {
    const op = "mean.addQuantized";
    const windows = this.#live(op);
    checkQuantized(op, update);
    if (update.size !== this.size) throw new ShapeError(`${op}: expected update of ${this.size} values, got ${update.size}`);
    this.#checkEngine(op, update.bytes);
    checkWeight(op, weight);
    const largest = weight * Math.max(Math.abs(Math.fround(update.low)), Math.abs(Math.fround(update.high)));
    if (!Number.isFinite(largest)) throw new ParameterError(`${op}: expected low and high within f32, got ${update.low} and ${update.high}`);
    this.#deposit(windows, op, weight, largest, (magic, sum) =>
      this.engine.kernels.accumulate_u8_i64(this.size, update.bits, update.low, update.high, weight, magic, update.bytes.address, sum),
    );
    return this;
  }

  /** Adds everything that another accumulator of the same engine and size holds; the other is unchanged. */
  merge(other: Mean): this {
    const op = "mean.merge";
    const windows = this.#live(op);
    if (!(other instanceof Mean) || other === this)
      throw new ParameterError(`${op}: expected another accumulator, got ${other === this ? "the same one" : describe(other)}`);
    const theirs = other.#live(op);
    if (other.engine !== this.engine) throw new EngineMismatchError(`${op}: expected an accumulator of the same engine, got one of another`);
    if (other.size !== this.size) throw new ShapeError(`${op}: expected an accumulator of ${this.size} values, got ${other.size}`);
    for (const [index, { used }] of theirs) this.#checkHeadroom(op, windows.get(index)?.used ?? 0, used);
    for (const index of theirs.keys()) this.#window(windows, index); // may throw OutOfMemoryError; empty windows change nothing
    for (const [index, { sum, used }] of theirs) {
      const mine = this.#window(windows, index);
      this.engine.kernels.add_i64(this.size, sum.address, mine.sum.address);
      mine.used += used;
    }
    this.#weight += other.#weight;
    this.#count += other.#count;
    return this;
  }

  /**
   * out <- (sum of w x) / (sum of w), rounded from f64 to f32 once.
   * @throws {@link ParameterError} when the total weight is 0; out is unchanged
   */
  result(out: Tensor<"f32">): Tensor<"f32"> {
    const op = "mean.result";
    const windows = this.#live(op);
    checkTensor(op, "out", out, "f32", { size: this.size });
    this.#checkEngine(op, out);
    const total = this.totalWeight;
    if (!(total > 0)) throw new ParameterError(`${op}: expected a total weight > 0, got ${total} from ${this.#count} updates`, { count: this.#count });
    const { engine, size } = this;
    const sum = engine.arena.allocate(size * 8);
    try {
      new Uint8Array(engine.arena.memory.buffer, sum, size * 8).fill(0);
      const order = [...windows.keys()].sort((a, b) => b - a); // largest first: one order for all
      for (const index of order) engine.kernels.resolve_i64_f64(size, unitOf(index), windows.get(index)!.sum.address, sum);
      engine.kernels.divide_f64_f32(size, total, sum, out.address);
    } finally {
      engine.arena.free(sum, { wipe: true });
    }
    return out;
  }

  /** Forgets everything and keeps the memory. */
  reset(): this {
    for (const window of this.#live("mean.reset").values()) {
      window.sum.view.fill(0);
      window.used = 0;
    }
    this.#weight = 0n;
    this.#count = 0;
    return this;
  }

  dispose(): void {
    for (const { sum } of this.#windows?.values() ?? []) sum.dispose({ wipe: true });
    this.#windows = undefined;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #live(op: string): Map<number, Window> {
    if (!this.#windows) throw new DisposedError(`${op}: expected a live accumulator, got one that was disposed`);
    return this.#windows;
  }
  #checkEngine(op: string, tensor: Tensor): void {
    if (tensor.engine !== this.engine)
      throw new EngineMismatchError(`${op}: expected a tensor of the accumulator's engine, got one of another; copy it with toArray()`);
  }
  #checkHeadroom(op: string, used: number, more: number): void {
    if (used + more > HEADROOM) {
      throw new ParameterError(`${op}: expected at most 2^62 units in a window, got ${used + more}; take result() and start another accumulator`, {
        count: this.#count,
      });
    }
  }
  #window(windows: Map<number, Window>, index: number): Window {
    let window = windows.get(index);
    if (!window) {
      window = { sum: this.engine.tensorOutsideScopes("u32", 2 * this.size), used: 0 };
      windows.set(index, window);
    }
    return window;
  }
  #deposit(windows: Map<number, Window>, op: string, weight: number, largest: number, add: (magic: number, sum: number) => void): void {
    if (largest > 0) {
      const index = windowOf(largest);
      const units = largest / unitOf(index) + 1;
      this.#checkHeadroom(op, windows.get(index)?.used ?? 0, units);
      const window = this.#window(windows, index);
      add(magicOf(index), window.sum.address);
      window.used += units;
    }
    this.#weight += BigInt(weight * WEIGHT_SCALE);
    this.#count++;
  }
}

/**
 * A streaming weighted mean over vectors of `size` parameters.
 * @param size number of parameters, >= 0
 * @example
 * const mean = createMean(engine, 2);
 * mean.add(engine.tensor("f32", 2, [1, 1]), 1).add(engine.tensor("f32", 2, [3, 4]), 2);
 * mean.result(engine.tensor("f32", 2)).toArray(); // [7/3, 3]
 */
export function createMean(engine: Engine, size: number): Mean {
  checkNumber("createMean", "size", size, { min: 0, max: 2 ** 29, integer: true });
  return new Mean(engine, size);
}

const BLOCK = 4096;
/**
 * out <- sum w_k x_k / sum w_k for updates that are all in memory: the same bits as a Mean, block by block so that the sums stay in cache.
 * @param updates one or more vectors of equal length, finite
 * @param weights as many, as in Mean.add(), not all 0
 * @param out as long as each update; may be one of them
 * @throws as Mean.add() and Mean.result(); out is unchanged
 */
export function weightedMean(updates: readonly Tensor<"f32">[], weights: readonly number[], out: Tensor<"f32">): Tensor<"f32"> {
  const op = "weightedMean";
  checkTensor(op, "out", out, "f32");
  if (!Array.isArray(updates) || !Array.isArray(weights) || updates.length !== weights.length) {
    throw new ShapeError(`${op}: expected as many weights as updates, got ${weights?.length} and ${updates?.length}`);
  }
  const { engine, size } = out;
  const { kernels } = engine;
  let total = 0n;
  const used = new Map<number, number>();
  const windows = updates.map((update, k) => {
    checkTensor(op, `updates[${k}]`, update, "f32", { size });
    checkSameEngine(op, { out, [`updates[${k}]`]: update });
    const weight = weights[k]!;
    checkWeight(op, weight);
    const largest = kernels.max_abs_f32(size, update.address);
    if (!Number.isFinite(largest)) throw notFinite(op, `updates[${k}]`, update);
    total += BigInt(weight * WEIGHT_SCALE);
    if (largest * weight === 0) return undefined;
    const window = windowOf(weight * largest);
    const units = (used.get(window) ?? 0) + (weight * largest) / unitOf(window) + 1;
    if (units > HEADROOM) throw new ParameterError(`${op}: expected at most 2^62 units in a window, got ${units}; average in groups`);
    used.set(window, units);
    return window;
  });
  const totalWeight = Number(total) / WEIGHT_SCALE;
  if (!(totalWeight > 0)) throw new ParameterError(`${op}: expected a total weight > 0, got ${totalWeight} from ${updates.length} updates`);
  const order = [...used.keys()].sort((a, b) => b - a);
  const room = engine.arena.allocate(BLOCK * 16);
  try {
    const acc = room + BLOCK * 8;
    const rooms = new Uint8Array(engine.arena.memory.buffer, room, BLOCK * 16);
    for (let at = 0; at < size; at += BLOCK) {
      const n = Math.min(BLOCK, size - at);
      rooms.fill(0, 0, BLOCK * 8);
      for (const window of order) {
        rooms.fill(0, BLOCK * 8);
        const magic = magicOf(window);
        for (let k = 0; k < updates.length; k++) {
          if (windows[k] === window) kernels.accumulate_f32_i64(n, weights[k]!, magic, updates[k]!.address + at * 4, acc);
        }
        kernels.resolve_i64_f64(n, unitOf(window), acc, room);
      }
      kernels.divide_f64_f32(n, totalWeight, room, out.address + at * 4);
    }
  } finally {
    engine.arena.free(room, { wipe: true });
  }
  return out;
}
