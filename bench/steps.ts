// Rows for one SGD step of a network of bench/shapes.ts, the loss read back. Ours also gathers its batch from the data set; the rivals' batch lies ready.
import { conv2d, createOptimizer, dense, type Engine, flatten, input, type LayerNode, maxPool2d, type Tensor } from "fedlane";
import { Trainer } from "#dist/nn/trainer.js";
import { type Benchmark, type Case, type Contender, once, worst } from "./kit.ts";
import { flopsOf, layersOf, PIXELS, SIDE, type Start, start } from "./network.ts";
import { convnetStep } from "./rivals/convnet.ts";
import { jaxStep } from "./rivals/jax.ts";
import { Network as PlainNetwork } from "./rivals/plain.ts";
import { tfStep } from "./rivals/tfjs.ts";
import { LEARNING_RATE as lr, type Network } from "./shapes.ts";
import { step } from "./twin.ts";

function ourLayers(network: Network): LayerNode[] {
  const layers = layersOf(network).flatMap((l): LayerNode[] =>
    l.type === "dense"
      ? [dense(l.inputs, l.outputs, l.relu ? "relu" : "linear")]
      : [conv2d(l.inputs, l.outputs, l.kernel, { padding: "same", activation: "relu" }), maxPool2d(2)],
  );
  return network.filters.length === 0 ? layers : [input([SIDE, SIDE, 1]), ...layers.toSpliced(2 * network.filters.length, 0, flatten())];
}

/** One step of ours on the first m examples of a data set. `clip` bounds the norm of every example's gradient. */
export function ourStep(engine: Engine, network: Network, m: number, { w: from, x, labels }: Start, clip?: number): Case & { readonly weights: Tensor<"f32"> } {
  const model = engine.model(ourLayers(network));
  const data = { x: engine.tensor("f32", [m, PIXELS], x), labels: engine.tensor("i32", m, labels) };
  const order = engine.tensor("u32", m, Uint32Array.from(labels.keys()));
  const w = engine.copy(from);
  const optimizer = createOptimizer(engine, model.size, { type: "sgd", learningRate: lr });
  const trainer = new Trainer({ model, batch: m, optimizer, bounds: clip === undefined ? undefined : [clip] });
  let loss = Number.NaN;
  return {
    run: () => {
      loss = trainer.step(w.address, data, order.address, m).loss / m;
    },
    result: () => [loss, ...w.view],
    weights: w,
  };
}

export interface StepOptions {
  /** Bound of the norm of every example's gradient. */
  readonly clip?: number;
  /** Rivals that take minutes. */
  readonly slow?: readonly Contender[];
  /** False: ours only. */
  readonly rivals?: boolean;
}

export function stepRow(network: Network, m: number, { clip, slow = [], rivals = true }: StepOptions = {}): Benchmark {
  const from = once(() => start(network, m));
  const truth = once(() => {
    const { w: before, x, labels } = from();
    const { loss, w } = step(layersOf(network), m, lr, before, x, labels, clip);
    const change = w.reduce((most, v, i) => Math.max(most, Math.abs(v - before[i]!)), 0);
    return { value: [loss, ...w], bound: [1e-5, ...w.map(() => change / 1000)] };
  });
  return {
    name: `${network.name} step${clip === undefined ? "" : ", clipped"}`,
    shape: `batch ${m}`,
    flops: flopsOf(network, m),
    tolerance: "1e-5 for the loss, a thousandth of the largest change of a weight for every weight",
    check: (got) => worst(got, truth().value, truth().bound),
    ours: (engine) => ourStep(engine, network, m, from(), clip),
    ...(rivals ? { tfjs: (tf) => tfStep(tf, network, m, lr, from(), clip), jax: () => jaxStep(network, m, lr, from(), clip) } : {}),
    ...(rivals && clip === undefined ? { convnet: () => convnetStep(network, m, lr, from()) } : {}),
    ...(rivals && clip === undefined && network.filters.length === 0 ? { plain: () => plainStep(network, m, from()) } : {}),
    slow,
  };
}

function plainStep({ units }: Network, m: number, { w: from, x, labels }: Start): Case {
  const w = from.slice();
  const network = new PlainNetwork([PIXELS, ...units], m, lr, w);
  let loss = Number.NaN;
  return {
    run: () => {
      loss = network.step(x, labels);
    },
    result: () => [loss, ...w],
  };
}
