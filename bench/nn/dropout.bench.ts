// Dropout: ours from the ChaCha20 stream, the rivals from their own generators, which are not cryptographic.
import { createStream, dropoutForward } from "fedlane";
import { type Benchmark, filling, type Numbers, U32 } from "../kit.ts";
import { jaxRandomCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { ROWS, UNITS } from "../shapes.ts";

const n = ROWS * UNITS[1];
const RATE = 0.25;
const ones = new Float32Array(n).fill(1);

/** Every element is 0 or 1 / (1 - rate); the share of zeros is off by z standard deviations: z / 6. */
function check(y: Numbers): number {
  let dropped = 0;
  for (let i = 0; i < n; i++) {
    if (y[i] === 0) dropped++;
    else if (!(Math.abs(y[i]! - 1 / (1 - RATE)) <= 4 * U32)) return Number.NaN;
  }
  return Math.abs(dropped - n * RATE) / Math.sqrt(n * RATE * (1 - RATE)) / 6;
}

export default [
  {
    name: "dropout",
    shape: `${ROWS}x${UNITS[1]}`,
    bytes: 8 * n,
    tolerance: "values exact to 4 u, share of zeros within 6 standard deviations",
    check,
    ours: async (engine) => {
      const [x, y, stream] = [engine.copy(ones), engine.tensor("f32", n), await createStream({ purpose: "bench", unsafeSeed: 1 })];
      return { run: () => void dropoutForward(x, RATE, stream, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(n);
      return filling(y, () => {
        for (let i = 0; i < n; i++) y[i] = Math.random() < RATE ? 0 : ones[i]! / (1 - RATE);
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor1d(ones);
      return tfCase(() => tf.dropout(x, RATE));
    },
    jax: (jax) => jaxRandomCase((key) => jax.numpy.where(jax.random.uniform(key, [n]).less(RATE), 0, 1 / (1 - RATE))),
  },
] satisfies Benchmark[];
