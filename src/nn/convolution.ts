// What conv2d and depthwiseConv2d have in common: the description of their windows, its checks and the geometry that their kernels take.
import { checkChoice, checkNumber, checkOptions, checkTensor } from "../engine/check.ts";
import { ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { INITIALISERS, type Initialiser } from "../random/initialise.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import type { Shape } from "./layer.ts";
import { checkPair, PADDINGS, type Padding, type Pair, paddingBefore, windows } from "./window.ts";

/** How the windows of a convolution lie. */
export interface ConvolutionOptions {
  /** Cells from one window to the next, default 1. */
  readonly strides?: number | Pair;
  /** Default "valid". Padded cells are zeros. */
  readonly padding?: Padding;
  /** Distance of neighbouring cells of a window, default 1. */
  readonly dilation?: number | Pair;
}
interface Convolution {
  readonly strides: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
}
/** Options of a convolution layer. */
export interface ConvolutionLayerOptions extends ConvolutionOptions {
  /** Default "linear". */
  readonly activation?: Activation;
  /** Of the kernel, default "glorotUniform"; the bias starts at 0. */
  readonly initialiser?: Initialiser;
}
/** What the descriptions of both layers hold. */
export interface ConvolutionLayer extends Convolution {
  /** Channels in. */
  readonly inputs: number;
  readonly kernelSize: Pair;
  readonly activation: Activation;
  readonly initialiser: Initialiser;
}

/** Options, checked and complete; `others` are options that the caller reads himself. */
function convolution(op: string, options: ConvolutionOptions, others: readonly string[] = []): Convolution {
  checkOptions(op, options, ["strides", "padding", "dilation", ...others]);
  const { strides = 1, padding = "valid", dilation = 1 } = options;
  checkChoice(op, "padding", padding, PADDINGS);
  return { strides: checkPair(op, "strides", strides), padding, dilation: checkPair(op, "dilation", dilation) };
}

/** The common part of a description; `others` as in convolution(). */
export function convolutionLayer(
  op: string,
  inputs: number,
  kernelSize: number | Pair,
  options: ConvolutionLayerOptions,
  others: readonly string[] = [],
): ConvolutionLayer {
  const windows = convolution(op, options, ["activation", "initialiser", ...others]);
  const { activation = "linear", initialiser = "glorotUniform" } = options;
  return { inputs, kernelSize: checkPair(op, "kernelSize", kernelSize), ...windows, activation, initialiser };
}
export function checkConvolutionLayer(op: string, layer: ConvolutionLayer): void {
  checkNumber(op, "inputs", layer.inputs, { min: 1, integer: true });
  for (const name of ["kernelSize", "strides", "dilation"] as const) checkPair(op, name, layer[name]);
  checkChoice(op, "padding", layer.padding, PADDINGS);
  checkChoice(op, "activation", layer.activation, ACTIVATIONS);
  checkChoice(op, "initialiser", layer.initialiser, INITIALISERS);
}

/** Cells that a window of k spans. */
const span = (k: number, dilation: number): number => (k - 1) * dilation + 1;

/** Rows and columns of windows on images [h, w, c]. @throws {@link ShapeError} when not one fits */
function outputsOf(op: string, { strides, padding, dilation }: Convolution, [h, w]: Shape, [kh, kw]: Shape): Pair {
  const [spanH, spanW] = [span(kh!, dilation[0]), span(kw!, dilation[1])];
  const outputs = [windows(h!, spanH, strides[0], padding), windows(w!, spanW, strides[1], padding)] as const;
  if (outputs[0] < 1 || outputs[1] < 1)
    throw new ShapeError(`${op}: expected images of ${spanH}x${spanW} or more for windows that span as much, got ${h}x${w}`);
  return outputs;
}
/** Output of a layer for images [h, w, inputs], with `channels` channels. */
export function convolvedShape(op: string, layer: ConvolutionLayer, image: Shape, channels: number): Shape {
  if (image.length !== 3 || image[2] !== layer.inputs) throw new ShapeError(`${op}: expected images of shape [h, w, ${layer.inputs}], got shape [${image}]`);
  return [...outputsOf(op, layer, image, layer.kernelSize), channels];
}

/** The geometry of the kernels, in the order that assembly/nn/conv2d.ts documents. */
export type Geometry = [
  ...[m: number, h: number, w: number, c: number],
  ...[kh: number, kw: number, n: number],
  ...[oh: number, ow: number],
  ...[sh: number, sw: number, ph: number, pw: number, dh: number, dw: number],
];
/** @param n filters, or depthwise the outputs a channel */
export function geometry({ strides, padding, dilation }: Convolution, m: number, image: Shape, kernelSize: Shape, n: number, outputs: Shape): Geometry {
  const [h, w, kh, kw] = [image[0]!, image[1]!, kernelSize[0]!, kernelSize[1]!];
  const top = paddingBefore(h, span(kh, dilation[0]), strides[0], padding);
  const left = paddingBefore(w, span(kw, dilation[1]), strides[1], padding);
  return [m, h, w, image[2]!, kh, kw, n, outputs[0]!, outputs[1]!, strides[0], strides[1], top, left, dilation[0], dilation[1]];
}

type Named = readonly [name: string, tensor: Tensor<"f32">];
/**
 * The geometry of tensors that fit: images [m, h, w, c], kernel [kh, kw, c, n], bias and outputs [m, oh, ow, channels].
 * @param depthwise the channels are c n, else n
 */
export function checkConvolution(op: string, options: ConvolutionOptions, depthwise: boolean, x: Named, kernel: Named, y: Named, bias?: Named): Geometry {
  const windows = convolution(op, options);
  checkTensor(op, ...x, "f32", { rank: 4 });
  const [m, ...image] = x[1].shape as [m: number, h: number, w: number, c: number];
  checkTensor(op, ...kernel, "f32", { shape: [-1, -1, image[2], -1] });
  const [kh, kw, , n] = kernel[1].shape as [number, number, number, number];
  if (image.includes(0) || kh * kw * n === 0) {
    throw new ShapeError(`${op}: expected images and windows of 1 or more in every axis, got shapes [${x[1].shape}] and [${kernel[1].shape}]`);
  }
  const channels = depthwise ? image[2] * n : n;
  const outputs = outputsOf(op, windows, image, [kh, kw]);
  checkTensor(op, ...y, "f32", { shape: [m, ...outputs, channels] });
  if (bias) checkTensor(op, ...bias, "f32", { shape: [channels] });
  return geometry(windows, m, image, [kh, kw], n, outputs);
}
