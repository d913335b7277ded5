// One SGD step of matrix factorisation on ratings: score u.v, mean squared error. Data, truth and rivals.
import { createOptimizer, dotProduct, type Engine, embedding, input, node } from "fedlane";
import { Trainer } from "#dist/nn/trainer.js";
import { random } from "../tests/support/data.ts";
import type { Case, Numbers } from "./kit.ts";
import { type Jax, type JaxArray, jaxArray } from "./rivals/jax.ts";
import type { Tfjs, TfTensor } from "./rivals/tfjs.ts";
import { RATINGS } from "./shapes.ts";

const { users: USERS, items: ITEMS, factors: K } = RATINGS;

export interface Ratings {
  /** The vectors of the users, then those of the items, uniform in +-0.25. */
  readonly w: Float32Array;
  readonly users: Uint32Array;
  readonly items: Uint32Array;
  /** Less their mean: -2 to 2. */
  readonly ratings: Float32Array;
}

/** m ratings; some users and items come twice, as in a real batch. */
export function ratings(m: number): Ratings {
  const r = random(1);
  const below = (n: number) => Math.floor(n * r());
  return {
    w: Float32Array.from({ length: (USERS + ITEMS) * K }, () => (r() - 0.5) / 2),
    users: Uint32Array.from({ length: m }, (_, i) => (i % 8 === 7 ? 3 : below(USERS))),
    items: Uint32Array.from({ length: m }, (_, i) => (i % 8 === 6 ? 5 : below(ITEMS))),
    ratings: Float32Array.from({ length: m }, () => below(5) - 2),
  };
}

const rowsOf = ({ users, items }: Ratings, i: number) => [users[i]! * K, (USERS + items[i]!) * K] as const;

/** Loss before and weights after, in float64. */
export function truth(m: number, lr: number, data: Ratings): Numbers {
  const before = Float64Array.from(data.w);
  const w = before.slice();
  let loss = 0;
  for (let i = 0; i < m; i++) {
    const [u, v] = rowsOf(data, i);
    let e = -data.ratings[i]!;
    for (let k = 0; k < K; k++) e += before[u + k]! * before[v + k]!;
    loss += (e * e) / m;
    for (let k = 0; k < K; k++) {
      w[u + k]! -= ((lr * 2) / m) * e * before[v + k]!;
      w[v + k]! -= ((lr * 2) / m) * e * before[u + k]!;
    }
  }
  return [loss, ...w];
}

/** Two towers, one table each, and their dot product. The tables' gradients are sparse: a step touches the rows of its batch. */
export function ourRatings(engine: Engine, m: number, lr: number, data: Ratings): Case {
  const layers = [
    node(input([1], "u32"), { name: "user" }),
    node(input([1], "u32"), { name: "item" }),
    node(embedding(USERS, K), { name: "u", from: "user" }),
    node(embedding(ITEMS, K), { name: "v", from: "item" }),
    node(dotProduct(), { from: ["u", "v"] }),
  ];
  const model = engine.model(layers, { loss: "meanSquaredError" });
  const set = {
    x: { user: engine.tensor("u32", [m, 1], data.users), item: engine.tensor("u32", [m, 1], data.items) },
    targets: engine.tensor("f32", [m, 1], data.ratings),
  };
  const order = engine.tensor("u32", m, Uint32Array.from(data.users.keys()));
  const w = engine.copy(data.w);
  const optimizer = createOptimizer(engine, model.size, { type: "sgd", learningRate: lr });
  const trainer = new Trainer({ model, batch: m, optimizer });
  let loss = Number.NaN;
  return {
    run: () => {
      loss = trainer.step(w.address, set, order.address, m).loss / m;
    },
    result: () => [loss, ...w.view],
  };
}

/** Only the rows of the batch are read and written; the gradients are taken before any row changes. */
export function plainRatings(m: number, lr: number, data: Ratings): Case {
  const w = data.w.slice();
  const g = new Float32Array(2 * m * K);
  let loss = Number.NaN;
  return {
    run: () => {
      loss = 0;
      for (let i = 0; i < m; i++) {
        const [u, v] = rowsOf(data, i);
        let e = -data.ratings[i]!;
        for (let k = 0; k < K; k++) e += w[u + k]! * w[v + k]!;
        loss += (e * e) / m;
        const scale = ((lr * 2) / m) * e;
        for (let k = 0; k < K; k++) {
          g[2 * i * K + k] = scale * w[v + k]!;
          g[(2 * i + 1) * K + k] = scale * w[u + k]!;
        }
      }
      for (let i = 0; i < m; i++) {
        const [u, v] = rowsOf(data, i);
        for (let k = 0; k < K; k++) w[u + k]! -= g[2 * i * K + k]!;
        for (let k = 0; k < K; k++) w[v + k]! -= g[(2 * i + 1) * K + k]!;
      }
    },
    result: () => [loss, ...w],
  };
}

/** The wasm backend has no gradient of a gather: there a row is picked by a product with a one-hot matrix. */
export function tfRatings(tf: Tfjs, lr: number, data: Ratings): Case {
  const table = (from: number, rows: number) => tf.variable(tf.tensor2d(data.w.slice(from * K, (from + rows) * K), [rows, K]));
  const [u, v] = [table(0, USERS), table(USERS, ITEMS)];
  const ids = [data.users, data.items].map((all) => tf.tensor1d(Int32Array.from(all), "int32"));
  const rated = tf.tensor1d(data.ratings);
  const pick = (t: TfTensor, id: TfTensor) =>
    tf.getBackend() === "wasm" ? tf.matMul(tf.oneHot(id, t.shape[0]!).toFloat(), t as ReturnType<typeof table>) : tf.gather(t, id.toInt() as typeof rated);
  const optimizer = tf.train.sgd(lr);
  let loss = Number.NaN;
  const body = () => {
    const error = () => tf.losses.meanSquaredError(rated, tf.sum(tf.mul(pick(u, ids[0]!), pick(v, ids[1]!)), 1)) as ReturnType<typeof tf.scalar>;
    loss = optimizer.minimize(error, true, [u, v])!.dataSync()[0]!;
  };
  return { run: () => void tf.tidy(body), result: () => [loss, ...u.dataSync(), ...v.dataSync()] };
}

/** A row is picked by a product with a one-hot matrix. */
export function jaxRatings(jax: Jax, lr: number, data: Ratings): Case {
  const { numpy: np } = jax;
  let w = [jaxArray(data.w.slice(0, USERS * K), [USERS, K]), jaxArray(data.w.slice(USERS * K), [ITEMS, K])];
  const ids = [data.users, data.items].map((all) => np.array(Int32Array.from(all), { dtype: np.int32 }));
  const rated = jaxArray(data.ratings);
  const error = ([u, v]: JaxArray[], a: JaxArray, b: JaxArray, r: JaxArray) => {
    const pick = (t: JaxArray, id: JaxArray) => np.matmul(jax.nn.oneHot(id, t.shape[0]!), t);
    return np.square(pick(u!, a).mul(pick(v!, b)).sum(1).sub(r)).mean();
  };
  const train = jax.jit((t: JaxArray[], a: JaxArray, b: JaxArray, r: JaxArray) => {
    const refs = t.map((x) => x.ref);
    const [value, g] = jax.valueAndGrad(error)(refs, a, b, r) as unknown as [JaxArray, JaxArray[]];
    return [value, t.map((x, j) => x.sub(g[j]!.mul(lr)))] as [JaxArray, JaxArray[]];
  });
  let loss = Number.NaN;
  return {
    run: () => {
      const [value, next] = train(w, ids[0]!.ref, ids[1]!.ref, rated.ref) as [JaxArray, JaxArray[]];
      loss = value.dataSync()[0]!;
      w = next;
    },
    result: () => [loss, ...w.flatMap((x) => [...x.ref.dataSync()])],
  };
}
