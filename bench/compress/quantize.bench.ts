// 8-bit quantization: range, then a level for each value. Ours rounds at random without bias from ChaCha20. The rivals do the same with
// their own generators, and in the second row the lesser work of rounding to the nearest level.
import { createStream, quantize } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, type Numbers, once } from "../kit.ts";
import { jaxArray, jaxCase, jaxRandomCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { count, UPDATE } from "../shapes.ts";

const BITS = 8;
const input = once(() => normals(UPDATE, 1, 0.01));
const range = once(() => ({ lo: input().reduce((s, v) => Math.min(s, v)), hi: input().reduce((s, v) => Math.max(s, v)) }));

/** Every level within a step of its value (1.001: t in f32 may pass a level), and the mean error within 5 deviations of none. */
function check(q: Numbers): number {
  const { lo, hi } = range();
  const step = (hi - lo) / 255;
  let most = 0;
  let bias = 0;
  for (let i = 0; i < UPDATE; i++) {
    const level = q[i]!;
    if (!Number.isInteger(level) || level < 0 || level > 255) return Number.NaN;
    const error = level - (input()[i]! - lo) / step;
    most = Math.max(most, Math.abs(error));
    bias += error / UPDATE;
  }
  return q.length === UPDATE ? Math.max(most / 1.001, Math.abs(bias) / (2.5 / Math.sqrt(UPDATE))) : Number.NaN;
}

const row = (random: boolean): Benchmark => ({
  name: random ? "quantize 8 bit" : "quantize, rivals to nearest",
  shape: count(UPDATE),
  bytes: 9 * UPDATE, // read twice, a byte written
  tolerance: "1.001 steps a value; mean error 2.5 / sqrt(n) steps",
  check,
  ours: async (engine) => {
    const [x, out] = [engine.copy(input()), engine.tensor("u8", UPDATE)];
    const stream = await createStream({ purpose: "bench", unsafeSeed: 4 });
    return { run: () => void quantize(x, BITS, stream, { out }), result: () => out.view };
  },
  plain: () => {
    const q = new Uint8Array(UPDATE);
    return filling(q, () => plain.quantize(random, input(), q));
  },
  tfjs: (tf) => {
    const x = tf.tensor1d(input());
    return tfCase(() => {
      const [lo, hi] = [x.min(), x.max()];
      const t = x.sub(lo).mul(tf.div(255, hi.sub(lo)));
      return (random ? tf.minimum(t.add(tf.randomUniform([UPDATE])).floor(), 255) : t.round()).toInt();
    });
  },
  jax: (jax) => {
    const { numpy: np } = jax;
    type A = ReturnType<typeof jaxArray>;
    const levels = (x: A) => {
      const [lo, hi] = [np.min(x.ref), np.max(x.ref)];
      return x.sub(lo.ref).mul(np.divide(255, hi.sub(lo)));
    };
    if (!random) return jaxCase((x) => np.floor(levels(x).add(0.5)).astype(np.int32), jaxArray(input()));
    return jaxRandomCase((key, x) => np.minimum(np.floor(levels(x).add(jax.random.uniform(key, [UPDATE]))), 255).astype(np.int32), jaxArray(input()));
  },
});

export default [row(true), row(false)];
