// max(0, x) over a layer's output.
import { relu } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { ROWS, UNITS } from "../shapes.ts";

const n = ROWS * UNITS[1];
const input = once(() => normals(n, 5));

export default [
  {
    name: "relu",
    shape: `${ROWS}x${UNITS[1]}`,
    bytes: 8 * n,
    tolerance: "none: exact",
    check: (y) =>
      worst(
        y,
        input().map((v) => Math.max(0, v)),
        0,
      ),
    ours: (engine) => {
      const [x, y] = [engine.copy(input()), engine.tensor("f32", n)];
      return { run: () => void relu(x, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(n);
      return filling(y, () => plain.relu(input(), y));
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => tf.relu(x));
    },
    jax: (jax) => jaxCase((x) => jax.nn.relu(x), jaxArray(input())),
  },
] satisfies Benchmark[];
