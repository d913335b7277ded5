// What a server does with the updates of a round: federated averaging.
import type { Mean } from "../aggregate/mean.ts";
import { checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { axpy } from "../linalg/vector.ts";

/** What a round did. */
export interface RoundResult {
  /** False when the total weight was 0: the model is unchanged. */
  readonly updated: boolean;
  readonly updates: number;
  readonly totalWeight: number;
}

/**
 * w <- w + serverLearningRate * (weighted mean of the deltas w_local - w), in place: FedAvg where the rate is 1 (the default).
 * Total weight 0 (no client, or only empty ones) changes nothing and says so.
 * @param weights global weights, as long as the accumulator, written
 * @param mean accumulator of the round's deltas; it is not reset
 * Source: McMahan et al. 2017 (arXiv:1602.05629), algorithm 1, in the delta form of Reddi et al. 2020 (arXiv:2003.00295).
 */
export function serverRound(weights: Tensor<"f32">, mean: Mean, options: { readonly serverLearningRate?: number } = {}): RoundResult {
  const op = "serverRound";
  checkOptions(op, options, ["serverLearningRate"]);
  const { serverLearningRate = 1 } = options;
  checkNumber(op, "serverLearningRate", serverLearningRate, { above: 0, f32: true });
  if (typeof mean?.result !== "function") throw new ParameterError(`${op}: expected an accumulator made by createMean(), got ${describe(mean)}`);
  checkTensor(op, "weights", weights, "f32", { size: mean.size });
  const { count: updates, totalWeight } = mean;
  if (totalWeight === 0) return { updated: false, updates, totalWeight };
  const delta = weights.engine.tensorOutsideScopes("f32", weights.size);
  try {
    checkSameEngine(op, { weights, delta });
    axpy(serverLearningRate, mean.result(delta), weights);
  } finally {
    delta.dispose();
  }
  return { updated: true, updates, totalWeight };
}
