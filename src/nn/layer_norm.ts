import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type LayerKind, type Shape, sizeOf } from "./layer.ts";

type F32 = Tensor<"f32">;

/** Keras's default. */
export const EPSILON = 1e-3;

/** x of shape [..., n] with n >= 1. @returns rows and n */
function checkRows(op: string, x: F32): [rows: number, n: number] {
  checkTensor(op, "x", x, "f32");
  const n = x.shape.at(-1) ?? 0;
  if (n === 0) throw new ShapeError(`${op}: expected x of shape [..., n] with n >= 1, got shape [${x.shape}]`);
  return [x.size / n, n];
}

export interface LayerNormOptions {
  /** Added to the variance, > 0, default 1e-3. */
  readonly epsilon?: number;
  /** [rows, 3], written: what {@link layerNormBackward} and {@link layerNormGradient} need. */
  readonly statistics?: F32;
}

/**
 * out <- gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the last axis of x.
 * Statistics in f64: a mean far from the spread costs no accuracy, equal values give beta. NaN or Infinity makes its row NaN.
 * @param x [..., n]
 * @param gamma [n]
 * @param beta [n]
 * @param out shape of x, written; may be x
 * @throws {@link ShapeError} when the shapes do not fit; out is unchanged
 * Source: Ba, Kiros and Hinton 2016 (arXiv:1607.06450), equation 3.
 */
export function layerNormForward(x: F32, gamma: F32, beta: F32, out: F32, options: LayerNormOptions = {}): F32 {
  const op = "layerNormForward";
  checkOptions(op, options, ["epsilon", "statistics"]);
  const { epsilon = EPSILON, statistics } = options;
  checkNumber(op, "epsilon", epsilon, { above: 0 });
  const [m, n] = checkRows(op, x);
  checkTensor(op, "gamma", gamma, "f32", { shape: [n] });
  checkTensor(op, "beta", beta, "f32", { shape: [n] });
  checkTensor(op, "out", out, "f32", { shape: x.shape });
  checkSameEngine(op, { x, gamma, beta, out });
  checkDisjoint(op, { gamma, beta }, "out", out);
  if (statistics) {
    checkTensor(op, "statistics", statistics, "f32", { shape: [m, 3] });
    checkSameEngine(op, { x, statistics });
    checkDisjoint(op, { x, gamma, beta, out }, "statistics", statistics);
  }
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.layer_norm_scratch_f32(n));
  engine.kernels.layer_norm_f32(m, n, epsilon, x.address, gamma.address, beta.address, out.address, statistics?.address ?? 0, scratch);
  return out;
}

/**
 * dx <- the gradient of the input of {@link layerNormForward}.
 * @param x [..., n]
 * @param gamma [n]
 * @param statistics [rows, 3], as the forward pass left them
 * @param dy shape of x
 * @param dx shape of x, written; may be dy
 */
export function layerNormBackward(x: F32, gamma: F32, statistics: F32, dy: F32, dx: F32): F32 {
  const op = "layerNormBackward";
  const [m, n] = checkRows(op, x);
  checkTensor(op, "gamma", gamma, "f32", { shape: [n] });
  checkTensor(op, "statistics", statistics, "f32", { shape: [m, 3] });
  checkTensor(op, "dy", dy, "f32", { shape: x.shape });
  checkTensor(op, "dx", dx, "f32", { shape: x.shape });
  checkSameEngine(op, { x, gamma, statistics, dy, dx });
  checkDisjoint(op, { x, gamma, statistics }, "dx", dx);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.layer_norm_scratch_f32(n));
  engine.kernels.layer_norm_backward_f32(m, n, x.address, gamma.address, statistics.address, dy.address, dx.address, scratch);
  return dx;
}

/**
 * dGamma <- sum of dy xhat over the rows, dBeta <- sum of dy: the gradients of the weights of {@link layerNormForward}.
 * @param x [..., n]
 * @param statistics [rows, 3], as the forward pass left them
 * @param dy shape of x
 * @param dGamma [n], written
 * @param dBeta [n], written
 */
export function layerNormGradient(x: F32, statistics: F32, dy: F32, dGamma: F32, dBeta: F32): void {
  const op = "layerNormGradient";
  const [m, n] = checkRows(op, x);
  checkTensor(op, "statistics", statistics, "f32", { shape: [m, 3] });
  checkTensor(op, "dy", dy, "f32", { shape: x.shape });
  checkTensor(op, "dGamma", dGamma, "f32", { shape: [n] });
  checkTensor(op, "dBeta", dBeta, "f32", { shape: [n] });
  checkSameEngine(op, { x, statistics, dy, dGamma, dBeta });
  checkDisjoint(op, { x, statistics, dy }, "dGamma", dGamma);
  checkDisjoint(op, { x, statistics, dy, dGamma }, "dBeta", dBeta);
  x.engine.kernels.layer_norm_gradient_f32(m, n, 1, 0, x.address, statistics.address, dy.address, dGamma.address, dBeta.address);
}

/** Description of a layer normalisation. */
export interface LayerNormLayer {
  readonly type: "layerNorm";
  /** Values normalised together: the last axis, or the last axes together. */
  readonly units: number;
  readonly epsilon: number;
}

/**
 * Layer normalisation of the last axis, as Keras's LayerNormalization, or of as many of the last axes as hold `units` values.
 * @param units values normalised together, >= 1
 * @param options.epsilon added to the variance, > 0, default 1e-3
 */
export function layerNorm(units: number, options: { readonly epsilon?: number } = {}): LayerNormLayer {
  checkOptions("layerNorm", options, ["epsilon"]);
  const { epsilon = EPSILON } = options;
  const layer = { type: "layerNorm", units, epsilon } as const;
  checkLayer("layerNorm", layer);
  return Object.freeze(layer);
}
function checkLayer(op: string, { units, epsilon }: LayerNormLayer): void {
  checkNumber(op, "units", units, { min: 1, integer: true });
  checkNumber(op, "epsilon", epsilon, { above: 0 });
}

/** The last axes of the shape hold `units` values together. */
function checkUnits(op: string, units: number, shape: Shape): void {
  let size = 1;
  for (let axis = shape.length - 1; axis >= 0 && size < units; axis--) size *= shape[axis]!;
  if (size !== units || shape.length === 0) throw new ShapeError(`${op}: expected an input whose last axes hold ${units} values, got shape [${shape}]`);
}
const rowsOf = (units: number, shape: Shape): number => sizeOf(shape) / units;

/** @internal */
export const layerNormKind: LayerKind<LayerNormLayer> = {
  check: checkLayer,
  shape(op, { units }, [input]) {
    checkUnits(op, units, input!);
    return input!;
  },
  parameters: ({ units }) => [
    { name: "gamma", shape: [units], start: { value: 1 } },
    { name: "beta", shape: [units], start: { value: 0 } },
  ],
  reads: { x: true, y: false },
  stateBytes: ({ layer, output }, batch) => 12 * batch * rowsOf(layer.units, output),
  scratchBytes: (kernels, { layer }) => kernels.layer_norm_scratch_f32(layer.units),
  forward(kernels, { layer: { units, epsilon }, output, x, y, state, scratch, at }, { m, w }) {
    kernels.layer_norm_f32(m * rowsOf(units, output), units, epsilon, x[0]!, w + at[0]!, w + at[1]!, y, state, scratch);
  },
  backward(kernels, { layer: { units }, output, x, dy, dx, state, scratch, at }, { m, w }) {
    kernels.layer_norm_backward_f32(m * rowsOf(units, output), units, x[0]!, w + at[0]!, state, dy, dx[0]!, scratch);
  },
  gradient(kernels, { layer: { units }, output, x, dy, state, at }, { m }, alpha, beta, target) {
    kernels.layer_norm_gradient_f32(m * rowsOf(units, output), units, alpha, beta, x[0]!, state, dy, target + at[0]!, target + at[1]!);
  },
  norms(kernels, { layer: { units }, output, x, dy, state, scratch }, { m }, norms) {
    kernels.layer_norm_norms_f32(m, rowsOf(units, output), units, x[0]!, state, dy, norms, scratch);
  },
};
