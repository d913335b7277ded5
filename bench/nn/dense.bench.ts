// The first layer of the 2NN: forward, and the gradient of its weights.
import { denseForward, denseWeightGradient } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, UNITS } from "../shapes.ts";
import { product } from "../twin.ts";

const [m, k, n] = [BATCHES[0], UNITS[0], UNITS[1]];
const input = once(() => ({ x: normals(m * k, 1), w: normals(k * n, 2, 0.05), b: normals(n, 3), dy: normals(m * n, 4) }));
const forward = once(() => {
  const { value, size } = product("nn", m, n, k, input().x, input().w);
  return { value: value.map((v, i) => v + input().b[i % n]!), bound: size.map((s, i) => (k + 3) * U32 * (s + Math.abs(input().b[i % n]!))) };
});
const gradient = once(() => {
  const { value, size } = product("tn", k, n, m, input().x, input().dy);
  return { value, bound: size.map((s) => (m + 2) * U32 * s) };
});

export default [
  {
    name: "dense forward",
    shape: `${m}x${n}x${k}`,
    flops: 2 * m * n * k,
    tolerance: "(k + 3) u (|x||w| + |b|) an element",
    check: (y) => worst(y, forward().value, forward().bound),
    ours: (engine) => {
      const [x, w] = [engine.tensor("f32", [m, k], input().x), engine.tensor("f32", [k, n], input().w)];
      const [b, y] = [engine.copy(input().b), engine.tensor("f32", [m, n])];
      return { run: () => void denseForward(x, w, b, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(m * n);
      return filling(y, () => {
        plain.matmul("nn", m, n, k, input().x, input().w, y);
        plain.addBias(n, input().b, y);
      });
    },
    tfjs: (tf) => {
      const [x, w, b] = [tf.tensor2d(input().x, [m, k]), tf.tensor2d(input().w, [k, n]), tf.tensor1d(input().b)];
      return tfCase(() => tf.fused.matMul({ a: x, b: w, transposeA: false, transposeB: false, bias: b }));
    },
    jax: ({ numpy: np }) => jaxCase((x, w, b) => np.matmul(x, w).add(b), jaxArray(input().x, [m, k]), jaxArray(input().w, [k, n]), jaxArray(input().b)),
  },
  {
    name: "dense weight gradient",
    shape: `${m}x${n}x${k}`,
    flops: 2 * m * n * k,
    tolerance: "(m + 2) u |x||dy| an element",
    check: (dw) => worst(dw, gradient().value, gradient().bound),
    ours: (engine) => {
      const [x, dy] = [engine.tensor("f32", [m, k], input().x), engine.tensor("f32", [m, n], input().dy)];
      const [dw, db] = [engine.tensor("f32", [k, n]), engine.tensor("f32", n)];
      return { run: () => denseWeightGradient(x, dy, dw, db), result: () => dw.view };
    },
    plain: () => {
      const [dw, db] = [new Float32Array(k * n), new Float32Array(n)];
      return filling(dw, () => {
        plain.matmul("tn", k, n, m, input().x, input().dy, dw);
        plain.sumRows(n, input().dy, db);
      });
    },
    // The rivals leave the bias gradient out.
    tfjs: (tf) => {
      const [x, dy] = [tf.tensor2d(input().x, [m, k]), tf.tensor2d(input().dy, [m, n])];
      return tfCase(() => tf.matMul(x, dy, true, false));
    },
    jax: ({ numpy: np }) => jaxCase((x, dy) => np.matmul(np.transpose(x), dy), jaxArray(input().x, [m, k]), jaxArray(input().dy, [m, n])),
  },
] satisfies Benchmark[];
