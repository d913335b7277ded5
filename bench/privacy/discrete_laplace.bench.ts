// discrete Laplace noise on the integers. Sampled as the discrete Gaussian is; see random/discrete.
import { addDiscreteLaplace, createStream } from "fedlane";
import { pmf } from "../../tests/privacy/discrete_laplace.reference.ts";
import { misfit } from "../../tests/support/statistics.ts";
import type { Benchmark } from "../kit.ts";
import { count, UPDATE } from "../shapes.ts";

const scale = 33.3;

export default [
  {
    name: "discrete Laplace noise, scale 33.3",
    shape: count(UPDATE),
    bytes: 8 * UPDATE,
    tolerance: "chi-square within 6 deviations of the exact law",
    check: (y) => Math.max(0, misfit(y, pmf(scale))) / 6,
    ours: async (engine) => {
      const [x, stream] = [engine.tensor("i32", UPDATE), await createStream({ purpose: "bench", unsafeSeed: 3 })];
      return {
        run: () => {
          x.view.fill(0);
          addDiscreteLaplace(x, { scale }, stream);
        },
        result: () => x.view,
      };
    },
  },
] satisfies Benchmark[];
