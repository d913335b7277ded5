// Uniform numbers: ours from the ChaCha20 stream, the rivals from their own generators, which are not cryptographic.
import { createStream, uniform } from "fedlane";
import { type Benchmark, distance, filling } from "../kit.ts";
import { jaxRandomCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { count, UPDATE } from "../shapes.ts";

export default [
  {
    name: "uniform",
    shape: count(UPDATE),
    bytes: 4 * UPDATE,
    tolerance: "Kolmogorov-Smirnov distance 2.5 / sqrt(n) to uniform on [0, 1]: a rival may round up to 1",
    check: (x) => distance(x, (v) => (v >= 0 && v <= 1 ? v : Number.NaN)),
    ours: async (engine) => {
      const [out, stream] = [engine.tensor("f32", UPDATE), await createStream({ purpose: "bench", unsafeSeed: 1 })];
      return { run: () => void uniform(out, stream), result: () => out.view };
    },
    plain: () => {
      const out = new Float32Array(UPDATE);
      return filling(out, () => {
        for (let i = 0; i < out.length; i++) out[i] = Math.floor(Math.random() * 2 ** 24) / 2 ** 24; // below 1 in f32
      });
    },
    tfjs: (tf) => tfCase(() => tf.randomUniform([UPDATE])),
    jax: (jax) => jaxRandomCase((key) => jax.random.uniform(key, [UPDATE])),
  },
] satisfies Benchmark[];
