import { checkNumber, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "./chacha.ts";

const DRAWS_PER_BLOCK = 8;

/**
 * A Poisson sample of the indices 0 .. n-1 (examples of a step, clients of a round): each enters independently with probability `rate`.
 * They stand, rising, at the start of `out`; the rest of `out` is unspecified. The sample may be empty: a private step then is noise alone.
 *
 * Privacy amplification by sampling, as the accountants of the Poisson-subsampled Gaussian compute it, holds for this sampler and for a private
 * stream only. It never holds for batches cut from a shuffled order ({@link shuffle}, {@link permutation}), whatever their size.
 * @param out n elements, n = the number of indices to draw from
 * @param rate probability in [0, 1]; exact to 2^-64, and never above what was asked
 * @param stream advances by ceil(n/8) blocks, whatever the rate
 * @returns how many indices were drawn
 * Source: Mironov et al. 2019 (arXiv:1908.10530), section 3.
 * @example
 * const rows = engine.tensor("u32", examples);
 * const count = poissonSample(rows, 0.01, stream); // rows.view.subarray(0, count)
 */
export function poissonSample(out: Tensor<"u32">, rate: number, stream: RandomStream): number {
  const op = "poissonSample";
  checkTensor(op, "out", out, "u32");
  checkNumber(op, "rate", rate, { min: 0, max: 1 });
  checkStream(op, stream);
  const { engine } = out;
  let count = 0;
  stream.use(engine, Math.ceil(out.size / DRAWS_PER_BLOCK), engine.kernels.poisson_sample_scratch_u32(), (counter, key, nonce, scratch) => {
    count = engine.kernels.poisson_sample_u32(out.size, rate, counter, key, nonce, out.address, scratch);
    return undefined;
  });
  return count;
}
