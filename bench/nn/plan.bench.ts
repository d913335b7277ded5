// What a step costs outside its kernels: the same plan with kernels that do nothing, to be compared with the whole step.
import { hollow } from "../hollow.ts";
import { type Benchmark, same } from "../kit.ts";
import { start } from "../network.ts";
import { BATCHES, TWO_NN } from "../shapes.ts";
import { ourStep } from "../steps.ts";

const m = BATCHES[0];

export default [
  {
    name: `${TWO_NN.name} step, hollow kernels`,
    shape: `batch ${m}`,
    tolerance: "no weight changes",
    check: (got) => same(got, [0, ...start(TWO_NN, m).w]),
    ours: async (engine) => {
      const step = ourStep(engine, TWO_NN, m, start(TWO_NN, m));
      engine.kernels = await hollow(engine.kernels);
      return step;
    },
  },
] satisfies Benchmark[];
