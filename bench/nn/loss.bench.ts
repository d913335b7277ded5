// Losses of a batch with their gradients: one output a pixel, and a ranking of one item against 99.
import { binaryCrossEntropy, bpr, huber, meanSquaredError, type Tensor } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { type Jax, type JaxArray, jaxArray, jaxCase } from "../rivals/jax.ts";
import { type Tfjs, type TfTensor, tfCase } from "../rivals/tfjs.ts";
import { ROWS as m, UNITS } from "../shapes.ts";

const pixels = UNITS[0];
const ITEMS = 100;
const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
const clamp = (e: number) => Math.max(-1, Math.min(1, e));

interface Rivals {
  readonly name: string;
  /** The gradient by element, without 1/(m n). */
  readonly slope: (x: number, t: number) => number;
  readonly ours: (x: Tensor<"f32">, t: Tensor<"f32">, dx: Tensor<"f32">) => number;
  /** One term of the loss and its gradient, as one would write them. */
  readonly plain: (x: number, t: number) => readonly [number, number];
  readonly tfjs: (tf: Tfjs, x: TfTensor, t: TfTensor) => TfTensor;
  readonly jax: (np: Jax["numpy"], x: JaxArray, t: JaxArray) => JaxArray;
}

const ELEMENTWISE: readonly Rivals[] = [
  {
    name: "binary cross-entropy",
    slope: (x, t) => sigmoid(x) - t,
    ours: binaryCrossEntropy,
    plain: (x, t) => [Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))), sigmoid(x) - t],
    tfjs: (tf, x, t) => tf.losses.sigmoidCrossEntropy(t, x),
    jax: (np, x, t) =>
      np
        .maximum(x.ref, 0)
        .sub(x.ref.mul(t))
        .add(np.log1p(np.exp(np.absolute(x).neg()))),
  },
  {
    name: "mean squared error",
    slope: (x, t) => 2 * (x - t),
    ours: meanSquaredError,
    plain: (x, t) => [(x - t) ** 2, 2 * (x - t)],
    tfjs: (tf, x, t) => tf.losses.meanSquaredError(t, x),
    jax: (np, x, t) => np.square(x.sub(t)),
  },
  {
    name: "huber",
    slope: (x, t) => clamp(x - t),
    ours: huber,
    plain: (x, t) => {
      const e = Math.abs(x - t);
      return [e <= 1 ? 0.5 * e * e : e - 0.5, clamp(x - t)];
    },
    tfjs: (tf, x, t) => tf.losses.huberLoss(t, x),
    jax: (np, x, t) => {
      const e = x.sub(t);
      const held = np.clip(e.ref, -1, 1);
      return held.ref.mul(e.sub(held.mul(0.5)));
    },
  },
];

const input = once(() => {
  const x = normals(m * pixels, 7, 3);
  return { x, targets: normals(m * pixels, 8).map(sigmoid) };
});

const elementwise = ELEMENTWISE.map(({ name, slope, ours, plain, tfjs, jax }): Benchmark => {
  const scale = 1 / (m * pixels);
  const truth = once(() => Float64Array.from(input().x, (x, i) => scale * slope(x, input().targets[i]!)));
  return {
    name,
    shape: `${m}x${pixels}`,
    bytes: 12 * m * pixels,
    tolerance: "8 u (|g| + 1/(m n)) an element: a sigmoid or a difference in f32 is allowed",
    check: (dx) =>
      worst(
        dx,
        truth(),
        truth().map((g) => 8 * U32 * (Math.abs(g) + scale)),
      ),
    ours: (engine) => {
      const [x, t] = [engine.tensor("f32", [m, pixels], input().x), engine.tensor("f32", [m, pixels], input().targets)];
      const dx = engine.tensor("f32", [m, pixels]);
      return { run: () => void ours(x, t, dx), result: () => dx.view };
    },
    plain: () => {
      const dx = new Float32Array(m * pixels);
      let loss = 0;
      return filling(dx, () => {
        const { x, targets } = input();
        loss = 0;
        for (let i = 0; i < x.length; i++) {
          const [term, g] = plain(x[i]!, targets[i]!);
          loss += term;
          dx[i] = scale * g;
        }
        if (Number.isNaN(loss)) throw new Error("the loss is not a number");
      });
    },
    tfjs: (tf) => {
      const [x, t] = [tf.tensor2d(input().x, [m, pixels]), tf.tensor2d(input().targets, [m, pixels])];
      const gradient = tf.grad((v) => tfjs(tf, v, t));
      return tfCase(() => gradient(x));
    },
    jax: (lib) => {
      const loss = (x: JaxArray, t: JaxArray) => jax(lib.numpy, x, t).sum().mul(scale);
      return jaxCase((x, t) => lib.grad(loss)(x, t), jaxArray(input().x, [m, pixels]), jaxArray(input().targets, [m, pixels]));
    },
  };
});

const scores = once(() => normals(m * ITEMS, 9, 2));
const negatives = m * (ITEMS - 1);
const ranked = once(() => {
  const [x, g] = [scores(), new Float64Array(m * ITEMS)];
  for (let i = 0; i < m * ITEMS; i += ITEMS) {
    for (let j = 1; j < ITEMS; j++) {
      g[i + j] = sigmoid(x[i + j]! - x[i]!) / negatives;
      g[i]! -= g[i + j]!;
    }
  }
  return g;
});

export default [
  ...elementwise,
  {
    name: "bpr",
    shape: `${m}x${ITEMS}`,
    bytes: 8 * m * ITEMS,
    tolerance: "32 u of the row's weight 1/m",
    check: (dx) => worst(dx, ranked(), (32 * U32) / m),
    ours: (engine) => {
      const [x, dx] = [engine.tensor("f32", [m, ITEMS], scores()), engine.tensor("f32", [m, ITEMS])];
      return { run: () => void bpr(x, dx), result: () => dx.view };
    },
    plain: () => {
      const dx = new Float32Array(m * ITEMS);
      let loss = 0;
      return filling(dx, () => {
        const x = scores();
        loss = 0;
        for (let i = 0; i < x.length; i += ITEMS) {
          let pull = 0;
          for (let j = 1; j < ITEMS; j++) {
            const p = sigmoid(x[i + j]! - x[i]!);
            loss -= Math.log(1 - p);
            pull += p;
            dx[i + j] = p / negatives;
          }
          dx[i] = -pull / negatives;
        }
        if (Number.isNaN(loss)) throw new Error("the loss is not a number");
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor2d(scores(), [m, ITEMS]);
      const gradient = tf.grad((v) => {
        const positive = v.slice([0, 0], [m, 1]);
        return tf.softplus(v.slice([0, 1], [m, ITEMS - 1]).sub(positive)).mean();
      });
      return tfCase(() => gradient(x));
    },
    jax: (lib) => {
      const loss = (x: JaxArray) =>
        lib.nn
          .softplus(x.ref.slice([], [1, ITEMS]).sub(x.slice([], [0, 1])))
          .sum()
          .mul(1 / negatives);
      return jaxCase((x) => lib.grad(loss)(x), jaxArray(scores(), [m, ITEMS]));
    },
  },
] satisfies Benchmark[];
