// The two small passes between backward products that clip every example: factors of a batch, rows of output gradients scaled by them.
import { clipFactors, scaleRows } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { CLIP_NORM, ROWS as m, UNITS } from "../shapes.ts";

const n = UNITS[1];
const input = once(() => ({ norms: Float64Array.from(normals(m, 1, 2), (v) => v * v), x: normals(m * n, 2) }));
const factors = once(() => Float32Array.from(input().norms, (s) => Math.min(1, CLIP_NORM / Math.sqrt(s))));
const scaled = once(() => Float64Array.from(input().x, (v, i) => v * factors()[Math.floor(i / n)]!));

export default [
  {
    name: "clip factors",
    shape: `${m}`,
    bytes: 12 * m,
    tolerance: "4 u of 1",
    check: (f) => worst(f, factors(), 4 * U32),
    ours: (engine) => {
      const [norms, f] = [engine.tensor("f64", m, input().norms), engine.tensor("f32", m)];
      return { run: () => void clipFactors(norms, CLIP_NORM, f), result: () => f.view };
    },
    plain: () => {
      const [{ norms }, f] = [input(), new Float32Array(m)];
      return filling(f, () => {
        for (let i = 0; i < m; i++) f[i] = Math.min(1, CLIP_NORM / Math.sqrt(norms[i]!));
      });
    },
    tfjs: (tf) => {
      const norms = tf.tensor1d(Float32Array.from(input().norms));
      return tfCase(() => tf.minimum(1, tf.div(CLIP_NORM, norms.sqrt())));
    },
    jax: ({ numpy: np }) => jaxCase((norms) => np.minimum(1, np.divide(CLIP_NORM, np.sqrt(norms))), jaxArray(Float32Array.from(input().norms))),
  },
  {
    name: "scale rows",
    shape: `${m}x${n}`,
    bytes: 8 * m * n,
    tolerance: "2 u an element",
    check: (y) =>
      worst(
        y,
        scaled(),
        scaled().map((v) => 2 * U32 * Math.abs(v)),
      ),
    ours: (engine) => {
      const [x, f] = [engine.tensor("f32", [m, n], input().x), engine.copy(factors())];
      const y = engine.tensor("f32", [m, n]);
      return { run: () => void scaleRows(x, f, y), result: () => y.view };
    },
    plain: () => {
      const [{ x }, f, y] = [input(), factors(), new Float32Array(m * n)];
      return filling(y, () => {
        for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) y[i * n + j] = f[i]! * x[i * n + j]!;
      });
    },
    tfjs: (tf) => {
      const [x, f] = [tf.tensor2d(input().x, [m, n]), tf.tensor2d(factors(), [m, 1])];
      return tfCase(() => x.mul(f));
    },
    jax: () => jaxCase((x, f) => x.mul(f), jaxArray(input().x, [m, n]), jaxArray(factors(), [m, 1])),
  },
] satisfies Benchmark[];
