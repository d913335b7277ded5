// Plain SGD, momentum, Nesterov; SGD with the term of FedProx.
import { bindTerm } from "fedlane";
import * as reference from "../../tests/optim/sgd.reference.ts";
import { benchmarks, type Descent } from "../descent.ts";
import * as plain from "../rivals/plain.ts";

const [learningRate, weightDecay, momentum, mu] = [0.0625, 0.0009765625, 0.5, 0.25]; // exact in f32

const heavyBall: Descent = {
  name: "momentum",
  options: { type: "sgd", learningRate, momentum },
  state: 1,
  twin: (g, w) => reference.momentum(learningRate, 0, momentum, g, w, 0)[0],
  plain: (g, w, [v]) => plain.momentum(false, learningRate, momentum, g, w, v!),
  tfjs: (tf) => tf.train.momentum(learningRate, momentum) as never,
};
const all: Descent[] = [
  {
    name: "sgd",
    options: { type: "sgd", learningRate, weightDecay },
    state: 0,
    twin: (g, w) => reference.sgd(learningRate, reference.slope(weightDecay, 0, g, 0, 0, w), w),
    plain: (g, w) => plain.sgd(learningRate, weightDecay, g, w),
  },
  {
    name: "sgd, FedProx",
    options: { type: "sgd", learningRate },
    state: 0,
    twin: (g, w, w0) => reference.sgd(learningRate, reference.slope(0, mu, g, w0, 0, w), w),
    plain: (g, w, _, w0) => plain.sgdProx(learningRate, mu, g, w0, w),
    term: (engine, w0) => bindTerm({ type: "fedprox", mu }, engine.copy(w0)),
    termVectors: 1,
  },
  heavyBall,
  {
    ...heavyBall,
    name: "nesterov",
    options: { type: "sgd", learningRate, momentum, nesterov: true },
    twin: (g, w) => reference.nesterov(learningRate, 0, momentum, g, w, 0)[0],
    plain: (g, w, [v]) => plain.momentum(true, learningRate, momentum, g, w, v!),
    tfjs: (tf) => tf.train.momentum(learningRate, momentum, true) as never,
  },
];
export default all.flatMap(benchmarks);
