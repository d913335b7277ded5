import { checkNumber, checkOptions, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "./chacha.ts";

/**
 * Fills out with independent uniform numbers: low + (high - low) k 2^-24, k uniform in [0, 2^24).
 * @param options low (default 0) and high (default 1), low <= high, both within f32; with these defaults every value is exact and below 1
 */
export function uniform(out: Tensor<"f32">, stream: RandomStream, options: { readonly low?: number; readonly high?: number } = {}): Tensor<"f32"> {
  const op = "uniform";
  checkTensor(op, "out", out, "f32");
  checkStream(op, stream);
  checkOptions(op, options, ["low", "high"]);
  const { low = 0, high = 1 } = options;
  checkNumber(op, "low", low, { f32: true });
  checkNumber(op, "high", high, { min: low, f32: true });
  const { engine } = out;
  stream.use(engine, Math.ceil(out.size / 16), engine.kernels.uniform_scratch_f32(), (counter, key, nonce, scratch) => {
    engine.kernels.uniform_f32(out.size, low, high, counter, key, nonce, out.address, scratch);
    return undefined;
  });
  return out;
}
