import { checkDisjoint, checkNumber, checkSameEngine } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import {
  type ConvolutionLayer,
  type ConvolutionLayerOptions,
  type ConvolutionOptions,
  checkConvolution,
  checkConvolutionLayer,
  convolutionLayer,
  convolvedShape,
  type Geometry,
  geometry,
} from "./convolution.ts";
import type { Fitted, LayerKind } from "./layer.ts";
import type { Pair } from "./window.ts";

type F32 = Tensor<"f32">;

/**
 * out <- the images x convolved with the kernel, plus the bias: out[y, x, f] = bias[f] + sum over (i, j, e) of
 * x[y sh + i dh - top, x sw + j dw - left, e] kernel[i, j, e, f], where cells outside of the image are 0 (0 times a NaN weight is NaN).
 * @param x [m, h, w, c]
 * @param kernel [kh, kw, c, filters] (Keras and tfjs layout)
 * @param bias [filters]
 * @param out [m, oh, ow, filters], written; with padding "valid" oh = floor((h - (kh - 1) dh - 1) / sh) + 1, with "same" ceil(h / sh)
 * @throws {@link ShapeError} when the shapes do not fit; out is unchanged
 */
export function conv2dForward(x: F32, kernel: F32, bias: F32, out: F32, options: ConvolutionOptions = {}): F32 {
  const op = "conv2dForward";
  const g = checkConvolution(op, options, false, ["x", x], ["kernel", kernel], ["out", out], ["bias", bias]);
  checkSameEngine(op, { x, kernel, bias, out });
  checkDisjoint(op, { x, kernel, bias }, "out", out);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.conv2d_scratch_f32(...g));
  engine.kernels.conv2d_f32(...g, x.address, kernel.address, bias.address, out.address, scratch);
  return out;
}

/**
 * dx <- the gradient with respect to the images.
 * @param dy [m, oh, ow, filters]
 * @param kernel [kh, kw, c, filters]
 * @param dx [m, h, w, c], written
 * @param options as in {@link conv2dForward}
 */
export function conv2dInputGradient(dy: F32, kernel: F32, dx: F32, options: ConvolutionOptions = {}): F32 {
  const op = "conv2dInputGradient";
  const g = checkConvolution(op, options, false, ["dx", dx], ["kernel", kernel], ["dy", dy]);
  checkSameEngine(op, { dy, kernel, dx });
  checkDisjoint(op, { dy, kernel }, "dx", dx);
  const { engine } = dy;
  const scratch = engine.scratch(engine.kernels.conv2d_scratch_f32(...g));
  engine.kernels.conv2d_input_gradient_f32(...g, dy.address, kernel.address, dx.address, scratch);
  return dx;
}

/**
 * dKernel, dBias <- the gradients with respect to the weights, summed over the images.
 * @param x [m, h, w, c]
 * @param dy [m, oh, ow, filters]
 * @param dKernel [kh, kw, c, filters], written
 * @param dBias [filters], written
 * @param options as in {@link conv2dForward}
 */
export function conv2dWeightGradient(x: F32, dy: F32, dKernel: F32, dBias: F32, options: ConvolutionOptions = {}): void {
  const op = "conv2dWeightGradient";
  const g = checkConvolution(op, options, false, ["x", x], ["dKernel", dKernel], ["dy", dy], ["dBias", dBias]);
  checkSameEngine(op, { x, dy, dKernel, dBias });
  checkDisjoint(op, { x, dy }, "dKernel", dKernel);
  checkDisjoint(op, { x, dy, dKernel }, "dBias", dBias);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.conv2d_scratch_f32(...g));
  engine.kernels.conv2d_weight_gradient_f32(...g, 1, 0, x.address, dy.address, dKernel.address, dBias.address, scratch);
}

/** Description of a convolution layer: [h, w, inputs] to [oh, ow, filters]. */
export interface Conv2dLayer extends ConvolutionLayer {
  readonly type: "conv2d";
  readonly filters: number;
}

/**
 * A convolution layer, as Keras's Conv2D.
 * @param inputs channels in, >= 1
 * @param filters channels out, >= 1
 * @param kernelSize rows and columns of a window, or one number for both
 * @example
 * const layers = [conv2d(1, 32, 5, { padding: "same", activation: "relu" }), maxPool2d(2)];
 */
export function conv2d(inputs: number, filters: number, kernelSize: number | Pair, options: ConvolutionLayerOptions = {}): Conv2dLayer {
  const layer = Object.freeze({ type: "conv2d", filters, ...convolutionLayer("conv2d", inputs, kernelSize, options) } as const);
  conv2dKind.check("conv2d", layer);
  return layer;
}

const geometryOf = ({ layer, inputs, output }: Fitted<Conv2dLayer>, m: number): Geometry =>
  geometry(layer, m, inputs[0]!, layer.kernelSize, layer.filters, output);

/** @internal */
export const conv2dKind: LayerKind<Conv2dLayer> = {
  reads: { x: true, y: false },
  check(op, layer) {
    checkNumber(op, "filters", layer.filters, { min: 1, integer: true });
    checkConvolutionLayer(op, layer);
  },
  shape: (op, layer, [image]) => convolvedShape(op, layer, image!, layer.filters),
  parameters({ inputs, filters, kernelSize, initialiser }) {
    const cells = kernelSize[0] * kernelSize[1];
    return [
      { name: "kernel", shape: [...kernelSize, inputs, filters], start: { method: initialiser, fanIn: cells * inputs, fanOut: cells * filters } },
      { name: "bias", shape: [filters], start: { value: 0 } },
    ];
  },
  scratchBytes: (kernels, fitted, batch) => kernels.conv2d_scratch_f32(...geometryOf(fitted, batch)),
  forward(kernels, p, { m, w }) {
    kernels.conv2d_f32(...geometryOf(p, m), p.x[0]!, w + p.at[0]!, w + p.at[1]!, p.y, p.scratch);
  },
  backward(kernels, p, { m, w }) {
    kernels.conv2d_input_gradient_f32(...geometryOf(p, m), p.dy, w + p.at[0]!, p.dx[0]!, p.scratch);
  },
  gradient(kernels, p, { m }, alpha, beta, target) {
    kernels.conv2d_weight_gradient_f32(...geometryOf(p, m), alpha, beta, p.x[0]!, p.dy, target + p.at[0]!, target + p.at[1]!, p.scratch);
  },
  norms(kernels, p, { m }, norms) {
    kernels.conv2d_gradient_norms_f32(...geometryOf(p, m), p.x[0]!, p.dy, norms, p.scratch);
  },
};
