// Activations: wrappers of the kernels, and every activation as a layer.
import { checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import type { Kernels } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type LayerKind, sizeOf } from "./layer.ts";
import { reluKind } from "./relu.ts";
import { softmaxKind } from "./softmax.ts";

type F32 = Tensor<"f32">;

function forward(op: string, x: F32, out: F32, run: (kernels: Kernels, n: number, x: number, y: number) => void): F32 {
  checkTensor(op, "x", x, "f32");
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, out });
  run(x.engine.kernels, x.size, x.address, out.address);
  return out;
}
/** `name` says which value the gradient is taken from: the input x or the output y. */
function backward(
  op: string,
  name: "x" | "y",
  value: F32,
  dy: F32,
  dx: F32,
  run: (kernels: Kernels, n: number, value: number, dy: number, dx: number) => void,
): F32 {
  checkTensor(op, name, value, "f32");
  checkTensor(op, "dy", dy, "f32", { size: value.size });
  checkTensor(op, "dx", dx, "f32", { size: value.size });
  checkSameEngine(op, { [name]: value, dy, dx });
  run(value.engine.kernels, value.size, value.address, dy.address, dx.address);
  return dx;
}
/** Of leakyRelu where nothing else is said, as in Keras. */
const SLOPE = 0.3;
const checkSlope = (op: string, slope: number): void => checkNumber(op, "slope", slope, { min: 0, f32: true });

/** out <- x where x > 0, else slope x. `out` defaults to x. NaN propagates. @param slope >= 0, default 0.3 as in Keras */
export function leakyRelu(x: F32, slope = SLOPE, out: F32 = x): F32 {
  checkSlope("leakyRelu", slope);
  return forward("leakyRelu", x, out, (kernels, n, ...at) => kernels.leaky_relu_f32(n, slope, ...at));
}
/** dx <- dy where y > 0, else slope dy. @param y the output of leakyRelu @param dx defaults to dy */
export function leakyReluBackward(y: F32, slope: number, dy: F32, dx: F32 = dy): F32 {
  checkSlope("leakyReluBackward", slope);
  return backward("leakyReluBackward", "y", y, dy, dx, (kernels, n, ...at) => kernels.leaky_relu_backward_f32(n, slope, ...at));
}
/** out <- 1 / (1 + exp(-x)), within 2 ulp; 0 and 1 far out. `out` defaults to x. NaN propagates. */
export function sigmoid(x: F32, out: F32 = x): F32 {
  return forward("sigmoid", x, out, (kernels, ...at) => kernels.sigmoid_f32(...at));
}
/** dx <- dy y (1 - y). @param y the output of sigmoid @param dx defaults to dy */
export function sigmoidBackward(y: F32, dy: F32, dx: F32 = dy): F32 {
  return backward("sigmoidBackward", "y", y, dy, dx, (kernels, ...at) => kernels.sigmoid_backward_f32(...at));
}
/** out <- tanh(x), within 2 ulp; exactly +-1 far out. `out` defaults to x. NaN propagates. */
export function tanh(x: F32, out: F32 = x): F32 {
  return forward("tanh", x, out, (kernels, ...at) => kernels.tanh_f32(...at));
}
/** dx <- dy (1 - y^2). @param y the output of tanh @param dx defaults to dy */
export function tanhBackward(y: F32, dy: F32, dx: F32 = dy): F32 {
  return backward("tanhBackward", "y", y, dy, dx, (kernels, ...at) => kernels.tanh_backward_f32(...at));
}
/** out <- x / (1 + exp(-x)), also called swish, within 2 ulp. `out` defaults to x. NaN propagates. Source: arXiv:1702.03118 */
export function silu(x: F32, out: F32 = x): F32 {
  return forward("silu", x, out, (kernels, ...at) => kernels.silu_f32(...at));
}
/** dx <- dy s (1 + x (1 - s)), s = sigmoid(x). @param x the input of silu @param dx defaults to dy */
export function siluBackward(x: F32, dy: F32, dx: F32 = dy): F32 {
  return backward("siluBackward", "x", x, dy, dx, (kernels, ...at) => kernels.silu_backward_f32(...at));
}
/** out <- x Phi(x), Phi the standard normal distribution function: the exact form, Keras's default, within 0.6 ulp. Source: arXiv:1606.08415 */
export function gelu(x: F32, out: F32 = x): F32 {
  return forward("gelu", x, out, (kernels, ...at) => kernels.gelu_f32(...at));
}
/** dx <- dy (Phi(x) + x phi(x)), phi the density of Phi. @param x the input of gelu @param dx defaults to dy */
export function geluBackward(x: F32, dy: F32, dx: F32 = dy): F32 {
  return backward("geluBackward", "x", x, dy, dx, (kernels, ...at) => kernels.gelu_backward_f32(...at));
}

/** Names of the activations; "linear" is none. */
export const ACTIVATIONS = ["linear", "relu", "leakyRelu", "gelu", "silu", "tanh", "sigmoid", "softmax"] as const;
export type Activation = (typeof ACTIVATIONS)[number];
type Applied = Exclude<Activation, "linear">;

/** Description of an activation as a layer of its own. */
export interface ActivationLayer {
  readonly type: Applied;
  /** Of leakyRelu only: the factor below 0, default 0.3. */
  readonly slope?: number;
}

/**
 * An activation as a layer: element by element, or along the last axis (softmax).
 * @param name any of {@link ACTIVATIONS} but "linear"
 * @param options slope of leakyRelu, >= 0, default 0.3 as in Keras
 * @throws {@link ParameterError} for another name, or a slope with another activation
 */
export function activation(name: Applied, options: { readonly slope?: number } = {}): ActivationLayer {
  const op = "activation";
  checkOptions(op, options, ["slope"]);
  const { slope } = options;
  const layer = slope === undefined ? { type: name } : { type: name, slope };
  checkActivation(op, layer);
  return Object.freeze(layer);
}
function checkActivation(op: string, { type, slope }: ActivationLayer): void {
  if (!Object.hasOwn(activationKinds, type)) {
    const words = Object.keys(activationKinds).map((word) => `"${word}"`);
    throw new ParameterError(`${op}: expected ${words.join(" or ")}, got ${describe(type)}`);
  }
  if (slope === undefined) return;
  if (type !== "leakyRelu") throw new ParameterError(`${op}: expected slope with "leakyRelu" only, got it with "${type}"`, { argument: "slope" });
  checkSlope(op, slope);
}

/** A kind whose values have one address each. `from` says which value the gradient is taken from; `slope` is that of leakyRelu. */
function elementwise(
  from: "x" | "y",
  forward: (kernels: Kernels, n: number, x: number, y: number, slope: number) => void,
  backward: (kernels: Kernels, n: number, value: number, dy: number, dx: number, slope: number) => void,
): LayerKind<ActivationLayer> {
  return {
    check: checkActivation,
    shape: (_op, _layer, [x]) => x!,
    reads: { x: from === "x", y: from === "y" },
    inPlace: true,
    forward: (kernels, { layer, output, x, y }, { m }) => forward(kernels, m * sizeOf(output), x[0]!, y, layer.slope ?? SLOPE),
    backward: (kernels, { layer, output, x, y, dy, dx }, { m }) =>
      backward(kernels, m * sizeOf(output), from === "x" ? x[0]! : y, dy, dx[0]!, layer.slope ?? SLOPE),
  };
}
/** @internal The kind of every activation that is a layer, by its name. */
export const activationKinds: Readonly<Record<Applied, LayerKind<ActivationLayer>>> = {
  relu: { ...reluKind, check: checkActivation },
  leakyRelu: elementwise(
    "y",
    (kernels, n, x, y, slope) => kernels.leaky_relu_f32(n, slope, x, y),
    (kernels, n, y, dy, dx, slope) => kernels.leaky_relu_backward_f32(n, slope, y, dy, dx),
  ),
  gelu: elementwise(
    "x",
    (kernels, n, x, y) => kernels.gelu_f32(n, x, y),
    (kernels, n, x, dy, dx) => kernels.gelu_backward_f32(n, x, dy, dx),
  ),
  silu: elementwise(
    "x",
    (kernels, n, x, y) => kernels.silu_f32(n, x, y),
    (kernels, n, x, dy, dx) => kernels.silu_backward_f32(n, x, dy, dx),
  ),
  tanh: elementwise(
    "y",
    (kernels, n, x, y) => kernels.tanh_f32(n, x, y),
    (kernels, n, y, dy, dx) => kernels.tanh_backward_f32(n, y, dy, dx),
  ),
  sigmoid: elementwise(
    "y",
    (kernels, n, x, y) => kernels.sigmoid_f32(n, x, y),
    (kernels, n, y, dy, dx) => kernels.sigmoid_backward_f32(n, y, dy, dx),
  ),
  softmax: { ...softmaxKind, check: checkActivation },
};
