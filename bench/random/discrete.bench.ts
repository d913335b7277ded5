// Exact noise on the integers from a key stream: sigma below 128 takes one word a sample, from there on two and an acceptance test.
import { addDiscreteGaussian, createStream } from "fedlane";
import { misfit } from "../../tests/support/statistics.ts";
import type { Benchmark } from "../kit.ts";
import { count, UPDATE } from "../shapes.ts";

/** P(0), P(1), ... */
function pmf(sigma: number): number[] {
  const w = Array.from({ length: Math.ceil(9 * sigma) + 2 }, (_, k) => Math.exp(-0.5 * (k / sigma) ** 2));
  const z = w.reduce((a, b) => a + 2 * b, -1);
  return w.map((v) => v / z);
}

/** Box-Muller rounded to an integer: another law, with neither exactness nor a cryptographic generator; the time is what it stands for. */
function rounded(sigma: number): { run: () => void; result: () => Int32Array } {
  const y = new Int32Array(UPDATE);
  return {
    run: () => {
      for (let i = 0; i < UPDATE; i++) y[i] = Math.round(sigma * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
    },
    result: () => y,
  };
}

export default [4.5, 1000.5].map((sigma) => ({
  name: `discrete Gaussian, sigma ${sigma}`,
  shape: count(UPDATE),
  bytes: 8 * UPDATE,
  tolerance: "chi-square within 6 deviations of the exact law",
  check: (y) => Math.max(0, misfit(y, pmf(sigma))) / 6,
  ours: async (engine) => {
    const [x, stream] = [engine.tensor("i32", UPDATE), await createStream({ purpose: "bench", unsafeSeed: 3 })];
    return {
      run: () => {
        x.view.fill(0);
        addDiscreteGaussian(x, { sigma }, stream);
      },
      result: () => x.view,
    };
  },
  plain: () => rounded(sigma),
})) satisfies Benchmark[];
