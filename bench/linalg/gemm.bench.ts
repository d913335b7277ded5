// Matrix products in the three layouts that dense layers use.
import { matmul } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { LAYOUTS, PRODUCTS } from "../shapes.ts";
import { product } from "../twin.ts";

export default PRODUCTS.flatMap(([m, n, k]) =>
  LAYOUTS.map((layout): Benchmark => {
    const [tn, nt] = [layout === "tn", layout === "nt"];
    const shapeA = tn ? ([k, m] as const) : ([m, k] as const);
    const shapeB = nt ? ([n, k] as const) : ([k, n] as const);
    const input = once(() => ({ a: normals(m * k, 1), b: normals(k * n, 2) }));
    const truth = once(() => product(layout, m, n, k, input().a, input().b));
    return {
      name: `gemm ${layout}`,
      shape: `${m}x${n}x${k}`,
      flops: 2 * m * n * k,
      tolerance: "(k + 2) u |a||b| an element: any order of summation",
      check: (c) =>
        worst(
          c,
          truth().value,
          truth().size.map((s) => (k + 2) * U32 * s),
        ),
      ours: (engine) => {
        const a = engine.tensor("f32", shapeA, input().a);
        const b = engine.tensor("f32", shapeB, input().b);
        const out = engine.tensor("f32", [m, n]);
        return { run: () => void matmul(a, b, out, { transposeA: tn, transposeB: nt }), result: () => out.view };
      },
      plain: () => {
        const out = new Float32Array(m * n);
        return filling(out, () => plain.matmul(layout, m, n, k, input().a, input().b, out));
      },
      tfjs: (tf) => {
        const a = tf.tensor2d(input().a, [...shapeA]);
        const b = tf.tensor2d(input().b, [...shapeB]);
        return tfCase(() => tf.matMul(a, b, tn, nt));
      },
      jax: ({ numpy: np }) =>
        jaxCase((a, b) => np.matmul(tn ? np.transpose(a) : a, nt ? np.transpose(b) : b), jaxArray(input().a, shapeA), jaxArray(input().b, shapeB)),
    };
  }),
) satisfies Benchmark[];
