// Gaussian noise, alone and after clipping. Ours comes from ChaCha20; the rivals' generators are not cryptographic.
import { addResearchGaussianNoise, clipByNorm, createStream } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, distance, filling, type Numbers, once } from "../kit.ts";
import { jaxArray, jaxRandomCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { CLIP_NORM, count, SIGMA, UPDATE } from "../shapes.ts";
import { normalCdf } from "../twin.ts";

const input = once(() => normals(UPDATE, 1));
const clipped = once(() => {
  const norm = Math.sqrt(input().reduce((s, v) => s + v * v, 0));
  return Float64Array.from(input(), (v) => v * Math.min(1, CLIP_NORM / norm));
});
const standardised = (y: Numbers, x: Numbers) => Float64Array.from({ length: UPDATE }, (_, i) => (y[i]! - x[i]!) / SIGMA);
const stream = () => createStream({ purpose: "bench", unsafeSeed: 3 });
const tolerance = "Kolmogorov-Smirnov distance 2.5 / sqrt(n) of (y - x) / sigma to the normal distribution";

export default [
  {
    name: "noise",
    shape: count(UPDATE),
    bytes: 8 * UPDATE,
    tolerance,
    check: (y) => distance(standardised(y, input()), normalCdf),
    ours: async (engine) => {
      const [x, y, noise] = [engine.copy(input()), engine.tensor("f32", UPDATE), await stream()];
      return { run: () => void addResearchGaussianNoise(x, SIGMA, noise, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(UPDATE);
      return filling(y, () => plain.noise(SIGMA, input(), y));
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => x.add(tf.randomNormal([UPDATE], 0, SIGMA)));
    },
    jax: (jax) => jaxRandomCase((key, x) => jax.random.normal(key, [UPDATE]).mul(SIGMA).add(x), jaxArray(input())),
  },
  {
    name: "clip + noise",
    shape: count(UPDATE),
    bytes: 20 * UPDATE,
    tolerance,
    check: (y) => distance(standardised(y, clipped()), normalCdf),
    ours: async (engine) => {
      const [x, y, noise] = [engine.copy(input()), engine.tensor("f32", UPDATE), await stream()];
      return {
        run: () => {
          clipByNorm(x, CLIP_NORM, y);
          addResearchGaussianNoise(y, SIGMA, noise);
        },
        result: () => y.view,
      };
    },
    plain: () => {
      const y = new Float32Array(UPDATE);
      return filling(y, () => {
        plain.clip(CLIP_NORM, input(), y);
        plain.noise(SIGMA, y, y);
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => x.mul(tf.minimum(1, tf.div(CLIP_NORM, x.square().sum().sqrt()))).add(tf.randomNormal([UPDATE], 0, SIGMA)));
    },
    jax: (jax) => {
      const { numpy: np } = jax;
      return jaxRandomCase((key, x) => {
        const norm = np.sqrt(np.square(x.ref).sum());
        return x.mul(np.minimum(1, np.divide(CLIP_NORM, norm))).add(jax.random.normal(key, [UPDATE]).mul(SIGMA));
      }, jaxArray(input()));
    },
  },
] satisfies Benchmark[];
