// Matrix factorisation of ratings for federated training: score(u, i) = p_u . q_i + b_u + b_i.
//
// A client is a user. His p_u and b_u stay with him; the items' q_i and b_i are the server's, and he sends how the rows of the items of his examples
// changed: ids and rows, nothing of the others. Source: Chai et al. 2019 (arXiv:1906.05108), section 3.
import { checkChoice, checkNumber, checkOptions } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { maxAbs } from "../linalg/reduce.ts";
import { subtract } from "../linalg/vector.ts";

import { embeddingBag } from "../nn/embedding.ts";
import type { LayoutEntry } from "../nn/graph.ts";
import { input } from "../nn/input.ts";
import { type LayerNode, node } from "../nn/layers.ts";
import { dotProduct, residual } from "../nn/merge.ts";
import type { Model } from "../nn/model.ts";
import { Trainer } from "../nn/trainer.ts";
import { createOptimizer, type Optimizer } from "../optim/optimizer.ts";
import { checkSgd } from "../optim/sgd.ts";
import type { RandomStream } from "../random/chacha.ts";
import { createStream } from "../random/key.ts";
import { shuffle } from "../random/permutation.ts";
import { predict } from "./client.ts";
import { drawTrial, type HeldOut, holdOutLatest, judge, type RankingQuality, type Ratings, sampleUnrated, type Trial } from "./ranking.ts";

/**
 * What the scores are trained to be, by squared error. "ratings": the rating itself. "ranking": 1 for an item rated and 0 for one drawn from those
 * not rated, that is, what the user turns to next. The first predicts ratings well and ranks badly, since it never sees an item nobody chose.
 */
export type Objective = "ratings" | "ranking";

export interface FactorisationConfig {
  readonly objective: Objective;
  /** Length of the vectors. */
  readonly factors: number;
  /** Passes over the examples: of a client in a round, or in all where training is central. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** L2 penalty of the rows that a step touches. */
  readonly weightDecay: number;
  /** With the objective "ranking": items not rated for each one rated, drawn anew whenever examples are made. Default 4. */
  readonly negatives?: number;
  /** Decides every random choice. */
  readonly unsafeSeed: number | string;
}
export const FACTORISATION_OPTIONS = ["objective", "factors", "epochs", "batchSize", "learningRate", "weightDecay", "negatives", "unsafeSeed"] as const;

/** @internal */
export function checkFactorisation(op: string, config: FactorisationConfig): void {
  checkChoice(op, "objective", config.objective, ["ratings", "ranking"]);
  for (const name of ["factors", "epochs", "batchSize"] as const) checkNumber(op, name, config[name], { min: 1, integer: true });
  checkNumber(op, "negatives", config.negatives ?? 4, { min: 1, integer: true });
  checkSgd(op, { learningRate: config.learningRate, weightDecay: config.weightDecay });
}

/** Items whose vectors and biases changed, and by how much: one tensor [rows, width] for each shared table. */
export interface RowUpdate {
  readonly rows: Tensor<"u32">;
  readonly deltas: readonly Tensor<"f32">[];
}

/** Who, what, and the score wanted. */
interface Examples {
  readonly x: { readonly user: Tensor<"u32">; readonly item: Tensor<"u32"> };
  readonly targets: Tensor<"f32">;
}

const OTHERS = 99;
const START = { initialiser: { uniform: 0.1 } } as const;
const ZEROS = { initialiser: "zeros" } as const;

function towers(users: number, items: number, factors: number): LayerNode[] {
  return [
    node(input([1], "u32"), { name: "user" }),
    node(input([1], "u32"), { name: "item" }),
    node(embeddingBag(users, factors, START), { name: "userVector", from: "user" }),
    node(embeddingBag(items, factors, START), { name: "itemVector", from: "item" }),
    node(dotProduct(), { name: "match", from: ["userVector", "itemVector"] }),
    node(embeddingBag(users, 1, ZEROS), { name: "userBias", from: "user" }),
    node(embeddingBag(items, 1, ZEROS), { name: "itemBias", from: "item" }),
    node(residual(), { name: "score", from: ["match", "userBias", "itemBias"] }),
  ];
}

/** What everybody who judges scores on these ratings needs: the split, and the trial that the seed decides. */
export async function holdOut(engine: Engine, ratings: Ratings, unsafeSeed: number | string): Promise<{ split: HeldOut; trial: Trial }> {
  const split = holdOutLatest(ratings);
  return { split, trial: drawTrial(engine, ratings, split, OTHERS, await createStream({ purpose: "evaluation", unsafeSeed })) };
}

/** @internal A factorisation in training. Made by {@link createFactorisation}; dispose of it when done. */
export class Factorisation {
  readonly engine: Engine;
  readonly model: Model;
  /**
   * Shared tables, and the users' rows side by side. A step of a client reads and writes his own of them and no other, since the gradient of an
   * embedding is sparse: the table of users stands for as many devices.
   */
  readonly weights: Tensor<"f32">;
  /** The tables of items. */
  readonly shared: readonly LayoutEntry[];
  readonly #ratings: Ratings;
  readonly #config: FactorisationConfig;
  readonly #split: HeldOut;
  readonly #trial: Trial;
  readonly #streams: { readonly shuffle: RandomStream; readonly negatives: RandomStream };
  readonly #optimizer: Optimizer;
  readonly #trainer: Trainer;
  /** Of the ratings trained on. */
  readonly #mean: number;
  readonly #range: readonly [low: number, high: number];

  constructor(
    engine: Engine,
    ratings: Ratings,
    config: FactorisationConfig,
    { split, trial }: { readonly split: HeldOut; readonly trial: Trial },
    streams: { readonly initialise: RandomStream; readonly shuffle: RandomStream; readonly negatives: RandomStream },
  ) {
    this.engine = engine;
    this.model = engine.model(towers(ratings.users, ratings.items, config.factors), { loss: "meanSquaredError" });
    this.shared = this.model.layout.filter(({ name }) => name.startsWith("item"));
    this.#ratings = ratings;
    this.#config = config;
    this.#split = split;
    this.#trial = trial;
    this.#streams = streams;
    const trained = split.train.flatMap((rows) => Array.from(rows, (r) => ratings.rating[r]!));
    this.#mean = trained.reduce((a, b) => a + b, 0) / trained.length;
    this.#range = [trained.reduce((a, b) => Math.min(a, b)), trained.reduce((a, b) => Math.max(a, b))];
    this.weights = this.model.initialise(streams.initialise);
    const { learningRate, weightDecay } = config;
    this.#optimizer = createOptimizer(engine, this.model.size, { type: "sgd", learningRate, weightDecay });
    this.#trainer = new Trainer({ model: this.model, batch: config.batchSize, optimizer: this.#optimizer });
  }

  /**
   * One client trains: his own rows move, and what happened to the items' is taken back and handed over.
   * @param receive gets the update, which lives as long as the call
   * @returns mean loss of his examples, each before its step
   * @throws {@link ParameterError} when training diverged
   */
  update(user: number, round: number, receive: (update: RowUpdate) => void): number {
    return this.engine.scope(() => {
      const examples = this.#examples([user], round);
      const touched = new Set(examples.x.item.view);
      const rows = this.engine.tensor("u32", touched.size, Uint32Array.from(touched));
      const before = this.#take(rows);
      const loss = this.#fit(examples, this.#streams.shuffle.fork(round, user));
      const deltas = this.#take(rows);
      this.shared.forEach(({ shape, offset }, i) => {
        this.engine.kernels.put_rows_f32(rows.size, shape[1]!, rows.address, before[i]!.address, this.weights.address + 4 * offset);
        subtract(deltas[i]!, before[i]!, deltas[i]!);
        if (!Number.isFinite(maxAbs(deltas[i]!)))
          throw new ParameterError(`factorisation: expected finite updates, got one of user ${user} in round ${round} that is not; lower the learning rate`);
      });
      receive({ rows, deltas });
      return loss;
    });
  }

  /** One pass over the examples of all users, in place: training without a federation. */
  pass(epoch: number): number {
    const { users } = this.#ratings;
    return this.engine.scope(() =>
      this.#fit(
        this.#examples(
          Array.from({ length: users }, (_, user) => user),
          epoch,
        ),
        this.#streams.shuffle.fork(epoch, users),
      ),
    );
  }

  /** The scores on what was held out. */
  evaluate(): RankingQuality {
    const { engine } = this;
    const { user, item } = this.#trial;
    const [low, high] = this.#range;
    const clamp = (score: number): number => Math.min(high, Math.max(low, this.#mean + score));
    return engine.scope(() => {
      const n = user.length;
      const scores = predict(this.model, this.weights, { user: engine.tensor("u32", [n, 1], user), item: engine.tensor("u32", [n, 1], item) });
      return judge(this.#trial, scores.view, this.#config.objective === "ratings" ? clamp : undefined);
    });
  }

  /** Examples of some users, in a scope. */
  #examples(users: readonly number[], round: number): Examples {
    const { engine } = this;
    const { objective, negatives = 4 } = this.#config;
    const { item, items, rating } = this.#ratings;
    const who: number[] = [];
    const what: number[] = [];
    const score: number[] = [];
    const add = (u: number, i: number, s: number): void => {
      who.push(u);
      what.push(i);
      score.push(s);
    };
    for (const user of users) {
      const own = this.#split.train[user]!;
      for (const r of own) add(user, item[r]!, objective === "ratings" ? rating[r]! - this.#mean : 1);
      if (objective === "ratings") continue;
      const rated = new Set(Array.from(own, (r) => item[r]!));
      for (const i of sampleUnrated(engine, items, rated, negatives * own.length, this.#streams.negatives.fork(round, user))) add(user, i, 0);
    }
    const n = who.length;
    return { x: { user: engine.tensor("u32", [n, 1], who), item: engine.tensor("u32", [n, 1], what) }, targets: engine.tensor("f32", [n, 1], score) };
  }

  /** Local SGD over the examples, epochs in random order. Returns the mean loss. */
  #fit(examples: Examples, stream: RandomStream): number {
    const { epochs, batchSize } = this.#config;
    const count = examples.targets.size;
    const order = this.engine.tensor(
      "u32",
      count,
      Uint32Array.from({ length: count }, (_, i) => i),
    );
    let loss = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      shuffle(order, stream);
      for (let at = 0; at < count; at += batchSize)
        loss += this.#trainer.step(this.weights.address, examples, order.address + 4 * at, Math.min(batchSize, count - at)).loss;
    }
    return loss / (epochs * count);
  }

  /** Copies of some rows of the shared tables. */
  #take(rows: Tensor<"u32">): Tensor<"f32">[] {
    const { engine } = this;
    return this.shared.map(({ shape, offset }) => {
      const out = engine.tensor("f32", [rows.size, shape[1]!]);
      engine.kernels.take_rows_f32(rows.size, shape[1]!, rows.address, this.weights.address + 4 * offset, out.address);
      return out;
    });
  }

  dispose(): void {
    this.#trainer.dispose();
    this.#optimizer.dispose();
    this.weights.dispose();
  }
}

/** @internal */
export async function createFactorisation(engine: Engine, ratings: Ratings, config: FactorisationConfig): Promise<Factorisation> {
  const stream = (purpose: string) => createStream({ purpose, unsafeSeed: config.unsafeSeed });
  const held = await holdOut(engine, ratings, config.unsafeSeed);
  if (held.split.held.length === 0) throw new ParameterError("factorisation: expected a user with two ratings or more, got none: there is nothing to hold out");
  const streams = { initialise: await stream("initialise"), shuffle: await stream("shuffle"), negatives: await stream("negatives") };
  return new Factorisation(engine, ratings, config, held, streams);
}

/**
 * The factorisation trained in one place by plain SGD over everybody's ratings, to compare a federation with.
 * @param config `epochs`: passes in all
 * @param options signal: stops after the pass in hand
 */
export async function trainFactorisation(
  engine: Engine,
  ratings: Ratings,
  config: FactorisationConfig,
  options: { readonly signal?: AbortSignal; readonly onEpoch?: (epoch: number, quality: RankingQuality) => void } = {},
): Promise<RankingQuality> {
  const op = "trainFactorisation";
  checkOptions(op, options, ["signal", "onEpoch"]);
  checkOptions(op, config, FACTORISATION_OPTIONS);
  checkFactorisation(op, config);
  const { signal, onEpoch } = options;
  const factorisation = await createFactorisation(engine, ratings, { ...config, epochs: 1 });
  try {
    for (let epoch = 1; epoch <= config.epochs && !signal?.aborted; epoch++) {
      factorisation.pass(epoch);
      onEpoch?.(epoch, factorisation.evaluate());
      await new Promise((resolve) => setTimeout(resolve)); // a pass is synchronous: between two a signal may come
    }
    return factorisation.evaluate();
  } finally {
    factorisation.dispose();
  }
}
