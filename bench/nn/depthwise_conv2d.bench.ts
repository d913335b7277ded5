// The depthwise half of a separable convolution between those of the McMahan CNN: 3 x 3 on 32 channels of 14 x 14, forward and both gradients.
import { depthwiseConv2dForward, depthwiseConv2dInputGradient, depthwiseConv2dWeightGradient } from "fedlane";
import { normals } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, U32, worst } from "../kit.ts";
import * as plain from "../rivals/plain.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { BATCHES, MCMAHAN_CNN } from "../shapes.ts";
import { slide } from "../twin.ts";

const m = BATCHES[0];
const [side, kernel, c] = [14, 3, MCMAHAN_CNN.filters[0]!];
const [pixels, cells] = [side * side, kernel * kernel];
const same = { padding: "same" } as const;
const shape = `${m}x${side}x${side}x${c}, ${kernel}x${kernel}`;
const flops = 2 * m * pixels * cells * c;
const images: [number, number, number, number] = [m, side, side, c];
const square: [number, number, number, number] = [kernel, kernel, c, 1];

const input = once(() => ({ x: normals(m * pixels * c, 1), w: normals(cells * c, 2), b: normals(c, 3), dy: normals(m * pixels * c, 4) }));
/** out[to] += a b over every output, cell and channel; the bound from the sum of the magnitudes. */
const truth = (size: number, terms: number, add: (of: { y: number; x: number; w: number }) => [to: number, a: number, b: number]) => {
  const [value, bound] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < m; i++) {
    slide({ side, kernel }, (out, from, tap) => {
      for (let p = 0; p < c; p++) {
        const [to, a, b] = add({ y: (i * pixels + out) * c + p, x: (i * pixels + from) * c + p, w: tap * c + p });
        value[to]! += a * b;
        bound[to]! += (terms + 3) * U32 * Math.abs(a * b);
      }
    });
  }
  return { value, bound };
};
const forward = once(() => {
  const { x, w, b } = input();
  const { value, bound } = truth(m * pixels * c, cells, (at) => [at.y, x[at.x]!, w[at.w]!]);
  return { value: value.map((v, i) => v + b[i % c]!), bound: bound.map((v, i) => v + (cells + 3) * U32 * Math.abs(b[i % c]!)) };
});
const inputGradient = once(() => truth(m * pixels * c, cells, (at) => [at.x, input().dy[at.y]!, input().w[at.w]!]));
const weightGradient = once(() => truth(cells * c, m * pixels, (at) => [at.w, input().x[at.x]!, input().dy[at.y]!]));

export default [
  {
    name: "depthwise conv2d forward",
    shape,
    flops,
    tolerance: "(k + 3) u (|x||w| + |b|) an element",
    check: (y) => worst(y, forward().value, forward().bound),
    ours: (engine) => {
      const [x, w, b, y] = [
        engine.tensor("f32", images, input().x),
        engine.tensor("f32", square, input().w),
        engine.copy(input().b),
        engine.tensor("f32", images),
      ];
      return { run: () => void depthwiseConv2dForward(x, w, b, y, same), result: () => y.view };
    },
    plain: () => {
      const y = new Float32Array(m * pixels * c);
      return filling(y, () => plain.depthwise(m, side, kernel, c, input().x, input().w, input().b, y));
    },
    tfjs: (tf) => {
      const [x, w, b] = [tf.tensor4d(input().x, images), tf.tensor4d(input().w, square), tf.tensor1d(input().b)];
      return tfCase(() => tf.fused.depthwiseConv2d({ x, filter: w, strides: 1, pad: "same", bias: b }));
    },
  },
  {
    name: "depthwise conv2d input gradient",
    shape,
    flops,
    tolerance: "(k + 3) u |dy||w| an element",
    check: (dx) => worst(dx, inputGradient().value, inputGradient().bound),
    ours: (engine) => {
      const [dy, w, dx] = [engine.tensor("f32", images, input().dy), engine.tensor("f32", square, input().w), engine.tensor("f32", images)];
      return { run: () => void depthwiseConv2dInputGradient(dy, w, dx, same), result: () => dx.view };
    },
    tfjs: (tf) => {
      const [x, w, dy] = [tf.tensor4d(input().x, images), tf.tensor4d(input().w, square), tf.tensor4d(input().dy, images)];
      const gradient = tf.grad((v) => tf.depthwiseConv2d(v as typeof x, w, 1, "same"));
      return tfCase(() => gradient(x, dy));
    },
  },
  {
    name: "depthwise conv2d weight gradient",
    shape,
    flops,
    tolerance: "(m h w + 3) u |x||dy| an element",
    check: (dw) => worst(dw, weightGradient().value, weightGradient().bound),
    ours: (engine) => {
      const [x, dy] = [engine.tensor("f32", images, input().x), engine.tensor("f32", images, input().dy)];
      const [dw, db] = [engine.tensor("f32", square), engine.tensor("f32", c)];
      return { run: () => depthwiseConv2dWeightGradient(x, dy, dw, db, same), result: () => dw.view };
    },
    // Without the bias gradient.
    tfjs: (tf) => {
      const [x, w, dy] = [tf.tensor4d(input().x, images), tf.tensor4d(input().w, square), tf.tensor4d(input().dy, images)];
      const gradient = tf.grad((v) => tf.depthwiseConv2d(x, v as typeof w, 1, "same"));
      return tfCase(() => gradient(w, dy));
    },
  },
] satisfies Benchmark[];
