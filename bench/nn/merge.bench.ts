// Two towers of 32 numbers, 100 candidates a user; and three layers' outputs side by side.
import { concatenateColumns, dotRows, dotRowsBackward } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, same, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, ROWS, UNITS } from "../shapes.ts";

const [m, r, n] = [BATCHES[1], 100, 32];
const input = once(() => ({ a: normals(m * n, 1), b: normals(m * r * n, 2), dy: normals(m * r, 3) }));
const truth = once(() => {
  const { a, b } = input();
  const [value, bound] = [new Float64Array(m * r), new Float64Array(m * r)];
  for (let row = 0; row < m * r; row++) {
    for (let k = 0; k < n; k++) {
      const term = a[Math.floor(row / r) * n + k]! * b[row * n + k]!;
      value[row]! += term;
      bound[row]! += (n + 2) * U32 * Math.abs(term);
    }
  }
  return { value, bound };
});
const widths = [UNITS[1], UNITS[2], UNITS[3]];
const total = widths.reduce((p, q) => p + q, 0);
const parts = once(() => widths.map((width, i) => normals(ROWS * width, 4 + i)));
const joined = once(() =>
  Float32Array.from(Array.from({ length: ROWS }, (_, i) => parts().flatMap((part, p) => [...part.subarray(i * widths[p]!, (i + 1) * widths[p]!)])).flat()),
);

export default [
  {
    name: "dot products of towers",
    shape: `${m}x${r}x${n}`,
    flops: 2 * m * r * n,
    tolerance: "(n + 2) u |a||b| an element",
    check: (y) => worst(y, truth().value, truth().bound),
    ours: (engine) => {
      const [a, b] = [engine.tensor("f32", [m, n], input().a), engine.tensor("f32", [m, r, n], input().b)];
      const y = engine.tensor("f32", [m, r]);
      return { run: () => void dotRows(a, b, y), result: () => y.view };
    },
    plain: () => {
      const [{ a, b }, y] = [input(), new Float32Array(m * r)];
      return filling(y, () => {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < r; j++) {
            let s = 0;
            for (let k = 0; k < n; k++) s += a[i * n + k]! * b[(i * r + j) * n + k]!;
            y[i * r + j] = s;
          }
        }
      });
    },
    tfjs: (tf) => {
      const [a, b] = [tf.tensor3d(input().a, [m, n, 1]), tf.tensor3d(input().b, [m, r, n])];
      return tfCase(() => tf.matMul(b, a));
    },
    jax: ({ numpy: np }) => jaxCase((b, a) => np.matmul(b, a), jaxArray(input().b, [m, r, n]), jaxArray(input().a, [m, n, 1])),
  },
  {
    name: "gradients of towers",
    shape: `${m}x${r}x${n}`,
    flops: 3 * m * r * n,
    tolerance: "2 u an element; the first gradient not compared here",
    check: (db) =>
      worst(
        db,
        Float64Array.from({ length: m * r * n }, (_, at) => input().dy[Math.floor(at / n)]! * input().a[Math.floor(at / n / r) * n + (at % n)]!),
        40 * U32,
      ),
    ours: (engine) => {
      const [a, b, dy] = [engine.tensor("f32", [m, n], input().a), engine.tensor("f32", [m, r, n], input().b), engine.tensor("f32", [m, r], input().dy)];
      const [da, db] = [engine.tensor("f32", [m, n]), engine.tensor("f32", [m, r, n])];
      return { run: () => dotRowsBackward(a, b, dy, da, db), result: () => db.view };
    },
    plain: () => {
      const [{ a, b, dy }, da, db] = [input(), new Float32Array(m * n), new Float32Array(m * r * n)];
      return filling(db, () => {
        da.fill(0);
        for (let row = 0; row < m * r; row++) {
          const [g, i] = [dy[row]!, Math.floor(row / r)];
          for (let k = 0; k < n; k++) {
            da[i * n + k]! += g * b[row * n + k]!;
            db[row * n + k] = g * a[i * n + k]!;
          }
        }
      });
    },
  },
  {
    name: "concatenate columns",
    shape: `${ROWS}x(${widths.join("+")})`,
    bytes: 8 * ROWS * total,
    tolerance: "none: exact",
    check: (y) => same(y, joined()),
    ours: (engine) => {
      const inputs = parts().map((part, i) => engine.tensor("f32", [ROWS, widths[i]!], part));
      const y = engine.tensor("f32", [ROWS, total]);
      return { run: () => void concatenateColumns(inputs, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(ROWS * total);
      return filling(y, () => {
        let from = 0;
        parts().forEach((part, p) => {
          const width = widths[p]!;
          for (let i = 0; i < ROWS; i++) y.set(part.subarray(i * width, (i + 1) * width), i * total + from);
          from += width;
        });
      });
    },
    tfjs: (tf) => {
      const inputs = parts().map((part, i) => tf.tensor2d(part, [ROWS, widths[i]!]));
      return tfCase(() => tf.concat(inputs, 1));
    },
    jax: ({ numpy: np }) => jaxCase((...inputs) => np.concatenate(inputs, 1), ...parts().map((part, i) => jaxArray(part, [ROWS, widths[i]!]))),
  },
] satisfies Benchmark[];
