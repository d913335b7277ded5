// binomial noise on the integers. One word a sample, where the sum of the coins would take 4000 bits.
import { addBinomial, createStream } from "fedlane";
import { pmf } from "../../tests/privacy/binomial.reference.ts";
import { misfit } from "../../tests/support/statistics.ts";
import type { Benchmark } from "../kit.ts";
import { count, UPDATE } from "../shapes.ts";

const trials = 4000;

export default [
  {
    name: "binomial noise, trials 4000",
    shape: count(UPDATE),
    bytes: 8 * UPDATE,
    tolerance: "chi-square within 6 deviations of the exact law",
    check: (y) => Math.max(0, misfit(y, pmf(trials))) / 6,
    ours: async (engine) => {
      const [x, stream] = [engine.tensor("i32", UPDATE), await createStream({ purpose: "bench", unsafeSeed: 3 })];
      return {
        run: () => {
          x.view.fill(0);
          addBinomial(x, { trials }, stream);
        },
        result: () => x.view,
      };
    },
  },
] satisfies Benchmark[];
