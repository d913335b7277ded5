import { checkDisjoint, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";

type F32 = Tensor<"f32">;

/**
 * out <- x kernel + bias.
 * @param x [m, in]
 * @param kernel [in, out] (Keras and tfjs layout)
 * @param bias [out]
 * @param out [m, out], written
 * @throws {@link ShapeError} when the shapes do not fit; out is unchanged
 */
export function denseForward(x: F32, kernel: F32, bias: F32, out: F32): F32 {
  const op = "denseForward";
  checkTensor(op, "x", x, "f32", { rank: 2 });
  const [m, k] = x.shape as [number, number];
  checkTensor(op, "kernel", kernel, "f32", { shape: [k, -1] });
  const n = kernel.shape[1]!;
  checkTensor(op, "bias", bias, "f32", { shape: [n] });
  checkTensor(op, "out", out, "f32", { shape: [m, n] });
  checkSameEngine(op, { x, kernel, bias, out });
  checkDisjoint(op, { x, kernel, bias }, "out", out);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.dense_scratch_f32());
  engine.kernels.dense_f32(m, n, k, x.address, kernel.address, bias.address, out.address, scratch);
  return out;
}

/**
 * dx <- dy kernel^T: the gradient with respect to the input.
 * @param dy [m, out]
 * @param kernel [in, out]
 * @param dx [m, in], written
 */
export function denseInputGradient(dy: F32, kernel: F32, dx: F32): F32 {
  const op = "denseInputGradient";
  checkTensor(op, "dy", dy, "f32", { rank: 2 });
  const [m, n] = dy.shape as [number, number];
  checkTensor(op, "kernel", kernel, "f32", { shape: [-1, n] });
  const k = kernel.shape[0]!;
  checkTensor(op, "dx", dx, "f32", { shape: [m, k] });
  checkSameEngine(op, { dy, kernel, dx });
  checkDisjoint(op, { dy, kernel }, "dx", dx);
  const { engine } = dy;
  const scratch = engine.scratch(engine.kernels.dense_scratch_f32());
  engine.kernels.dense_input_gradient_f32(m, n, k, dy.address, kernel.address, dx.address, scratch);
  return dx;
}

/**
 * dKernel <- x^T dy, dBias <- sum of the rows of dy: the gradients with respect to the weights.
 * @param x [m, in]
 * @param dy [m, out]
 * @param dKernel [in, out], written
 * @param dBias [out], written
 */
export function denseWeightGradient(x: F32, dy: F32, dKernel: F32, dBias: F32): void {
  const op = "denseWeightGradient";
  checkTensor(op, "x", x, "f32", { rank: 2 });
  const [m, k] = x.shape as [number, number];
  checkTensor(op, "dy", dy, "f32", { shape: [m, -1] });
  const n = dy.shape[1]!;
  checkTensor(op, "dKernel", dKernel, "f32", { shape: [k, n] });
  checkTensor(op, "dBias", dBias, "f32", { shape: [n] });
  checkSameEngine(op, { x, dy, dKernel, dBias });
  checkDisjoint(op, { x, dy }, "dKernel", dKernel);
  checkDisjoint(op, { x, dy, dKernel }, "dBias", dBias);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.dense_scratch_f32());
  engine.kernels.dense_weight_gradient_f32(m, n, k, 1, 0, x.address, dy.address, dKernel.address, dBias.address, scratch);
}
