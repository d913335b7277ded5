// Evaluation of recommenders: hold the latest rating of every user out, rank it among items the user never rated.
import { checkNumber, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { RandomStream } from "../random/chacha.ts";
import { permutation } from "../random/permutation.ts";

/** Ratings as columns: rating r is one of user[r] for item[r]. Users and items are indices from 0. */
export interface Ratings {
  readonly users: number;
  readonly items: number;
  readonly user: Uint32Array;
  readonly item: Uint32Array;
  readonly rating: Float32Array;
  /** When it was given, in any unit. */
  readonly time: Float64Array;
}

/** Ratings as row numbers: those to train on, user by user, and the one that each user holds out. */
export interface HeldOut {
  readonly train: readonly Uint32Array[];
  /** Rows held out, at most one a user, by rising user. */
  readonly held: Uint32Array;
}

/** @internal Columns of one length, indices in range, ratings and times finite, no item rated twice by a user. */
export function checkRatings(op: string, ratings: Ratings): void {
  const { users, items, user, item, rating, time } = ratings;
  checkNumber(op, "ratings.users", users, { min: 1, max: 2 ** 31, integer: true });
  checkNumber(op, "ratings.items", items, { min: 1, max: 2 ** 31, integer: true });
  const columns = { user, item, rating, time };
  const types = { user: Uint32Array, item: Uint32Array, rating: Float32Array, time: Float64Array };
  for (const name of ["user", "item", "rating", "time"] as const) {
    const column = columns[name];
    if (!(column instanceof types[name])) throw new ParameterError(`${op}: expected ratings.${name} to be a ${types[name].name}, got ${describe(column)}`);
    if (column.length !== user.length)
      throw new ParameterError(`${op}: expected ratings.${name} to hold ${user.length} values as ratings.user, got ${column.length}`);
  }
  const seen = new Set<number>();
  for (let r = 0; r < user.length; r++) {
    if (user[r]! >= users) throw new ParameterError(`${op}: expected users below ${users}, got ${user[r]} at rating ${r}`);
    if (item[r]! >= items) throw new ParameterError(`${op}: expected items below ${items}, got ${item[r]} at rating ${r}`);
    if (!Number.isFinite(rating[r])) throw new ParameterError(`${op}: expected finite ratings, got ${rating[r]} at rating ${r}`);
    if (!Number.isFinite(time[r])) throw new ParameterError(`${op}: expected finite times, got ${time[r]} at rating ${r}`);
    const pair = user[r]! * items + item[r]!;
    if (seen.has(pair)) throw new ParameterError(`${op}: expected one rating of an item by a user, got a second of item ${item[r]} by user ${user[r]}`);
    seen.add(pair);
  }
}

/**
 * Leave-latest-out: of each user's ratings the latest is held out; of equal times, the one of the largest item index, whatever the order of the rows.
 * A user of one rating keeps it for training and holds none out.
 */
export function holdOutLatest(ratings: Ratings): HeldOut {
  checkRatings("holdOutLatest", ratings);
  const { users, user, item, time } = ratings;
  const rows = Array.from({ length: users }, (): number[] => []);
  for (let r = 0; r < user.length; r++) rows[user[r]!]!.push(r);
  const held: number[] = [];
  const train = rows.map((own) => {
    if (own.length < 2) return Uint32Array.from(own);
    const latest = own.reduce((a, b) => ((time[b]! - time[a]! || item[b]! - item[a]!) > 0 ? b : a));
    held.push(latest);
    return Uint32Array.from(own.filter((r) => r !== latest));
  });
  return { train, held: Uint32Array.from(held) };
}

/**
 * Items drawn without replacement from those not rated, every set equally likely.
 * @param rated items to leave out
 * @param count how many; fewer come where fewer are left
 */
export function sampleUnrated(engine: Engine, items: number, rated: ReadonlySet<number>, count: number, stream: RandomStream): Uint32Array {
  const op = "sampleUnrated";
  checkNumber(op, "items", items, { min: 1, integer: true });
  checkNumber(op, "count", count, { min: 0, integer: true });
  const order = engine.tensorOutsideScopes("u32", items);
  try {
    const view = permutation(order, stream).view;
    const drawn = new Uint32Array(Math.min(count, items));
    let n = 0;
    for (let i = 0; i < items && n < drawn.length; i++) if (!rated.has(view[i]!)) drawn[n++] = view[i]!;
    return drawn.slice(0, n);
  } finally {
    order.dispose();
  }
}

/** Items to rank: for held-out rating h those from `from[h]` to `from[h + 1]`, the item held out first, the others never rated by its user. */
export interface Trial {
  readonly user: Uint32Array;
  readonly item: Uint32Array;
  readonly from: Uint32Array;
  /** The ratings held out. */
  readonly rating: Float32Array;
}

/** The trial of all held-out ratings: each among `others` items drawn from those its user never rated, by the user's own fork of the stream. */
export function drawTrial(engine: Engine, ratings: Ratings, { train, held }: HeldOut, others: number, stream: RandomStream): Trial {
  const from = new Uint32Array(held.length + 1);
  const lists = Array.from(held, (row, h) => {
    const user = ratings.user[row]!;
    const rated = new Set(Array.from(train[user]!, (r) => ratings.item[r]!)).add(ratings.item[row]!);
    const unrated = sampleUnrated(engine, ratings.items, rated, others, stream.fork(0, user));
    from[h + 1] = from[h]! + 1 + unrated.length;
    return { user, items: [ratings.item[row]!, ...unrated] };
  });
  return {
    user: Uint32Array.from(lists.flatMap(({ user, items }) => items.map(() => user))),
    item: Uint32Array.from(lists.flatMap(({ items }) => items)),
    from,
    rating: Float32Array.from(held, (row) => ratings.rating[row]!),
  };
}

/** How good scores are, on the ratings held out. NaN where nothing is. */
export interface RankingQuality {
  /** Root mean squared error of the predicted ratings; NaN for scores that predict none. */
  readonly rmse: number;
  /** HR@10: share of held-out items that are among the first 10 of their list. */
  readonly hitRate: number;
  /** NDCG@10: mean of 1 / log2(rank + 2) where the item is among the first 10, rank from 0, else 0. */
  readonly ndcg: number;
}

/**
 * @param scores of the trial's items, in its order
 * @param predict rating that a score stands for; absent where scores are no ratings
 */
export function judge(trial: Trial, scores: ArrayLike<number>, predict?: (score: number) => number): RankingQuality {
  const { from, rating } = trial;
  let squares = 0;
  const ranks = Array.from(rating, (truth, h) => {
    const own = scores[from[h]!]!;
    if (predict) squares += (predict(own) - truth) ** 2;
    return rankAmong(own, Array.prototype.slice.call(scores, from[h]! + 1, from[h + 1]!));
  });
  return { rmse: predict ? Math.sqrt(squares / rating.length) : Number.NaN, hitRate: hitRate(ranks, 10), ndcg: ndcg(ranks, 10) };
}

/** Times every item was rated in training: the score that needs no ratings. */
export function popularity({ items, item }: Ratings, { train }: HeldOut): Float64Array {
  const counts = new Float64Array(items);
  for (const rows of train) for (const r of rows) counts[item[r]!]!++;
  return counts;
}

/** Mean rating of every item in training; of one that nobody rated, the mean of all ratings. */
export function itemMeans(ratings: Ratings, split: HeldOut): Float64Array {
  const counts = popularity(ratings, split);
  const sums = new Float64Array(ratings.items);
  for (const rows of split.train) for (const r of rows) sums[ratings.item[r]!]! += ratings.rating[r]!;
  const mean = sums.reduce((a, b) => a + b, 0) / counts.reduce((a, b) => a + b, 0);
  return sums.map((sum, i) => (counts[i]! > 0 ? sum / counts[i]! : mean));
}

/**
 * Place of an item among others, from 0: how many are not scored strictly lower. Ties count against the item, and so does NaN on either side,
 * so a scorer that says the same of everything ranks every item last, not first.
 */
export function rankAmong(score: number, others: ArrayLike<number>): number {
  let rank = 0;
  for (let i = 0; i < others.length; i++) if (!(others[i]! < score)) rank++;
  return rank;
}

/** Share of ranks (from 0) among the first k: HR@k. NaN for no ranks. */
export function hitRate(ranks: ArrayLike<number>, k: number): number {
  return meanOf(ranks, (rank) => (rank < k ? 1 : 0));
}

/** Mean of 1 / log2(rank + 2) for ranks (from 0) among the first k, else 0: NDCG@k with one relevant item. NaN for no ranks. */
export function ndcg(ranks: ArrayLike<number>, k: number): number {
  return meanOf(ranks, (rank) => (rank < k ? 1 / Math.log2(rank + 2) : 0));
}

function meanOf(ranks: ArrayLike<number>, gain: (rank: number) => number): number {
  let sum = 0;
  for (let i = 0; i < ranks.length; i++) sum += gain(ranks[i]!);
  return sum / ranks.length;
}
