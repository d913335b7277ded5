// A mini-batch from images that stay bytes: rows gathered and scaled by 1/255.
import { takeRows } from "fedlane";
import { random } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, UNITS } from "../shapes.ts";

const [all, m, n] = [1000, BATCHES[1], UNITS[0]];
const input = once(() => {
  const r = random(6);
  return {
    x: Uint8Array.from({ length: all * n }, () => Math.floor(256 * r())),
    rows: Uint32Array.from({ length: m }, () => Math.floor(all * r())),
  };
});
const truth = once(() => Float64Array.from({ length: m * n }, (_, at) => input().x[input().rows[Math.floor(at / n)]! * n + (at % n)]! / 255));

export default [
  {
    name: "rows, bytes to f32",
    shape: `${m} of ${all}x${n}`,
    bytes: 5 * m * n,
    tolerance: "4 u of 1",
    check: (y) => worst(y, truth(), 4 * U32),
    ours: (engine) => {
      const [x, rows] = [engine.tensor("u8", [all, n], input().x), engine.tensor("u32", m, input().rows)];
      const out = engine.tensor("f32", [m, n]);
      return { run: () => void takeRows(x, rows, out, 1 / 255), result: () => out.view };
    },
    plain: () => {
      const { x, rows } = input();
      const out = new Float32Array(m * n);
      return filling(out, () => {
        for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[i * n + j] = x[rows[i]! * n + j]! / 255;
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor2d(Float32Array.from(input().x), [all, n]); // tfjs has no bytes
      const rows = tf.tensor1d(Int32Array.from(input().rows), "int32");
      return tfCase(() => tf.gather(x, rows).mul(1 / 255));
    },
  },
] satisfies Benchmark[];
