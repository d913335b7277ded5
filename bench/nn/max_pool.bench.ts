// Max pooling of 2 x 2 behind the first convolution of McMahan's CNN: forward, and forward with the gradient (the rivals' gradients run forward too).
import { maxPoolForward } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, worst } from "../kit.ts";
import { SIDE } from "../network.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, MCMAHAN_CNN } from "../shapes.ts";

const [m, h, w, c] = [BATCHES[0], SIDE, SIDE, MCMAHAN_CNN.filters[0]!];
const [image, pooled] = [
  [m, h, w, c],
  [m, h / 2, w / 2, c],
] as const;
const [n, o] = [m * h * w * c, (m * h * w * c) / 4];
const input = once(() => ({ x: normals(n, 1), dy: normals(o, 2) }));

/** y <- maxima and dx <- dy where they stand, as loops over positions and channels. */
function pool(x: Float32Array, y: Float32Array, dy?: Float32Array, dx?: Float32Array): void {
  dx?.fill(0);
  for (let i = 0, at = 0; i < m * h; i += 2) {
    for (let j = 0; j < w; j += 2) {
      for (let k = 0; k < c; k++, at++) {
        const first = (i * w + j) * c + k;
        let best = first;
        if (x[first + c]! > x[best]!) best = first + c;
        if (x[first + w * c]! > x[best]!) best = first + w * c;
        if (x[first + w * c + c]! > x[best]!) best = first + w * c + c;
        y[at] = x[best]!;
        if (dx) dx[best] = dy![at]!;
      }
    }
  }
}
const truth = once(() => {
  const [y, dx] = [new Float32Array(o), new Float32Array(n)];
  pool(input().x, y, input().dy, dx);
  return { y, dx };
});

export default [
  {
    name: "max pool",
    shape: `${image.join("x")}, 2x2`,
    bytes: 4 * n + 8 * o,
    tolerance: "none: exact",
    check: (y) => worst(y, truth().y, 0),
    // With the winners, as in training.
    ours: (engine) => {
      const [x, y, winners] = [engine.tensor("f32", image, input().x), engine.tensor("f32", pooled), engine.tensor("u32", pooled)];
      return { run: () => void maxPoolForward(x, y, { poolSize: 2, winners }), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(o);
      return filling(y, () => pool(input().x, y));
    },
    tfjs: (tf) => {
      const x = tf.tensor4d(input().x, [...image]);
      return tfCase(() => tf.maxPool(x, 2, 2, "valid"));
    },
    jax: ({ numpy: np }) => jaxCase((x) => np.max(x, [2, 4]), jaxArray(input().x, [m, h / 2, 2, w / 2, 2, c])),
  },
  {
    name: "max pool and its gradient",
    shape: `${image.join("x")}, 2x2`,
    bytes: 8 * n + 16 * o,
    tolerance: "none: exact",
    check: (dx) => worst(dx, truth().dx, 0),
    // The kernel, as a plan calls it: maxPoolBackward looks at every winner first.
    ours: (engine) => {
      const [x, y, winners] = [engine.tensor("f32", image, input().x), engine.tensor("f32", pooled), engine.tensor("u32", pooled)];
      const [dy, dx] = [engine.tensor("f32", pooled, input().dy), engine.tensor("f32", image)];
      const run = () => {
        maxPoolForward(x, y, { poolSize: 2, winners });
        engine.kernels.max_pool_backward_f32(m, h * w * c, (h / 2) * (w / 2) * c, winners.address, dy.address, dx.address);
      };
      return { run, result: () => dx.view };
    },
    plain: () => {
      const [y, dx] = [new Float32Array(o), new Float32Array(n)];
      return filling(dx, () => pool(input().x, y, input().dy, dx));
    },
    tfjs: (tf) => {
      const [x, dy] = [tf.tensor4d(input().x, [...image]), tf.tensor4d(input().dy, [...pooled])];
      const gradient = tf.grad((v) => tf.maxPool(v as typeof x, 2, 2, "valid"));
      return tfCase(() => gradient(x, dy));
    },
    jax: (jax) => {
      const loss = (x: typeof jax.numpy.Array.prototype, dy: typeof jax.numpy.Array.prototype) => jax.numpy.max(x, [2, 4]).mul(dy).sum();
      return jaxCase((x, dy) => jax.grad(loss)(x, dy), jaxArray(input().x, [m, h / 2, 2, w / 2, 2, c]), jaxArray(input().dy, pooled));
    },
  },
] satisfies Benchmark[];
