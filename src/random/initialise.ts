import { checkChoice, checkNumber, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { addResearchGaussianNoise } from "../privacy/gaussian.ts";
import { checkStream, type RandomStream } from "./chacha.ts";
import { uniform } from "./uniform.ts";

/** How a dense kernel starts. */
export type Initialiser = "glorotUniform" | "heUniform" | "glorotNormal" | "heNormal" | "zeros";
export const INITIALISERS: readonly Initialiser[] = ["glorotUniform", "heUniform", "glorotNormal", "heNormal", "zeros"];

/**
 * Fills weights with a scaled random distribution of mean 0 and variance 2/(fanIn + fanOut) (Glorot) or 2/fanIn (He).
 * The normal variants are not truncated (Keras truncates at two deviations).
 * @param fanIn inputs of a unit, >= 1
 * @param fanOut outputs of a unit, >= 1
 * Source: Glorot and Bengio 2010, eq. 16; He et al. 2015 (arXiv:1502.01852), eq. 10.
 */
export function initialise(weights: Tensor<"f32">, method: Initialiser, fanIn: number, fanOut: number, stream: RandomStream): Tensor<"f32"> {
  const op = "initialise";
  checkTensor(op, "weights", weights, "f32");
  checkChoice(op, "method", method, INITIALISERS);
  checkNumber(op, "fanIn", fanIn, { min: 1, integer: true });
  checkNumber(op, "fanOut", fanOut, { min: 1, integer: true });
  checkStream(op, stream);
  const variance = method.startsWith("glorot") ? 2 / (fanIn + fanOut) : 2 / fanIn;
  switch (method) {
    case "zeros":
      weights.view.fill(0);
      return weights;
    case "glorotUniform":
    case "heUniform": {
      const limit = Math.sqrt(3 * variance);
      return uniform(weights, stream, { low: -limit, high: limit });
    }
    default:
      weights.view.fill(0);
      return addResearchGaussianNoise(weights, Math.sqrt(variance), stream);
  }
}
