// Squared norm and largest magnitude of one update.
import { maxAbs, squaredNorm } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, once, scalar, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { count, UPDATE } from "../shapes.ts";

const input = once(() => normals(UPDATE, 3));
const truth = once(() => input().reduce((s, v) => s + v * v, 0));
const largest = once(() => input().reduce((s, v) => Math.max(s, Math.abs(v)), 0));

export default [
  {
    name: "squared norm",
    shape: count(UPDATE),
    bytes: 4 * UPDATE,
    tolerance: "u n |x|^2: any order of summation in f32",
    check: (s) => worst(s, [truth()], U32 * UPDATE * truth()),
    ours: (engine) => {
      const x = engine.copy(input());
      return scalar(() => squaredNorm(x));
    },
    plain: () => {
      const x = input();
      return scalar(() => {
        let s = 0;
        for (let i = 0; i < x.length; i++) s += x[i]! * x[i]!;
        return s;
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => x.square().sum());
    },
    jax: ({ numpy: np }) => jaxCase((x) => np.square(x).sum(), jaxArray(input())),
  },
  {
    name: "max abs",
    shape: count(UPDATE),
    bytes: 4 * UPDATE,
    tolerance: "none: exact",
    check: (s) => worst(s, [largest()], 0),
    ours: (engine) => {
      const x = engine.copy(input());
      return scalar(() => maxAbs(x));
    },
    plain: () => {
      const x = input();
      return scalar(() => {
        let s = 0;
        for (let i = 0; i < x.length; i++) s = Math.max(s, Math.abs(x[i]!));
        return s;
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => x.abs().max());
    },
    jax: ({ numpy: np }) => jaxCase((x) => np.abs(x).max(), jaxArray(input())),
  },
] satisfies Benchmark[];
