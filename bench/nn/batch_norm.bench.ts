// Frozen batch normalisation behind the first convolution of McMahan's CNN: forward, and the gradient of its input.
import { batchNormBackward, batchNormForward } from "fedlane";
import { forward, inputGradient } from "../../tests/nn/batch_norm.reference.ts";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, worst } from "../kit.ts";
import { SIDE } from "../network.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, MCMAHAN_CNN } from "../shapes.ts";

const [m, c] = [BATCHES[0] * SIDE * SIDE, MCMAHAN_CNN.filters[0]!];
const epsilon = 1e-3;
const input = once(() => {
  const variance = normals(c, 4).map((v) => 0.1 + v * v);
  return { x: normals(m * c, 5), dy: normals(m * c, 6), gamma: normals(c, 1), beta: normals(c, 2), mean: normals(c, 3), variance, epsilon };
});
const truth = once(() => ({ y: forward(input(), input().x), dx: inputGradient(input(), input().dy) }));

export default [
  {
    name: "batch norm, frozen",
    shape: `${m}x${c}`,
    bytes: 8 * m * c,
    tolerance: "2e-5",
    check: (y) => worst(y, truth().y, 2e-5),
    ours: (engine) => {
      const [gamma, beta, mean, variance] = [input().gamma, input().beta, input().mean, input().variance].map((v) => engine.copy(v)) as [
        ReturnType<typeof engine.copy>,
        ReturnType<typeof engine.copy>,
        ReturnType<typeof engine.copy>,
        ReturnType<typeof engine.copy>,
      ];
      const [x, y] = [engine.tensor("f32", [m, c], input().x), engine.tensor("f32", [m, c])];
      return { run: () => void batchNormForward(x, gamma, beta, mean, variance, y), result: () => y.view };
    },
    plain: () => {
      const { x, gamma, beta, mean, variance } = input();
      const y = new Float32Array(m * c);
      return filling(y, () => {
        const k = gamma.map((g, j) => g / Math.sqrt(variance[j]! + epsilon));
        for (let i = 0; i < m * c; i += c) for (let j = 0; j < c; j++) y[i + j] = (x[i + j]! - mean[j]!) * k[j]! + beta[j]!;
      });
    },
    tfjs: (tf) => {
      const [mean, variance, beta, gamma] = [input().mean, input().variance, input().beta, input().gamma].map((v) => tf.tensor1d(v));
      const x = tf.tensor2d(input().x, [m, c]);
      return tfCase(() => tf.batchNorm(x, mean!, variance!, beta!, gamma!, epsilon));
    },
    jax: ({ numpy: np }) =>
      jaxCase(
        (x, gamma, beta, mean, variance) =>
          x
            .sub(mean)
            .mul(gamma.div(np.sqrt(variance.add(epsilon))))
            .add(beta),
        jaxArray(input().x, [m, c]),
        ...[input().gamma, input().beta, input().mean, input().variance].map((v) => jaxArray(v)),
      ),
  },
  {
    name: "batch norm, gradient of its input",
    shape: `${m}x${c}`,
    bytes: 8 * m * c,
    tolerance: "2e-5",
    check: (dx) => worst(dx, truth().dx, 2e-5),
    ours: (engine) => {
      const [gamma, variance, dy, dx] = [
        engine.copy(input().gamma),
        engine.copy(input().variance),
        engine.tensor("f32", [m, c], input().dy),
        engine.tensor("f32", [m, c]),
      ];
      return { run: () => void batchNormBackward(dy, gamma, variance, dx), result: () => dx.view };
    },
    plain: () => {
      const { dy, gamma, variance } = input();
      const dx = new Float32Array(m * c);
      return filling(dx, () => {
        const k = gamma.map((g, j) => g / Math.sqrt(variance[j]! + epsilon));
        for (let i = 0; i < m * c; i += c) for (let j = 0; j < c; j++) dx[i + j] = dy[i + j]! * k[j]!;
      });
    },
    // No rival has it alone; this is what their gradients come down to.
    tfjs: (tf) => {
      const [gamma, variance, dy] = [tf.tensor1d(input().gamma), tf.tensor1d(input().variance), tf.tensor2d(input().dy, [m, c])];
      return tfCase(() => dy.mul(gamma.div(tf.sqrt(variance.add(epsilon)))));
    },
    jax: ({ numpy: np }) =>
      jaxCase(
        (dy, gamma, variance) => dy.mul(gamma.div(np.sqrt(variance.add(epsilon)))),
        jaxArray(input().dy, [m, c]),
        jaxArray(input().gamma),
        jaxArray(input().variance),
      ),
  },
] satisfies Benchmark[];
