import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";

const CHUNK = 128;
const BLOCKS = 16;
/** 2^122: 44.4 of it are still an f32. */
const MAX_SCALE = 2 ** 122;

/**
 * out <- x + scale l, l independent of density e^-|l| / 2 from the stream (inversion in f64, |l| up to 44.4), rounded once to f32.
 * For research, NOT for a private release: plain floating-point noise is right in distribution, but its low bits depend on x (Mironov 2012), and no
 * privacy budget is charged. addDiscreteLaplace() draws exact Laplace noise on integers. Noise and x propagate NaN.
 * @param scale b, standard deviation over sqrt(2), 0 to 2^122; 0 leaves x bit for bit
 * @param stream where randomness comes from
 * @param out as long as x, defaults to x
 */
export function addResearchLaplaceNoise(x: Tensor<"f32">, scale: number, stream: RandomStream, out: Tensor<"f32"> = x): Tensor<"f32"> {
  const op = "addResearchLaplaceNoise";
  checkTensor(op, "x", x, "f32");
  checkNumber(op, "scale", scale, { min: 0, max: MAX_SCALE });
  checkStream(op, stream);
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, out });
  const { engine } = x;
  stream.use(engine, Math.ceil(x.size / CHUNK) * BLOCKS, engine.kernels.laplace_scratch_f32(), (counter, key, nonce, scratch) => {
    engine.kernels.laplace_f32(x.size, scale, counter, key, nonce, x.address, out.address, scratch);
    return undefined;
  });
  return out;
}
