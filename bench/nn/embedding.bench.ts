// Matrix factorisation's table of 2,625 users and items: look-up, and the step on the rows of a batch. Rivals without sparse gradients multiply by one-hot rows.
import { embeddingBagForward, embeddingGradient, PADDING, takeRows, updateRows } from "fedlane";
import { normals, random } from "../../tests/support/data.ts";
import { type Benchmark, filling, type Numbers, once, same, U32, worst } from "../kit.ts";
import { BATCHES, TABLE } from "../shapes.ts";

const [m, [rows, d], r] = [BATCHES[1], TABLE, 10];
const lr = 0.0625;
const input = once(() => {
  const next = random(6);
  const pick = () => Math.floor(rows * next());
  const bags = Uint32Array.from({ length: m * r }, () => (next() < 0.2 ? PADDING : pick()));
  return { table: normals(rows * d, 1), ids: Uint32Array.from({ length: m }, pick), bags, dy: normals(m * d, 2) };
});
const stepped = once(() => {
  const { table, ids, dy } = input();
  const [value, size] = [Float64Array.from(table), Float64Array.from(table, Math.abs)];
  dy.forEach((g, i) => {
    const at = ids[Math.floor(i / d)]! * d + (i % d);
    value[at]! -= lr * g;
    size[at]! += Math.abs(lr * g);
  });
  return { value, bound: size.map((s) => 4 * U32 * s) };
});
const pooled = once(() => {
  const { table, bags } = input();
  const [value, size] = [new Float64Array(m * d), new Float64Array(m * d)];
  for (let i = 0; i < m; i++) {
    const named = bags.subarray(i * r, (i + 1) * r).filter((id) => id !== PADDING);
    for (const id of named) {
      for (let j = 0; j < d; j++) {
        value[i * d + j]! += table[id * d + j]! / named.length;
        size[i * d + j]! += Math.abs(table[id * d + j]!) / named.length;
      }
    }
  }
  return { value, bound: size.map((s) => (r + 2) * U32 * s) };
});

export default [
  {
    name: "embedding look-up",
    shape: `${m} of ${rows}x${d}`,
    bytes: 8 * m * d,
    tolerance: "exact",
    check: (y) =>
      same(
        y,
        Array.from(y, (_, i) => input().table[input().ids[Math.floor(i / d)]! * d + (i % d)]!),
      ),
    ours: (engine) => {
      const [table, ids] = [engine.tensor("f32", [rows, d], input().table), engine.tensor("u32", m, input().ids)];
      const y = engine.tensor("f32", [m, d]);
      return { run: () => void takeRows(table, ids, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(m * d);
      const { table, ids } = input();
      return filling(y, () => {
        for (let i = 0; i < m; i++) for (let j = 0; j < d; j++) y[i * d + j] = table[ids[i]! * d + j]!;
      });
    },
    tfjs: (tf) => {
      const [table, ids] = [tf.tensor2d(input().table, [rows, d]), tf.tensor1d(Int32Array.from(input().ids), "int32")];
      let last: Numbers = [];
      const body = () => {
        last = tf.gather(table, ids).dataSync();
      };
      return { run: () => void tf.tidy(body), result: () => last };
    },
  },
  {
    name: "embedding gradient and step",
    shape: `${m} of ${rows}x${d}`,
    bytes: 20 * m * d,
    tolerance: "4 u (|t| + lr |g|) an element",
    check: (t) => worst(t, stepped().value, stepped().bound),
    ours: (engine) => {
      const [table, ids] = [engine.tensor("f32", [rows, d], input().table), engine.tensor("u32", m, input().ids)];
      const dy = engine.tensor("f32", [m, d], input().dy);
      const [touched, values] = [engine.tensor("u32", m), engine.tensor("f32", [m, d])];
      const step = () => void updateRows(values, touched, table, { alpha: -lr, count: embeddingGradient(ids, dy, touched, values) });
      return { run: step, result: () => table.view };
    },
    // Without momentum and decay the rows of a batch can be stepped one by one.
    plain: () => {
      const { table, ids, dy } = input();
      const t = table.slice();
      return filling(t, () => {
        for (let i = 0; i < m; i++) for (let j = 0; j < d; j++) t[ids[i]! * d + j]! -= lr * dy[i * d + j]!;
      });
    },
    tfjs: (tf) => {
      const [ids, dy] = [tf.tensor1d(Int32Array.from(input().ids), "int32"), tf.tensor2d(input().dy, [m, d])];
      let table = tf.tensor2d(input().table, [rows, d]);
      const step = () => table.sub(tf.matMul(tf.cast(tf.oneHot(ids, rows), "float32"), dy, true, false).mul(lr)) as typeof table;
      let last: Numbers = [];
      return {
        run: () => {
          const next = tf.tidy(step);
          table.dispose();
          table = next;
          last = table.dataSync();
        },
        result: () => last,
      };
    },
  },
  {
    name: "embedding bag",
    shape: `${m} bags of ${r}, ${rows}x${d}`,
    bytes: 4 * m * (r + 1) * d,
    tolerance: "(r + 2) u mean |t| an element",
    check: (y) => worst(y, pooled().value, pooled().bound),
    ours: (engine) => {
      const [table, ids] = [engine.tensor("f32", [rows, d], input().table), engine.tensor("u32", [m, r], input().bags)];
      const y = engine.tensor("f32", [m, d]);
      return { run: () => void embeddingBagForward(ids, table, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(m * d);
      const { table, bags } = input();
      return filling(y, () => {
        y.fill(0);
        for (let i = 0; i < m; i++) {
          let count = 0;
          for (let s = 0; s < r; s++) {
            const id = bags[i * r + s]!;
            if (id === PADDING) continue;
            count++;
            for (let j = 0; j < d; j++) y[i * d + j]! += table[id * d + j]!;
          }
          if (count > 0) for (let j = 0; j < d; j++) y[i * d + j]! /= count;
        }
      });
    },
  },
] satisfies Benchmark[];
