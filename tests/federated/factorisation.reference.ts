// The naive twin of federated matrix factorisation with whole-batch steps, in float64: plain loops, maps of rows.

import type { Ratings, Trial } from "fedlane";

export interface Weights {
  /** [users][factors] and [users]; [items][factors] and [items]. */
  readonly p: number[][];
  readonly bu: number[];
  readonly q: number[][];
  readonly bi: number[];
}
export interface Example {
  readonly user: number;
  readonly item: number;
  readonly target: number;
}
export interface Rule {
  readonly epochs: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

export const copy = ({ p, bu, q, bi }: Weights): Weights => ({ p: p.map((row) => [...row]), bu: [...bu], q: q.map((row) => [...row]), bi: [...bi] });

export const score = ({ p, bu, q, bi }: Weights, user: number, item: number): number =>
  p[user]!.reduce((sum, v, j) => sum + v * q[item]![j]!, bu[user]! + bi[item]!);

/** Gradient descent on mean (score - target)^2 over all the examples at once; L2 penalty on the rows that they name. */
export function fit(weights: Weights, examples: readonly Example[], { epochs, learningRate, weightDecay }: Rule): void {
  for (let epoch = 0; epoch < epochs; epoch++) {
    const before = copy(weights);
    const { p, bu, q, bi } = weights;
    const [users, items] = [new Set(examples.map((e) => e.user)), new Set(examples.map((e) => e.item))];
    const decay = 1 - learningRate * weightDecay;
    for (const u of users) [p[u], bu[u]] = [p[u]!.map((v) => decay * v), decay * bu[u]!];
    for (const i of items) [q[i], bi[i]] = [q[i]!.map((v) => decay * v), decay * bi[i]!];
    for (const { user, item, target } of examples) {
      const step = (-learningRate * 2 * (score(before, user, item) - target)) / examples.length;
      p[user] = p[user]!.map((v, j) => v + step * before.q[item]![j]!);
      q[item] = q[item]!.map((v, j) => v + step * before.p[user]![j]!);
      bu[user]! += step;
      bi[item]! += step;
    }
  }
}

/** One round: every client fits from the same items; an item moves by the mean of its changes over the clients that have it. */
export function round(weights: Weights, clients: readonly (readonly Example[])[], rule: Rule): void {
  const changes = new Map<number, number[][]>();
  const start = copy(weights);
  for (const examples of clients) {
    const local = copy(start);
    fit(local, examples, rule);
    for (const { user } of examples) [weights.p[user], weights.bu[user]] = [local.p[user]!, local.bu[user]!];
    for (const item of new Set(examples.map((e) => e.item))) {
      const change = [...local.q[item]!.map((v, j) => v - start.q[item]![j]!), local.bi[item]! - start.bi[item]!];
      changes.set(item, [...(changes.get(item) ?? []), change]);
    }
  }
  for (const [item, all] of changes) {
    const mean = all[0]!.map((_, j) => all.reduce((sum, change) => sum + change[j]!, 0) / all.length);
    weights.q[item] = weights.q[item]!.map((v, j) => v + mean[j]!);
    weights.bi[item]! += mean.at(-1)!;
  }
}

/** The weights of a model with such a layout. */
export function weightsOf(
  layout: readonly { readonly name: string; readonly shape: readonly number[]; readonly offset: number }[],
  flat: Float32Array,
): Weights {
  const table = (name: string): number[][] => {
    const { offset, shape } = layout.find((entry) => entry.name === `${name}/embeddings`)!;
    return Array.from({ length: shape[0]! }, (_, i) => [...flat.subarray(offset + i * shape[1]!, offset + (i + 1) * shape[1]!)]);
  };
  return { p: table("userVector"), bu: table("userBias").flat(), q: table("itemVector"), bi: table("itemBias").flat() };
}

const meanRating = (ratings: Ratings, train: readonly Uint32Array[]): number => {
  const rows = train.flatMap((own) => [...own]);
  return rows.reduce((sum, r) => sum + ratings.rating[r]!, 0) / rows.length;
};

/** Every user's examples for the objective "ratings": ratings less their mean. */
export function examplesOf(ratings: Ratings, train: readonly Uint32Array[]): Example[][] {
  const mean = meanRating(ratings, train);
  return train.map((own, user) => [...own].map((r) => ({ user, item: ratings.item[r]!, target: ratings.rating[r]! - mean })));
}

export const scoresOf = (weights: Weights, { user, item }: Trial): Float64Array => Float64Array.from(user, (u, i) => score(weights, u, item[i]!));

/** The rating that a score stands for: the mean added, within the range of the ratings trained on. */
export function predictor(ratings: Ratings, examples: readonly (readonly Example[])[]): (score: number) => number {
  const rows = examples.flat().map(({ user, item }) => ratings.user.findIndex((u, r) => u === user && ratings.item[r] === item));
  const values = rows.map((r) => ratings.rating[r]!);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return (s) => Math.min(Math.max(...values), Math.max(Math.min(...values), mean + s));
}

/** Mean rating of an item, or of all where nobody rated it. */
export function itemMean(ratings: Ratings, train: readonly Uint32Array[], item: number): number {
  const own = train.flatMap((rows) => [...rows].filter((r) => ratings.item[r] === item).map((r) => ratings.rating[r]!));
  return own.length === 0 ? meanRating(ratings, train) : own.reduce((a, b) => a + b, 0) / own.length;
}
