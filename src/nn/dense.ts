import { checkChoice, checkDisjoint, checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { INITIALISERS, type Initialiser } from "../random/initialise.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import type { LayerKind } from "./layer.ts";

type F32 = Tensor<"f32">;

/** Description of a dense layer: plain data, so that it can be sent to a worker or stored. */
export interface DenseLayer {
  readonly type: "dense";
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: Activation;
  readonly initialiser: Initialiser;
}

/**
 * A dense layer y = activation(x kernel + bias).
 * @param inputs features in, >= 1
 * @param outputs units, >= 1
 * @param activation "linear" (default), "relu", ...
 * @param initialiser of the kernel, default "glorotUniform"; the bias starts at 0
 */
export function dense(inputs: number, outputs: number, activation: Activation = "linear", initialiser: Initialiser = "glorotUniform"): DenseLayer {
  const layer = { type: "dense", inputs, outputs, activation, initialiser } as const;
  denseKind.check("dense", layer);
  return layer;
}

export const denseKind: LayerKind<DenseLayer> = {
  reads: { x: true, y: false },
  check(op, { inputs, outputs, activation, initialiser }) {
    checkNumber(op, "inputs", inputs, { min: 1, integer: true });
    checkNumber(op, "outputs", outputs, { min: 1, integer: true });
    checkChoice(op, "activation", activation, ACTIVATIONS);
    checkChoice(op, "initialiser", initialiser, INITIALISERS);
  },
  shape(op, { inputs, outputs }, [x]) {
    if (x!.length !== 1) throw new ShapeError(`${op}: expected one axis of features, got [${x}]; put flatten() before it`);
    if (x![0] !== inputs) throw new ShapeError(`${op}: expected to be given ${inputs} inputs, got ${x![0]}`);
    return [outputs];
  },
  parameters: ({ inputs, outputs, initialiser }) => [
    { name: "kernel", shape: [inputs, outputs], start: { method: initialiser, fanIn: inputs, fanOut: outputs } },
    { name: "bias", shape: [outputs], start: { value: 0 } },
  ],
  scratchBytes: (kernels) => kernels.dense_scratch_f32(),
  forward(kernels, { layer, x, y, at, scratch }, { m, w }) {
    kernels.dense_f32(m, layer.outputs, layer.inputs, x[0]!, w + at[0]!, w + at[1]!, y, scratch);
  },
  backward(kernels, { layer, dx, dy, at, scratch }, { m, w }) {
    kernels.dense_input_gradient_f32(m, layer.outputs, layer.inputs, dy, w + at[0]!, dx[0]!, scratch);
  },
  gradient(kernels, { layer, x, dy, at, scratch }, { m }, alpha, beta, target) {
    kernels.dense_weight_gradient_f32(m, layer.outputs, layer.inputs, alpha, beta, x[0]!, dy, target + at[0]!, target + at[1]!, scratch);
  },
  norms(kernels, { layer, x, dy }, { m }, norms) {
    kernels.dense_gradient_norms_f32(m, layer.outputs, layer.inputs, x[0]!, dy, norms);
  },
};

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
