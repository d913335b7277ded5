import type { Engine } from "./engine.ts";
import { DisposedError, ParameterError, ShapeError } from "./errors.ts";

/** The typed array of each element type. */
export interface TypedArrays {
  f32: Float32Array<ArrayBuffer>;
  f64: Float64Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  i8: Int8Array<ArrayBuffer>;
  u8: Uint8Array<ArrayBuffer>;
}
export type DType = keyof TypedArrays;

export const ARRAYS: { readonly [D in DType]: { new (b: ArrayBuffer, o: number, n: number): TypedArrays[D]; readonly BYTES_PER_ELEMENT: number } } = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
};

/**
 * A dense row-major array in an engine's memory: a handle that holds an address, not a view.
 * Made by {@link Engine.tensor}; freed by dispose(), by `using`, or by the scope it was made in.
 */
export class Tensor<D extends DType = DType> {
  readonly engine: Engine;
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Number of elements: the product of the shape. */
  readonly size: number;
  #address: number;
  #disposed = false;
  #view: TypedArrays[D] | undefined;
  #generation = -1;

  /** @internal Use {@link Engine.tensor}. */
  constructor(engine: Engine, dtype: D, shape: readonly number[], size: number, address: number) {
    this.engine = engine;
    this.dtype = dtype;
    this.shape = shape;
    this.size = size;
    this.#address = address;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Byte address in the engine's memory; 0 for an empty tensor. @throws {@link DisposedError} after dispose() */
  get address(): number {
    if (this.#disposed) throw this.#gone();
    return this.#address;
  }

  /**
   * Zero-copy view. It dies when the engine's memory grows (any allocation may do that): take it again, never keep it.
   * @throws {@link DisposedError} after dispose()
   */
  get view(): TypedArrays[D] {
    if (this.#disposed) throw this.#gone();
    const { arena } = this.engine;
    if (this.#generation !== arena.generation || !this.#view) {
      this.#view = new ARRAYS[this.dtype](arena.memory.buffer as ArrayBuffer, this.#address, this.size);
      this.#generation = arena.generation;
    }
    return this.#view;
  }

  /**
   * Copies values in.
   * @param values exactly `size` numbers; each must be representable: integers in range for integer tensors
   * @throws {@link ShapeError} when the length differs; {@link ParameterError} when an integer tensor gets another number. The tensor is unchanged.
   */
  set(values: ArrayLike<number>): this {
    const view = this.view;
    if (values.length !== this.size) {
      throw new ShapeError(`set: expected ${this.size} values for shape [${this.shape}], got ${values.length}`);
    }
    if (this.dtype !== "f32" && this.dtype !== "f64" && values.constructor !== view.constructor) {
      const probe = new (view.constructor as new (n: number) => TypedArrays[D])(1);
      for (let i = 0; i < values.length; i++) {
        probe[0] = values[i]!;
        if (probe[0] !== values[i]) {
          throw new ParameterError(`set: expected values of type ${this.dtype}, got ${values[i]} at index ${i}`);
        }
      }
    }
    view.set(values);
    return this;
  }

  /** A copy outside the engine's memory, in row-major order. */
  toArray(): TypedArrays[D] {
    return this.view.slice() as TypedArrays[D];
  }

  /** The one value of a tensor of size 1. */
  item(): number {
    if (this.size !== 1) throw new ShapeError(`item: expected 1 element, got shape [${this.shape}]`);
    return this.view[0]!;
  }

  /** Frees the memory. Using the tensor afterwards throws; disposing twice does nothing. `wipe` zeroes the bytes first. */
  dispose(options?: { readonly wipe?: boolean }): void {
    if (this.#disposed) return;
    this.engine.arena.free(this.#address, options);
    this.#disposed = true;
    this.#view = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #gone(): DisposedError {
    return new DisposedError(`${this.dtype}[${this.shape}]: expected a live tensor, got one that was disposed`);
  }
}
