// The bias gradient: sums of the columns of a layer's output gradient.
import { biasGradient } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { ROWS as m, UNITS } from "../shapes.ts";

const n = UNITS[1];
const input = once(() => normals(m * n, 4));
const column = (f: (v: number) => number) => Float64Array.from({ length: n }, (_, j) => input().reduce((s, v, at) => (at % n === j ? s + f(v) : s), 0));
const truth = once(() => ({ value: column((v) => v), bound: column(Math.abs).map((s) => m * U32 * s) }));

export default [
  {
    name: "bias gradient",
    shape: `${m}x${n}`,
    bytes: 4 * (m * n + n),
    tolerance: "m u sum|dy| an element",
    check: (db) => worst(db, truth().value, truth().bound),
    ours: (engine) => {
      const [dy, db] = [engine.tensor("f32", [m, n], input()), engine.tensor("f32", n)];
      return { run: () => void biasGradient(dy, db), result: () => db.view };
    },
    plain: () => {
      const db = new Float32Array(n);
      return filling(db, () => plain.sumRows(n, input(), db));
    },
    tfjs: (tf) => {
      const dy = tf.tensor2d(input(), [m, n]);
      return tfCase(() => dy.sum(0));
    },
    jax: () => jaxCase((dy) => dy.sum(0), jaxArray(input(), [m, n])),
  },
] satisfies Benchmark[];
