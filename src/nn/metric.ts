import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkLogits } from "./softmax.ts";

/**
 * Share of rows whose label is among the k largest logits. Of equal logits those of smaller index come first; a row with NaN is wrong.
 * @param logits [m, n]
 * @param labels [m], each in [0, n)
 * @param k from 1 (then it is {@link accuracy}) to n
 * @returns 0 for m = 0
 */
export function topKAccuracy(logits: Tensor<"f32">, labels: Tensor<"i32">, k: number): number {
  const op = "topKAccuracy";
  const [m, n] = checkLogits(op, logits, labels);
  checkNumber(op, "k", k, { min: 1, max: n, integer: true });
  if (m === 0) return 0;
  return logits.engine.kernels.top_k_f32(m, n, k, logits.address, labels.address) / m;
}

/**
 * Area under the ROC curve: how often a positive scores above a negative, a tie counting half. Exact but for one division.
 * @param scores any shape
 * @param labels as many, 1 for a positive and 0 for a negative
 * @throws {@link ParameterError} when a class is missing (the area is then undefined), for other labels and for NaN scores
 * Source: Hanley and McNeil 1982 (Radiology 143): the Wilcoxon statistic.
 */
export function auc(scores: Tensor<"f32">, labels: Tensor<"i32">): number {
  const op = "auc";
  checkTensor(op, "scores", scores, "f32");
  checkTensor(op, "labels", labels, "i32", { size: scores.size });
  const [x, y] = [scores.view, labels.view];
  for (let i = 0; i < y.length; i++) {
    if (y[i] !== 0 && y[i] !== 1) throw new ParameterError(`${op}: expected labels 0 or 1, got ${y[i]} at index ${i}`, { argument: "labels", index: i });
    if (Number.isNaN(x[i])) throw new ParameterError(`${op}: expected scores to be numbers, got NaN at index ${i}`, { argument: "scores", index: i });
  }
  const positives = x.filter((_, i) => y[i] === 1).sort();
  const negatives = x.filter((_, i) => y[i] === 0).sort();
  if (positives.length === 0 || negatives.length === 0)
    throw new ParameterError(`${op}: expected both classes, got ${positives.length} positives and ${negatives.length} negatives`, { argument: "labels" });
  // Twice the pairs won: the negatives below a positive and those not above it.
  let [below, notAbove, won] = [0, 0, 0];
  for (const score of positives) {
    while (below < negatives.length && negatives[below]! < score) below++;
    while (notAbove < negatives.length && negatives[notAbove]! <= score) notAbove++;
    won += below + notAbove;
  }
  return won / (2 * positives.length * negatives.length);
}

/**
 * Root of the mean squared error, in f64.
 * @param predictions any shape
 * @param targets as many
 * @returns 0 for no elements
 */
export function rmse(predictions: Tensor<"f32">, targets: Tensor<"f32">): number {
  const op = "rmse";
  checkTensor(op, "predictions", predictions, "f32");
  checkTensor(op, "targets", targets, "f32", { size: predictions.size });
  checkSameEngine(op, { predictions, targets });
  const { size } = predictions;
  if (size === 0) return 0;
  return Math.sqrt(predictions.engine.kernels.squared_error_f32(size, predictions.address, targets.address) / size);
}
