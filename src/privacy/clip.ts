import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import { PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

/** What clipping found. */
export interface Clipped {
  /** L2 norm before, in f64. */
  readonly norm: number;
  /** Whether the vector was longer than the bound and had to be scaled. */
  readonly clipped: boolean;
}

/**
 * out <- x min(1, maxNorm / |x|): the L2 norm of the result, computed in f64, never exceeds maxNorm. Clipping twice changes nothing.
 * A vector within the bound is copied bit for bit; zero stays zero. Inputs from 1e-45 to 3e38 clip correctly.
 * @param x flat update, any shape
 * @param maxNorm bound, > 0 and finite
 * @param out as long as x, defaults to x
 * @throws {@link PrivacyError} when x holds NaN or Infinity (its norm cannot be bounded); out is unchanged
 * Source: Abadi et al. 2016 (arXiv:1607.00133), algorithm 1.
 * @example
 * const u = engine.tensor("f32", 2, [3, 4]);
 * clipByNorm(u, 1); // { norm: 5, clipped: true }; u is about [0.6, 0.8]
 */
export function clipByNorm(x: Tensor<"f32">, maxNorm: number, out: Tensor<"f32"> = x): Clipped {
  const op = "clipByNorm";
  checkTensor(op, "x", x, "f32");
  checkNumber(op, "maxNorm", maxNorm, { above: 0 });
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, out });
  const norm = x.engine.kernels.clip_l2_f32(x.size, maxNorm, x.address, out.address);
  if (!Number.isFinite(norm)) throw notFinite(op, "x", x);
  return { norm, clipped: norm > maxNorm };
}

/** @internal The error for an update with NaN or Infinity in it, naming the first place. */
export function notFinite(op: string, name: string, x: Tensor<"f32">): PrivacyError {
  const index = x.view.findIndex((v) => !Number.isFinite(v));
  return new PrivacyError(`${op}: expected ${name} to be finite, got ${x.view[index]} at index ${index}`, { argument: name, index });
}
