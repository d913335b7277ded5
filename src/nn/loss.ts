import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import type { Kernels } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkLabels } from "./softmax.ts";

type F32 = Tensor<"f32">;

/** What a model is trained for, as plain data. All but the first and the last take a target value for every output. */
export type Loss = "softmaxCrossEntropy" | "binaryCrossEntropy" | "meanSquaredError" | { readonly type: "huber"; readonly delta: number } | "bpr";

/** @internal Code of a loss: one door to all of them. */
export interface LossKind {
  /** What an example is compared with: one i32 class, an f32 for every output, or nothing. */
  readonly target: "labels" | "values" | "none";
  /** Elements of an example's target, 4 bytes each. */
  targetSize(outputs: number): number;
  /** Least outputs of an example. */
  readonly minOutputs: number;
  /** Refuses targets out of range. Absent: any will do. @throws {@link ParameterError} */
  checkTarget?(op: string, target: Tensor<"i32" | "f32">, outputs: number): void;
  scratchBytes?(kernels: Kernels, outputs: number): number;
  /**
   * dx <- alpha * gradient of the sum over the m examples; returns that sum. n outputs; dx may be x.
   * Addresses; target and scratch are 0 where there are none.
   */
  run(kernels: Kernels, m: number, n: number, alpha: number, x: number, target: number, dx: number, scratch: number): number;
}

/** @internal @throws {@link ParameterError} for anything that is no Loss */
export function checkLoss(op: string, loss: Loss): void {
  if (typeof loss === "object" && loss !== null && loss.type === "huber") {
    checkOptions(op, loss, ["type", "delta"]);
    checkNumber(op, "delta", loss.delta, { above: 0 });
  } else if (typeof loss !== "string" || !Object.hasOwn(KINDS, loss)) {
    const words = Object.keys(KINDS).map((word) => `"${word}"`);
    throw new ParameterError(`${op}: expected loss to be ${words.join(", ")} or { type: "huber", delta }, got ${describe(loss)}`, { argument: "loss" });
  }
}

/** @internal The code of a checked loss. */
export function lossKind(loss: Loss): LossKind {
  if (typeof loss === "string") return KINDS[loss];
  return values((kernels, m, n, alpha, x, target, dx) => kernels.huber_f32(m, n, loss.delta, alpha, x, target, dx));
}

const values = (run: LossKind["run"]): LossKind => ({ target: "values", targetSize: (n) => n, minOutputs: 1, run });

const KINDS: Readonly<Record<Extract<Loss, string>, LossKind>> = {
  softmaxCrossEntropy: {
    target: "labels",
    targetSize: () => 1,
    minOutputs: 1,
    checkTarget: (op, labels, n) => checkLabels(op, labels as Tensor<"i32">, n),
    scratchBytes: (kernels, n) => kernels.softmax_scratch_f32(n),
    run: (kernels, ...rest) => kernels.softmax_cross_entropy_f32(...rest),
  },
  binaryCrossEntropy: {
    ...values((kernels, m, n, alpha, x, target, dx) => kernels.binary_cross_entropy_f32(m, n, alpha, x, target, dx)),
    checkTarget: checkProbabilities,
  },
  meanSquaredError: values((kernels, m, n, alpha, x, target, dx) => kernels.mean_squared_error_f32(m, n, alpha, x, target, dx)),
  bpr: {
    target: "none",
    targetSize: () => 0,
    minOutputs: 2,
    run: (kernels, m, n, alpha, x, _, dx) => kernels.bpr_f32(m, n, alpha, x, dx),
  },
};

function checkProbabilities(op: string, targets: Tensor): void {
  const { view } = targets;
  for (let i = 0; i < view.length; i++) {
    const t = view[i]!;
    if (!(t >= 0 && t <= 1)) throw new ParameterError(`${op}: expected targets in [0, 1], got ${t} at index ${i}`, { argument: "targets", index: i, value: t });
  }
}

/** Checks and runs a loss that takes target values (bpr: none). The gradient nobody wants goes to scratch. */
function meanLoss(op: string, name: string, loss: Loss, x: F32, targets: F32 | undefined, gradient: F32 | undefined): number {
  const kind = lossKind(loss);
  checkTensor(op, name, x, "f32", { rank: 2 });
  const [m, n] = x.shape as [number, number];
  checkNumber(op, "number of outputs", n, { min: kind.minOutputs });
  if (kind.target === "values") {
    checkTensor(op, "targets", targets!, "f32", { shape: [m, n] });
    checkSameEngine(op, { [name]: x, targets: targets! });
    kind.checkTarget?.(op, targets!, n);
  }
  if (gradient) {
    checkTensor(op, "gradient", gradient, "f32", { shape: [m, n] });
    checkSameEngine(op, { [name]: x, gradient });
    if (targets) checkDisjoint(op, { targets }, "gradient", gradient);
  }
  if (m === 0) return 0;
  const { engine } = x;
  const dx = gradient?.address ?? engine.scratch(4 * m * n);
  return kind.run(engine.kernels, m, n, 1 / m, x.address, targets?.address ?? 0, dx, 0) / m;
}

/**
 * Mean over rows and outputs of max(x, 0) - x t + log(1 + e^-|x|): the cross-entropy of sigmoid(logits) with targets.
 * Stable for any finite logits, and accurate for losses near 0. NaN makes it NaN.
 * @param logits [m, n], n >= 1
 * @param targets [m, n], each in [0, 1]
 * @param gradient [m, n], optional, written: (sigmoid(logits) - targets) / (m n); may be logits
 * @returns nats; 0 for m = 0
 * @throws {@link ParameterError} for a target out of range; gradient is unchanged
 * Source: Keras BinaryCrossentropy(from_logits = true).
 */
export function binaryCrossEntropy(logits: F32, targets: F32, gradient?: F32): number {
  return meanLoss("binaryCrossEntropy", "logits", "binaryCrossEntropy", logits, targets, gradient);
}

/**
 * Mean over rows and outputs of (prediction - target)^2.
 * @param predictions [m, n], n >= 1
 * @param targets [m, n]
 * @param gradient [m, n], optional, written: 2 (predictions - targets) / (m n); may be predictions
 * @returns 0 for m = 0
 */
export function meanSquaredError(predictions: F32, targets: F32, gradient?: F32): number {
  return meanLoss("meanSquaredError", "predictions", "meanSquaredError", predictions, targets, gradient);
}

/**
 * Mean over rows and outputs of h(prediction - target), h(e) = e^2/2 for |e| <= delta, else delta |e| - delta^2/2.
 * @param predictions [m, n], n >= 1
 * @param targets [m, n]
 * @param gradient [m, n], optional, written: the errors clamped to +-delta, over m n; may be predictions
 * @param options delta > 0, where the parabola ends; default 1
 * @returns 0 for m = 0
 * Source: Huber 1964.
 */
export function huber(predictions: F32, targets: F32, gradient?: F32, options: { readonly delta?: number } = {}): number {
  const op = "huber";
  checkOptions(op, options, ["delta"]);
  const loss = { type: "huber", delta: options.delta ?? 1 } as const;
  checkLoss(op, loss);
  return meanLoss(op, "predictions", loss, predictions, targets, gradient);
}

/**
 * Bayesian personalised ranking: mean over rows and negatives of -log sigmoid(positive - negative). Stable for any finite scores.
 * @param scores [m, n], n >= 2: the score of an item the user chose, then those of n - 1 items not chosen
 * @param gradient [m, n], optional, written: the gradient of the mean, each row of which adds up to 0; may be scores
 * @returns nats; 0 for m = 0
 * Source: Rendle et al. 2009 (arXiv:1205.2618), BPR-OPT; the regulariser is the optimizer's weight decay.
 */
export function bpr(scores: F32, gradient?: F32): number {
  return meanLoss("bpr", "scores", "bpr", scores, undefined, gradient);
}
