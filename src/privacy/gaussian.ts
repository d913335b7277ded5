import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";

const CHUNK = 128;
const BLOCKS = 12;
/** 2^124: 9.5 of it are still an f32. */
const MAX_SIGMA = 2 ** 124;

/**
 * out <- x + sigma z, z independent standard normal from the stream (Box-Muller in f64, |z| up to 9.4), rounded once to f32.
 * For research, initial weights and tests, NOT for a private release: plain floating-point noise is right in distribution, but its low bits
 * depend on x (Mironov 2012), and no privacy budget is charged. A release adds noise on a grid: createGridSum(), addGridNoise(), releaseQuantized().
 * Noise and x propagate NaN.
 * @param sigma standard deviation, 0 to 2^124; 0 leaves x bit for bit
 * @param stream where randomness comes from
 * @param out as long as x, defaults to x
 */
export function addResearchGaussianNoise(x: Tensor<"f32">, sigma: number, stream: RandomStream, out: Tensor<"f32"> = x): Tensor<"f32"> {
  const op = "addResearchGaussianNoise";
  checkTensor(op, "x", x, "f32");
  checkNumber(op, "sigma", sigma, { min: 0, max: MAX_SIGMA });
  checkStream(op, stream);
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, out });
  const { engine } = x;
  stream.use(engine, Math.ceil(x.size / CHUNK) * BLOCKS, engine.kernels.gaussian_scratch_f32(), (counter, key, nonce, scratch) => {
    engine.kernels.gaussian_f32(x.size, sigma, counter, key, nonce, x.address, out.address, scratch);
    return undefined;
  });
  return out;
}
