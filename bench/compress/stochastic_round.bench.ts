// Stochastic rounding to integers; plain TypeScript with Math.random for our 32 bits of ChaCha20.
import { createStream, stochasticRound } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, type Numbers, once } from "../kit.ts";
import { count, UPDATE } from "../shapes.ts";

const input = once(() => normals(UPDATE, 1, 100));

/** NaN unless every integer is a neighbour; then the mean error over 6 of its deviations. */
function unlikely(y: Numbers): number {
  let [sum, spread] = [0, 0];
  for (const [i, v] of input().entries()) {
    const f = v - Math.floor(v);
    if (!(Math.abs(y[i]! - v) < 1)) return Number.NaN;
    sum += y[i]! - v;
    spread += f * (1 - f);
  }
  return Math.abs(sum) / (6 * Math.sqrt(spread));
}

export default [
  {
    name: "stochastic round",
    shape: count(UPDATE),
    bytes: 12 * UPDATE, // read for the norm, read, written
    tolerance: "a neighbouring integer; the mean error within 6 deviations",
    check: unlikely,
    ours: async (engine) => {
      const [x, y, stream] = [engine.copy(input()), engine.tensor("i32", UPDATE), await createStream({ purpose: "bench", unsafeSeed: 1 })];
      return { run: () => void stochasticRound(x, stream, y), result: () => y.view };
    },
    plain: () => {
      const y = new Int32Array(UPDATE);
      const x = input();
      return filling(y, () => {
        for (let i = 0; i < UPDATE; i++) y[i] = Math.floor(x[i]! + Math.random());
      });
    },
  },
] satisfies Benchmark[];
