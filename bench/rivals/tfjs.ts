// TensorFlow.js on its wasm (SIMD, one thread) and cpu backends.
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import type { Case, Numbers } from "../kit.ts";
import { CLASSES, layersOf, PIXELS, SIDE, type Start } from "../network.ts";
import type { Network } from "../shapes.ts";

export type Tfjs = typeof tf;
export type TfTensor = tf.Tensor;

let ready = false;
/** @param wasmPath folder of the backend's .wasm files, with a slash at the end */
export async function loadTfjs(backend: "wasm" | "cpu", wasmPath: string): Promise<Tfjs> {
  if (!ready) setWasmPaths(wasmPath);
  ready = true;
  tf.enableProdMode();
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs has no backend ${backend} here`);
  return tf;
}

/** Runs an expression in a tidy and reads its value back. The array is not returned from tidy, which would walk every element of it. */
export function tfCase(expression: () => tf.Tensor): Case {
  let last: Numbers = [];
  const body = () => {
    last = expression().dataSync();
  };
  return { run: () => void tf.tidy(body), result: () => last };
}

/** One SGD step of a network, the loss read back. With `clip`, a loop over the examples: tfjs has no per-example gradients. */
export function tfStep(tf: Tfjs, network: Network, m: number, lr: number, { parts, x, onehot }: Start, clip?: number): Case {
  const layers = layersOf(network);
  const w = parts.map(({ values, shape }) => tf.variable(tf.tensor(values.slice(), [...shape])));
  const images = layers[0]!.type === "conv" ? tf.tensor4d(x, [m, SIDE, SIDE, 1]) : tf.tensor2d(x, [m, PIXELS]);
  const labels = tf.tensor2d(onehot, [m, CLASSES]);
  const loss = (from: tf.Tensor, to: tf.Tensor) => {
    let h = from;
    for (const [l, layer] of layers.entries()) {
      const [kernel, bias] = [w[2 * l]!, w[2 * l + 1]!];
      if (layer.type === "conv") h = tf.maxPool(tf.relu(tf.add(tf.conv2d(h as tf.Tensor4D, kernel as tf.Tensor<tf.Rank.R4>, 1, "same"), bias)), 2, 2, "valid");
      else h = tf.add(tf.matMul(h.reshape([-1, layer.inputs]), kernel), bias);
      if (layer.type === "dense" && layer.relu) h = tf.relu(h);
    }
    return tf.losses.softmaxCrossEntropy(to, h) as tf.Scalar;
  };
  const optimizer = tf.train.sgd(lr);
  const plain = () => optimizer.minimize(() => loss(images, labels), true, w)!;
  const clipped = () => {
    let total: tf.Tensor = tf.scalar(0);
    let sums: tf.Tensor[] = w.map((v) => tf.zerosLike(v));
    for (let i = 0; i < m; i++) {
      const one = (all: tf.Tensor) => all.slice([i], [1]);
      const { value, grads } = tf.variableGrads(() => loss(one(images), one(labels)), w);
      const g = w.map((v) => grads[v.name]!);
      const norm = tf.sqrt(tf.addN(g.map((v) => tf.sum(tf.square(v)))));
      const factor = tf.minimum(1, tf.div(clip!, norm));
      sums = sums.map((sum, j) => tf.add(sum, tf.mul(g[j]!, factor)));
      total = tf.add(total, value);
    }
    for (const [j, v] of w.entries()) v.assign(tf.sub(v, tf.mul(sums[j]!, lr / m)));
    return tf.div(total, m);
  };
  let last = Number.NaN;
  const body = () => {
    last = (clip === undefined ? plain() : clipped()).dataSync()[0]!;
  };
  return { run: () => void tf.tidy(body), result: () => [last, ...w.flatMap((v) => [...v.dataSync()])] };
}
