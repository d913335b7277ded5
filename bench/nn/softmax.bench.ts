// Softmax cross-entropy of a batch with its gradient.
import { softmaxCrossEntropy } from "fedlane";
import { normals, random } from "../../tests/support/data.ts";
import { type Benchmark, once, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { ROWS as m, UNITS } from "../shapes.ts";
import { crossEntropy } from "../twin.ts";

const n = UNITS[3];
const input = once(() => {
  const r = random(8);
  return { x: normals(m * n, 7, 3), labels: Int32Array.from({ length: m }, () => Math.floor(n * r())) };
});
const truth = once(() => crossEntropy(m, n, input().x, input().labels));

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
] satisfies Benchmark[];
