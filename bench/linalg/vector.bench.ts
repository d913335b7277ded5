// y <- a x + y over one update.
import { axpy } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { count, UPDATE } from "../shapes.ts";

const a = 0.25; // exact in f32
const input = once(() => ({ x: normals(UPDATE, 1), y: normals(UPDATE, 2) }));
const truth = once(() => Float64Array.from(input().x, (v, i) => a * v + input().y[i]!));

export default [
  {
    name: "axpy",
    shape: count(UPDATE),
    bytes: 12 * UPDATE,
    tolerance: "2 u (|a x| + |y|) an element",
    check: (z) =>
      worst(
        z,
        truth(),
        Float64Array.from(input().x, (v, i) => 2 * U32 * (Math.abs(a * v) + Math.abs(input().y[i]!))),
      ),
    ours: (engine) => {
      const [x, y] = [engine.copy(input().x), engine.copy(input().y)];
      return { run: () => void axpy(a, x, y), result: () => y.view };
    },
    plain: () => {
      const [x, y] = [input().x, input().y.slice()];
      return filling(y, () => {
        for (let i = 0; i < x.length; i++) y[i]! += a * x[i]!;
      });
    },
    tfjs: (tf) => {
      const [x, y] = [tf.tensor1d(input().x), tf.tensor1d(input().y)];
      return tfCase(() => x.mul(a).add(y));
    },
    jax: () => jaxCase((x, y) => x.mul(a).add(y), jaxArray(input().x), jaxArray(input().y)),
  },
] satisfies Benchmark[];
