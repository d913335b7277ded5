// The naive twin: whole orders and all pairs.
type Numbers = ArrayLike<number>;

/** Rows without NaN whose label stands among the first k when the row is ordered from large to small, equals by their index. */
export function topK(n: number, k: number, x: Numbers, labels: Numbers): number {
  let hits = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = Array.from({ length: n }, (_, j) => x[i * n + j]!);
    const order = row.map((_, j) => j).sort((a, b) => row[b]! - row[a]! || a - b);
    if (!row.some(Number.isNaN) && order.indexOf(labels[i]!) < k) hits++;
  }
  return hits;
}

/** Share of pairs (positive, negative) that are in the right order, ties half. */
export function auc(scores: Numbers, labels: Numbers): number {
  let [won, pairs] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    for (let j = 0; j < labels.length; j++) {
      if (labels[i] !== 1 || labels[j] !== 0) continue;
      pairs++;
      won += scores[i]! > scores[j]! ? 1 : scores[i]! === scores[j]! ? 0.5 : 0;
    }
  }
  return won / pairs;
}

export function squaredError(x: Numbers, t: Numbers): number {
  return Array.from(x).reduce((s, v, i) => s + (v - t[i]!) ** 2, 0);
}
