// An update clipped to an L2 norm.
import { clipByNorm } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { CLIP_NORM, count, UPDATE } from "../shapes.ts";

const input = once(() => normals(UPDATE, 1));
const truth = once(() => {
  const norm = Math.sqrt(input().reduce((s, v) => s + v * v, 0));
  return Float64Array.from(input(), (v) => v * Math.min(1, CLIP_NORM / norm));
});

export default [
  {
    name: "clip",
    shape: count(UPDATE),
    bytes: 12 * UPDATE, // read twice, written once
    tolerance: "512 u |y| an element: a norm summed in f32 is allowed",
    check: (y) =>
      worst(
        y,
        truth(),
        truth().map((v) => 512 * U32 * Math.abs(v)),
      ),
    ours: (engine) => {
      const [x, y] = [engine.copy(input()), engine.tensor("f32", UPDATE)];
      return { run: () => void clipByNorm(x, CLIP_NORM, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(UPDATE);
      return filling(y, () => plain.clip(CLIP_NORM, input(), y));
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => x.mul(tf.minimum(1, tf.div(CLIP_NORM, x.square().sum().sqrt()))));
    },
    jax: ({ numpy: np }) =>
      jaxCase((x) => {
        const norm = np.sqrt(np.square(x.ref).sum());
        return x.mul(np.minimum(1, np.divide(CLIP_NORM, norm)));
      }, jaxArray(input())),
  },
] satisfies Benchmark[];
