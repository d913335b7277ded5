// Group normalisation behind the first convolution of McMahan's CNN: forward, and forward with all gradients (the rivals' leave those of the weights out).
import { groupNormBackward, groupNormForward, groupNormGradient } from "fedlane";
import { groups } from "../../tests/nn/group_norm.reference.ts";
import { forward, inputGradient } from "../../tests/nn/layer_norm.reference.ts";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, worst } from "../kit.ts";
import { SIDE } from "../network.ts";
import { type Jax, type JaxArray, jaxArray, jaxCase } from "../rivals/jax.ts";
import { type Tfjs, type TfTensor, tfCase } from "../rivals/tfjs.ts";
import { BATCHES, MCMAHAN_CNN } from "../shapes.ts";

const [m, p, c, count] = [BATCHES[0], SIDE * SIDE, MCMAHAN_CNN.filters[0]!, 8];
const each = c / count;
const n = m * p * c;
const epsilon = 1e-3;
const input = once(() => ({ x: normals(n, 1), gamma: normals(c, 2), beta: normals(c, 3), dy: normals(n, 4) }));
const truth = once(() => {
  const { x, gamma, beta, dy } = input();
  const sets = groups(m, p, c, count, epsilon);
  return { y: forward(sets, x, gamma, beta), dx: inputGradient(sets, x, gamma, dy) };
});

/** Mean and 1/std of group g of example i: channels [from, from + each) at every position. */
function statistics(i: number, g: number): [mean: number, r: number] {
  const { x } = input();
  const [from, to] = [i * p * c + g * each, (i + 1) * p * c];
  let [sum, square] = [0, 0];
  for (let at = from; at < to; at += c) for (let j = 0; j < each; j++) sum += x[at + j]!;
  const mean = sum / (p * each);
  for (let at = from; at < to; at += c) for (let j = 0; j < each; j++) square += (x[at + j]! - mean) ** 2;
  return [mean, 1 / Math.sqrt(square / (p * each) + epsilon)];
}
function plainForward(y: Float32Array): void {
  const { x, gamma, beta } = input();
  for (let i = 0; i < m; i++) {
    for (let g = 0; g < count; g++) {
      const [mean, r] = statistics(i, g);
      for (let at = i * p * c + g * each; at < (i + 1) * p * c; at += c) {
        for (let j = 0; j < each; j++) y[at + j] = (x[at + j]! - mean) * r * gamma[g * each + j]! + beta[g * each + j]!;
      }
    }
  }
}
function plainBackward(dx: Float32Array, dGamma: Float32Array, dBeta: Float32Array): void {
  const { x, gamma, dy } = input();
  dGamma.fill(0);
  dBeta.fill(0);
  for (let i = 0; i < m; i++) {
    for (let g = 0; g < count; g++) {
      const [mean, r] = statistics(i, g);
      const [from, to] = [i * p * c + g * each, (i + 1) * p * c];
      let [a, b] = [0, 0];
      for (let at = from; at < to; at += c) {
        for (let j = 0; j < each; j++) {
          const [k, v, xhat] = [g * each + j, dy[at + j]!, (x[at + j]! - mean) * r];
          a += v * gamma[k]!;
          b += v * gamma[k]! * xhat;
          dGamma[k]! += v * xhat;
          dBeta[k]! += v;
        }
      }
      for (let at = from; at < to; at += c) {
        for (let j = 0; j < each; j++) dx[at + j] = r * (dy[at + j]! * gamma[g * each + j]! - (a + (x[at + j]! - mean) * r * b) / (p * each));
      }
    }
  }
}
function tfNorm(tf: Tfjs, x: TfTensor, gamma: TfTensor, beta: TfTensor): TfTensor {
  const grouped = x.reshape([m, p, count, each]);
  const { mean, variance } = tf.moments(grouped, [1, 3], true);
  return grouped
    .sub(mean)
    .mul(tf.rsqrt(variance.add(epsilon)))
    .reshape([m, p, c])
    .mul(gamma)
    .add(beta);
}
function jaxNorm({ numpy: np }: Jax, x: JaxArray, gamma: JaxArray, beta: JaxArray): JaxArray {
  const grouped = x.reshape([m, p, count, each]);
  const centred = grouped.ref.sub(np.mean(grouped, [1, 3], { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), [1, 3], { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(epsilon)))
    .reshape([m, p, c])
    .mul(gamma)
    .add(beta);
}

export default [
  {
    name: "group norm",
    shape: `${m}x${p}x${c}, ${count} groups`,
    bytes: 8 * n,
    tolerance: "2e-5",
    check: (y) => worst(y, truth().y, 2e-5),
    ours: (engine) => {
      const [x, gamma, beta] = [engine.tensor("f32", [m, p, c], input().x), engine.copy(input().gamma), engine.copy(input().beta)];
      const y = engine.tensor("f32", [m, p, c]);
      return { run: () => void groupNormForward(x, gamma, beta, y, { groups: count }), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(n);
      return filling(y, () => plainForward(y));
    },
    tfjs: (tf) => {
      const [x, gamma, beta] = [tf.tensor3d(input().x, [m, p, c]), tf.tensor1d(input().gamma), tf.tensor1d(input().beta)];
      return tfCase(() => tfNorm(tf, x, gamma, beta));
    },
    jax: (jax) => jaxCase((x, gamma, beta) => jaxNorm(jax, x, gamma, beta), jaxArray(input().x, [m, p, c]), jaxArray(input().gamma), jaxArray(input().beta)),
  },
  {
    name: "group norm and its gradients",
    shape: `${m}x${p}x${c}, ${count} groups`,
    bytes: 28 * n,
    tolerance: "2e-5",
    check: (dx) => worst(dx, truth().dx, 2e-5),
    ours: (engine) => {
      const [x, dy] = [engine.tensor("f32", [m, p, c], input().x), engine.tensor("f32", [m, p, c], input().dy)];
      const [gamma, beta, dGamma, dBeta] = [engine.copy(input().gamma), engine.copy(input().beta), engine.tensor("f32", c), engine.tensor("f32", c)];
      const [y, dx, statistics] = [engine.tensor("f32", [m, p, c]), engine.tensor("f32", [m, p, c]), engine.tensor("f32", [m, 3, c])];
      const run = () => {
        groupNormForward(x, gamma, beta, y, { groups: count, statistics });
        groupNormBackward(x, gamma, statistics, dy, dx, { groups: count });
        groupNormGradient(x, statistics, dy, dGamma, dBeta);
      };
      return { run, result: () => dx.view };
    },
    plain: () => {
      const [y, dx, dGamma, dBeta] = [new Float32Array(n), new Float32Array(n), new Float32Array(c), new Float32Array(c)];
      return filling(dx, () => {
        plainForward(y);
        plainBackward(dx, dGamma, dBeta);
      });
    },
    tfjs: (tf) => {
      const [x, dy] = [tf.tensor3d(input().x, [m, p, c]), tf.tensor3d(input().dy, [m, p, c])];
      const [gamma, beta] = [tf.tensor1d(input().gamma), tf.tensor1d(input().beta)];
      const gradient = tf.grad((v) => tfNorm(tf, v, gamma, beta));
      return tfCase(() => gradient(x, dy));
    },
    jax: (jax) => {
      const loss = (x: JaxArray, gamma: JaxArray, beta: JaxArray, dy: JaxArray) => jaxNorm(jax, x, gamma, beta).mul(dy).sum();
      const [x, dy] = [jaxArray(input().x, [m, p, c]), jaxArray(input().dy, [m, p, c])];
      return jaxCase((...all) => jax.grad(loss)(...(all as [JaxArray, JaxArray, JaxArray, JaxArray])), x, jaxArray(input().gamma), jaxArray(input().beta), dy);
    },
  },
] satisfies Benchmark[];
