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
 * out <- the images x convolved channel by channel, plus the bias: out[y, x, e n + q] = bias[e n + q] + sum over (i, j) of
 * x[y sh + i dh - top, x sw + j dw - left, e] kernel[i, j, e, q], where cells outside of the image are 0 (0 times a NaN weight is NaN).
 * @param x [m, h, w, c]
 * @param kernel [kh, kw, c, n] (Keras and tfjs layout): n outputs a channel
 * @param bias [c n]
 * @param out [m, oh, ow, c n], written; with padding "valid" oh = floor((h - (kh - 1) dh - 1) / sh) + 1, with "same" ceil(h / sh)
 * @throws {@link ShapeError} when the shapes do not fit; out is unchanged
 */
export function depthwiseConv2dForward(x: F32, kernel: F32, bias: F32, out: F32, options: ConvolutionOptions = {}): F32 {
  const op = "depthwiseConv2dForward";
  const g = checkConvolution(op, options, true, ["x", x], ["kernel", kernel], ["out", out], ["bias", bias]);
  checkSameEngine(op, { x, kernel, bias, out });
  checkDisjoint(op, { x, kernel, bias }, "out", out);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.depthwise_conv2d_scratch_f32(...g));
  engine.kernels.depthwise_conv2d_f32(...g, x.address, kernel.address, bias.address, out.address, scratch);
  return out;
}

/**
 * dx <- the gradient with respect to the images.
 * @param dy [m, oh, ow, c n]
 * @param kernel [kh, kw, c, n]
 * @param dx [m, h, w, c], written
 * @param options as in {@link depthwiseConv2dForward}
 */
export function depthwiseConv2dInputGradient(dy: F32, kernel: F32, dx: F32, options: ConvolutionOptions = {}): F32 {
  const op = "depthwiseConv2dInputGradient";
  const g = checkConvolution(op, options, true, ["dx", dx], ["kernel", kernel], ["dy", dy]);
  checkSameEngine(op, { dy, kernel, dx });
  checkDisjoint(op, { dy, kernel }, "dx", dx);
  const { engine } = dy;
  const scratch = engine.scratch(engine.kernels.depthwise_conv2d_scratch_f32(...g));
  engine.kernels.depthwise_conv2d_input_gradient_f32(...g, dy.address, kernel.address, dx.address, scratch);
  return dx;
}

/**
 * dKernel, dBias <- the gradients with respect to the weights, summed over the images.
 * @param x [m, h, w, c]
 * @param dy [m, oh, ow, c n]
 * @param dKernel [kh, kw, c, n], written
 * @param dBias [c n], written
 * @param options as in {@link depthwiseConv2dForward}
 */
export function depthwiseConv2dWeightGradient(x: F32, dy: F32, dKernel: F32, dBias: F32, options: ConvolutionOptions = {}): void {
  const op = "depthwiseConv2dWeightGradient";
  const g = checkConvolution(op, options, true, ["x", x], ["dKernel", dKernel], ["dy", dy], ["dBias", dBias]);
  checkSameEngine(op, { x, dy, dKernel, dBias });
  checkDisjoint(op, { x, dy }, "dKernel", dKernel);
  checkDisjoint(op, { x, dy, dKernel }, "dBias", dBias);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.depthwise_conv2d_scratch_f32(...g));
  engine.kernels.depthwise_conv2d_weight_gradient_f32(...g, 1, 0, x.address, dy.address, dKernel.address, dBias.address, scratch);
}

/** Description of a depthwise convolution layer: [h, w, inputs] to [oh, ow, inputs * multiplier]. */
export interface DepthwiseConv2dLayer extends ConvolutionLayer {
  readonly type: "depthwiseConv2d";
  /** Outputs a channel. */
  readonly multiplier: number;
}
export interface DepthwiseConv2dOptions extends ConvolutionLayerOptions {
  /** Outputs a channel, default 1. */
  readonly multiplier?: number;
}

/**
 * A depthwise convolution layer, as Keras's DepthwiseConv2D.
 * @param inputs channels in, >= 1
 * @param kernelSize rows and columns of a window, or one number for both
 * @example
 * const separable = [depthwiseConv2d(32, 3, { padding: "same" }), conv2d(32, 64, 1, { activation: "relu" })];
 */
export function depthwiseConv2d(inputs: number, kernelSize: number | Pair, options: DepthwiseConv2dOptions = {}): DepthwiseConv2dLayer {
  const common = convolutionLayer("depthwiseConv2d", inputs, kernelSize, options, ["multiplier"]);
  const layer = Object.freeze({ type: "depthwiseConv2d", ...common, multiplier: options.multiplier ?? 1 } as const);
  depthwiseConv2dKind.check("depthwiseConv2d", layer);
  return layer;
}

const geometryOf = ({ layer, inputs, output }: Fitted<DepthwiseConv2dLayer>, m: number): Geometry =>
  geometry(layer, m, inputs[0]!, layer.kernelSize, layer.multiplier, output);

/** @internal */
export const depthwiseConv2dKind: LayerKind<DepthwiseConv2dLayer> = {
  reads: { x: true, y: false },
  check(op, layer) {
    checkNumber(op, "multiplier", layer.multiplier, { min: 1, integer: true });
    checkConvolutionLayer(op, layer);
  },
  shape: (op, layer, [image]) => convolvedShape(op, layer, image!, layer.inputs * layer.multiplier),
  parameters({ inputs, multiplier, kernelSize, initialiser }) {
    // Keras takes the fans from the kernel's shape [kh, kw, inputs, multiplier], whatever the convolution.
    const cells = kernelSize[0] * kernelSize[1];
    const start = { method: initialiser, fanIn: cells * inputs, fanOut: cells * multiplier };
    return [
      { name: "depthwise_kernel", shape: [...kernelSize, inputs, multiplier], start },
      { name: "bias", shape: [inputs * multiplier], start: { value: 0 } },
    ];
  },
  scratchBytes: (kernels, fitted, batch) => kernels.depthwise_conv2d_scratch_f32(...geometryOf(fitted, batch)),
  forward(kernels, p, { m, w }) {
    kernels.depthwise_conv2d_f32(...geometryOf(p, m), p.x[0]!, w + p.at[0]!, w + p.at[1]!, p.y, p.scratch);
  },
  backward(kernels, p, { m, w }) {
    kernels.depthwise_conv2d_input_gradient_f32(...geometryOf(p, m), p.dy, w + p.at[0]!, p.dx[0]!, p.scratch);
  },
  gradient(kernels, p, { m }, alpha, beta, target) {
    kernels.depthwise_conv2d_weight_gradient_f32(...geometryOf(p, m), alpha, beta, p.x[0]!, p.dy, target + p.at[0]!, target + p.at[1]!, p.scratch);
  },
  norms(kernels, p, { m }, norms) {
    kernels.depthwise_conv2d_gradient_norms_f32(...geometryOf(p, m), p.x[0]!, p.dy, norms, p.scratch);
  },
};
