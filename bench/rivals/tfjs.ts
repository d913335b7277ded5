// TensorFlow.js on its wasm (SIMD, one thread) and cpu backends.
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import type { Case, Numbers } from "../kit.ts";

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
