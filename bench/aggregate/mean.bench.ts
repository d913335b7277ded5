// The weighted mean of ten updates. Ours is exact in any order; the rivals sum in f32. In the second row the rivals' updates already
// lie in one matrix, so that the mean is a product.
import { weightedMean } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { CLIENTS, count, UPDATE } from "../shapes.ts";

const weights = Array.from({ length: CLIENTS }, (_, k) => 100 + 37 * k);
const total = weights.reduce((s, w) => s + w, 0);
const input = once(() => weights.map((_, k) => normals(UPDATE, k + 1, 0.01)));
const mean = (f: (v: number) => number) => Float64Array.from({ length: UPDATE }, (_, i) => weights.reduce((s, w, k) => s + w * f(input()[k]![i]!), 0) / total);
const truth = once(() => ({ value: mean((v) => v), bound: mean(Math.abs).map((s) => (CLIENTS + 2) * U32 * s) }));
const stacked = once(() => {
  const all = new Float32Array(CLIENTS * UPDATE);
  for (const [k, x] of input().entries()) all.set(x, k * UPDATE);
  return all;
});

const row = (stack: boolean): Benchmark => ({
  name: stack ? "mean, rivals pre-stacked" : "weighted mean",
  shape: `${CLIENTS} x ${count(UPDATE)}`,
  bytes: 4 * (CLIENTS + 1) * UPDATE,
  tolerance: "12 u (sum w|x|) / (sum w) an element",
  check: (y) => worst(y, truth().value, truth().bound),
  ours: (engine) => {
    const [updates, out] = [input().map((x) => engine.copy(x)), engine.tensor("f32", UPDATE)];
    return { run: () => void weightedMean(updates, weights, out), result: () => out.view };
  },
  plain: () => {
    const y = new Float32Array(UPDATE);
    return filling(y, () => plain.mean(input(), weights, y));
  },
  tfjs: (tf) => {
    if (stack) {
      const w = tf.tensor2d(
        weights.map((v) => v / total),
        [1, CLIENTS],
      );
      const all = tf.tensor2d(stacked(), [CLIENTS, UPDATE]);
      return tfCase(() => tf.matMul(w, all).reshape([UPDATE]));
    }
    const updates = input().map((x) => tf.tensor1d(x));
    const shares = weights.map((w) => tf.scalar(w / total));
    return tfCase(() => tf.addN(updates.map((x, k) => x.mul(shares[k]!))));
  },
  jax: ({ numpy: np }) => {
    if (stack) {
      const w = jaxArray(
        Float32Array.from(weights, (v) => v / total),
        [1, CLIENTS],
      );
      return jaxCase((a, b) => np.matmul(a, b).reshape([UPDATE]), w, jaxArray(stacked(), [CLIENTS, UPDATE]));
    }
    return jaxCase((...updates) => updates.map((x, k) => x.mul(weights[k]! / total)).reduce((s, x) => s.add(x)), ...input().map((x) => jaxArray(x)));
  },
});

export default [row(false), row(true)];
