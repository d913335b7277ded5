// Adagrad and RMSprop. tfjs has epsilon inside the root: with a start of 1/8 that makes no difference to Adagrad; RMSprop has no start there.
import * as reference from "../../tests/optim/adagrad.reference.ts";
import { benchmarks, type Descent } from "../descent.ts";
import * as plain from "../rivals/plain.ts";

const [learningRate, rho, initialAccumulator] = [0.0625, 0.875, 0.125]; // exact in f32

const all: Descent[] = [
  {
    name: "adagrad",
    options: { type: "adagrad", learningRate, epsilon: 2 ** -30, initialAccumulator },
    state: 1,
    roots: true,
    start: initialAccumulator,
    twin: (g, w) => reference.adagrad(learningRate, 0, 2 ** -30, g, w, initialAccumulator)[0],
    plain: (g, w, [v]) => plain.adagrad(learningRate, 2 ** -30, g, w, v!),
    tfjs: (tf) => tf.train.adagrad(learningRate, initialAccumulator) as never,
  },
  {
    name: "rmsprop",
    options: { type: "rmsprop", learningRate, rho, epsilon: 2 ** -10 },
    state: 1,
    roots: true,
    twin: (g, w) => reference.rmsprop(learningRate, 0, 1 - rho, 2 ** -10, g, w, 0)[0],
    plain: (g, w, [v]) => plain.rmsprop(learningRate, rho, 2 ** -10, g, w, v!),
  },
];
export default all.flatMap(benchmarks);
