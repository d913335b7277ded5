// One SGD step of the 2NN of McMahan et al. 2017 (arXiv:1602.05629), the loss read back: the inner loop of localUpdate().
// Ours also gathers its batch from the data set; the rivals' batch lies ready.
import { dense } from "fedlane";
import { Plan } from "#dist/nn/plan.js";
import { normals, random } from "../../tests/support/data.ts";
import { type Benchmark, once, worst } from "../kit.ts";
import { type JaxArray, jaxArray } from "../rivals/jax.ts";
import { Network } from "../rivals/plain.ts";
import { BATCHES, LEARNING_RATE as lr, UNITS, UPDATE } from "../shapes.ts";
import { step } from "../twin.ts";

const classes = UNITS[3];
/** Kernel and bias of each layer: lengths and shapes in the flat vector. */
const PARTS: number[][] = [0, 1, 2].flatMap((l) => [[UNITS[l]!, UNITS[l + 1]!], [UNITS[l + 1]!]]);

const weights = once(() => {
  const w = new Float32Array(UPDATE);
  let at = 0;
  for (const [l, shape] of PARTS.entries()) {
    const size = shape.reduce((a, b) => a * b);
    w.set(normals(size, l + 10, shape.length === 2 ? Math.sqrt(2 / (shape[0]! + shape[1]!)) : 0.01), at);
    at += size;
  }
  return w;
});
/** The flat vector cut into the parts. */
function cut(): { values: Float32Array; shape: number[] }[] {
  let at = 0;
  return PARTS.map((shape) => ({ values: weights().slice(at, (at += shape.reduce((a, b) => a * b))), shape }));
}

const row = (m: number): Benchmark => {
  const input = once(() => {
    const r = random(9);
    const labels = Int32Array.from({ length: m }, () => Math.floor(classes * r()));
    const onehot = new Float32Array(m * classes);
    for (const [i, label] of labels.entries()) onehot[i * classes + label] = 1;
    return { x: Float32Array.from({ length: m * UNITS[0] }, () => r()), labels, onehot };
  });
  const truth = once(() => {
    const { loss, w } = step(UNITS, m, lr, weights(), input().x, input().labels);
    return [loss, ...w];
  });
  const [full, middle] = [UNITS[0] * UNITS[1] + UNITS[1] * UNITS[2] + UNITS[2] * UNITS[3], UNITS[1] * UNITS[2] + UNITS[2] * UNITS[3]];
  return {
    name: "2NN step",
    shape: `batch ${m}`,
    flops: 2 * m * (2 * full + middle), // forward, weight gradients, input gradients of all layers but the first
    tolerance: "1e-5 for the loss and for every weight after the step",
    check: (got) => worst(got, truth(), 1e-5),
    ours: (engine) => {
      const model = engine.model([dense(UNITS[0], UNITS[1], "relu"), dense(UNITS[1], UNITS[2], "relu"), dense(UNITS[2], UNITS[3])]);
      const data = { x: engine.tensor("f32", [m, UNITS[0]], input().x), labels: engine.tensor("i32", m, input().labels) };
      const order = engine.tensor(
        "u32",
        m,
        Uint32Array.from({ length: m }, (_, i) => i),
      );
      const w = engine.copy(weights());
      const plan = new Plan(model, m, "train");
      const rule = { learningRate: lr, weightDecay: 0, momentum: 0 };
      let loss = Number.NaN;
      return {
        run: () => {
          plan.load(data, order.address, m);
          loss = plan.train(w.address, m, rule) / m;
        },
        result: () => [loss, ...w.view],
      };
    },
    plain: () => {
      const w = weights().slice();
      const network = new Network(UNITS, m, lr, w);
      let loss = Number.NaN;
      return {
        run: () => {
          loss = network.step(input().x, input().labels);
        },
        result: () => [loss, ...w],
      };
    },
    tfjs: (tf) => {
      const w = cut().map(({ values, shape }) => tf.variable(tf.tensor(values, shape)));
      const x = tf.tensor2d(input().x, [m, UNITS[0]]);
      const y = tf.tensor2d(input().onehot, [m, classes]);
      const optimizer = tf.train.sgd(lr);
      const forward = () => {
        let h: ReturnType<typeof tf.matMul> = x;
        for (let l = 0; l < 3; l++) {
          const z = tf.add(tf.matMul(h, w[2 * l]!), w[2 * l + 1]!);
          h = (l < 2 ? tf.relu(z) : z) as typeof h;
        }
        return tf.losses.softmaxCrossEntropy(y, h) as ReturnType<typeof tf.scalar>;
      };
      let loss = Number.NaN;
      const body = () => {
        loss = optimizer.minimize(forward, true, w)!.dataSync()[0]!;
      };
      return { run: () => void tf.tidy(body), result: () => [loss, ...w.flatMap((v) => [...v.dataSync()])] };
    },
    jax: (jax) => {
      const { numpy: np } = jax;
      const forward = (w: JaxArray[], x: JaxArray, y: JaxArray) => {
        let h = x;
        for (let l = 0; l < 3; l++) {
          h = np.matmul(h, w[2 * l]!).add(w[2 * l + 1]!);
          if (l < 2) h = jax.nn.relu(h);
        }
        return jax.nn
          .logSoftmax(h)
          .mul(y)
          .sum()
          .mul(-1 / m);
      };
      const train = jax.jit((w: JaxArray[], x: JaxArray, y: JaxArray) => {
        const [loss, gradient] = jax.valueAndGrad(forward)(
          w.map((v) => v.ref),
          x,
          y,
        ) as unknown as [JaxArray, JaxArray[]];
        return [loss, w.map((v, l) => v.sub(gradient[l]!.mul(lr)))] as [JaxArray, JaxArray[]];
      });
      let w = cut().map(({ values, shape }) => jaxArray(values, shape));
      const [x, y] = [jaxArray(input().x, [m, UNITS[0]]), jaxArray(input().onehot, [m, classes])];
      let loss = Number.NaN;
      return {
        run: () => {
          const [value, next] = train(w, x.ref, y.ref) as [JaxArray, JaxArray[]];
          loss = value.dataSync()[0]!;
          w = next;
        },
        result: () => [loss, ...w.flatMap((v) => [...v.ref.dataSync()])],
      };
    },
  };
};

export default BATCHES.map(row);
