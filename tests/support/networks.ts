// Small networks with data, for tests of training; `twin` describes them to tests/federated/client.reference.ts.
import { type DenseLayer, dense, type Model } from "fedlane";
import { parameters, type TwinLayer } from "../federated/client.reference.ts";
import { normals, random } from "./data.ts";

export const NETS: Record<string, readonly DenseLayer[]> = {
  "one layer": [dense(5, 3)],
  "two layers": [dense(7, 5, "relu"), dense(5, 4)],
  "three odd layers": [dense(13, 17, "relu"), dense(17, 9, "relu"), dense(9, 3)],
  "linear hidden, one class": [dense(3, 2, "linear"), dense(2, 1)],
  "wider than a tile": [dense(65, 70, "relu"), dense(70, 11)],
};
export const NAMES = Object.keys(NETS);

export const twin = (layers: readonly DenseLayer[]): TwinLayer[] =>
  layers.map(({ inputs, outputs, activation }) => ({ inputs, outputs, relu: activation === "relu" }));
export const identity = (n: number) => Array.from({ length: n }, (_, i) => i);
export function problem(layers: readonly DenseLayer[], n: number, seed: number) {
  const inputs = layers[0]!.inputs;
  const classes = layers.at(-1)!.outputs;
  const r = random(seed);
  return {
    w: normals(parameters(twin(layers)), seed + 1, 0.4),
    x: normals(n * inputs, seed + 2),
    labels: Int32Array.from({ length: n }, () => Math.floor(r() * classes)),
  };
}
/** The problem in the model's engine, inside a scope. */
export function place(model: Model, { w, x, labels }: ReturnType<typeof problem>) {
  const { engine } = model;
  return {
    weights: engine.tensor("f32", model.size, w),
    data: { x: engine.tensor("f32", [labels.length, model.inputs], x), labels: engine.tensor("i32", labels.length, labels) },
  };
}
/** The twin is slow: what it said once serves every build. */
const said = new Map<string, unknown>();
export function once<T>(key: string, make: () => T): T {
  if (!said.has(key)) said.set(key, make());
  return said.get(key) as T;
}
export const farthest = (got: ArrayLike<number>, want: ArrayLike<number>) => Array.from(want).reduce((d, v, i) => Math.max(d, Math.abs(v - got[i]!)), 0);
export const largest = (x: ArrayLike<number>) => Array.from(x).reduce((a, v) => Math.max(a, Math.abs(v)), 0);
