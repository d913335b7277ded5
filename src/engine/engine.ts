import type { instantiate } from "../generated/kernels.d.ts";
import { ROOMS } from "../generated/rooms.ts";
import type { LayerNode } from "../nn/layers.ts";
import { createModel, type Model, type ModelOptions } from "../nn/model.ts";
import { Arena, type ArenaStats, type MemoryOptions } from "./arena.ts";
import { checkChoice, checkNumber, describe } from "./check.ts";
import { ParameterError, ShapeError } from "./errors.ts";
import { ARRAYS, type DType, Tensor } from "./tensor.ts";

/** The kernels of the Wasm module, as the compiler typed them (src/generated/kernels.d.ts). */
export type Kernels = Awaited<ReturnType<typeof instantiate>>;
export type Build = "scalar" | "simd" | "relaxed";
export type Numerics = "reproducible" | "fast";

/** What the platform can run. */
export interface Capabilities {
  readonly simd: boolean;
  readonly relaxedSimd: boolean;
}

/** Milliseconds and calls spent in each room of kernels since {@link Engine.startProfile}. */
export type Profile = Record<string, { milliseconds: number; calls: number }>;

/** One Wasm instance with its memory. Made by createEngine(); everything else hangs on it. */
export class Engine {
  readonly build: Build;
  readonly numerics: Numerics;
  readonly capabilities: Capabilities;
  readonly arena: Arena;
  /** The compiled module, to post to workers. */
  readonly module: WebAssembly.Module;
  /** The raw kernels: addresses, counts and scalars, nothing is checked. */
  kernels: Kernels;
  readonly #raw: Kernels;
  readonly #scopes: Tensor[][] = [];
  #scratch = 0;
  #scratchBytes = 0;

  /** @internal Use createEngine(). */
  constructor(parts: {
    build: Build;
    numerics: Numerics;
    capabilities: Capabilities;
    module: WebAssembly.Module;
    kernels: Kernels;
    memory: WebAssembly.Memory;
    options: MemoryOptions;
  }) {
    this.build = parts.build;
    this.numerics = parts.numerics;
    this.capabilities = parts.capabilities;
    this.module = parts.module;
    this.kernels = this.#raw = parts.kernels;
    this.arena = new Arena(parts.memory, parts.options);
  }

  /**
   * A new tensor, filled with zeros, or with `values`.
   * @param dtype element type
   * @param shape lengths, each a non-negative integer; a number means one axis
   * @param values optional, as many as the shape holds
   * @throws {@link ParameterError} for a bad dtype or shape; {@link OutOfMemoryError} when the memory limit is reached
   * @example
   * const x = engine.tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
   */
  tensor<D extends DType>(dtype: D, shape: number | readonly number[], values?: ArrayLike<number>): Tensor<D> {
    const tensor = this.tensorOutsideScopes(dtype, shape, values);
    this.#scopes.at(-1)?.push(tensor);
    return tensor;
  }

  /** @internal A tensor that an open scope does not free: state of models and accumulators, which dispose of it themselves. */
  tensorOutsideScopes<D extends DType>(dtype: D, shape: number | readonly number[], values?: ArrayLike<number>): Tensor<D> {
    checkChoice("tensor", "dtype", dtype, Object.keys(ARRAYS) as D[]);
    const dims = typeof shape === "number" ? [shape] : shape;
    if (!Array.isArray(dims)) throw new ParameterError(`tensor: expected shape to be a number or an array, got ${describe(shape)}`, { argument: "shape" });
    for (const d of dims) checkNumber("tensor", "every length of shape", d, { min: 0, max: 2 ** 32, integer: true });
    const size = dims.reduce((a, b) => a * b, 1);
    if (values !== undefined && values.length !== size) {
      throw new ShapeError(`tensor: expected ${size} values for shape [${dims}], got ${values.length}`, { argument: "values" });
    }
    const bytes = size * ARRAYS[dtype].BYTES_PER_ELEMENT;
    // A view of this memory would die if the allocation grows it.
    const source = ArrayBuffer.isView(values) && values.buffer === this.arena.memory.buffer ? Array.prototype.slice.call(values) : values;
    const tensor = new Tensor(this, dtype, Object.freeze([...dims]), size, this.arena.allocate(bytes));
    try {
      if (source === undefined) tensor.view.fill(0);
      else tensor.set(source);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  /** A new tensor with the dtype, shape and values of a typed array or tensor (of any engine). */
  copy<D extends DType>(source: Tensor<D>): Tensor<D>;
  copy(source: Float32Array): Tensor<"f32">;
  copy(source: Tensor | Float32Array): Tensor {
    if (source instanceof Tensor) return this.tensor(source.dtype, source.shape).set(source.view); // its view is taken after the allocation
    return this.tensor("f32", source.length, source);
  }

  /**
   * Runs `body` and disposes every tensor made meanwhile, also when it throws. What `body` returns is kept if it is a tensor.
   * Synchronous only: an asynchronous body would free what others made in the meantime.
   */
  scope<R>(body: () => R): R {
    const made: Tensor[] = [];
    this.#scopes.push(made);
    let result: R | undefined;
    try {
      result = body();
      if (typeof (result as { then?: unknown } | undefined)?.then === "function") {
        throw new ParameterError("scope: expected a synchronous body, got one that returns a promise; dispose its tensors with `using` or dispose()");
      }
      return result;
    } finally {
      this.#scopes.pop();
      for (const tensor of made) {
        if (tensor !== (result as unknown)) tensor.dispose();
        else this.#scopes.at(-1)?.push(tensor);
      }
    }
  }

  /** A model of layers for this engine. See createModel. */
  model(layers: readonly LayerNode[], options?: ModelOptions): Model {
    return createModel(this, layers, options);
  }

  /** Bytes live, their peak, and how often the memory grew. */
  stats(): ArenaStats {
    return this.arena.stats();
  }

  /**
   * @internal Address of the engine's one scratch block, at least `bytes` long. Valid until the next call of anything that allocates.
   */
  scratch(bytes: number): number {
    if (bytes > this.#scratchBytes) {
      const address = this.arena.allocate(bytes);
      this.arena.free(this.#scratch, { wipe: true });
      this.#scratch = address;
      this.#scratchBytes = bytes;
    }
    return this.#scratch;
  }
  /** @internal Zeroes the first `bytes` of scratch: after keys, key stream or noise lay there. */
  wipeScratch(bytes: number): void {
    new Uint8Array(this.arena.memory.buffer, this.#scratch, bytes).fill(0);
  }

  /** Counts the time spent in kernels from now on, by room. Costs two clock reads a kernel call. */
  startProfile(): Profile {
    const profile: Profile = {};
    const timed: Record<string, unknown> = {};
    for (const [name, kernel] of Object.entries(this.#raw)) {
      const call = kernel as (...args: number[]) => number;
      const room = (profile[ROOMS[name] ?? "other"] ??= { milliseconds: 0, calls: 0 });
      timed[name] = (...args: number[]): number => {
        const start = performance.now();
        const result = call(...args);
        room.milliseconds += performance.now() - start;
        room.calls++;
        return result;
      };
    }
    this.kernels = timed as unknown as Kernels;
    return profile;
  }
  stopProfile(): void {
    this.kernels = this.#raw;
  }
}
