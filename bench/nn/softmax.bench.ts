// Softmax cross-entropy of a batch with its gradient, and the gradient of softmax alone.
import { softmaxBackward, softmaxCrossEntropy } from "fedlane";
import { normals, random } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { ROWS as m, UNITS } from "../shapes.ts";
import { crossEntropy, softmax } from "../twin.ts";

const n = UNITS[3];
const input = once(() => {
  const r = random(8);
  return { x: normals(m * n, 7, 3), labels: Int32Array.from({ length: m }, () => Math.floor(n * r())) };
});
const truth = once(() => crossEntropy(m, n, input().x, input().labels));
const output = once(() => ({ y: Float32Array.from(softmax(m, n, input().x)), dy: normals(m * n, 9) }));
/** y (dy - sum dy y) by rows */
function softmaxGradient(y: Float32Array, dy: Float32Array, dx: Float32Array | Float64Array): void {
  for (let i = 0; i < m * n; i += n) {
    let s = 0;
    for (let j = i; j < i + n; j++) s += y[j]! * dy[j]!;
    for (let j = i; j < i + n; j++) dx[j] = y[j]! * (dy[j]! - s);
  }
}
const slope = once(() => {
  const dx = new Float64Array(m * n);
  softmaxGradient(output().y, output().dy, dx);
  return dx;
});

export default [
  {
    name: "softmax cross-entropy",
    shape: `${m}x${n}`,
    bytes: 8 * m * n,
    tolerance: "2e-6 of the gradient's bound 1/m; loss not compared here (it is in the step)",
    check: (dx) => worst(dx, truth().gradient, 2e-6 / m),
    ours: (engine) => {
      const x = engine.tensor("f32", [m, n], input().x);
      const [labels, dx] = [engine.tensor("i32", m, input().labels), engine.tensor("f32", [m, n])];
      return { run: () => void softmaxCrossEntropy(x, labels, dx), result: () => dx.view };
    },
    plain: () => {
      const dx = new Float32Array(m * n);
      return { run: () => void plain.crossEntropy(n, input().x, input().labels, dx), result: () => dx };
    },
    jax: (jax) => {
      const { numpy: np } = jax;
      const onehot = new Float32Array(m * n);
      for (const [i, label] of input().labels.entries()) onehot[i * n + label] = 1;
      const loss = (x: typeof np.Array.prototype, y: typeof np.Array.prototype) =>
        jax.nn
          .logSoftmax(x)
          .mul(y)
          .sum()
          .mul(-1 / m);
      return jaxCase((x, y) => jax.grad(loss)(x, y), jaxArray(input().x, [m, n]), jaxArray(onehot, [m, n]));
    },
  },
  {
    name: "softmax backward",
    shape: `${m}x${n}`,
    bytes: 12 * m * n,
    tolerance: "16 u of 1",
    check: (dx) => worst(dx, slope(), 16 * U32),
    ours: (engine) => {
      const [y, dy, dx] = [engine.tensor("f32", [m, n], output().y), engine.tensor("f32", [m, n], output().dy), engine.tensor("f32", [m, n])];
      return { run: () => void softmaxBackward(y, dy, dx), result: () => dx.view };
    },
    plain: () => {
      const [{ y, dy }, dx] = [output(), new Float32Array(m * n)];
      return filling(dx, () => softmaxGradient(y, dy, dx));
    },
    tfjs: (tf) => {
      const [y, dy] = [tf.tensor2d(output().y, [m, n]), tf.tensor2d(output().dy, [m, n])];
      return tfCase(() => {
        const product = tf.mul(y, dy);
        return tf.sub(product, tf.mul(y, tf.sum(product, 1, true)));
      });
    },
  },
] satisfies Benchmark[];
