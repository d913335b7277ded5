// Sums of integers modulo a power of two: the server's half of a release whose noise the clients add.
import { checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

const LIMIT = 2 ** 31;

/** A half-open range of integers. */
export interface ModularRange {
  /** First integer in, >= -2^31. */
  readonly lower: number;
  /** First integer out, <= 2^31. */
  readonly upper: number;
}

/** @internal [-2^(bits - 1), 2^(bits - 1)). */
export function rangeOf(bits: number): ModularRange {
  return { lower: -(2 ** (bits - 1)), upper: 2 ** (bits - 1) };
}

/**
 * out <- ((x - lower) mod (upper - lower)) + lower: wraps into [lower, upper). Values in it stay; a sum of wrapped values, wrapped, is the wrapped sum.
 * @param out as long as x, defaults to x
 * Source: Kairouz, Liu, Steinke 2021 (arXiv:2102.06387).
 * @example
 * modularClip(x, { lower: -5, upper: 10 }); // -15 becomes 0, 20 becomes 5, 10 becomes -5
 */
export function modularClip(x: Tensor<"i32">, range: ModularRange, out: Tensor<"i32"> = x): Tensor<"i32"> {
  const op = "modularClip";
  checkTensor(op, "x", x, "i32");
  checkOptions(op, range, ["lower", "upper"]);
  const { lower, upper } = range;
  checkNumber(op, "lower", lower, { min: -LIMIT, below: LIMIT, integer: true });
  checkNumber(op, "upper", upper, { above: lower, max: LIMIT, integer: true });
  checkTensor(op, "out", out, "i32", { size: x.size });
  checkSameEngine(op, { x, out });
  x.engine.kernels.modular_clip_i32(x.size, lower, BigInt(upper - lower), x.address, out.address);
  return out;
}

/** A sum of i32 vectors modulo 2^bits. Made by {@link createModularSum}. Any order and grouping gives the same integers. */
export class ModularSum {
  readonly bits: number;
  readonly size: number;
  readonly engine: Engine;
  #count = 0;
  #sum: Tensor<"i32"> | undefined;

  /** @internal Use createModularSum(). */
  constructor(engine: Engine, size: number, bits: number) {
    this.engine = engine;
    this.bits = bits;
    this.size = size;
    this.#sum = engine.tensorOutsideScopes("i32", size);
  }

  /** Vectors added. */
  get count(): number {
    return this.#count;
  }

  /** Adds a vector of `size` elements, of any range. */
  add(x: Tensor<"i32">): this {
    const op = "modularSum.add";
    const sum = this.#live(op);
    checkTensor(op, "x", x, "i32", { size: this.size });
    checkSameEngine(op, { sum, x });
    this.engine.kernels.add_i32(this.size, x.address, sum.address); // modulo 2^32, which 2^bits divides
    this.#count++;
    return this;
  }

  /** out <- the sum, in [-2^(bits - 1), 2^(bits - 1)). Adding may go on. */
  result(out: Tensor<"i32">): Tensor<"i32"> {
    const op = "modularSum.result";
    const sum = this.#live(op);
    checkTensor(op, "out", out, "i32", { size: this.size });
    checkSameEngine(op, { sum, out });
    return modularClip(sum, rangeOf(this.bits), out);
  }

  /** Frees the memory. */
  dispose(): void {
    this.#sum?.dispose({ wipe: true });
    this.#sum = undefined;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #live(op: string): Tensor<"i32"> {
    if (!this.#sum) throw new DisposedError(`${op}: expected a live sum, got one that was disposed`);
    return this.#sum;
  }
}

/**
 * An empty sum.
 * @param options.size elements of a vector
 * @param options.bits 2 to 32
 */
export function createModularSum(engine: Engine, options: { readonly size: number; readonly bits: number }): ModularSum {
  const op = "createModularSum";
  checkOptions(op, options, ["size", "bits"]);
  const { size, bits } = options;
  checkNumber(op, "size", size, { min: 0, max: 2 ** 30, integer: true });
  checkNumber(op, "bits", bits, { min: 2, max: 32, integer: true });
  return new ModularSum(engine, size, bits);
}
