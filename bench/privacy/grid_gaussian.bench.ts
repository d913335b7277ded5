// Gaussian noise on a grid, alone and in the fused release of a device. Ours comes from ChaCha20; the rivals' generators are not cryptographic.
// tfjs: the first row is randomNormal alone, rounded to integers; the second clips, rounds, adds rounded noise and quantizes to nearest.
import { addGridNoise, createStream, gaussianGrid, releaseQuantized } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, distance, filling, type Numbers, once } from "../kit.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { CLIP_NORM, count, SIGMA, UPDATE } from "../shapes.ts";
import { normalCdf } from "../twin.ts";

const grid = gaussianGrid({ sigma: SIGMA, clipNorm: CLIP_NORM, size: UPDATE });
const { spacing, scale } = grid;
const LIMIT = 0.06;
const STEP = (2 * LIMIT) / 255;
const input = once(() => normals(UPDATE, 1));
const clipped = once(() => {
  const norm = Math.sqrt(input().reduce((s, v) => s + v * v, 0));
  return Float64Array.from(input(), (v) => v * Math.min(1, CLIP_NORM / norm));
});
const stream = () => createStream({ purpose: "bench", unsafeSeed: 3 });

/** Levels are coarse: a value somewhere in its level stands for it, spread evenly by a fixed sequence. */
function spread(q: Numbers): Float64Array {
  return Float64Array.from({ length: UPDATE }, (_, i) => {
    if (!Number.isInteger(q[i]) || q[i]! < 0 || q[i]! > 255) return Number.NaN;
    return (-LIMIT + STEP * (q[i]! + ((i * 0.6180339887498949) % 1) - 0.5) - clipped()[i]!) / SIGMA;
  });
}

export default [
  {
    name: "grid noise",
    shape: count(UPDATE),
    bytes: 4 * UPDATE,
    tolerance: "Kolmogorov-Smirnov distance 2.5 / sqrt(n) of k g / sigma to the normal distribution",
    check: (k) => {
      const values = Float64Array.from({ length: UPDATE }, (_, i) => (Number.isInteger(k[i]) ? k[i]! / scale : Number.NaN));
      return distance(values, normalCdf);
    },
    ours: async (engine) => {
      const [k, noise] = [engine.tensor("i32", UPDATE), await stream()];
      return {
        run: () => {
          k.view.fill(0); // the noise of one release, not a walk
          addGridNoise(k, grid, noise);
        },
        result: () => k.view,
      };
    },
    plain: () => {
      const k = new Int32Array(UPDATE);
      return filling(k, () => plain.gridNoise(scale, k));
    },
    tfjs: (tf) => tfCase(() => tf.randomNormal([UPDATE], 0, scale).round()),
  },
  {
    name: "clip + grid noise + quantize",
    shape: count(UPDATE),
    bytes: 9 * UPDATE, // read twice, a byte written
    tolerance: "Kolmogorov-Smirnov distance 2.5 / sqrt(n) of (y - x) / sigma to the normal distribution, each level spread evenly",
    check: (q) => distance(spread(q), normalCdf),
    ours: async (engine) => {
      const [x, out, noise] = [engine.copy(input()), engine.tensor("u8", UPDATE), await stream()];
      return { run: () => void releaseQuantized(x, grid, LIMIT, noise, { out }), result: () => out.view };
    },
    plain: () => {
      const [k, z, q] = [new Int32Array(UPDATE), new Int32Array(UPDATE), new Uint8Array(UPDATE)];
      return filling(q, () => {
        plain.clipToGrid(CLIP_NORM, spacing, input(), k);
        plain.gridNoise(scale, z);
        for (let i = 0; i < UPDATE; i++) q[i] = Math.max(0, Math.min(255, Math.floor(((k[i]! + z[i]!) * spacing + LIMIT) / STEP + 0.5)));
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(input());
      return tfCase(() => {
        const k = x.mul(tf.minimum(1, tf.div(CLIP_NORM, x.square().sum().sqrt())).div(spacing)).round();
        const y = k.add(tf.randomNormal([UPDATE], 0, scale).round());
        return y
          .mul(spacing / STEP)
          .add(127.5)
          .round()
          .clipByValue(0, 255)
          .toInt();
      });
    },
  },
] satisfies Benchmark[];
