import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";

/**
 * out <- x held within [-limit, limit], element by element. Infinity becomes the limit, NaN stays. For a bound on the norm see clipByNorm().
 * @param x n elements, any shape
 * @param limit >= 0
 * @param out as long as x, defaults to x
 * @throws {@link ParameterError}, {@link ShapeError}; out is unchanged
 */
export function clipByValue(x: Tensor<"f32">, limit: number, out: Tensor<"f32"> = x): Tensor<"f32"> {
  const op = "clipByValue";
  checkTensor(op, "x", x, "f32");
  checkNumber(op, "limit", limit, { min: 0, f32: true });
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, out });
  x.engine.kernels.clip_value_f32(x.size, limit, x.address, out.address);
  return out;
}
