// Activations over a layer's output, and the gradients that need a transcendental function again.
import { type Engine, gelu, geluBackward, leakyRelu, sigmoid, silu, siluBackward, type Tensor, tanh } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import { type Jax, type JaxArray, jaxArray, jaxCase } from "../rivals/jax.ts";
import { type Tfjs, type TfTensor, tfCase } from "../rivals/tfjs.ts";
import { ROWS, UNITS } from "../shapes.ts";
import { normalCdf } from "../twin.ts";

const n = ROWS * UNITS[1];
const input = once(() => ({ x: normals(n, 5, 2), dy: normals(n, 6) }));
const sigmoidOf = (x: number): number => 1 / (1 + Math.exp(-x));

interface Activation {
  readonly name: string;
  /** The function, by the library of the language: plain TypeScript, and the truth. */
  readonly f: (x: number) => number;
  readonly tolerance: string;
  readonly bound: number;
  ours(x: Tensor<"f32">, y: Tensor<"f32">): void;
  readonly tfjs: (tf: Tfjs, x: TfTensor) => TfTensor;
  readonly jax: (jax: Jax, x: JaxArray) => JaxArray;
}
const forward = ({ name, f, tolerance, bound, ours, tfjs, jax }: Activation): Benchmark => ({
  name,
  shape: `${ROWS}x${UNITS[1]}`,
  bytes: 8 * n,
  tolerance,
  check: (y) => worst(y, Float64Array.from(input().x, f), bound),
  ours: (engine: Engine) => {
    const [x, y] = [engine.copy(input().x), engine.tensor("f32", n)];
    return { run: () => ours(x, y), result: () => y.view };
  },
  plain: () => {
    const [{ x }, y] = [input(), new Float32Array(n)];
    return filling(y, () => {
      for (let i = 0; i < n; i++) y[i] = f(x[i]!);
    });
  },
  tfjs: (tf) => {
    const x = tf.tensor1d(input().x);
    return tfCase(() => tfjs(tf, x));
  },
  jax: (lib) => jaxCase((x) => jax(lib, x), jaxArray(input().x)),
});

/** dx <- dy f'(x) */
const backward = (name: string, slope: (x: number) => number, bound: number, tolerance: string, ours: typeof geluBackward): Benchmark => ({
  name,
  shape: `${ROWS}x${UNITS[1]}`,
  bytes: 12 * n,
  tolerance,
  check: (dx) =>
    worst(
      dx,
      Float64Array.from(input().x, (v, i) => slope(v) * input().dy[i]!),
      bound,
    ),
  ours: (engine) => {
    const [x, dy, dx] = [engine.copy(input().x), engine.copy(input().dy), engine.tensor("f32", n)];
    return { run: () => void ours(x, dy, dx), result: () => dx.view };
  },
  plain: () => {
    const [{ x, dy }, dx] = [input(), new Float32Array(n)];
    return filling(dx, () => {
      for (let i = 0; i < n; i++) dx[i] = slope(x[i]!) * dy[i]!;
    });
  },
});

export default [
  forward({
    name: "leaky relu",
    f: (x) => (x > 0 ? x : 0.25 * x),
    tolerance: "none: exact",
    bound: 0,
    ours: (x, y) => void leakyRelu(x, 0.25, y),
    tfjs: (tf, x) => tf.leakyRelu(x, 0.25),
    jax: (jax, x) => jax.nn.leakyRelu(x, 0.25),
  }),
  forward({
    name: "sigmoid",
    f: sigmoidOf,
    tolerance: "4 u of 1",
    bound: 4 * U32,
    ours: (x, y) => void sigmoid(x, y),
    tfjs: (tf, x) => tf.sigmoid(x),
    jax: (jax, x) => jax.nn.sigmoid(x),
  }),
  forward({
    name: "tanh",
    f: Math.tanh,
    tolerance: "4 u of 1",
    bound: 4 * U32,
    ours: (x, y) => void tanh(x, y),
    tfjs: (tf, x) => tf.tanh(x),
    jax: (jax, x) => jax.numpy.tanh(x),
  }),
  forward({
    name: "silu",
    f: (x) => x * sigmoidOf(x),
    tolerance: "4 u of the largest |x|, 10",
    bound: 40 * U32,
    ours: (x, y) => void silu(x, y),
    tfjs: (tf, x) => tf.mul(x, tf.sigmoid(x)),
    jax: (jax, x) => jax.nn.silu(x),
  }),
  forward({
    name: "gelu",
    f: (x) => x * normalCdf(x),
    tolerance: "2e-6: the truth and the rivals' erf are within 1e-7",
    bound: 2e-6,
    ours: (x, y) => void gelu(x, y),
    tfjs: (tf, x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
    jax: (jax, x) => jax.nn.gelu(x, { approximate: false }),
  }),
  backward(
    "silu backward",
    (x) => {
      const s = sigmoidOf(x);
      return s * (1 + x * (1 - s));
    },
    40 * U32,
    "10 u of 4",
    siluBackward,
  ),
  backward("gelu backward", (x) => normalCdf(x) + x * Math.exp((-x * x) / 2) * 0.3989422804014327, 2e-6, "2e-6: the truth is within 4e-7", geluBackward),
] satisfies Benchmark[];
