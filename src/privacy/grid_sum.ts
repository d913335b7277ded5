// Exact sums on a grid, with the noise of the central model: add, addNoise once, release once.
import { checkNumber, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError, EngineMismatchError, ParameterError, PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import type { Mechanism } from "./accounting/event.ts";
import type { Clipped } from "./clip.ts";
import { checkGrid, clip, type GaussianGrid, noiseBlocks } from "./grid.ts";

/** |sum| at most, noise (below 2^24) included: exact in f64. */
const MAX_SUM = 2 ** 53 - 2 ** 24;

/** What a released sum was protected by. */
export interface GridRelease {
  /** False where the noise came from a seed: the result is not private, whatever the accountant says of the mechanism. */
  readonly private: boolean;
  /** Of one release, for the accountant's event. */
  readonly mechanism: Mechanism;
}

/**
 * An exact sum of clipped contributions in 64-bit integers, made by {@link createGridSum}: any order, any number of workers, the same bits.
 * Its life: add() and merge(), addNoise() once, release() once.
 */
export class GridSum {
  readonly engine: Engine;
  readonly grid: GaussianGrid;
  #sum: Tensor<"u32"> | undefined; // size x i64 as pairs of words
  #count = 0;
  /** Whether the noise is private; undefined while there is none. */
  #noise: boolean | undefined;
  #released = false;

  /** @internal Use createGridSum(). */
  constructor(engine: Engine, grid: GaussianGrid) {
    this.engine = engine;
    this.grid = grid;
    this.#sum = engine.tensorOutsideScopes("u32", 2 * grid.size);
  }

  /** Contributions so far. It is data too: a release must not depend on it, see release(). */
  get count(): number {
    return this.#count;
  }

  /**
   * Clips one contribution to the grid and adds it.
   * @param x grid.size finite values
   * @throws {@link PrivacyError} for NaN or Infinity, or after addNoise(); the sum is unchanged
   */
  add(x: Tensor<"f32">): Clipped {
    const op = "gridSum.add";
    const sum = this.#open(op);
    checkTensor(op, "x", x, "f32", { size: this.grid.size });
    this.#checkEngine(op, x);
    this.#checkHeadroom(op, 1);
    const { engine, grid } = this;
    const bytes = grid.size * 4;
    const integers = engine.scratch(bytes);
    try {
      const clipped = clip(op, x, grid, integers);
      engine.kernels.accumulate_i32_i64(grid.size, integers, sum.address);
      this.#count++;
      return clipped;
    } finally {
      engine.wipeScratch(bytes);
    }
  }

  /**
   * Adds one contribution that clipToGrid() made, elsewhere: its norm is verified again.
   * @throws {@link PrivacyError} when the integers pass the bound, or after addNoise(); the sum is unchanged
   */
  addClipped(integers: Tensor<"i32">): void {
    const op = "gridSum.addClipped";
    const sum = this.#open(op);
    checkTensor(op, "integers", integers, "i32", { size: this.grid.size });
    this.#checkEngine(op, integers);
    this.#checkHeadroom(op, 1);
    const { engine, grid } = this;
    if (engine.kernels.within_norm_i32(grid.size, grid.squaredBound, integers.address) === 0) {
      throw new PrivacyError(`${op}: expected a squared norm of at most ${grid.squaredBound}, got more; was it clipped to another grid?`);
    }
    engine.kernels.accumulate_i32_i64(grid.size, integers.address, sum.address);
    this.#count++;
  }

  /** Adds all that another sum of the same engine and an equal grid holds; the other is unchanged. Neither may have noise. */
  merge(other: GridSum): void {
    const op = "gridSum.merge";
    const sum = this.#open(op);
    if (!(other instanceof GridSum) || other === this)
      throw new ParameterError(`${op}: expected another sum, got ${other === this ? "the same one" : describe(other)}`);
    const theirs = other.#open(op);
    if (other.engine !== this.engine) throw new EngineMismatchError(`${op}: expected a sum of the same engine, got one of another`);
    const { grid } = this;
    if (other.grid.sigma !== grid.sigma || other.grid.clipNorm !== grid.clipNorm || other.grid.size !== grid.size) {
      throw new ParameterError(
        `${op}: expected a sum on an equal grid, got sigma ${other.grid.sigma}, clipNorm ${other.grid.clipNorm}, size ${other.grid.size}`,
      );
    }
    this.#checkHeadroom(op, other.#count);
    this.engine.kernels.add_i64(grid.size, theirs.address, sum.address);
    this.#count += other.#count;
  }

  /**
   * Adds round(sigma z / g) to every element, once. After it nothing more can be added.
   * @param stream a private stream for a real release
   * @throws {@link PrivacyError} when there is noise already (the accountant knows of one), or the stream is used up; the sum is unchanged
   */
  addNoise(stream: RandomStream): void {
    const op = "gridSum.addNoise";
    const sum = this.#open(op);
    checkStream(op, stream);
    const { engine, grid } = this;
    stream.use(engine, noiseBlocks(grid.size), engine.kernels.grid_gaussian_scratch(), (counter, key, nonce, scratch) => {
      this.#noise = stream.private;
      engine.kernels.grid_gaussian_i64(grid.size, grid.scale, counter, key, nonce, sum.address, scratch);
      return undefined;
    });
  }

  /**
   * out <- sum g / divisor, once: exact in f64, the quotient rounded there and then to f32. Refused before addNoise(), and a second time, so that no
   * value leaves without noise and the noise is divided once.
   * @param out grid.size values
   * @param divisor what a mean divides by, > 0; default 1. It must not depend on the data: the expected number of contributions, not the count
   * @throws {@link PrivacyError} before addNoise() or after a release; out is unchanged
   */
  release(out: Tensor<"f32">, divisor = 1): GridRelease {
    const op = "gridSum.release";
    const sum = this.#live(op);
    checkTensor(op, "out", out, "f32", { size: this.grid.size });
    this.#checkEngine(op, out);
    checkNumber(op, "divisor", divisor, { min: 2 ** -64, max: 2 ** 64 });
    if (this.#noise === undefined) throw new PrivacyError(`${op}: expected addNoise() before, got a sum without noise`);
    if (this.#released) throw new PrivacyError(`${op}: expected one release, got a second; keep the first result`);
    this.engine.kernels.release_i64_f32(this.grid.size, this.grid.spacing, divisor, sum.address, out.address);
    this.#released = true;
    return { private: this.#noise, mechanism: this.grid.mechanism };
  }

  /** Forgets everything and keeps the memory: an empty sum without noise. */
  reset(): void {
    this.#live("gridSum.reset").view.fill(0);
    this.#count = 0;
    this.#noise = undefined;
    this.#released = false;
  }

  /** Wipes and frees the memory. Disposing twice does nothing. */
  dispose(): void {
    this.#sum?.dispose({ wipe: true });
    this.#sum = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #live(op: string): Tensor<"u32"> {
    if (!this.#sum) throw new DisposedError(`${op}: expected a live sum, got one that was disposed`);
    return this.#sum;
  }
  #open(op: string): Tensor<"u32"> {
    const sum = this.#live(op);
    if (this.#noise !== undefined) throw new PrivacyError(`${op}: expected a sum without noise, got one that addNoise() closed; reset() it for the next round`);
    return sum;
  }
  #checkEngine(op: string, tensor: Tensor): void {
    if (tensor.engine !== this.engine) throw new EngineMismatchError(`${op}: expected a tensor of the sum's engine, got one of another`);
  }
  /** No element can pass 2^53: each of `count` contributions moves it by at most its norm. */
  #checkHeadroom(op: string, more: number): void {
    const most = Math.floor(MAX_SUM / Math.ceil(Math.sqrt(this.grid.squaredBound) + 1));
    if (this.#count + more > most) throw new ParameterError(`${op}: expected at most ${most} contributions on this grid, got ${this.#count} and ${more} more`);
  }
}

/**
 * An empty sum on a grid.
 * @example
 * const grid = gaussianGrid({ sigma: 1.1, clipNorm: 1, size: delta.size });
 * const sum = createGridSum(engine, grid);
 * for (const delta of updates) sum.add(delta);
 * sum.addNoise(await createStream({ purpose: "noise" }));
 * const { mechanism } = sum.release(mean, expectedClients);
 */
export function createGridSum(engine: Engine, grid: GaussianGrid): GridSum {
  checkGrid("createGridSum", grid);
  return new GridSum(engine, grid);
}
