// What an evaluation counts: the label among the 5 best of 1,000, the area under the ROC curve, the error of an update.
import { auc, rmse, topKAccuracy } from "fedlane";
import { normals, random } from "../../tests/support/data.ts";
import { type Benchmark, once, same, scalar, U32, worst } from "../kit.ts";
import { jaxArray, jaxCase } from "../rivals/jax.ts";
import { tfCase } from "../rivals/tfjs.ts";
import { count, EXAMPLES, ROWS as m, UPDATE } from "../shapes.ts";

const [n, k] = [1000, 5];
const input = once(() => {
  const r = random(8);
  return { x: normals(m * n, 7), labels: Int32Array.from({ length: m }, () => Math.floor(r() ** 4 * n)) };
});
// Half of the labels are made hits.
const logits = once(() => input().x.map((v, at) => (at % n === input().labels[Math.floor(at / n)] && Math.floor(at / n) % 2 ? v + 9 : v)));
const hits = once(() => {
  const x = logits();
  let found = 0;
  for (const [i, y] of input().labels.entries()) {
    const row = Array.from(x.subarray(i * n, (i + 1) * n), (v, j) => [v, j] as const);
    row.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    if (row.slice(0, k).some(([, j]) => j === y)) found++;
  }
  return found / m;
});

const classes = once(() => {
  const r = random(3);
  const labels = Int32Array.from({ length: EXAMPLES }, () => (r() < 0.3 ? 1 : 0));
  return { labels, scores: normals(EXAMPLES, 4).map((v, i) => v + labels[i]!) };
});
/** By ranks of a sorted order; the scores have ties of no consequence. */
function areaByRanks(): number {
  const { scores, labels } = classes();
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let [sum, positives] = [0, 0];
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++;
    for (let i = from; i < to; i++) {
      if (labels[order[i]!] !== 1) continue;
      sum += (from + to + 1) / 2;
      positives++;
    }
    from = to;
  }
  return (sum - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}

const update = once(() => ({ x: normals(UPDATE, 1), t: normals(UPDATE, 2) }));
const distance = once(() => Math.sqrt(update().x.reduce((s, v, i) => s + (v - update().t[i]!) ** 2, 0) / UPDATE));

export default [
  {
    name: "top 5 accuracy",
    shape: `${m}x${n}`,
    bytes: 4 * m * n,
    tolerance: "exact",
    check: (share) => same(share, [hits()]),
    ours: (engine) => {
      const [x, labels] = [engine.tensor("f32", [m, n], logits()), engine.tensor("i32", m, input().labels)];
      return scalar(() => topKAccuracy(x, labels, k));
    },
    plain: () => {
      const [x, { labels }] = [logits(), input()];
      return scalar(() => {
        let found = 0;
        for (let i = 0; i < m; i++) {
          const y = labels[i]!;
          const mark = x[i * n + y]!;
          let before = 0;
          for (let j = 0; j < n; j++) if (x[i * n + j]! > mark || (x[i * n + j]! === mark && j < y)) before++;
          if (before < k) found++;
        }
        return found / m;
      });
    },
    tfjs: (tf) => {
      const x = tf.tensor2d(logits(), [m, n]);
      return scalar(() => {
        const best = tf.tidy(() => tf.topk(x, k).indices.dataSync());
        let found = 0;
        for (const [i, y] of input().labels.entries()) if (best.subarray(i * k, (i + 1) * k).includes(y)) found++;
        return found / m;
      });
    },
  },
  {
    name: "area under the curve",
    shape: count(EXAMPLES),
    bytes: 8 * EXAMPLES,
    tolerance: "1e-12",
    check: (area) => worst(area, [areaByRanks()], 1e-12),
    ours: (engine) => {
      const [scores, labels] = [engine.copy(classes().scores), engine.tensor("i32", EXAMPLES, classes().labels)];
      return scalar(() => auc(scores, labels));
    },
    plain: () => scalar(areaByRanks),
  },
  {
    name: "root mean squared error",
    shape: count(UPDATE),
    bytes: 8 * UPDATE,
    tolerance: "512 u: a sum in f32 is allowed",
    check: (d) => worst(d, [distance()], 512 * U32 * distance()),
    ours: (engine) => {
      const [x, t] = [engine.copy(update().x), engine.copy(update().t)];
      return scalar(() => rmse(x, t));
    },
    plain: () => {
      const { x, t } = update();
      return scalar(() => {
        let s = 0;
        for (let i = 0; i < x.length; i++) s += (x[i]! - t[i]!) ** 2;
        return Math.sqrt(s / x.length);
      });
    },
    tfjs: (tf) => {
      const [x, t] = [tf.tensor1d(update().x), tf.tensor1d(update().t)];
      return tfCase(() => tf.squaredDifference(x, t).mean().sqrt());
    },
    jax: ({ numpy: np }) => jaxCase((x, t) => np.sqrt(np.square(x.sub(t)).mean()), jaxArray(update().x), jaxArray(update().t)),
  },
] satisfies Benchmark[];
