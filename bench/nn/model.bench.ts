// Steps of models with convolutions, and of a model of two tables. The rows that take rivals minutes have them with --slow only.
import { type Benchmark, once, worst } from "../kit.ts";
import { jaxRatings, ourRatings, plainRatings, ratings, tfRatings, truth } from "../ratings.ts";
import { BATCHES, LEARNING_RATE as lr, MCMAHAN_CNN, RATINGS, SMALL_CNN } from "../shapes.ts";
import { stepRow } from "../steps.ts";

const factorisation = (m: number): Benchmark => {
  const from = once(() => ratings(m));
  const after = once(() => {
    const value = truth(m, lr, from());
    const change = from().w.reduce((most, v, i) => Math.max(most, Math.abs(value[i + 1]! - v)), 0);
    return { value, bound: [1e-5, ...Array.from(from().w, () => change / 1000)] };
  });
  return {
    name: "matrix factorisation step",
    shape: `batch ${m}`,
    flops: 10 * m * RATINGS.factors, // score and loss, two gradients, two updates
    tolerance: "1e-5 for the loss, a thousandth of the largest change of a weight for every weight",
    check: (got) => worst(got, after().value, after().bound),
    ours: (engine) => ourRatings(engine, m, lr, from()),
    plain: () => plainRatings(m, lr, from()),
    tfjs: (tf) => tfRatings(tf, lr, from()),
    jax: (jax) => jaxRatings(jax, lr, from()),
  };
};

export default [
  ...BATCHES.map((m) => stepRow(SMALL_CNN, m)),
  ...BATCHES.map((m) => stepRow(MCMAHAN_CNN, m, { slow: ["tfjs-cpu", "jax-js", "convnetjs"] })),
  ...BATCHES.map(factorisation),
];
