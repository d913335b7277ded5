// A Poisson sample of the examples. Plain TypeScript takes 52 bits of Math.random for ours of 64 from ChaCha20.
import { createStream, poissonSample } from "fedlane";
import type { Benchmark, Numbers } from "../kit.ts";
import { jaxRandomCase } from "../rivals/jax.ts";
import { count, EXAMPLES } from "../shapes.ts";

const RATE = 0.01;

/** NaN unless the indices rise within range; then how far their number lies from n q, over 6 deviations. */
function unlikely(rows: Numbers): number {
  for (let i = 0; i < rows.length; i++) if (!(rows[i]! < EXAMPLES) || (i > 0 && rows[i]! <= rows[i - 1]!)) return Number.NaN;
  return Math.abs(rows.length - EXAMPLES * RATE) / (6 * Math.sqrt(EXAMPLES * RATE * (1 - RATE)));
}

export default [
  {
    name: "poisson sample",
    shape: `${count(EXAMPLES)} at ${RATE}`,
    bytes: 8 * EXAMPLES, // of random bits
    tolerance: "rising indices; their number within 6 deviations",
    check: unlikely,
    ours: async (engine) => {
      const stream = await createStream({ purpose: "bench", unsafeSeed: 2 });
      let rows = engine.tensor("u32", 0);
      return {
        run: () => {
          rows.dispose();
          rows = poissonSample(engine, EXAMPLES, RATE, stream);
        },
        result: () => rows.view,
      };
    },
    plain: () => {
      const rows = new Uint32Array(EXAMPLES);
      let drawn = 0;
      return {
        run: () => {
          drawn = 0;
          for (let i = 0; i < EXAMPLES; i++) if (Math.random() < RATE) rows[drawn++] = i;
        },
        result: () => rows.subarray(0, drawn),
      };
    },
    jax: (jax) => {
      const coins = jaxRandomCase((key) => jax.random.uniform(key, [EXAMPLES]));
      const drawn = () => Array.from(coins.result(), (v, i) => (v < RATE ? i : -1)).filter((i) => i >= 0);
      return { run: coins.run, result: drawn }; // the coins alone; turning them into indices is not timed
    },
  },
] satisfies Benchmark[];
