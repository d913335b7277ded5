import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type LayerKind, type Shape, sizeOf } from "./layer.ts";
import { EPSILON } from "./layer_norm.ts";

type F32 = Tensor<"f32">;

/** Keras's default. */
const GROUPS = 32;

function checkGroups(op: string, groups: number, channels: number): void {
  checkNumber(op, "groups", groups, { min: 1, integer: true });
  if (channels % groups !== 0)
    throw new ParameterError(`${op}: expected groups to divide the ${channels} channels, got ${groups}`, { argument: "groups", value: groups });
}
/** x of shape [m, ..., c] with one position and one channel or more. @returns m, positions and channels */
function checkImages(op: string, x: F32): [m: number, p: number, c: number] {
  checkTensor(op, "x", x, "f32");
  const [m = 0, ...example] = x.shape;
  if (example.length === 0 || example.includes(0)) throw new ShapeError(`${op}: expected x of shape [m, ..., c] with c >= 1, got shape [${x.shape}]`);
  const c = example.at(-1)!;
  return [m, sizeOf(example) / c, c];
}

export interface GroupNormOptions {
  /** Groups of neighbouring channels, a divisor of their number, default 32. */
  readonly groups?: number;
  /** Added to the variance, > 0, default 1e-3. */
  readonly epsilon?: number;
  /** [m, 3, c], written: what {@link groupNormBackward} and {@link groupNormGradient} need. */
  readonly statistics?: F32;
}

/**
 * out <- gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance of each example over all positions of a group of channels.
 * Statistics in f64: a mean far from the spread costs no accuracy, equal values give beta. NaN or Infinity makes its group NaN.
 * @param x [m, ..., c]
 * @param gamma [c]
 * @param beta [c]
 * @param out shape of x, written; may be x
 * @throws {@link ShapeError} when the shapes do not fit, {@link ParameterError} when groups does not divide c; out is unchanged
 * Source: Wu and He 2018 (arXiv:1803.08494), equations 1 to 7.
 */
export function groupNormForward(x: F32, gamma: F32, beta: F32, out: F32, options: GroupNormOptions = {}): F32 {
  const op = "groupNormForward";
  checkOptions(op, options, ["groups", "epsilon", "statistics"]);
  const { groups = GROUPS, epsilon = EPSILON, statistics } = options;
  checkNumber(op, "epsilon", epsilon, { above: 0 });
  const [m, p, c] = checkImages(op, x);
  checkGroups(op, groups, c);
  checkTensor(op, "gamma", gamma, "f32", { shape: [c] });
  checkTensor(op, "beta", beta, "f32", { shape: [c] });
  checkTensor(op, "out", out, "f32", { shape: x.shape });
  checkSameEngine(op, { x, gamma, beta, out });
  checkDisjoint(op, { gamma, beta }, "out", out);
  if (statistics) {
    checkTensor(op, "statistics", statistics, "f32", { shape: [m, 3, c] });
    checkSameEngine(op, { x, statistics });
    checkDisjoint(op, { x, gamma, beta, out }, "statistics", statistics);
  }
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.group_norm_scratch_f32(c));
  engine.kernels.group_norm_f32(m, p, c, groups, epsilon, x.address, gamma.address, beta.address, out.address, statistics?.address ?? 0, scratch);
  return out;
}

/**
 * dx <- the gradient of the input of {@link groupNormForward}.
 * @param x [m, ..., c]
 * @param gamma [c]
 * @param statistics [m, 3, c], as the forward pass left them
 * @param dy shape of x
 * @param dx shape of x, written; may be dy
 * @param options.groups those of the forward pass, default 32
 */
export function groupNormBackward(x: F32, gamma: F32, statistics: F32, dy: F32, dx: F32, options: { readonly groups?: number } = {}): F32 {
  const op = "groupNormBackward";
  checkOptions(op, options, ["groups"]);
  const { groups = GROUPS } = options;
  const [m, p, c] = checkImages(op, x);
  checkGroups(op, groups, c);
  checkTensor(op, "gamma", gamma, "f32", { shape: [c] });
  checkTensor(op, "statistics", statistics, "f32", { shape: [m, 3, c] });
  checkTensor(op, "dy", dy, "f32", { shape: x.shape });
  checkTensor(op, "dx", dx, "f32", { shape: x.shape });
  checkSameEngine(op, { x, gamma, statistics, dy, dx });
  checkDisjoint(op, { x, gamma, statistics }, "dx", dx);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.group_norm_scratch_f32(c));
  engine.kernels.group_norm_backward_f32(m, p, c, groups, x.address, gamma.address, statistics.address, dy.address, dx.address, scratch);
  return dx;
}

/**
 * dGamma <- sum of dy xhat over examples and positions, dBeta <- sum of dy: the gradients of the weights of {@link groupNormForward}.
 * @param x [m, ..., c]
 * @param statistics [m, 3, c], as the forward pass left them
 * @param dy shape of x
 * @param dGamma [c], written
 * @param dBeta [c], written
 */
export function groupNormGradient(x: F32, statistics: F32, dy: F32, dGamma: F32, dBeta: F32): void {
  const op = "groupNormGradient";
  const [m, p, c] = checkImages(op, x);
  checkTensor(op, "statistics", statistics, "f32", { shape: [m, 3, c] });
  checkTensor(op, "dy", dy, "f32", { shape: x.shape });
  checkTensor(op, "dGamma", dGamma, "f32", { shape: [c] });
  checkTensor(op, "dBeta", dBeta, "f32", { shape: [c] });
  checkSameEngine(op, { x, statistics, dy, dGamma, dBeta });
  checkDisjoint(op, { x, statistics, dy }, "dGamma", dGamma);
  checkDisjoint(op, { x, statistics, dy, dGamma }, "dBeta", dBeta);
  x.engine.kernels.group_norm_gradient_f32(m, p, c, 1, 0, x.address, statistics.address, dy.address, dGamma.address, dBeta.address);
}

/** Description of a group normalisation. */
export interface GroupNormLayer {
  readonly type: "groupNorm";
  /** Length of the last axis. */
  readonly channels: number;
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * Group normalisation of the last axis, as Keras's GroupNormalization. It takes the place of batch normalisation where examples must not see each other.
 * @param channels length of the last axis, >= 1
 * @param options.groups groups of neighbouring channels, a divisor of channels, default 32; 1 normalises all together, `channels` each by itself
 * @param options.epsilon added to the variance, > 0, default 1e-3
 */
export function groupNorm(channels: number, options: { readonly groups?: number; readonly epsilon?: number } = {}): GroupNormLayer {
  checkOptions("groupNorm", options, ["groups", "epsilon"]);
  const { groups = GROUPS, epsilon = EPSILON } = options;
  const layer = { type: "groupNorm", channels, groups, epsilon } as const;
  checkLayer("groupNorm", layer);
  return Object.freeze(layer);
}
function checkLayer(op: string, { channels, groups, epsilon }: GroupNormLayer): void {
  checkNumber(op, "channels", channels, { min: 1, integer: true });
  checkGroups(op, groups, channels);
  checkNumber(op, "epsilon", epsilon, { above: 0 });
}

/** The last axis has `channels` elements. */
export function checkChannels(op: string, channels: number, shape: Shape): void {
  if (shape.at(-1) !== channels) throw new ShapeError(`${op}: expected an input of shape [..., ${channels}], got shape [${shape}]`);
}

/** @internal */
export const groupNormKind: LayerKind<GroupNormLayer> = {
  check: checkLayer,
  shape(op, { channels }, [input]) {
    checkChannels(op, channels, input!);
    return input!;
  },
  parameters: ({ channels }) => [
    { name: "gamma", shape: [channels], start: { value: 1 } },
    { name: "beta", shape: [channels], start: { value: 0 } },
  ],
  reads: { x: true, y: false },
  stateBytes: ({ layer }, batch) => 12 * batch * layer.channels,
  scratchBytes: (kernels, { layer }) => kernels.group_norm_scratch_f32(layer.channels),
  forward(kernels, { layer: { channels, groups, epsilon }, output, x, y, state, scratch, at }, { m, w }) {
    kernels.group_norm_f32(m, sizeOf(output) / channels, channels, groups, epsilon, x[0]!, w + at[0]!, w + at[1]!, y, state, scratch);
  },
  backward(kernels, { layer: { channels, groups }, output, x, dy, dx, state, scratch, at }, { m, w }) {
    kernels.group_norm_backward_f32(m, sizeOf(output) / channels, channels, groups, x[0]!, w + at[0]!, state, dy, dx[0]!, scratch);
  },
  gradient(kernels, { layer: { channels }, output, x, dy, state, at }, { m }, alpha, beta, target) {
    kernels.group_norm_gradient_f32(m, sizeOf(output) / channels, channels, alpha, beta, x[0]!, state, dy, target + at[0]!, target + at[1]!);
  },
  norms(kernels, { layer: { channels }, output, x, dy, state, scratch }, { m }, norms) {
    kernels.group_norm_norms_f32(m, sizeOf(output) / channels, channels, x[0]!, state, dy, norms, scratch);
  },
};
