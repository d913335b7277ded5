// Clamp of a gradient, element by element.
import { clipByValue } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, same } from "../kit.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { CNN_UPDATE, count, UPDATE } from "../shapes.ts";

const LIMIT = 0.5;

export default [UPDATE, CNN_UPDATE].map((n): Benchmark => {
  const x = once(() => normals(n, 1));
  return {
    name: "clip by value",
    shape: count(n),
    bytes: 8 * n,
    footprint: 8 * n,
    tolerance: "equal",
    check: (y) =>
      same(
        y,
        x().map((v) => Math.max(-LIMIT, Math.min(LIMIT, v))),
      ),
    ours: (engine) => {
      const [from, to] = [engine.copy(x()), engine.tensor("f32", n)];
      return { run: () => void clipByValue(from, LIMIT, to), result: () => to.view };
    },
    plain: () => {
      const y = new Float32Array(n);
      return filling(y, () => plain.clipValue(LIMIT, x(), y));
    },
    tfjs: (tf) => {
      const from = tf.tensor1d(x());
      return tfCase(() => tf.clipByValue(from, -LIMIT, LIMIT));
    },
  };
});
