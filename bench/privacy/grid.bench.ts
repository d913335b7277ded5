// An update clipped to integers of a grid, their norm verified.
import { clipToGrid, gaussianGrid } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, worst } from "../kit.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { CLIP_NORM, count, SIGMA, UPDATE } from "../shapes.ts";

const grid = gaussianGrid({ sigma: SIGMA, clipNorm: CLIP_NORM, size: UPDATE });
const input = once(() => normals(UPDATE, 1));
const truth = once(() => {
  const norm = Math.sqrt(input().reduce((s, v) => s + v * v, 0));
  return Float64Array.from(input(), (v) => (v * Math.min(1, CLIP_NORM / norm)) / grid.spacing);
});

export default [
  {
    name: "clip to grid",
    shape: count(UPDATE),
    bytes: 12 * UPDATE, // read twice, written once
    tolerance: "1/2 and 512 u |k| grid units an element: a norm summed in f32 is allowed",
    check: (k) =>
      worst(
        k,
        truth(),
        truth().map((v) => 0.5 + 512 * 2 ** -24 * Math.abs(v)),
      ),
    ours: (engine) => {
      const [x, k] = [engine.copy(input()), engine.tensor("i32", UPDATE)];
      return { run: () => void clipToGrid(x, grid, k), result: () => k.view };
    },
    plain: () => {
      const k = new Int32Array(UPDATE);
      return filling(k, () => plain.clipToGrid(CLIP_NORM, grid.spacing, input(), k));
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() =>
        x
          .mul(tf.minimum(1, tf.div(CLIP_NORM, x.square().sum().sqrt())).div(grid.spacing))
          .round()
          .toInt(),
      );
    },
  },
] satisfies Benchmark[];
