import { checkNumber, checkOptions } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkDecay, checkEpsilon, decays, descend, type OptimizerKind, type WeightDecay } from "./rule.ts";
import { checkLearningRate, type Schedule } from "./schedule.ts";
import type { BoundTerm } from "./term.ts";

type F32 = Tensor<"f32">;

/** Duchi et al. 2011. */
export interface AdagradRule extends WeightDecay {
  readonly type: "adagrad";
  readonly learningRate: number | Schedule;
  /** Added to the root, outside it, >= 1e-30; default 1e-10, as in PyTorch. */
  readonly epsilon?: number;
  /** Start of the sum of squares, >= 0, default 0 as in PyTorch (Keras: 0.1). */
  readonly initialAccumulator?: number;
}
/** Tieleman & Hinton 2012, without momentum and not centred. */
export interface RmspropRule extends WeightDecay {
  readonly type: "rmsprop";
  readonly learningRate: number | Schedule;
  /** Share of the mean square kept a step, in [0, 1), default 0.9. */
  readonly rho?: number;
  /** Added to the root, outside it, >= 1e-30; default 1e-8, as in PyTorch. */
  readonly epsilon?: number;
}

/** @internal */
export const adagradKind: OptimizerKind<Omit<AdagradRule, "type">> = {
  check(op, options) {
    checkOptions(op, options, ["type", "learningRate", "epsilon", "weightDecay", "decoupled", "initialAccumulator"]);
    checkLearningRate(op, options.learningRate);
    checkEpsilon(op, options.epsilon ?? 1e-10);
    checkDecay(op, options);
    checkNumber(op, "initialAccumulator", options.initialAccumulator ?? 0, { min: 0, f32: true });
  },
  slots: ({ initialAccumulator = 0 }) => [initialAccumulator],
  bind(kernels, options, rate) {
    const { wd, decay } = decays(options, rate);
    const { epsilon = 1e-10 } = options;
    return (n, g, w, [v], { mu, w0, c }) => kernels.adagrad_f32(n, rate, wd, decay, epsilon, mu, g, w0, c, w, v!);
  },
};
/** @internal */
export const rmspropKind: OptimizerKind<Omit<RmspropRule, "type">> = {
  check(op, options) {
    checkOptions(op, options, ["type", "learningRate", "rho", "epsilon", "weightDecay", "decoupled"]);
    checkLearningRate(op, options.learningRate);
    checkNumber(op, "rho", options.rho ?? 0.9, { min: 0, below: 1 });
    checkEpsilon(op, options.epsilon ?? 1e-8);
    checkDecay(op, options);
  },
  slots: () => [0],
  bind(kernels, options, rate) {
    const { wd, decay } = decays(options, rate);
    const { rho = 0.9, epsilon = 1e-8 } = options;
    return (n, g, w, [v], { mu, w0, c }) => kernels.rmsprop_f32(n, rate, wd, decay, 1 - rho, epsilon, mu, g, w0, c, w, v!);
  },
};

export interface AdagradOptions extends Omit<AdagradRule, "type" | "learningRate" | "initialAccumulator"> {
  /** Step size, > 0. */
  readonly learningRate: number;
}
export interface RmspropOptions extends Omit<RmspropRule, "type" | "learningRate"> {
  /** Step size, > 0. */
  readonly learningRate: number;
}

/**
 * One step of Adagrad, in place: d = gradient + weightDecay w + term; accumulator <- accumulator + d^2;
 * w <- w - learningRate d / (sqrt(accumulator) + epsilon). As PyTorch; Keras and tfjs add epsilon inside the root.
 * @param weights n elements, written
 * @param gradient n elements
 * @param accumulator n elements, >= 0, zeros at the start; written
 * @param term local term of a federated algorithm, see {@link bindTerm}
 * @throws {@link ParameterError} for options out of range, {@link ShapeError}; nothing is changed
 * Source: Duchi et al. 2011, J. Mach. Learn. Res. 12.
 */
export function adagrad(weights: F32, gradient: F32, accumulator: F32, options: AdagradOptions, term?: BoundTerm): F32 {
  const op = "adagrad";
  checkOptions(op, options, ["learningRate", "epsilon", "weightDecay", "decoupled"]);
  checkNumber(op, "learningRate", options.learningRate, { above: 0, f32: true });
  adagradKind.check(op, options);
  return descend(op, weights, gradient, { accumulator }, term, () => adagradKind.bind(weights.engine.kernels, options, options.learningRate, 1));
}

/**
 * One step of RMSprop, in place: d = gradient + weightDecay w + term; average <- rho average + (1 - rho) d^2;
 * w <- w - learningRate d / (sqrt(average) + epsilon). As PyTorch; Keras and tfjs add epsilon inside the root.
 * @param weights n elements, written
 * @param gradient n elements
 * @param average n elements, >= 0, zeros at the start; written
 * @param term local term of a federated algorithm, see {@link bindTerm}
 * @throws {@link ParameterError} for options out of range, {@link ShapeError}; nothing is changed
 * Source: Tieleman & Hinton 2012, lecture 6.5.
 */
export function rmsprop(weights: F32, gradient: F32, average: F32, options: RmspropOptions, term?: BoundTerm): F32 {
  const op = "rmsprop";
  checkOptions(op, options, ["learningRate", "rho", "epsilon", "weightDecay", "decoupled"]);
  checkNumber(op, "learningRate", options.learningRate, { above: 0, f32: true });
  rmspropKind.check(op, options);
  return descend(op, weights, gradient, { average }, term, () => rmspropKind.bind(weights.engine.kernels, options, options.learningRate, 1));
}
