// w <- w - lr (g + wd w), in place.
import { sgd } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, type Numbers, once, U32, worst } from "../kit.ts";
import { jaxArray } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { count, UPDATE } from "../shapes.ts";

const [lr, wd] = [0.0625, 0.0009765625]; // exact in f32
const input = once(() => ({ w: normals(UPDATE, 1), g: normals(UPDATE, 2) }));
const truth = once(() => Float64Array.from(input().w, (w, i) => w - lr * (input().g[i]! + wd * w)));

export default [
  {
    name: "sgd",
    shape: count(UPDATE),
    bytes: 12 * UPDATE,
    tolerance: "4 u (|w| + lr |g|) an element",
    check: (w) =>
      worst(
        w,
        truth(),
        Float64Array.from(input().w, (v, i) => 4 * U32 * (Math.abs(v) + lr * Math.abs(input().g[i]!))),
      ),
    ours: (engine) => {
      const [w, g] = [engine.copy(input().w), engine.copy(input().g)];
      return { run: () => void sgd(w, g, { learningRate: lr, weightDecay: wd }), result: () => w.view };
    },
    plain: () => {
      const [w, g] = [input().w.slice(), input().g];
      return filling(w, () => plain.sgd(lr, wd, g, w));
    },
    jax: (jax) => {
      const step = jax.jit((w: ReturnType<typeof jaxArray>, g: ReturnType<typeof jaxArray>) => w.ref.sub(g.add(w.mul(wd)).mul(lr)));
      const g = jaxArray(input().g);
      let w = jaxArray(input().w);
      let last: Numbers = [];
      return {
        run: () => {
          w = step(w, g.ref);
          last = w.ref.dataSync();
        },
        result: () => last,
      };
    },
  },
] satisfies Benchmark[];
