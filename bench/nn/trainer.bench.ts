// A step beside itself: with every example's gradient clipped, as in DP-SGD, and with kernels that do nothing, which leaves what a step
// costs outside them. bench/targets.ts compares both with the plain step.
import { hollow } from "../hollow.ts";
import { type Benchmark, same } from "../kit.ts";
import { start } from "../network.ts";
import { BATCHES, CLIP_NORM, MCMAHAN_CNN, TWO_NN } from "../shapes.ts";
import { ourStep, stepRow } from "../steps.ts";

const bare = (m: number): Benchmark => ({
  name: `${TWO_NN.name} step, hollow kernels`,
  shape: `batch ${m}`,
  tolerance: "no weight changes",
  check: (got) => same(got, [0, ...start(TWO_NN, m).w]),
  ours: async (engine) => {
    const step = ourStep(engine, TWO_NN, m, start(TWO_NN, m));
    engine.kernels = await hollow(engine.kernels);
    return step;
  },
});

export default [
  ...BATCHES.map((m) => stepRow(TWO_NN, m, { clip: CLIP_NORM })),
  stepRow(MCMAHAN_CNN, BATCHES[1], { clip: CLIP_NORM, rivals: false }),
  bare(BATCHES[0]),
];
