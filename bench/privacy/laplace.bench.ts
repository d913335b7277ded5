// Plain Laplace noise. Ours comes from ChaCha20; the rivals' generators are not cryptographic, and tfjs has no Laplace: it takes the logarithm of a uniform.
import { addResearchLaplaceNoise, createStream } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, distance, filling, once } from "../kit.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { count, SIGMA, UPDATE } from "../shapes.ts";

const input = once(() => normals(UPDATE, 1));

export default [
  {
    name: "Laplace noise",
    shape: count(UPDATE),
    bytes: 8 * UPDATE,
    tolerance: "Kolmogorov-Smirnov distance 2.5 / sqrt(n) of (y - x) / b to the Laplace distribution",
    check: (y) =>
      distance(
        Float64Array.from({ length: UPDATE }, (_, i) => (y[i]! - input()[i]!) / SIGMA),
        (l) => (l < 0 ? Math.exp(l) / 2 : 1 - Math.exp(-l) / 2),
      ),
    ours: async (engine) => {
      const [x, y] = [engine.copy(input()), engine.tensor("f32", UPDATE)];
      const stream = await createStream({ purpose: "bench", unsafeSeed: 3 });
      return { run: () => void addResearchLaplaceNoise(x, SIGMA, stream, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(UPDATE);
      return filling(y, () => {
        for (let i = 0; i < UPDATE; i++) {
          const u = Math.random() - 0.5;
          y[i] = input()[i]! - SIGMA * Math.sign(u) * Math.log(1 - 2 * Math.abs(u));
        }
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => {
        const u = tf.randomUniform([UPDATE], -1, 1);
        return x.sub(u.sign().mul(tf.sub(1, u.abs()).log()).mul(SIGMA));
      });
    },
  },
] satisfies Benchmark[];
