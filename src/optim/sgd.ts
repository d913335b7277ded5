import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

type F32 = Tensor<"f32">;

export interface SgdOptions {
  /** Step size, > 0. */
  readonly learningRate: number;
  /** L2 penalty added to the gradient, >= 0, default 0. */
  readonly weightDecay?: number;
  /** Share of the velocity kept, in [0, 1), default 0. Needs `velocity`. */
  readonly momentum?: number;
  /** State of the momentum, as long as the weights, zeros at the start; written. */
  readonly velocity?: F32;
}

/** @internal The checks that sgd() and localUpdate() share. */
export function checkSgd(op: string, options: SgdOptions): { learningRate: number; weightDecay: number; momentum: number } {
  const { learningRate, weightDecay = 0, momentum = 0 } = options;
  checkNumber(op, "learningRate", learningRate, { above: 0, f32: true });
  checkNumber(op, "weightDecay", weightDecay, { min: 0, f32: true });
  checkNumber(op, "momentum", momentum, { min: 0, below: 1 });
  return { learningRate, weightDecay, momentum };
}

/**
 * One step of stochastic gradient descent, in place: d = g + weightDecay w; with momentum v <- momentum v + d, d = v; w <- w - learningRate d.
 * @param weights n elements, written
 * @param gradient n elements
 * @throws {@link ParameterError} for a rate out of range or momentum without velocity; weights are unchanged
 */
export function sgd(weights: F32, gradient: F32, options: SgdOptions): F32 {
  const op = "sgd";
  checkOptions(op, options, ["learningRate", "weightDecay", "momentum", "velocity"]);
  const { learningRate, weightDecay, momentum } = checkSgd(op, options);
  const { velocity } = options;
  checkTensor(op, "weights", weights, "f32");
  const n = weights.size;
  checkTensor(op, "gradient", gradient, "f32", { size: n });
  checkSameEngine(op, { weights, gradient });
  checkDisjoint(op, { gradient }, "weights", weights);
  const { kernels } = weights.engine;
  if (momentum === 0 && velocity === undefined) {
    kernels.sgd_f32(n, learningRate, weightDecay, gradient.address, weights.address);
    return weights;
  }
  if (velocity === undefined) throw new ParameterError(`${op}: expected a velocity tensor with momentum ${momentum}, got none`, { argument: "velocity" });
  checkTensor(op, "velocity", velocity, "f32", { size: n });
  checkSameEngine(op, { weights, velocity });
  checkDisjoint(op, { weights, gradient }, "velocity", velocity);
  kernels.sgd_momentum_f32(n, learningRate, weightDecay, momentum, gradient.address, weights.address, velocity.address);
  return weights;
}
