// The second convolutions of the small and of the McMahan CNN: forward, and both gradients.
import { conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, type Case, filling, type Numbers, once, U32, worst } from "../kit.ts";
import { layersOf } from "../network.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, MCMAHAN_CNN, SMALL_CNN } from "../shapes.ts";
import { slide } from "../twin.ts";

const m = BATCHES[0];
const same = { padding: "same" } as const;

function benchmarks(layer: plain.Convolution): Benchmark[] {
  const { side, kernel, inputs: c, outputs: n } = layer;
  const pixels = side * side;
  const shape = `${m}x${side}x${side}x${c} -> ${n}, ${kernel}x${kernel}`;
  const flops = 2 * m * pixels * kernel * kernel * c * n;
  const input = once(() => ({
    x: normals(m * pixels * c, 1),
    w: normals(kernel * kernel * c * n, 2, 0.05),
    b: normals(n, 3),
    dy: normals(m * pixels * n, 4),
  }));
  /** Sums of products, from the definition, and of their magnitudes: out[to] += a[from] b[by] for every output, cell, channel and filter. */
  const truth = (size: number, terms: number, add: (of: { y: number; x: number; w: number }) => [to: number, a: number, b: number]) => {
    const [value, bound] = [new Float64Array(size), new Float64Array(size)];
    for (let i = 0; i < m; i++) {
      slide(layer, (out, from, tap) => {
        for (let p = 0; p < c; p++) {
          for (let q = 0; q < n; q++) {
            const [to, a, b] = add({ y: (i * pixels + out) * n + q, x: (i * pixels + from) * c + p, w: (tap * c + p) * n + q });
            value[to]! += a * b;
            bound[to]! += (terms + 3) * U32 * Math.abs(a * b);
          }
        }
      });
    }
    return { value, bound };
  };
  const forward = once(() => {
    const { x, w, b } = input();
    const { value, bound } = truth(m * pixels * n, kernel * kernel * c, (at) => [at.y, x[at.x]!, w[at.w]!]);
    return { value: value.map((v, i) => v + b[i % n]!), bound: bound.map((v, i) => v + (kernel * kernel * c + 3) * U32 * Math.abs(b[i % n]!)) };
  });
  const inputGradient = once(() => truth(m * pixels * c, kernel * kernel * n, (at) => [at.x, input().dy[at.y]!, input().w[at.w]!]));
  const weightGradient = once(() => truth(kernel * kernel * c * n, m * pixels, (at) => [at.w, input().x[at.x]!, input().dy[at.y]!]));

  const image = [m, side, side] as const;
  const square: [number, number, number, number] = [kernel, kernel, c, n];
  /** jax-js has NCHW and OIHW: what it is given and what it gives is moved outside of the clock. */
  const moved = (values: Numbers, [a, b, d]: readonly number[], [i, j, k]: readonly [number, number, number]) => {
    const out = new Float32Array(values.length);
    const axes = [a!, b!, d!];
    let at = 0;
    for (let p = 0; p < axes[i]!; p++)
      for (let q = 0; q < axes[j]!; q++)
        for (let r = 0; r < axes[k]!; r++) {
          const of = [0, 0, 0];
          [of[i], of[j], of[k]] = [p, q, r];
          out[at++] = values[(of[0]! * b! + of[1]!) * d! + of[2]!]!;
        }
    return out;
  };
  const nchw = (values: Numbers, channels: number) => jaxArray(moved(values, [m, pixels, channels], [0, 2, 1]), [m, channels, side, side]);
  const nhwc = (of: Case, channels: number): Case => ({ run: of.run, result: () => moved(of.result(), [m, channels, pixels], [0, 2, 1]) });
  const oihw = () => jaxArray(moved(input().w, [kernel * kernel, c, n], [2, 1, 0]), [n, c, kernel, kernel]);
  const hwio = (of: Case): Case => ({ run: of.run, result: () => moved(of.result(), [n, c, kernel * kernel], [2, 1, 0]) });

  return [
    {
      name: "conv2d forward",
      shape,
      flops,
      tolerance: "(k + 3) u (|x||w| + |b|) an element",
      check: (y) => worst(y, forward().value, forward().bound),
      ours: (engine) => {
        const [x, w] = [engine.tensor("f32", [...image, c], input().x), engine.tensor("f32", square, input().w)];
        const [b, y] = [engine.copy(input().b), engine.tensor("f32", [...image, n])];
        return { run: () => void conv2dForward(x, w, b, y, same), result: () => y.view };
      },
      plain: () => {
        const y = new Float32Array(m * pixels * n);
        return filling(y, () => plain.conv2d(m, layer, input().x, input().w, input().b, y));
      },
      tfjs: (tf) => {
        const [x, w, b] = [tf.tensor4d(input().x, [...image, c]), tf.tensor4d(input().w, square), tf.tensor1d(input().b)];
        return tfCase(() => tf.fused.conv2d({ x, filter: w, strides: 1, pad: "same", bias: b }));
      },
      jax: ({ lax }) =>
        nhwc(
          jaxCase((x, w, b) => lax.conv(x, w, [1, 1], "SAME").add(b), nchw(input().x, c), oihw(), jaxArray(input().b, [n, 1, 1])),
          n,
        ),
    },
    {
      name: "conv2d input gradient",
      shape,
      flops,
      tolerance: "(k + 3) u |dy||w| an element",
      check: (dx) => worst(dx, inputGradient().value, inputGradient().bound),
      ours: (engine) => {
        const [dy, w] = [engine.tensor("f32", [...image, n], input().dy), engine.tensor("f32", square, input().w)];
        const dx = engine.tensor("f32", [...image, c]);
        return { run: () => void conv2dInputGradient(dy, w, dx, same), result: () => dx.view };
      },
      plain: () => {
        const dx = new Float32Array(m * pixels * c);
        return filling(dx, () => plain.conv2dInputGradient(m, layer, input().dy, input().w, dx));
      },
      tfjs: (tf) => {
        const [x, w, dy] = [tf.tensor4d(input().x, [...image, c]), tf.tensor4d(input().w, square), tf.tensor4d(input().dy, [...image, n])];
        const gradient = tf.grad((v) => tf.conv2d(v as typeof x, w, 1, "same"));
        return tfCase(() => gradient(x, dy));
      },
      jax: ({ grad, lax }) =>
        nhwc(
          jaxCase((x, w, dy) => grad((v) => lax.conv(v, w, [1, 1], "SAME").mul(dy).sum())(x), nchw(input().x, c), oihw(), nchw(input().dy, n)),
          c,
        ),
    },
    {
      name: "conv2d weight gradient",
      shape,
      flops,
      tolerance: "(m h w + 3) u |x||dy| an element",
      check: (dw) => worst(dw, weightGradient().value, weightGradient().bound),
      ours: (engine) => {
        const [x, dy] = [engine.tensor("f32", [...image, c], input().x), engine.tensor("f32", [...image, n], input().dy)];
        const [dw, db] = [engine.tensor("f32", square), engine.tensor("f32", n)];
        return { run: () => conv2dWeightGradient(x, dy, dw, db, same), result: () => dw.view };
      },
      plain: () => {
        const [dw, db] = [new Float32Array(kernel * kernel * c * n), new Float32Array(n)];
        return filling(dw, () => plain.conv2dWeightGradient(m, layer, input().x, input().dy, dw, db));
      },
      // The rivals leave the bias gradient out.
      tfjs: (tf) => {
        const [x, w, dy] = [tf.tensor4d(input().x, [...image, c]), tf.tensor4d(input().w, square), tf.tensor4d(input().dy, [...image, n])];
        const gradient = tf.grad((v) => tf.conv2d(x, v as typeof w, 1, "same"));
        return tfCase(() => gradient(w, dy));
      },
      jax: ({ grad, lax }) =>
        hwio(jaxCase((x, w, dy) => grad((v) => lax.conv(x, v, [1, 1], "SAME").mul(dy).sum())(w), nchw(input().x, c), oihw(), nchw(input().dy, n))),
    },
  ];
}

const second = (network: typeof SMALL_CNN): plain.Convolution => layersOf(network)[1] as Extract<ReturnType<typeof layersOf>[number], { type: "conv" }>;
export default [...benchmarks(second(SMALL_CNN)), ...benchmarks(second(MCMAHAN_CNN))] satisfies Benchmark[];
