import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkChannels } from "./group_norm.ts";
import { type LayerKind, sizeOf } from "./layer.ts";
import { EPSILON } from "./layer_norm.ts";

type F32 = Tensor<"f32">;

export interface BatchNormOptions {
  /** Added to the variance, > 0, default 1e-3. */
  readonly epsilon?: number;
}

/** Options, an array of shape [..., c] and arrays of [c]. @returns epsilon, rows and c */
function check(
  op: string,
  options: BatchNormOptions,
  [name, x]: [string, F32],
  channels: Readonly<Record<string, F32>>,
): [epsilon: number, m: number, c: number] {
  checkOptions(op, options, ["epsilon"]);
  const { epsilon = EPSILON } = options;
  checkNumber(op, "epsilon", epsilon, { above: 0, f32: true });
  checkTensor(op, name, x, "f32");
  const c = x.shape.at(-1) ?? 0;
  if (c === 0) throw new ShapeError(`${op}: expected ${name} of shape [..., c] with c >= 1, got shape [${x.shape}]`);
  for (const [key, tensor] of Object.entries(channels)) checkTensor(op, key, tensor, "f32", { shape: [c] });
  return [epsilon, x.size / c, c];
}

/**
 * out <- gamma (x - mean) / sqrt(variance + epsilon) + beta with given statistics, channel by channel: batch normalisation in inference.
 * A negative variance gives NaN; NaN and Infinity propagate.
 * @param x [..., c]
 * @param gamma [c]
 * @param beta [c]
 * @param mean [c]
 * @param variance [c], >= 0
 * @param out shape of x, written; may be x
 * Source: Ioffe and Szegedy 2015 (arXiv:1502.03167), algorithm 2, line 11.
 */
export function batchNormForward(x: F32, gamma: F32, beta: F32, mean: F32, variance: F32, out: F32, options: BatchNormOptions = {}): F32 {
  const op = "batchNormForward";
  const channels = { gamma, beta, mean, variance };
  const [epsilon, m, c] = check(op, options, ["x", x], channels);
  checkTensor(op, "out", out, "f32", { shape: x.shape });
  checkSameEngine(op, { x, ...channels, out });
  checkDisjoint(op, channels, "out", out);
  const { engine } = x;
  const scratch = engine.scratch(engine.kernels.batch_norm_scratch_f32(c));
  engine.kernels.batch_norm_f32(m, c, epsilon, x.address, gamma.address, beta.address, mean.address, variance.address, out.address, scratch);
  return out;
}

/**
 * dx <- dy gamma / sqrt(variance + epsilon): the gradient of the input of {@link batchNormForward}, exact since the statistics are constants.
 * @param dy [..., c]
 * @param gamma [c]
 * @param variance [c], >= 0
 * @param dx shape of dy, written; default dy
 */
export function batchNormBackward(dy: F32, gamma: F32, variance: F32, dx: F32 = dy, options: BatchNormOptions = {}): F32 {
  const op = "batchNormBackward";
  const [epsilon, m, c] = check(op, options, ["dy", dy], { gamma, variance });
  checkTensor(op, "dx", dx, "f32", { shape: dy.shape });
  checkSameEngine(op, { dy, gamma, variance, dx });
  checkDisjoint(op, { gamma, variance }, "dx", dx);
  const { engine } = dy;
  const scratch = engine.scratch(engine.kernels.batch_norm_scratch_f32(c));
  engine.kernels.batch_norm_backward_f32(m, c, epsilon, gamma.address, variance.address, dy.address, dx.address, scratch);
  return dx;
}

/** Description of a frozen batch normalisation. */
export interface BatchNormLayer {
  readonly type: "batchNorm";
  /** Length of the last axis. */
  readonly channels: number;
  readonly epsilon: number;
}

/**
 * Batch normalisation, FROZEN: the statistics and the affine map of a network trained elsewhere (Keras's BatchNormalization with trainable = false),
 * so that its weights travel unchanged. Nothing here is trained; the gradient passes through to the layers before.
 *
 * Statistics of the batch are not offered, for they are a trap in federated learning. They make an example's output depend on the other examples of
 * its batch: the gradient of one example no longer exists, so clipping per example bounds nothing and its privacy claim is void. And they differ from
 * client to client with the labels that each holds: Hsieh et al. 2020 (arXiv:1910.00189, section 5) find that networks with batch normalisation lose
 * accuracy on skewed labels even if every step is averaged, and that group normalisation does not. Train with {@link groupNorm} or {@link layerNorm}.
 * @param channels length of the last axis, >= 1
 * @param options.epsilon added to the variance, > 0, default 1e-3
 */
export function batchNorm(channels: number, options: BatchNormOptions = {}): BatchNormLayer {
  checkOptions("batchNorm", options, ["epsilon"]);
  const { epsilon = EPSILON } = options;
  const layer = { type: "batchNorm", channels, epsilon } as const;
  checkLayer("batchNorm", layer);
  return Object.freeze(layer);
}
function checkLayer(op: string, { channels, epsilon }: BatchNormLayer): void {
  checkNumber(op, "channels", channels, { min: 1, integer: true });
  checkNumber(op, "epsilon", epsilon, { above: 0, f32: true });
}

/** @internal The order of the parameters is that of Keras. */
export const batchNormKind: LayerKind<BatchNormLayer> = {
  check: checkLayer,
  shape(op, { channels }, [input]) {
    checkChannels(op, channels, input!);
    return input!;
  },
  parameters: ({ channels }) =>
    [
      ["gamma", 1],
      ["beta", 0],
      ["moving_mean", 0],
      ["moving_variance", 1],
    ].map(([name, value]) => ({ name: name as string, shape: [channels], start: { value: value as number }, trainable: false })),
  reads: { x: false, y: false },
  inPlace: true,
  scratchBytes: (kernels, { layer }) => kernels.batch_norm_scratch_f32(layer.channels),
  forward(kernels, { layer: { channels, epsilon }, output, x, y, scratch, at }, { m, w }) {
    const rows = (m * sizeOf(output)) / channels;
    kernels.batch_norm_f32(rows, channels, epsilon, x[0]!, w + at[0]!, w + at[1]!, w + at[2]!, w + at[3]!, y, scratch);
  },
  backward(kernels, { layer: { channels, epsilon }, output, dy, dx, scratch, at }, { m, w }) {
    kernels.batch_norm_backward_f32((m * sizeOf(output)) / channels, channels, epsilon, w + at[0]!, w + at[3]!, dy, dx[0]!, scratch);
  },
};
