// A network of bench/shapes.ts cut into layers, with numbers to train it on: the same for ours, every rival and the twin.
import { random } from "../tests/support/data.ts";
import type { Network } from "./shapes.ts";

/** A convolution with relu and the pooling after it, or a dense layer with relu unless it is the last. */
export type Layer =
  | { readonly type: "conv"; readonly side: number; readonly kernel: number; readonly inputs: number; readonly outputs: number }
  | { readonly type: "dense"; readonly inputs: number; readonly outputs: number; readonly relu: boolean };

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;

export function layersOf({ filters, kernel, units }: Network): Layer[] {
  const layers: Layer[] = [];
  let [side, channels] = [SIDE, 1];
  for (const outputs of filters) {
    layers.push({ type: "conv", side, kernel, inputs: channels, outputs });
    [side, channels] = [side / 2, outputs];
  }
  let inputs = side * side * channels;
  for (const [l, outputs] of units.entries()) {
    layers.push({ type: "dense", inputs, outputs, relu: l + 1 < units.length });
    inputs = outputs;
  }
  return layers;
}

/** Shapes of kernel (Keras: [side, side, in, out] or [in, out]) and bias, layer by layer: the order of the flat vector. */
export function shapesOf(network: Network): number[][] {
  return layersOf(network).flatMap((l) => [l.type === "conv" ? [l.kernel, l.kernel, l.inputs, l.outputs] : [l.inputs, l.outputs], [l.outputs]]);
}
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b);
export const sizeOf = (network: Network): number => shapesOf(network).reduce((n, shape) => n + product(shape), 0);

/** Floating-point operations of a step on m examples: forward, weight gradients, and the input gradients of all layers but the first. */
export function flopsOf(network: Network, m: number): number {
  const forward = layersOf(network).map((l) => 2 * l.inputs * l.outputs * (l.type === "conv" ? (l.kernel * l.side) ** 2 : 1));
  return m * (3 * forward.reduce((a, b) => a + b) - forward[0]!);
}

/** What a step starts from. Repeatable; bench/native/steps.py makes the same bits. */
export interface Start {
  /** Flat weights: kernels uniform as Glorot and Bengio 2010 have them, biases uniform in +-0.1. */
  readonly w: Float32Array;
  /** The same cut into the arrays of shapesOf. */
  readonly parts: readonly { readonly values: Float32Array; readonly shape: readonly number[] }[];
  /** m x 784 pixels uniform in [0, 1). The second half of the rows repeats the first, with other labels. */
  readonly x: Float32Array;
  readonly labels: Int32Array;
  /** The labels as m x 10 zeros and ones. */
  readonly onehot: Float32Array;
}

export function start(network: Network, m: number): Start {
  const shapes = shapesOf(network);
  const w = new Float32Array(sizeOf(network));
  let at = 0;
  const parts = shapes.map((shape, i) => {
    const fans = shape.length === 4 ? shape[0]! * shape[1]! * (shape[2]! + shape[3]!) : shape[0]! + shape[1]!;
    const limit = shape.length === 1 ? 0.1 : Math.sqrt(6 / fans);
    const values = w.subarray(at, (at += product(shape)));
    const r = random(i + 10);
    for (let j = 0; j < values.length; j++) values[j] = limit * (2 * r() - 1);
    return { values, shape };
  });
  const [pixel, label] = [random(1), random(2)];
  const x = Float32Array.from({ length: m * PIXELS }, pixel);
  const labels = Int32Array.from({ length: m }, () => Math.floor(CLASSES * label()));
  // Every image under two labels: a benchmark trains one batch thousands of times, and once that was learnt, gradients
  // would sink into denormals, which cost the processor a multiple.
  const half = m >> 1;
  x.copyWithin(half * PIXELS, 0, half * PIXELS);
  for (let i = 0; i < half; i++) labels[half + i] = (labels[i]! + 1) % CLASSES;
  const onehot = new Float32Array(m * CLASSES);
  for (const [i, k] of labels.entries()) onehot[i * CLASSES + k] = 1;
  return { w, parts, x, labels, onehot };
}
