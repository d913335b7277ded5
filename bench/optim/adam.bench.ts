// Adam and Yogi; Adam with the term of FedDyn.
import { bindTerm } from "fedlane";
import * as reference from "../../tests/optim/adam.reference.ts";
import { slope } from "../../tests/optim/sgd.reference.ts";
import { benchmarks, type Descent } from "../descent.ts";
import * as plain from "../rivals/plain.ts";

// Exact in f32. Epsilon is 1: a first step is nearly the sign of its gradient, and where terms cancel to nothing f32 has no right sign.
const [learningRate, beta1, beta2, epsilon, alpha] = [0.0625, 0.875, 0.9921875, 1, 0.25];
const rule = { rate: learningRate, beta1, beta2, epsilon, decay: 0 };

const adam: Descent = {
  name: "adam",
  options: { type: "adam", learningRate, beta1, beta2, epsilon },
  state: 2,
  roots: true,
  twin: (g, w) => reference.adamStep(rule, 1, g, w, 0, 0)[0],
  plain: (g, w, [m, v]) => {
    const s = Math.sqrt(1 - beta2); // the first step, again and again: the same work
    plain.adam((learningRate * s) / (1 - beta1), beta1, beta2, epsilon * s, g, w, m!, v!);
  },
  tfjs: (tf) => tf.train.adam(learningRate, beta1, beta2, epsilon),
};
const all: Descent[] = [
  adam,
  {
    name: "adam, FedDyn",
    options: adam.options,
    state: 2,
    roots: true,
    // The history is the start weights: c = -w0.
    twin: (g, w, w0) => reference.adamStep(rule, 1, slope(0, alpha, g, w0, -w0, w), w, 0, 0)[0],
    plain: (g, w, state, w0) =>
      adam.plain(
        g.map((x, i) => x + alpha * (w[i]! - w0[i]!) - w0[i]!),
        w,
        state,
        w0,
      ),
    term: (engine, w0) => bindTerm({ type: "feddyn", alpha, history: engine.copy(w0) }, engine.copy(w0)),
    termVectors: 2,
  },
  {
    name: "yogi",
    options: { type: "yogi", learningRate, beta1, beta2, epsilon, initialAccumulator: 0.125, biasCorrection: false },
    state: 2,
    roots: true,
    start: 0.125,
    twin: (g, w) => reference.yogi(learningRate, 0, 1 - beta1, 1 - beta2, epsilon, g, w, 0, 0.125)[0],
    plain: (g, w, [m, v]) => plain.yogi(learningRate, beta1, beta2, epsilon, g, w, m!, v!),
  },
];
export default all.flatMap(benchmarks);
