import { checkBoolean, checkNumber, checkOptions } from "../engine/check.ts";
import type { Kernels } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkDecay, type Descent, decays, descend, type OptimizerKind, type WeightDecay } from "./rule.ts";
import { checkLearningRate, type Schedule } from "./schedule.ts";
import type { BoundTerm } from "./term.ts";

type F32 = Tensor<"f32">;

/** Stochastic gradient descent, as a description. */
export interface SgdRule extends WeightDecay {
  readonly type: "sgd";
  readonly learningRate: number | Schedule;
  /** Share of the velocity kept, in [0, 1), default 0. */
  readonly momentum?: number;
  /** Nesterov's form of momentum, default false. */
  readonly nesterov?: boolean;
}

export interface SgdOptions extends Omit<SgdRule, "type"> {
  /** Step size, > 0. */
  readonly learningRate: number;
  /** State of the momentum, as long as the weights, zeros at the start; written. */
  readonly velocity?: F32;
}

/** @internal The checks that sgd() and localUpdate() share. */
export function checkSgd(op: string, options: SgdOptions): { learningRate: number; weightDecay: number; momentum: number } {
  const { learningRate, weightDecay = 0, momentum = 0, nesterov = false } = options;
  checkNumber(op, "learningRate", learningRate, { above: 0, f32: true });
  checkMomentum(op, momentum, nesterov);
  checkDecay(op, options);
  return { learningRate, weightDecay, momentum };
}
function checkMomentum(op: string, momentum: number, nesterov: boolean): void {
  checkNumber(op, "momentum", momentum, { min: 0, below: 1 });
  checkBoolean(op, "nesterov", nesterov);
  if (nesterov && momentum === 0) throw new ParameterError(`${op}: expected momentum > 0 with nesterov, got 0`, { argument: "momentum" });
}

function bind(kernels: Kernels, options: Omit<SgdRule, "type">, rate: number, velocity: boolean): Descent {
  const { momentum = 0, nesterov = false, weightDecay = 0 } = options;
  if (!velocity) return (n, g, w, _, { mu, w0, c }) => kernels.sgd_f32(n, rate, weightDecay, mu, g, w0, c, w);
  const { wd, decay } = decays(options, rate);
  const kernel = nesterov ? kernels.sgd_nesterov_f32 : kernels.sgd_momentum_f32;
  return (n, g, w, [v], { mu, w0, c }) => kernel(n, rate, wd, decay, momentum, mu, g, w0, c, w, v!);
}

/** @internal */
export const sgdKind: OptimizerKind<Omit<SgdRule, "type">> = {
  check(op, options) {
    checkOptions(op, options, ["type", "learningRate", "momentum", "nesterov", "weightDecay", "decoupled"]);
    checkLearningRate(op, options.learningRate);
    checkMomentum(op, options.momentum ?? 0, options.nesterov ?? false);
    checkDecay(op, options);
  },
  slots: ({ momentum = 0 }) => (momentum > 0 ? [0] : []),
  bind: (kernels, options, rate) => bind(kernels, options, rate, (options.momentum ?? 0) > 0),
};

/**
 * One step of stochastic gradient descent, in place: d = gradient + weightDecay w + term; with momentum v <- momentum v + d, d = v
 * (nesterov: d = d + momentum v); w <- w - learningRate d.
 * @param weights n elements, written
 * @param gradient n elements
 * @param term local term of a federated algorithm, see {@link bindTerm}
 * @throws {@link ParameterError} for a rate out of range or momentum without velocity; weights are unchanged
 */
export function sgd(weights: F32, gradient: F32, options: SgdOptions, term?: BoundTerm): F32 {
  const op = "sgd";
  checkOptions(op, options, ["learningRate", "weightDecay", "decoupled", "momentum", "nesterov", "velocity"]);
  const { learningRate, momentum } = checkSgd(op, options);
  const { velocity } = options;
  if (momentum > 0 && velocity === undefined) {
    throw new ParameterError(`${op}: expected a velocity tensor with momentum ${momentum}, got none`, { argument: "velocity" });
  }
  return descend(op, weights, gradient, velocity ? { velocity } : {}, term, () => bind(weights.engine.kernels, options, learningRate, velocity !== undefined));
}
