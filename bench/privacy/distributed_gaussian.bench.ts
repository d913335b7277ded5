// A client's update made ready for secure aggregation: clipped, rotated, rounded, noised, wrapped.
import { createStream, distributedGaussian } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, once } from "../kit.ts";
import { CLIP_NORM, count, UPDATE } from "../shapes.ts";

const input = once(() => normals(UPDATE, 1));
const plan = distributedGaussian({ size: UPDATE, clip: CLIP_NORM, noiseMultiplier: 1, clients: 100, bits: 16 });

export default [
  {
    name: "distributed Gaussian, encode",
    shape: count(UPDATE),
    tolerance: "16-bit integers, their mean square that of noise and rotated update within 3 percent",
    check: (y) => {
      let squares = 0;
      for (let i = 0; i < plan.dimension; i++) squares += y[i]! ** 2;
      const want = plan.dimension * plan.sigma ** 2 + (plan.clip / plan.granularity) ** 2;
      return Math.abs(squares / want - 1) / 0.03;
    },
    ours: async (engine) => {
      const x = engine.copy(input());
      const [rotation, noise] = [await createStream({ purpose: "rotation", unsafeSeed: 1 }), await createStream({ purpose: "noise", unsafeSeed: 2 })];
      let sent = plan.encode(x, { rotation, noise });
      return {
        run: () => {
          sent.dispose();
          sent = plan.encode(x, { rotation, noise });
        },
        result: () => sent.view,
      };
    },
  },
] satisfies Benchmark[];
