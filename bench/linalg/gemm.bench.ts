// Matrix products: squares in the three layouts that dense layers use, the three products of a training step on the first layer of the 2NN, and
// the norm of a product that is never in memory.
import { matmul, productSquaredNorm } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, scalar, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, LAYOUTS, LEARNING_RATE, SQUARES, UNITS } from "../shapes.ts";
import { type Layout, product } from "../twin.ts";

/** out <- op(a) op(b), or with a step size out <- out - step op(a) op(b), as training applies a weight gradient. */
function row(layout: Layout, m: number, n: number, k: number, step?: number): Benchmark {
  const [tn, nt] = [layout === "tn", layout === "nt"];
  const shapeA = tn ? ([k, m] as const) : ([m, k] as const);
  const shapeB = nt ? ([n, k] as const) : ([k, n] as const);
  const input = once(() => ({ a: normals(m * k, 1), b: normals(k * n, 2), c: normals(m * n, 3) }));
  const truth = once(() => {
    const { value, size } = product(layout, m, n, k, input().a, input().b);
    if (step === undefined) return { value, bound: size.map((s) => (k + 2) * U32 * s) };
    const { c } = input();
    return { value: value.map((v, i) => c[i]! - step * v), bound: size.map((s, i) => (k + 4) * U32 * (step * s + Math.abs(c[i]!))) };
  });
  const options = { transposeA: tn, transposeB: nt, ...(step === undefined ? {} : { alpha: -step, beta: 1 }) };
  return {
    name: step === undefined ? `gemm ${layout}` : `gemm ${layout} step`,
    shape: `${m}x${n}x${k}`,
    flops: 2 * m * n * k,
    tolerance: step === undefined ? "(k + 2) u |a||b| an element: any order of summation" : "(k + 4) u (step |a||b| + |c|) an element",
    check: (c) => worst(c, truth().value, truth().bound),
    ours: (engine) => {
      const a = engine.tensor("f32", shapeA, input().a);
      const b = engine.tensor("f32", shapeB, input().b);
      const out = engine.tensor("f32", [m, n], input().c);
      return { run: () => void matmul(a, b, out, options), result: () => out.view };
    },
    plain: () => {
      const out = input().c.slice();
      const ab = step === undefined ? out : new Float32Array(m * n);
      return filling(out, () => {
        plain.matmul(layout, m, n, k, input().a, input().b, ab);
        if (step !== undefined) for (let i = 0; i < out.length; i++) out[i]! -= step * ab[i]!;
      });
    },
    tfjs: (tf) => {
      const a = tf.tensor2d(input().a, [...shapeA]);
      const b = tf.tensor2d(input().b, [...shapeB]);
      const c = tf.tensor2d(input().c, [m, n]);
      return tfCase(() => (step === undefined ? tf.matMul(a, b, tn, nt) : tf.sub(c, tf.mul(tf.matMul(a, b, tn, nt), step))));
    },
    jax: ({ numpy: np }) =>
      jaxCase(
        (a, b, c) => {
          const ab = np.matmul(tn ? np.transpose(a) : a, nt ? np.transpose(b) : b);
          if (step !== undefined) return c.sub(ab.mul(step));
          c.dispose();
          return ab;
        },
        jaxArray(input().a, shapeA),
        jaxArray(input().b, shapeB),
        jaxArray(input().c, [m, n]),
      ),
  };
}

/** The squared norm of one example's kernel gradient in a convolution of 25 x 32 inputs and 64 outputs at 14 x 14 places. */
function norm(): Benchmark {
  const [m, n, k] = [800, 64, 196];
  const input = once(() => ({ a: normals(k * m, 1), b: normals(k * n, 2) }));
  const truth = once(() => {
    const { value, size } = product("tn", m, n, k, input().a, input().b);
    const errors = size.map((s) => k * U32 * s);
    const bound = value.reduce((sum, v, i) => sum + (2 * Math.abs(v) + errors[i]!) * errors[i]!, 0);
    return { value: value.reduce((sum, v) => sum + v * v, 0), bound };
  });
  return {
    name: "product squared norm",
    shape: `${m}x${n}x${k}`,
    flops: 2 * m * n * k,
    tolerance: "k u |a||b| an element of the product",
    check: (s) => worst(s, [truth().value], truth().bound),
    ours: (engine) => {
      const [a, b] = [engine.tensor("f32", [k, m], input().a), engine.tensor("f32", [k, n], input().b)];
      return scalar(() => productSquaredNorm(a, b));
    },
    plain: () => {
      const out = new Float32Array(m * n);
      return scalar(() => {
        plain.matmul("tn", m, n, k, input().a, input().b, out);
        return out.reduce((sum, v) => sum + v * v, 0);
      });
    },
    tfjs: (tf) => {
      const [a, b] = [tf.tensor2d(input().a, [k, m]), tf.tensor2d(input().b, [k, n])];
      return tfCase(() => tf.sum(tf.square(tf.matMul(a, b, true, false))));
    },
    jax: ({ numpy: np }) => jaxCase((a, b) => np.sum(np.square(np.matmul(np.transpose(a), b))), jaxArray(input().a, [k, m]), jaxArray(input().b, [k, n])),
  };
}

const [inputs, units] = UNITS;
export default [
  ...SQUARES.flatMap(([m, n, k]) => LAYOUTS.map((layout) => row(layout, m, n, k))),
  ...BATCHES.flatMap((batch) => [row("nn", batch, units, inputs), row("nt", batch, inputs, units), row("tn", inputs, units, batch, LEARNING_RATE)]),
  norm(),
] satisfies Benchmark[];
