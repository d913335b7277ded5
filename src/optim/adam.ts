import { checkBoolean, checkNumber, checkOptions, describe } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkDecay, checkEpsilon, decays, descend, type OptimizerKind, power, type WeightDecay } from "./rule.ts";
import { checkLearningRate, type Schedule } from "./schedule.ts";
import type { BoundTerm } from "./term.ts";

type F32 = Tensor<"f32">;

interface Moments extends WeightDecay {
  readonly learningRate: number | Schedule;
  /** Share of the mean gradient kept a step, in [0, 1), default 0.9. */
  readonly beta1?: number;
  /** Share of the mean square kept a step, in [0, 1), default 0.999. */
  readonly beta2?: number;
  /** Added to the root, outside it, >= 1e-30; default 1e-8 (Yogi: 1e-3). */
  readonly epsilon?: number;
  /** Divide the means by 1 - beta^t, default true. The papers of Yogi and of FedOpt (arXiv:2003.00295) do not. */
  readonly biasCorrection?: boolean;
  /** Start of the mean square, >= 0, default 0 (Yogi: 1e-6, as its authors' code has it). */
  readonly initialAccumulator?: number;
}
/** Kingma & Ba 2014 (arXiv:1412.6980). */
export interface AdamRule extends Moments {
  readonly type: "adam";
}
/** Adam with decoupled weight decay, default 0.01. Loshchilov & Hutter 2017 (arXiv:1711.05101). */
export interface AdamwRule extends Omit<Moments, "decoupled"> {
  readonly type: "adamw";
}
/** Zaheer et al. 2018, Adaptive Methods for Nonconvex Optimization. */
export interface YogiRule extends Moments {
  readonly type: "yogi";
}

const KEYS = ["learningRate", "beta1", "beta2", "epsilon", "weightDecay", "decoupled", "biasCorrection", "initialAccumulator"];

function checkMoments(op: string, options: Omit<Moments, "learningRate">): void {
  checkNumber(op, "beta1", options.beta1 ?? 0.9, { min: 0, below: 1 });
  checkNumber(op, "beta2", options.beta2 ?? 0.999, { min: 0, below: 1 });
  checkEpsilon(op, options.epsilon ?? 1e-8);
  checkBoolean(op, "biasCorrection", options.biasCorrection ?? true);
  checkNumber(op, "initialAccumulator", options.initialAccumulator ?? 0, { min: 0, f32: true });
  checkDecay(op, options);
}

function kind(kernel: "adam_f32" | "yogi_f32", standard: { readonly epsilon: number; readonly initialAccumulator: number }): OptimizerKind<Moments> {
  return {
    check(op, options) {
      checkOptions(op, options, ["type", ...KEYS]);
      checkLearningRate(op, options.learningRate);
      checkMoments(op, options);
    },
    slots: (options) => [0, options.initialAccumulator ?? standard.initialAccumulator],
    bind(kernels, options, rate, step) {
      const { beta1 = 0.9, beta2 = 0.999, epsilon = standard.epsilon, biasCorrection = true } = options;
      const { wd, decay } = decays(options, rate);
      // rate m^ / (sqrt(v^) + epsilon) = lr m / (sqrt(v) + eps) with the corrections in lr and eps: section 2 of the paper, epsilon kept exact.
      const s = biasCorrection ? Math.sqrt(1 - power(beta2, step)) : 1;
      const lr = biasCorrection ? (rate * s) / (1 - power(beta1, step)) : rate;
      const update = kernels[kernel];
      return (n, g, w, [m, v], { mu, w0, c }) => update(n, lr, wd, decay, 1 - beta1, 1 - beta2, s * epsilon, mu, g, w0, c, w, m!, v!);
    },
  };
}
/** @internal */
export const adamKind = kind("adam_f32", { epsilon: 1e-8, initialAccumulator: 0 });
/** @internal */
export const yogiKind = kind("yogi_f32", { epsilon: 1e-3, initialAccumulator: 1e-6 });
/** @internal */
export const adamwKind: OptimizerKind<Omit<Moments, "decoupled">> = {
  check(op, options) {
    checkOptions(op, options, ["type", ...KEYS.filter((key) => key !== "decoupled")]);
    adamKind.check(op, options);
  },
  slots: adamKind.slots,
  bind: (kernels, options, rate, step) => adamKind.bind(kernels, { weightDecay: 0.01, ...options, decoupled: true }, rate, step),
};

export interface AdamOptions extends Omit<Moments, "learningRate" | "initialAccumulator"> {
  /** Step size, > 0. */
  readonly learningRate: number;
}
/** What Adam and Yogi remember; each vector as long as the weights. */
export interface AdamState {
  /** Mean of the gradients, zeros at the start; written. */
  readonly mean: F32;
  /** Mean of their squares, zeros (Yogi: 1e-6) at the start; written. */
  readonly square: F32;
  /** Number of this step, from 1. */
  readonly step: number;
}

function step(op: string, kind: OptimizerKind<Moments>, weights: F32, gradient: F32, state: AdamState, options: AdamOptions, term?: BoundTerm): F32 {
  checkOptions(
    op,
    options,
    KEYS.filter((key) => key !== "initialAccumulator"),
  );
  checkNumber(op, "learningRate", options.learningRate, { above: 0, f32: true });
  checkMoments(op, options);
  if (typeof state !== "object" || state === null) throw new ParameterError(`${op}: expected a state { mean, square, step }, got ${describe(state)}`);
  checkOptions(op, state, ["mean", "square", "step"]);
  checkNumber(op, "step", state.step, { min: 1, integer: true });
  const { mean, square } = state;
  return descend(op, weights, gradient, { mean, square }, term, () => kind.bind(weights.engine.kernels, options, options.learningRate, state.step));
}

/**
 * One step of Adam, in place: d = gradient + weightDecay w + term; mean and square move to d and d^2 by 1 - beta1 and 1 - beta2;
 * w <- w - learningRate mean^ / (sqrt(square^) + epsilon), where ^ divides by 1 - beta^step. With `decoupled` it is AdamW.
 * The formula is that of PyTorch and tfjs; Keras adds epsilon to the uncorrected root.
 * @param weights n elements, written
 * @param gradient n elements
 * @param term local term of a federated algorithm, see {@link bindTerm}
 * @throws {@link ParameterError} for options out of range, {@link ShapeError} for state of another length; nothing is changed
 * Source: Kingma & Ba 2014 (arXiv:1412.6980); Loshchilov & Hutter 2017 (arXiv:1711.05101).
 */
export function adam(weights: F32, gradient: F32, state: AdamState, options: AdamOptions, term?: BoundTerm): F32 {
  return step("adam", adamKind, weights, gradient, state, options, term);
}

/**
 * One step of Yogi, in place: as {@link adam}, but square <- square - (1 - beta2) d^2 sign(square - d^2), and epsilon defaults to 1e-3.
 * Source: Zaheer et al. 2018, Adaptive Methods for Nonconvex Optimization, algorithm 2; with biasCorrection as in its authors' code.
 */
export function yogi(weights: F32, gradient: F32, state: AdamState, options: AdamOptions, term?: BoundTerm): F32 {
  return step("yogi", yogiKind, weights, gradient, state, options, term);
}
