import { checkNumber } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "./chacha.ts";

const DRAWS_PER_BLOCK = 8;

/**
 * A Poisson sample of 0 .. n-1 (examples of a step, clients of a round): each enters independently with probability `rate`.
 * It may be empty: a private step is then noise alone.
 *
 * Privacy amplification by sampling, as the accountants of the Poisson-subsampled Gaussian compute it, holds for this sampler and a private
 * stream only. It never holds for batches cut from a shuffled order ({@link shuffle}, {@link permutation}), whatever their size.
 * @param n indices to draw from, below 2^32
 * @param rate probability in [0, 1]; exact to 2^-64, and never above what was asked
 * @param stream advances by ceil(n/8) blocks, whatever the rate
 * @returns the indices drawn, rising: dispose of it
 * Source: Mironov et al. 2019 (arXiv:1908.10530), section 3.
 * @example
 * const rows = poissonSample(engine, 60000, 0.01, stream); // about 600 of them
 */
export function poissonSample(engine: Engine, n: number, rate: number, stream: RandomStream): Tensor<"u32"> {
  const op = "poissonSample";
  checkNumber(op, "n", n, { min: 0, below: 2 ** 32, integer: true });
  checkNumber(op, "rate", rate, { min: 0, max: 1 });
  checkStream(op, stream);
  const { arena, kernels } = engine;
  const room = arena.allocate(4 * n); // for the most that can be drawn
  try {
    let count = 0;
    stream.use(engine, Math.ceil(n / DRAWS_PER_BLOCK), kernels.poisson_sample_scratch_u32(), (counter, key, nonce, scratch) => {
      count = kernels.poisson_sample_u32(n, rate, counter, key, nonce, room, scratch);
      return undefined;
    });
    return engine.tensor("u32", count, new Uint32Array(arena.memory.buffer, room, count));
  } finally {
    arena.free(room, { wipe: true });
  }
}
