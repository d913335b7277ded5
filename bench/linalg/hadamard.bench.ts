// The orthonormal Walsh-Hadamard transform in place, and a random rotation. Plain TypeScript: the textbook's three loops.
import { createStream, hadamard, rotate } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, type Numbers, once, U32 } from "../kit.ts";
import { count } from "../shapes.ts";

const N = 2 ** 18;
const LEVELS = 18;
const input = once(() => normals(N, 1));

function textbook(x: Float32Array | Float64Array): void {
  const n = x.length;
  for (let h = 1; h < n; h *= 2) {
    for (let i = 0; i < n; i += 2 * h) {
      for (let j = i; j < i + h; j++) {
        const [a, b] = [x[j]!, x[j + h]!];
        x[j] = a + b;
        x[j + h] = a - b;
      }
    }
  }
  const factor = 1 / Math.sqrt(n);
  for (let i = 0; i < n; i++) x[i]! *= factor;
}
const truth = once(() => {
  const x = Float64Array.from(input());
  textbook(x);
  return x;
});

/** Worst error over the tolerance of a transform of the input: 4 u |x| / sqrt n a level. */
function error(y: Numbers): number {
  const norm = Math.sqrt(input().reduce((s, v) => s + v * v, 0));
  let most = 0;
  for (let i = 0; i < N; i++) most = Math.max(most, Math.abs(y[i]! - truth()[i]!));
  return most / ((4 * U32 * LEVELS * norm) / Math.sqrt(N));
}
const length = (x: Numbers): number => Math.sqrt(Array.from(x).reduce((s, v) => s + v * v, 0));

export default [
  {
    name: "hadamard",
    shape: count(N),
    flops: N * (LEVELS + 1),
    tolerance: "4 u |x| / sqrt(n) a level",
    check: error,
    ours: (engine) => {
      const x = engine.tensor("f32", N);
      return {
        run: () => {
          x.set(input());
          hadamard(x);
        },
        result: () => x.view,
      };
    },
    plain: () => {
      const x = new Float32Array(N);
      return {
        run: () => {
          x.set(input());
          textbook(x);
        },
        result: () => x,
      };
    },
  },
  {
    name: "rotate",
    shape: count(N),
    flops: N * (LEVELS + 1),
    tolerance: "the norm within 1e-6",
    check: (y) => Math.abs(length(y) / length(input()) - 1) / 1e-6,
    ours: async (engine) => {
      const [x, y, stream] = [engine.copy(input()), engine.tensor("f32", N), await createStream({ purpose: "bench", unsafeSeed: 1 })];
      return { run: () => void rotate(x, stream, y), result: () => y.view };
    },
  },
] satisfies Benchmark[];
