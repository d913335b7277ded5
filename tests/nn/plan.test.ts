// Whole models against their naive twin: outputs, gradients by central differences, clipped sums by a slow loop over the examples.
import {
  activation,
  averagePool2d,
  batchNorm,
  clippedGradient,
  concatenate,
  conv2d,
  type Dataset,
  dense,
  depthwiseConv2d,
  dotProduct,
  dropout,
  type Engine,
  embedding,
  embeddingBag,
  type Features,
  flatten,
  globalAveragePool2d,
  gradient,
  groupNorm,
  input,
  type LayerNode,
  type Loss,
  layerNorm,
  type Model,
  maxPool2d,
  node,
  PADDING,
  predict,
  reshape,
  residual,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { exampleGradient, lossOf, output } from "./plan.reference.ts";

const N = 7; // examples, trained in parts of 3: the last is shorter

interface Case {
  readonly layers: readonly LayerNode[];
  readonly loss?: Loss;
  /** Ids below this for u32 inputs. */
  readonly ids?: number;
}
const image = input([5, 6, 3]);
const NETS: Record<string, Case> = {
  "a convolution, same, with stride": { layers: [image, conv2d(3, 5, 3, { padding: "same", strides: [2, 1], activation: "tanh" }), flatten(), dense(90, 4)] },
  "a dilated valid convolution": { layers: [image, conv2d(3, 4, [2, 3], { dilation: [2, 2], activation: "silu" }), flatten(), dense(24, 3)] },
  "two convolutions": { layers: [image, conv2d(3, 4, 2, { activation: "gelu" }), conv2d(4, 2, 3, { padding: "same" }), flatten(), dense(40, 3)] },
  "a depthwise convolution": {
    layers: [image, depthwiseConv2d(3, 3, { padding: "same", multiplier: 2, activation: "sigmoid" }), averagePool2d(2), flatten(), dense(36, 3)],
  },
  "pooling of all kinds": {
    layers: [image, conv2d(3, 8, 1), maxPool2d(2, { padding: "same" }), averagePool2d([2, 1], { strides: 1 }), globalAveragePool2d(), dense(8, 3)],
  },
  "normalisation of all kinds": {
    layers: [image, conv2d(3, 4, 2), groupNorm(4, { groups: 2 }), batchNorm(4), activation("leakyRelu"), flatten(), dense(80, 6), layerNorm(6), dense(6, 3)],
  },
  "layer normalisation at every position": { layers: [image, layerNorm(3), flatten(), dense(90, 3, "relu"), dense(3, 3)] },
  "softmax in the middle, mean squared error": { layers: [dense(6, 5), activation("softmax"), dense(5, 2)], loss: "meanSquaredError" },
  "a residual network": {
    layers: [
      node(dense(6, 5, "tanh"), { name: "a" }),
      node(dense(5, 5, "relu"), { name: "b" }),
      node(residual(), { from: ["a", "b"], name: "sum" }),
      node(residual(), { from: ["sum", "a", "sum"] }),
      dense(5, 3),
    ],
  },
  "branches that meet": {
    layers: [
      node(input([6]), { name: "x" }),
      node(dense(6, 3, "sigmoid"), { name: "left" }),
      node(dense(6, 4, "tanh"), { name: "right", from: "x" }),
      node(concatenate(), { from: ["left", "x", "right"] }),
      dense(13, 1),
    ],
    loss: "binaryCrossEntropy",
  },
  "two towers": {
    layers: [
      node(input([1], "u32"), { name: "user" }),
      node(embedding(9, 4), { name: "p" }),
      node(input([1], "u32"), { name: "item" }),
      node(embedding(9, 4), { name: "q", from: "item" }),
      node(dotProduct(), { from: ["p", "q"] }),
    ],
    loss: { type: "huber", delta: 0.5 },
    ids: 9,
  },
  "ranking by pairs": {
    layers: [
      node(input([4], "u32"), { name: "history" }),
      node(embeddingBag(5, 3), { name: "taste" }),
      node(input([3], "u32"), { name: "candidates" }),
      node(embedding(5, 3), { name: "q", from: "candidates" }),
      node(dotProduct(), { from: ["taste", "q"] }),
    ],
    loss: "bpr",
    ids: 5,
  },
  "reshape and dropout": { layers: [input([12]), reshape([2, 2, 3]), conv2d(3, 2, 2), flatten(), dropout(0.5), dense(2, 3)] },
};
const NAMES = Object.keys(NETS);

interface Problem {
  readonly model: Model;
  readonly weights: Tensor<"f32">;
  readonly data: Dataset;
  /** The twin's form of example i. */
  inputs(i: number): number[][];
  target(i: number): number[];
}

/** A model with weights and N examples, in a scope. */
function problem(engine: Engine, { layers, loss, ids = 0 }: Case): Problem {
  const model = engine.model(layers, loss === undefined ? {} : { loss });
  const r = random(5);
  const weights = engine.tensor("f32", model.size, normals(model.size, 3, 0.5));
  // Variances are positive.
  for (const { name, offset, size } of model.layout) {
    if (name.endsWith("moving_variance")) for (let i = 0; i < size; i++) weights.view[offset + i] = 0.5 + Math.abs(weights.view[offset + i]!);
  }
  const values = model.inputNodes.map(({ output: shape, type }, k) => {
    const size = N * shape.reduce((a, b) => a * b);
    if (type === "f32") return Array.from(normals(size, 10 + k));
    return Array.from({ length: size }, () => (shape[0] === 4 && r() < 0.3 ? PADDING : Math.floor(r() * ids)));
  });
  const tensors = model.inputNodes.map(({ output: shape, type }, k): Features => engine.tensor(type, [N, ...shape], values[k]!) as Features);
  const x = tensors.length === 1 ? tensors[0]! : Object.fromEntries(model.inputNodes.map(({ name }, k) => [name, tensors[k]!]));
  const labels = Array.from({ length: N }, () => Math.floor(r() * model.classes));
  const targets = Array.from({ length: N * model.classes }, () => r());
  const byLabel = model.loss === "softmaxCrossEntropy";
  const data = {
    x,
    ...(byLabel ? { labels: engine.tensor("i32", N, labels) } : {}),
    ...(byLabel || model.loss === "bpr" ? {} : { targets: engine.tensor("f32", [N, ...model.outputShape], targets) }),
  };
  const cut = (all: readonly number[], i: number) => Array.from(Float32Array.from(all)).slice((i * all.length) / N, ((i + 1) * all.length) / N);
  const inputs = (i: number) =>
    values.map((all, k) => (model.inputNodes[k]!.type === "u32" ? all.slice((i * all.length) / N, ((i + 1) * all.length) / N) : cut(all, i)));
  return { model, weights, data, inputs, target: (i) => (byLabel ? [labels[i]!] : cut(targets, i)) };
}

/** The twin's gradients, once for all builds. */
const truths = new Map<string, { gradients: Float64Array[]; losses: number[]; outputs: number[][] }>();
function truth(name: string, p: Problem) {
  let found = truths.get(name);
  if (!found) {
    const w = p.weights.toArray();
    const each = Array.from({ length: N }, (_, i) => i);
    const outputs = each.map((i) => Array.from(output(p.model, w, p.inputs(i))));
    found = {
      gradients: each.map((i) => exampleGradient(p.model, w, p.inputs(i), p.target(i))),
      losses: each.map((i) => lossOf(p.model.loss, outputs[i]!, p.target(i))),
      outputs,
    };
    truths.set(name, found);
  }
  return found;
}

const norm = (g: Float64Array) => Math.sqrt(g.reduce((s, v) => s + v * v, 0));
const largest = (g: ArrayLike<number>) => Array.from(g).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
const total = (vectors: readonly Float64Array[], factor: (i: number) => number): Float64Array =>
  vectors.reduce((sum, g, i) => sum.map((s, j) => s + factor(i) * g[j]!), new Float64Array(vectors[0]!.length));

/** Close to the twin: 2e-5 of the largest number, where central differences are good to about 1e-9 and f32 networks to about 1e-6. */
function expectClose(got: ArrayLike<number>, want: ArrayLike<number>): void {
  const scale = largest(want);
  expect(scale).toBeGreaterThan(1e-4);
  expect(got.length).toBe(want.length);
  const worst = Array.from(want).reduce((m, v, i) => Math.max(m, Math.abs(got[i]! - v)), 0);
  expect(worst).toBeLessThan(2e-5 * scale);
}

forEachBuild("nn/plan", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(NAMES.length);
    test.each(NAMES)("%s", (name) => {
      ran();
      engine().scope(() => {
        const p = problem(engine(), NETS[name]!);
        const want = truth(name, p);
        expectClose(predict(p.model, p.weights, p.data.x).toArray(), want.outputs.flat());
        const got = gradient(p.model, p.weights, p.data, { batchSize: 3 });
        expect(got.loss).toBeCloseTo(want.losses.reduce((a, b) => a + b) / N, 5);
        expectClose(
          got.gradient.toArray(),
          total(want.gradients, () => 1 / N),
        );
      });
    });
  });

  describe("clipped sums are those of a slow loop over the examples", () => {
    const ran = countCases(NAMES.length);
    test.each(NAMES)("%s", (name) => {
      ran();
      engine().scope(() => {
        const p = problem(engine(), NETS[name]!);
        const { gradients, losses } = truth(name, p);
        const norms = gradients.map(norm);
        const clipNorm = [...norms].sort((a, b) => a - b)[3]! * 0.99; // some are clipped, some are not
        const flat = clippedGradient(p.model, p.weights, p.data, { clipNorm, batchSize: 3 });
        expect([flat.examples, flat.nonFinite]).toEqual([N, 0]);
        expect(flat.loss).toBeCloseTo(
          losses.reduce((a, b) => a + b),
          4,
        );
        expectClose(
          flat.sum.toArray(),
          total(gradients, (i) => Math.min(1, clipNorm / norms[i]!)),
        );
        const layers = p.model.graph.nodes.filter((n) => n.trainable).map((n) => n.entries.filter((e) => e.trainable !== false));
        const perLayer = gradients.map((g) => {
          const clipped = new Float64Array(g.length);
          for (const entries of layers) {
            const part = g.map((v, j) => (entries.some((e) => j >= e.offset && j < e.offset + e.size) ? v : 0));
            const factor = Math.min(1, clipNorm / Math.sqrt(layers.length) / norm(part));
            part.forEach((v, j) => {
              clipped[j]! += Number.isFinite(factor) ? factor * v : v;
            });
          }
          return clipped;
        });
        const got = clippedGradient(p.model, p.weights, p.data, { clipNorm, perLayer: true, batchSize: 3 });
        expectClose(
          got.sum.toArray(),
          total(perLayer, () => 1),
        );
      });
    });
  });

  test("an example with NaN or Infinity contributes zero and is counted, whatever the layers", () => {
    let ran = 0;
    for (const name of NAMES) {
      engine().scope(() => {
        const p = problem(engine(), NETS[name]!);
        const inputs = p.data.x as Tensor<"f32">;
        if (inputs.dtype !== "f32") return;
        const { gradients, losses } = truth(name, p);
        const width = inputs.size / N;
        inputs.view.fill(Number.NaN, 2 * width, 3 * width);
        inputs.view[5 * width] = Number.POSITIVE_INFINITY;
        inputs.view[5 * width + 1] = Number.NEGATIVE_INFINITY;
        const clipNorm = 0.8 * norm(gradients[0]!);
        for (const perLayer of [false, true]) {
          const got = clippedGradient(p.model, p.weights, p.data, { clipNorm, perLayer, batchSize: 3 });
          if (got.nonFinite === 1) continue; // an infinity that the first layer maps to a finite number (a saturated activation) counts as a number
          expect(got.nonFinite, name).toBe(2);
          expect(got.loss).toBeCloseTo(
            losses.reduce((s, v, i) => (i === 2 || i === 5 ? s : s + v), 0),
            4,
          );
          if (!perLayer)
            expectClose(
              got.sum.toArray(),
              total(gradients, (i) => (i === 2 || i === 5 ? 0 : Math.min(1, clipNorm / norm(gradients[i]!)))),
            );
          expect(got.sum.toArray().every(Number.isFinite)).toBe(true);
          ran++;
        }
      });
    }
    expect(ran).toBeGreaterThan(8);
  });

  test("no examples: sum and gradient are zero", () => {
    engine().scope(() => {
      const p = problem(engine(), NETS["two convolutions"]!);
      const rows = engine().tensor("u32", 0);
      const { sum, examples } = clippedGradient(p.model, p.weights, p.data, { clipNorm: 1, rows });
      expect([examples, largest(sum.toArray())]).toEqual([0, 0]);
      expect(largest(gradient(p.model, p.weights, p.data, { rows }).gradient.toArray())).toBe(0);
    });
  });
});

describe("nn/plan across builds", () => {
  test("gradients and clipped sums are the same bits in scalar and simd", async () => {
    const { scalar, simd } = await allEngines();
    for (const name of NAMES) {
      const [a, b] = [scalar!, simd!].map((engine) =>
        engine.scope(() => {
          const p = problem(engine, NETS[name]!);
          return [gradient(p.model, p.weights, p.data).gradient.toArray(), clippedGradient(p.model, p.weights, p.data, { clipNorm: 0.1 }).sum.toArray()];
        }),
      );
      expect(a, name).toEqual(b);
    }
  });
});
