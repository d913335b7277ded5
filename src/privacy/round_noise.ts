// What noise for a stream of rounds has in common: integers on the grid of the sums, drawn again from (key, node) whenever needed.
import { checkNumber, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { addDiscreteGaussian } from "./discrete_gaussian.ts";
import { GaussianGrid, noiseBlocks } from "./grid.ts";

/** Adds one vector of independent integer noise to x. It must depend on the stream alone, and use it from where it stands. */
export type VectorNoise = (x: Tensor<"i32">, stream: RandomStream) => void;

/** Options of noise for a stream of rounds. */
export interface RoundNoiseOptions {
  /** Numbers a round. */
  readonly size: number;
  /**
   * Noise of a node. A grid made by gaussianGrid(): its Gaussian noise, rounds being sums of what clipToGrid() gives on that grid.
   * A number: the standard deviation of a discrete Gaussian on the integers, up to 2^24; exact, and slower. A function: any other law.
   */
  readonly noise: GaussianGrid | number | VectorNoise;
  /**
   * Key of all nodes; its forks belong to this noise alone. A node's noise is drawn from its own fork, so that it is the same whenever it is
   * needed. To resume, give the same key.
   */
  readonly stream: RandomStream;
  /**
   * Rounds done before, default 0: to resume. Store it before the result of a round leaves: noise of one round under two different sums
   * would show their difference.
   */
  readonly step?: number;
}

/** @internal The noise of nodes, checked: draws node (a, b) into a vector of its own, which the caller disposes of with `wipe`. */
export class Nodes {
  readonly engine: Engine;
  readonly size: number;
  readonly stream: RandomStream;
  readonly #add: VectorNoise;

  constructor(op: string, engine: Engine, options: RoundNoiseOptions) {
    const { size, noise, stream } = options;
    checkNumber(op, "size", size, { min: 0, below: 2 ** 32, integer: true });
    checkStream(op, stream);
    stream.fork(0, 0); // throws on a fork, which has no forks of its own
    this.engine = engine;
    this.size = size;
    this.stream = stream;
    this.#add = vectorNoise(op, noise, size);
  }

  /** Runs `body` with the sum of the noise of these nodes, and wipes it. */
  with<R>(nodes: readonly (readonly [a: number, b: number])[], body: (sum: Tensor<"i32">) => R): R {
    const sum = this.engine.tensorOutsideScopes("i32", this.size);
    try {
      for (const [a, b] of nodes) this.#add(sum, this.stream.fork(a, b));
      return body(sum);
    } finally {
      sum.dispose({ wipe: true });
    }
  }
}

function vectorNoise(op: string, noise: GaussianGrid | number | VectorNoise, size: number): VectorNoise {
  if (typeof noise === "function") return noise;
  if (typeof noise === "number") {
    checkNumber(op, "noise", noise, { min: 0, max: 2 ** 24 });
    return (x, fork) => void addDiscreteGaussian(x, { sigma: noise }, fork);
  }
  if (!(noise instanceof GaussianGrid)) {
    throw new ParameterError(`${op}: expected noise to be a grid made by gaussianGrid(), a number or a function, got ${describe(noise)}`, {
      argument: "noise",
    });
  }
  if (noise.size !== size) throw new ParameterError(`${op}: expected a grid of size ${size} for noise, got one of ${noise.size}`, { argument: "noise" });
  return (x, fork) => {
    const { engine } = x;
    fork.use(engine, noiseBlocks(size), engine.kernels.grid_gaussian_scratch(), (counter, key, nonce, scratch) => {
      engine.kernels.grid_gaussian_i32(size, noise.scale, counter, key, nonce, x.address, scratch);
      return undefined;
    });
  };
}
