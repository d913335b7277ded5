// The naive twin: float64, one term after the other. Each loss is the sum over rows of the mean over the row's outputs.
type Numbers = ArrayLike<number>;

const total = (n: number, terms: readonly number[]): number => terms.reduce((a, b) => a + b, 0) / n;
const pairs = (x: Numbers, t: Numbers): [number, number][] => Array.from({ length: x.length }, (_, i) => [x[i]!, t[i]!]);

export interface Twin {
  loss(n: number, x: Numbers, targets: Numbers): number;
  /** alpha times the gradient of the loss. */
  gradient(n: number, alpha: number, x: Numbers, targets: Numbers): Float64Array;
}

/** -log sigmoid(z) */
const softplus = (z: number): number => Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
/** sigmoid(-z), of which nothing is lost at either end */
const rejected = (z: number): number => (z >= 0 ? Math.exp(-z) / (1 + Math.exp(-z)) : 1 / (1 + Math.exp(z)));

/** -t log sigmoid(x) - (1 - t) log sigmoid(-x); gradient sigmoid(x) - t = (1 - t) sigmoid(x) - t sigmoid(-x) */
export const binaryCrossEntropy: Twin = {
  loss: (n, x, targets) =>
    total(
      n,
      pairs(x, targets).map(([z, t]) => t * softplus(z) + (1 - t) * softplus(-z)),
    ),
  gradient: (n, alpha, x, targets) => Float64Array.from(pairs(x, targets), ([z, t]) => (alpha / n) * ((1 - t) * rejected(-z) - t * rejected(z))),
};

/** (x - t)^2 */
export const meanSquaredError: Twin = {
  loss: (n, x, targets) =>
    total(
      n,
      pairs(x, targets).map(([v, t]) => (v - t) ** 2),
    ),
  gradient: (n, alpha, x, targets) => Float64Array.from(pairs(x, targets), ([v, t]) => (2 * alpha * (v - t)) / n),
};

/** e^2/2 within delta, else delta |e| - delta^2/2 */
export const huber = (delta: number): Twin => ({
  loss: (n, x, targets) =>
    total(
      n,
      pairs(x, targets).map(([v, t]) => {
        const e = Math.abs(v - t);
        return e <= delta ? e ** 2 / 2 : delta * (e - delta / 2);
      }),
    ),
  gradient: (n, alpha, x, targets) =>
    Float64Array.from(pairs(x, targets), ([v, t]) => (alpha / n) * (Math.abs(v - t) <= delta ? v - t : delta * Math.sign(v - t))),
});

/** Rows [positive, negatives...]: mean of -log sigmoid(positive - negative). Targets are not looked at. */
export const bpr: Twin = {
  loss: (n, x) => {
    const terms: number[] = [];
    for (let i = 0; i < x.length; i += n) for (let j = 1; j < n; j++) terms.push(softplus(x[i]! - x[i + j]!));
    return total(n - 1, terms);
  },
  gradient: (n, alpha, x) => {
    const g = new Float64Array(x.length);
    for (let i = 0; i < x.length; i += n) {
      for (let j = 1; j < n; j++) {
        g[i + j] = (alpha / (n - 1)) * rejected(x[i]! - x[i + j]!);
        g[i]! -= g[i + j]!;
      }
    }
    return g;
  },
};
