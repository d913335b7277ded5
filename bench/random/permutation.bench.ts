// A random order of the examples. Plain TypeScript takes Math.random and no rejection.
import { createStream, shuffle } from "fedlane";
import { type Benchmark, filling, type Numbers } from "../kit.ts";
import * as plain from "../rivals/plain.ts";
import { count, EXAMPLES } from "../shapes.ts";

const order = () => Uint32Array.from({ length: EXAMPLES }, (_, i) => i);

/** NaN unless every index is there once; then how far the mean of i * x_i lies from what independence gives, over 5 deviations. */
function disorder(x: Numbers): number {
  if (
    Float64Array.from(x)
      .sort()
      .some((v, i) => v !== i)
  )
    return Number.NaN;
  const middle = (EXAMPLES - 1) / 2;
  let s = 0;
  for (let i = 0; i < EXAMPLES; i++) s += (i - middle) * (x[i]! - middle);
  return Math.abs((12 * s) / EXAMPLES ** 3) / (5 / Math.sqrt(EXAMPLES)); // correlation with the identity
}

export default [
  {
    name: "shuffle",
    shape: count(EXAMPLES),
    bytes: 4 * EXAMPLES,
    tolerance: "every index once; correlation with the identity below 5 / sqrt(n)",
    check: disorder,
    ours: async (engine) => {
      const [x, stream] = [engine.tensor("u32", EXAMPLES, order()), await createStream({ purpose: "bench", unsafeSeed: 2 })];
      return { run: () => void shuffle(x, stream), result: () => x.view };
    },
    plain: () => {
      const x = order();
      return filling(x, () => plain.shuffle(x));
    },
  },
] satisfies Benchmark[];
