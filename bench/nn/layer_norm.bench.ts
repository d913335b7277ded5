// Layer normalisation behind a dense layer of the 2NN: forward, and forward with all gradients (the rivals' leave those of the weights out).
import { layerNormBackward, layerNormForward, layerNormGradient } from "fedlane";
import { forward, inputGradient, rows } from "../../tests/nn/layer_norm.reference.ts";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, worst } from "../kit.ts";
import { type Jax, type JaxArray, jaxArray, jaxCase } from "../rivals/jax.ts";
import { type Tfjs, type TfTensor, tfCase } from "../rivals/tfjs.ts";
import { ROWS as m, UNITS } from "../shapes.ts";

const n = UNITS[1];
const epsilon = 1e-3;
const input = once(() => ({ x: normals(m * n, 1), gamma: normals(n, 2), beta: normals(n, 3), dy: normals(m * n, 4) }));
const truth = once(() => {
  const { x, gamma, beta, dy } = input();
  return { y: forward(rows(m, 1, n, epsilon), x, gamma, beta), dx: inputGradient(rows(m, 1, n, epsilon), x, gamma, dy) };
});

/** Mean and 1/std of row i. */
function statistics(i: number): [mean: number, r: number] {
  const { x } = input();
  let [sum, square] = [0, 0];
  for (let j = i * n; j < (i + 1) * n; j++) sum += x[j]!;
  const mean = sum / n;
  for (let j = i * n; j < (i + 1) * n; j++) square += (x[j]! - mean) ** 2;
  return [mean, 1 / Math.sqrt(square / n + epsilon)];
}
function plainForward(y: Float32Array): void {
  const { x, gamma, beta } = input();
  for (let i = 0; i < m; i++) {
    const [mean, r] = statistics(i);
    for (let j = 0; j < n; j++) y[i * n + j] = (x[i * n + j]! - mean) * r * gamma[j]! + beta[j]!;
  }
}
function plainBackward(dx: Float32Array, dGamma: Float32Array, dBeta: Float32Array): void {
  const { x, gamma, dy } = input();
  dGamma.fill(0);
  dBeta.fill(0);
  for (let i = 0; i < m; i++) {
    const [mean, r] = statistics(i);
    let [a, b] = [0, 0];
    for (let j = 0; j < n; j++) {
      const [g, xhat] = [dy[i * n + j]!, (x[i * n + j]! - mean) * r];
      a += g * gamma[j]!;
      b += g * gamma[j]! * xhat;
      dGamma[j]! += g * xhat;
      dBeta[j]! += g;
    }
    for (let j = 0; j < n; j++) dx[i * n + j] = r * (dy[i * n + j]! * gamma[j]! - a / n - (((x[i * n + j]! - mean) * r) / n) * b);
  }
}
function tfNorm(tf: Tfjs, x: TfTensor, gamma: TfTensor, beta: TfTensor): TfTensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return x
    .sub(mean)
    .mul(tf.rsqrt(variance.add(epsilon)))
    .mul(gamma)
    .add(beta);
}
function jaxNorm({ numpy: np }: Jax, x: JaxArray, gamma: JaxArray, beta: JaxArray): JaxArray {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(epsilon)))
    .mul(gamma)
    .add(beta);
}

export default [
  {
    name: "layer norm",
    shape: `${m}x${n}`,
    bytes: 8 * m * n,
    tolerance: "2e-5",
    check: (y) => worst(y, truth().y, 2e-5),
    ours: (engine) => {
      const [x, gamma, beta] = [engine.tensor("f32", [m, n], input().x), engine.copy(input().gamma), engine.copy(input().beta)];
      const y = engine.tensor("f32", [m, n]);
      return { run: () => void layerNormForward(x, gamma, beta, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(m * n);
      return filling(y, () => plainForward(y));
    },
    tfjs: (tf) => {
      const [x, gamma, beta] = [tf.tensor2d(input().x, [m, n]), tf.tensor1d(input().gamma), tf.tensor1d(input().beta)];
      return tfCase(() => tfNorm(tf, x, gamma, beta));
    },
    jax: (jax) => jaxCase((x, gamma, beta) => jaxNorm(jax, x, gamma, beta), jaxArray(input().x, [m, n]), jaxArray(input().gamma), jaxArray(input().beta)),
  },
  {
    name: "layer norm and its gradients",
    shape: `${m}x${n}`,
    bytes: 28 * m * n,
    tolerance: "2e-5",
    check: (dx) => worst(dx, truth().dx, 2e-5),
    ours: (engine) => {
      const [x, dy] = [engine.tensor("f32", [m, n], input().x), engine.tensor("f32", [m, n], input().dy)];
      const [gamma, beta, dGamma, dBeta] = [engine.copy(input().gamma), engine.copy(input().beta), engine.tensor("f32", n), engine.tensor("f32", n)];
      const [y, dx, statistics] = [engine.tensor("f32", [m, n]), engine.tensor("f32", [m, n]), engine.tensor("f32", [m, 3])];
      const run = () => {
        layerNormForward(x, gamma, beta, y, { statistics });
        layerNormBackward(x, gamma, statistics, dy, dx);
        layerNormGradient(x, statistics, dy, dGamma, dBeta);
      };
      return { run, result: () => dx.view };
    },
    plain: () => {
      const [y, dx, dGamma, dBeta] = [new Float32Array(m * n), new Float32Array(m * n), new Float32Array(n), new Float32Array(n)];
      return filling(dx, () => {
        plainForward(y);
        plainBackward(dx, dGamma, dBeta);
      });
    },
    tfjs: (tf) => {
      const [x, dy] = [tf.tensor2d(input().x, [m, n]), tf.tensor2d(input().dy, [m, n])];
      const [gamma, beta] = [tf.tensor1d(input().gamma), tf.tensor1d(input().beta)];
      const gradient = tf.grad((v) => tfNorm(tf, v, gamma, beta));
      return tfCase(() => gradient(x, dy));
    },
    jax: (jax) => {
      const loss = (x: JaxArray, gamma: JaxArray, beta: JaxArray, dy: JaxArray) => jaxNorm(jax, x, gamma, beta).mul(dy).sum();
      const [x, dy] = [jaxArray(input().x, [m, n]), jaxArray(input().dy, [m, n])];
      return jaxCase((...all) => jax.grad(loss)(...(all as [JaxArray, JaxArray, JaxArray, JaxArray])), x, jaxArray(input().gamma), jaxArray(input().beta), dy);
    },
  },
] satisfies Benchmark[];
