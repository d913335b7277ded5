// The naive twin of local training: a float64 multilayer perceptron, layer by layer, and beside every number a bound on what
// float32 arithmetic in any order of summation may make of it. Bounds are first order with a margin: see `sum`.

export interface TwinLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly relu: boolean;
}
/** A number and a bound on the error of its f32 counterpart. */
interface Bounded {
  readonly value: Float64Array;
  readonly error: Float64Array;
}
export interface Rule {
  readonly learningRate: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
}

const EPS = 2 ** -24;
const zeros = (n: number): Bounded => ({ value: new Float64Array(n), error: new Float64Array(n) });

export const parameters = (layers: readonly TwinLayer[]): number => layers.reduce((n, l) => n + (l.inputs + 1) * l.outputs, 0);

/** sum_k a_k b_k + c with K terms: K + 4 roundings each relative to the sum of magnitudes, and the errors of the factors. */
function sum(K: number, a: (k: number) => [number, number], b: (k: number) => [number, number], c: number): [number, number] {
  let [value, size, error] = [c, Math.abs(c), 0];
  for (let k = 0; k < K; k++) {
    const [x, ex] = a(k);
    const [y, ey] = b(k);
    value += x * y;
    size += Math.abs(x * y);
    error += ex * Math.abs(y) + Math.abs(x) * ey + ex * ey;
  }
  return [value, error + (K + 4) * EPS * size];
}

/** Outputs of every layer for the rows of x [m, inputs]; the last are the logits. */
function outputs(layers: readonly TwinLayer[], w: ArrayLike<number>, x: Bounded, m: number): Bounded[] {
  const all = [x];
  let at = 0;
  for (const { inputs: k, outputs: n, relu } of layers) {
    const [kernel, bias, from, to] = [at, at + k * n, all.at(-1)!, zeros(m * n)];
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        const [z, e] = sum(
          k,
          (p) => [from.value[i * k + p]!, from.error[i * k + p]!],
          (p) => [w[kernel + p * n + j]!, 0],
          w[bias + j]!,
        );
        if (relu && Math.abs(z) <= e) throw new RangeError("twin: a unit at its kink; choose other data");
        to.value[i * n + j] = relu ? Math.max(0, z) : z;
        to.error[i * n + j] = relu && z < 0 ? 0 : e;
      }
    all.push(to);
    at += (k + 1) * n;
  }
  return all;
}

function take(x: ArrayLike<number>, inputs: number, rows: ArrayLike<number>): Bounded {
  const value = Float64Array.from({ length: rows.length * inputs }, (_, i) => x[rows[Math.floor(i / inputs)]! * inputs + (i % inputs)]!);
  return { value, error: new Float64Array(value.length) };
}

/** Logits of the rows, with bounds. */
export function logits(layers: readonly TwinLayer[], w: ArrayLike<number>, x: ArrayLike<number>, rows: ArrayLike<number>): Bounded {
  return outputs(layers, w, take(x, layers[0]!.inputs, rows), rows.length).at(-1)!;
}

/** Mean cross-entropy of the rows and its gradient, with bounds on the gradient. */
export function lossAndGradient(
  layers: readonly TwinLayer[],
  w: ArrayLike<number>,
  x: ArrayLike<number>,
  labels: ArrayLike<number>,
  rows: ArrayLike<number>,
): { loss: number; lossError: number; gradient: Bounded; correct: number } {
  const m = rows.length;
  const all = outputs(layers, w, take(x, layers[0]!.inputs, rows), m);
  const last = all.at(-1)!;
  const classes = layers.at(-1)!.outputs;
  let dy = zeros(m * classes);
  let [loss, lossError, correct] = [0, 0, 0];
  for (let i = 0; i < m; i++) {
    const row = last.value.subarray(i * classes, (i + 1) * classes);
    const worst = Math.max(...last.error.subarray(i * classes, (i + 1) * classes));
    const top = Math.max(...row);
    const total = row.reduce((s, z) => s + Math.exp(z - top), 0);
    const label = labels[rows[i]!]!;
    loss += (Math.log(total) + top - row[label]!) / m;
    lossError += (2 * worst) / m;
    if (row.indexOf(top) === label) correct++;
    for (let j = 0; j < classes; j++) {
      const p = Math.exp(row[j]! - top) / total;
      const d = (p - (j === label ? 1 : 0)) / m;
      dy.value[i * classes + j] = d;
      dy.error[i * classes + j] = 2 * EPS * Math.abs(d) + (p * 2 * worst * (1 + worst)) / m;
    }
  }
  const gradient = zeros(parameters(layers));
  let at = gradient.value.length;
  for (let l = layers.length - 1; l >= 0; l--) {
    const { inputs: k, outputs: n, relu } = layers[l]!;
    const [from, to, below] = [all[l]!, all[l + 1]!, zeros(m * k)];
    at -= (k + 1) * n;
    if (relu) for (let i = 0; i < m * n; i++) if (to.value[i]! <= 0) dy.value[i] = dy.error[i] = 0;
    for (let i = 0; i < m; i++)
      for (let p = 0; p < k; p++) {
        const terms = (j: number): [number, number] => [dy.value[i * n + j]!, dy.error[i * n + j]!];
        [below.value[i * k + p], below.error[i * k + p]] = sum(n, terms, (j) => [w[at + p * n + j]!, 0], 0);
      }
    for (let j = 0; j < n; j++) {
      const terms = (i: number): [number, number] => [dy.value[i * n + j]!, dy.error[i * n + j]!];
      for (let p = 0; p < k; p++)
        [gradient.value[at + p * n + j], gradient.error[at + p * n + j]] = sum(m, (i) => [from.value[i * k + p]!, from.error[i * k + p]!], terms, 0);
      [gradient.value[at + k * n + j], gradient.error[at + k * n + j]] = sum(m, () => [1, 0], terms, 0);
    }
    dy = below;
  }
  return { loss, lossError, gradient, correct };
}

/** Local SGD over given batches of rows: w_local - w, with bounds for the first step (later steps carry none). */
export function localUpdate(
  layers: readonly TwinLayer[],
  w: ArrayLike<number>,
  x: ArrayLike<number>,
  labels: ArrayLike<number>,
  batches: readonly ArrayLike<number>[],
  { learningRate: lr, weightDecay: wd = 0, momentum: mu = 0 }: Rule,
): Bounded & { loss: number; lossError: number } {
  const local = Float64Array.from(w);
  const velocity = new Float64Array(local.length);
  const error = new Float64Array(local.length);
  let [loss, lossError, examples] = [0, 0, 0];
  for (const rows of batches) {
    const step = lossAndGradient(layers, local, x, labels, rows);
    loss += step.loss * rows.length;
    lossError += step.lossError * rows.length;
    examples += rows.length;
    for (let i = 0; i < local.length; i++) {
      const g = step.gradient.value[i]!;
      velocity[i] = mu * velocity[i]! + g + wd * local[i]!;
      // Factors lr, lr wd and 1 - lr wd rounded to f32, the products, their sum, and the difference to the old weights.
      error[i] = lr * step.gradient.error[i]! + 8 * EPS * (Math.abs(local[i]!) + lr * (Math.abs(g) + wd * Math.abs(local[i]!)));
      local[i]! -= lr * velocity[i]!;
    }
  }
  return { value: local.map((v, i) => v - w[i]!), error, loss: loss / examples, lossError: lossError / examples + 1e-12 };
}
