import { checkDisjoint, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";

type F32 = Tensor<"f32">;

/** out_ij <- bias_j. @param bias [n] @param out [m, n], written */
export function broadcastBias(bias: F32, out: F32): F32 {
  const op = "broadcastBias";
  checkTensor(op, "bias", bias, "f32", { rank: 1 });
  checkTensor(op, "out", out, "f32", { shape: [-1, bias.size] });
  checkSameEngine(op, { bias, out });
  checkDisjoint(op, { bias }, "out", out);
  bias.engine.kernels.bias_f32(out.shape[0]!, bias.size, bias.address, out.address);
  return out;
}

/** out_j <- sum_i gradient_ij: the gradient of a bias. @param gradient [m, n] @param out [n], written */
export function biasGradient(gradient: F32, out: F32): F32 {
  const op = "biasGradient";
  checkTensor(op, "gradient", gradient, "f32", { rank: 2 });
  checkTensor(op, "out", out, "f32", { shape: [gradient.shape[1]!] });
  checkSameEngine(op, { gradient, out });
  checkDisjoint(op, { gradient }, "out", out);
  gradient.engine.kernels.bias_backward_f32(gradient.shape[0]!, out.size, 1, 0, gradient.address, out.address);
  return out;
}
