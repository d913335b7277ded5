// Skellam noise on the integers. One word a sample.
import { addSkellam, createStream } from "fedlane";
import { pmf } from "../../tests/privacy/skellam.reference.ts";
import { misfit } from "../../tests/support/statistics.ts";
import type { Benchmark } from "../kit.ts";
import { count, UPDATE } from "../shapes.ts";

const variance = 1000;

export default [
  {
    name: "Skellam noise, variance 1000",
    shape: count(UPDATE),
    bytes: 8 * UPDATE,
    tolerance: "chi-square within 6 deviations of the exact law",
    check: (y) => Math.max(0, misfit(y, pmf(variance))) / 6,
    ours: async (engine) => {
      const [x, stream] = [engine.tensor("i32", UPDATE), await createStream({ purpose: "bench", unsafeSeed: 3 })];
      return {
        run: () => {
          x.view.fill(0);
          addSkellam(x, { variance }, stream);
        },
        result: () => x.view,
      };
    },
  },
] satisfies Benchmark[];
