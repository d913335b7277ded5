// The naive twin of a whole model: one example at a time, float64, plain loops, from the same descriptions.
import type { Layer, LayerNode, Loss, Model } from "fedlane";

type Vector = Float64Array | number[];
type Pair = readonly [number, number];
const sum = (n: number, f: (i: number) => number): number => {
  let s = 0;
  for (let i = 0; i < n; i++) s += f(i);
  return s;
};
const vector = (n: number, f: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => f(i));
const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** erf by its Taylor series for |x| < 6, more terms than needed. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, total] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}
const ACTIVATIONS: Record<string, (x: number) => number> = {
  relu: (x) => Math.max(x, 0),
  leakyRelu: (x) => (x > 0 ? x : 0.3 * x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  sigmoid,
};

/** Rows and columns that a window visits, TensorFlow's padding: out, pad before. */
function axis(size: number, window: number, stride: number, dilation: number, padding: string): Pair {
  const reach = (window - 1) * dilation + 1;
  if (padding === "valid") return [Math.floor((size - reach) / stride) + 1, 0];
  const out = Math.ceil(size / stride);
  return [out, Math.floor(Math.max((out - 1) * stride + reach - size, 0) / 2)];
}
interface Window {
  readonly size: Pair;
  readonly strides: Pair;
  readonly dilation: Pair;
  readonly padding: string;
}
/** Calls visit(output position, tap, input position) for every tap that falls inside the image. */
function slide([h, w]: readonly number[], { size, strides, dilation, padding }: Window, visit: (out: number, tap: number, at: number) => void): number {
  const [oh, top] = axis(h!, size[0], strides[0], dilation[0], padding);
  const [ow, left] = axis(w!, size[1], strides[1], dilation[1], padding);
  for (let o = 0; o < oh * ow; o++) {
    for (let t = 0; t < size[0] * size[1]; t++) {
      const y = Math.floor(o / ow) * strides[0] - top + Math.floor(t / size[1]) * dilation[0];
      const x = (o % ow) * strides[1] - left + (t % size[1]) * dilation[1];
      if (y >= 0 && y < h! && x >= 0 && x < w!) visit(o, t, y * w! + x);
    }
  }
  return oh * ow;
}

/** Output of one layer for one example; w its arrays. */
function run(layer: Layer, shapes: readonly (readonly number[])[], x: readonly Vector[], w: readonly Vector[]): Vector {
  const [v, shape] = [x[0]!, shapes[0]!];
  const c = shape.at(-1)!;
  const window = (size: Pair, dilation: Pair = [1, 1]): Window => ({ ...(layer as unknown as Window), size, dilation });
  switch (layer.type) {
    case "input":
      return v;
    case "dense":
      return vector(layer.outputs, (j) => w[1]![j]! + sum(layer.inputs, (p) => v[p]! * w[0]![p * layer.outputs + j]!));
    case "conv2d": {
      const n = layer.filters;
      const out: number[] = [];
      const positions = slide(shape, window(layer.kernelSize, layer.dilation), (o, t, at) => {
        for (let f = 0; f < n; f++) out[o * n + f] = (out[o * n + f] ?? 0) + sum(c, (k) => v[at * c + k]! * w[0]![(t * c + k) * n + f]!);
      });
      return vector(positions * n, (i) => (out[i] ?? 0) + w[1]![i % n]!);
    }
    case "depthwiseConv2d": {
      const q = layer.multiplier;
      const n = c * q;
      const out: number[] = [];
      const positions = slide(shape, window(layer.kernelSize, layer.dilation), (o, t, at) => {
        for (let f = 0; f < n; f++) out[o * n + f] = (out[o * n + f] ?? 0) + v[at * c + Math.floor(f / q)]! * w[0]![t * n + f]!;
      });
      return vector(positions * n, (i) => (out[i] ?? 0) + w[1]![i % n]!);
    }
    case "maxPool2d":
    case "averagePool2d": {
      const seen: number[][] = [];
      const positions = slide(shape, window(layer.poolSize), (o, _, at) => {
        for (let k = 0; k < c; k++) (seen[o * c + k] ??= []).push(v[at * c + k]!);
      });
      return vector(positions * c, (i) => (layer.type === "maxPool2d" ? Math.max(...seen[i]!) : sum(seen[i]!.length, (j) => seen[i]![j]!) / seen[i]!.length));
    }
    case "globalAveragePool2d":
      return vector(c, (k) => sum(v.length / c, (p) => v[p * c + k]!) / (v.length / c));
    case "layerNorm":
      return normalise(v, c, layer.epsilon, (i) => Math.floor(i / c), w);
    case "groupNorm":
      return normalise(v, c, layer.epsilon, (i) => Math.floor((i % c) / (c / layer.groups)), w);
    case "batchNorm":
      return vector(v.length, (i) => (w[0]![i % c]! * (v[i]! - w[2]![i % c]!)) / Math.sqrt(w[3]![i % c]! + layer.epsilon) + w[1]![i % c]!);
    case "embedding":
      return vector(v.length * layer.units, (i) => w[0]![v[Math.floor(i / layer.units)]! * layer.units + (i % layer.units)]!);
    case "embeddingBag": {
      const ids = Array.from(v).filter((id) => id !== 0xffffffff);
      return vector(layer.units, (j) => (ids.length === 0 ? 0 : sum(ids.length, (s) => w[0]![ids[s]! * layer.units + j]!) / ids.length));
    }
    case "softmax": {
      const rows = vector(v.length, (i) => Math.exp(v[i]! - Math.max(...Array.from(v).slice(i - (i % c), i - (i % c) + c))));
      return rows.map((e, i) => e / sum(c, (k) => rows[i - (i % c) + k]!));
    }
    case "residual":
      return vector(v.length, (i) => sum(x.length, (s) => x[s]![i]!));
    case "concatenate": {
      const widths = shapes.map((s) => s.at(-1)!);
      const rows = v.length / c;
      return vector(rows, (r) => r).flatMap((r) => x.flatMap((part, s) => Array.from(part).slice(r * widths[s]!, (r + 1) * widths[s]!)));
    }
    case "dotProduct": {
      const rows = x[1]!.length / c;
      return vector(rows, (r) => sum(c, (k) => v[v.length === c ? k : r * c + k]! * x[1]![r * c + k]!));
    }
    case "flatten":
    case "reshape":
    case "dropout": // evaluation
      return v;
    default: {
      const f = ACTIVATIONS[layer.type]!;
      return Array.from(v, f);
    }
  }
}

function normalise(v: Vector, c: number, epsilon: number, group: (i: number) => number, w: readonly Vector[]): number[] {
  const members: number[][] = [];
  for (let i = 0; i < v.length; i++) (members[group(i)] ??= []).push(v[i]!);
  const mean = members.map((g) => sum(g.length, (i) => g[i]!) / g.length);
  const variance = members.map((g, k) => sum(g.length, (i) => (g[i]! - mean[k]!) ** 2) / g.length);
  return vector(v.length, (i) => (w[0]![i % c]! * (v[i]! - mean[group(i)]!)) / Math.sqrt(variance[group(i)]! + epsilon) + w[1]![i % c]!);
}

/** Output of the model for one example: its inputs in the order of the input layers. */
export function output(model: Model, weights: ArrayLike<number>, inputs: readonly Vector[]): Vector {
  const values: Vector[] = [];
  let next = 0;
  for (const { layer, from, inputs: shapes, entries } of model.graph.nodes) {
    const w = entries.map(({ offset, size }) => Array.prototype.slice.call(weights, offset, offset + size) as number[]);
    values.push(
      layer.type === "input"
        ? inputs[next++]!
        : run(
            layer,
            shapes,
            from.map((i) => values[i]!),
            w,
          ),
    );
  }
  return values.at(-1)!;
}

/** Loss of one example; target: a label, or values. */
export function lossOf(loss: Loss, y: Vector, target: ArrayLike<number>): number {
  const n = y.length;
  const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  if (typeof loss === "object") {
    const huber = (e: number) => (e <= loss.delta ? 0.5 * e * e : loss.delta * e - 0.5 * loss.delta ** 2);
    return sum(n, (j) => huber(Math.abs(y[j]! - target[j]!))) / n;
  }
  const top = Math.max(...y);
  switch (loss) {
    case "softmaxCrossEntropy":
      return Math.log(sum(n, (j) => Math.exp(y[j]! - top))) + top - y[target[0]!]!;
    case "binaryCrossEntropy":
      return sum(n, (j) => softplus(y[j]!) - y[j]! * target[j]!) / n;
    case "meanSquaredError":
      return sum(n, (j) => (y[j]! - target[j]!) ** 2) / n;
    case "bpr":
      return sum(n - 1, (j) => softplus(y[j + 1]! - y[0]!)) / (n - 1);
  }
}

/** Gradient of one example's loss by central differences, step h: error about h^2 and 1e-16 / h. */
export function exampleGradient(model: Model, weights: ArrayLike<number>, inputs: readonly Vector[], target: ArrayLike<number>, h = 1e-5): Float64Array {
  const w = Float64Array.from(weights);
  const at = () => lossOf(model.loss, output(model, w, inputs), target);
  const frozen = new Set(model.layout.filter((e) => e.trainable === false).flatMap((e) => vector(e.size, (i) => e.offset + i)));
  return w.map((value, i) => {
    if (frozen.has(i)) return 0;
    w[i] = value + h;
    const up = at();
    w[i] = value - h;
    const down = at();
    w[i] = value;
    return (up - down) / (2 * h);
  });
}
export type { LayerNode };
