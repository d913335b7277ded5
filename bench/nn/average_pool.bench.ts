// Average pooling of 2 x 2 behind the first convolution of McMahan's CNN, forward and with the gradient; global average pooling behind its second.
import { averagePoolBackward, averagePoolForward, globalAveragePoolForward } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { SIDE } from "../network.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, MCMAHAN_CNN } from "../shapes.ts";

const m = BATCHES[0];
const image = [m, SIDE, SIDE, MCMAHAN_CNN.filters[0]!] as const;
const pooled = [m, SIDE / 2, SIDE / 2, image[3]] as const;
const small = [m, SIDE / 2, SIDE / 2, MCMAHAN_CNN.filters[1]!] as const;
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b);
const [n, o] = [size(image), size(pooled)];
const input = once(() => ({ x: normals(n, 1), dy: normals(o, 2), maps: normals(size(small), 3) }));

/** y <- means of k x k windows, one beside the other. */
function pool(k: number, [count, h, w, c]: readonly [number, number, number, number], x: Float32Array, y: Float32Array | Float64Array): void {
  for (let i = 0, at = 0; i < count * h; i += k) {
    for (let j = 0; j < w; j += k) {
      for (let channel = 0; channel < c; channel++, at++) {
        let sum = 0;
        for (let a = i; a < i + k; a++) for (let b = j; b < j + k; b++) sum += x[(a * w + b) * c + channel]!;
        y[at] = sum / (k * k);
      }
    }
  }
}
/** dx <- dy / 4 in each cell of its window. */
function spread(dy: Float32Array, dx: Float32Array): void {
  const [, h, w, c] = image;
  for (let i = 0; i < m * h; i++) {
    for (let j = 0; j < w; j++) {
      const from = ((i >> 1) * (w / 2) + (j >> 1)) * c;
      for (let channel = 0; channel < c; channel++) dx[(i * w + j) * c + channel] = dy[from + channel]! / 4;
    }
  }
}
const truth = once(() => {
  const [y, global, dx] = [new Float64Array(o), new Float64Array(m * small[3]), new Float32Array(n)];
  pool(2, image, input().x, y);
  pool(SIDE / 2, small, input().maps, global);
  spread(input().dy, dx);
  return { y, global, dx };
});

export default [
  {
    name: "average pool",
    shape: `${image.join("x")}, 2x2`,
    bytes: 4 * n + 4 * o,
    tolerance: "5 u of 4",
    check: (y) => worst(y, truth().y, 20 * U32),
    ours: (engine) => {
      const [x, y] = [engine.tensor("f32", image, input().x), engine.tensor("f32", pooled)];
      return { run: () => void averagePoolForward(x, y, { poolSize: 2 }), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(o);
      return filling(y, () => pool(2, image, input().x, y));
    },
    tfjs: (tf) => {
      const x = tf.tensor4d(input().x, [...image]);
      return tfCase(() => tf.avgPool(x, 2, 2, "valid"));
    },
    jax: ({ numpy: np }) => jaxCase((x) => np.mean(x, [2, 4]), jaxArray(input().x, [m, SIDE / 2, 2, SIDE / 2, 2, image[3]])),
  },
  {
    name: "average pool gradient",
    shape: `${image.join("x")}, 2x2`,
    bytes: 4 * n + 4 * o,
    tolerance: "none: exact",
    check: (dx) => worst(dx, truth().dx, 0),
    ours: (engine) => {
      const [dy, dx] = [engine.tensor("f32", pooled, input().dy), engine.tensor("f32", image)];
      return { run: () => void averagePoolBackward(dy, dx, { poolSize: 2 }), result: () => dx.view };
    },
    plain: () => {
      const dx = new Float32Array(n);
      return filling(dx, () => spread(input().dy, dx));
    },
    // The forward pass of a linear map is not needed: tfjs runs it all the same, jax-js does not.
    tfjs: (tf) => {
      const [x, dy] = [tf.tensor4d(input().x, [...image]), tf.tensor4d(input().dy, [...pooled])];
      const gradient = tf.grad((v) => tf.avgPool(v as typeof x, 2, 2, "valid"));
      return tfCase(() => gradient(x, dy));
    },
    jax: (jax) => {
      const loss = (x: typeof jax.numpy.Array.prototype, dy: typeof jax.numpy.Array.prototype) => jax.numpy.mean(x, [2, 4]).mul(dy).sum();
      const shape = [m, SIDE / 2, 2, SIDE / 2, 2, image[3]];
      return jaxCase((x, dy) => jax.grad(loss)(x, dy), jaxArray(input().x, shape), jaxArray(input().dy, pooled));
    },
  },
  {
    name: "global average pool",
    shape: small.join("x"),
    bytes: 4 * size(small),
    tolerance: "197 u of 1",
    check: (y) => worst(y, truth().global, 197 * U32),
    ours: (engine) => {
      const [x, y] = [engine.tensor("f32", small, input().maps), engine.tensor("f32", [m, small[3]])];
      return { run: () => void globalAveragePoolForward(x, y), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(m * small[3]);
      return filling(y, () => pool(SIDE / 2, small, input().maps, y));
    },
    tfjs: (tf) => {
      const x = tf.tensor4d(input().maps, [...small]);
      return tfCase(() => tf.mean(x, [1, 2]));
    },
    jax: ({ numpy: np }) => jaxCase((x) => np.mean(x, [1, 2]), jaxArray(input().maps, small)),
  },
] satisfies Benchmark[];
