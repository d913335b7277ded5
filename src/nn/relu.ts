import { checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type LayerKind, sizeOf } from "./layer.ts";

type F32 = Tensor<"f32">;

/** out <- max(x, 0). `out` defaults to x. NaN propagates. */
export function relu(x: F32, out: F32 = x): F32 {
  checkTensor("relu", "x", x, "f32");
  checkTensor("relu", "out", out, "f32", { size: x.size });
  checkSameEngine("relu", { x, out });
  x.engine.kernels.relu_f32(x.size, x.address, out.address);
  return out;
}

/** dx <- dy where y > 0, else 0. @param y the output of relu @param dx defaults to dy */
export function reluBackward(y: F32, dy: F32, dx: F32 = dy): F32 {
  const op = "reluBackward";
  checkTensor(op, "y", y, "f32");
  checkTensor(op, "dy", dy, "f32", { size: y.size });
  checkTensor(op, "dx", dx, "f32", { size: y.size });
  checkSameEngine(op, { y, dy, dx });
  y.engine.kernels.relu_backward_f32(y.size, y.address, dy.address, dx.address);
  return dx;
}

/** @internal Described by activation("relu"); its description is checked there. */
export const reluKind: LayerKind<object> = {
  reads: { x: false, y: true },
  inPlace: true,
  check() {},
  shape: (_, __, [x]) => x!,
  forward(kernels, { output, x, y }, { m }) {
    kernels.relu_f32(m * sizeOf(output), x[0]!, y);
  },
  backward(kernels, { output, y, dy, dx }, { m }) {
    kernels.relu_backward_f32(m * sizeOf(output), y, dy, dx[0]!);
  },
};
