// Federated matrix factorisation on one machine: every user is a client.
//
// The server adds to an item's row the mean of the changes by the clients that touched it, and leaves the others as they are (FedSubAvg: Ding et al. 2022,
// arXiv:2109.07704). Under the mean over all clients of a round an item that few rate would hardly move.
//
// What this does not do: the ids of an update say which items its client rated (with the objective "ranking", within those drawn at random), and the
// rows say more. Hiding both is the work of secure aggregation. Nothing here is private.
import { checkNumber, checkOptions } from "../engine/check.ts";
import { createEngine } from "../engine/create.ts";
import type { Build, Engine, Numerics } from "../engine/engine.ts";
import type { Tensor } from "../engine/tensor.ts";
import { takeRows, updateRows } from "../nn/rows.ts";
import { scaleRows } from "../privacy/per_example.ts";
import type { RandomStream } from "../random/chacha.ts";
import { createStream } from "../random/key.ts";
import {
  checkFactorisation,
  createFactorisation,
  FACTORISATION_OPTIONS,
  type Factorisation,
  type FactorisationConfig,
  type RowUpdate,
} from "./factorisation.ts";
import { sampleClients } from "./partition.ts";
import type { RankingQuality, Ratings } from "./ranking.ts";

export interface RecommendationConfig extends FactorisationConfig {
  /** Share of the users in a round (C), in (0, 1]; at least one. */
  readonly clientFraction: number;
  readonly rounds: number;
}

/** One round, with what the scores are worth after it. */
export interface RecommendationReport extends RankingQuality {
  /** From 1. */
  readonly round: number;
  /** Mean of the clients' losses, each before its steps. */
  readonly trainLoss: number;
  readonly clients: number;
  /** Bytes of the updates: 4 an id and 4 a number of its row. */
  readonly bytesUp: number;
  /** Bytes of the tables of items, sent whole to every client of the round: asking for rows would tell which. */
  readonly bytesDown: number;
  readonly totalBytesUp: number;
  readonly totalBytesDown: number;
  readonly milliseconds: number;
}

export interface RecommendationOptions {
  /** Stops after the round in hand: the result holds the rounds completed and says "aborted". */
  readonly signal?: AbortSignal;
  readonly onRound?: (report: RecommendationReport) => void;
  readonly build?: Build;
  readonly numerics?: Numerics;
}

export interface RecommendationResult {
  readonly rounds: readonly RecommendationReport[];
  readonly reason: "rounds" | "aborted";
  readonly build: Build;
  /** False: every key of a simulation comes from its seed, so nothing in here is a private release. */
  readonly private: false;
}

/**
 * Federated matrix factorisation; the latest rating of every user is held out, and ranked among 99 items that the user never rated.
 * @throws {@link ParameterError} for bad ratings or a bad configuration, and when training diverges
 */
export async function simulateRecommendation(
  ratings: Ratings,
  config: RecommendationConfig,
  options: RecommendationOptions = {},
): Promise<RecommendationResult> {
  const op = "simulateRecommendation";
  checkOptions(op, options, ["signal", "onRound", "build", "numerics"]);
  checkOptions(op, config, [...FACTORISATION_OPTIONS, "clientFraction", "rounds"]);
  checkFactorisation(op, config);
  checkNumber(op, "clientFraction", config.clientFraction, { above: 0, max: 1 });
  checkNumber(op, "rounds", config.rounds, { min: 1, integer: true });
  const { signal, onRound, build, numerics } = options;
  const engine = await createEngine({ ...(build ? { build } : {}), ...(numerics ? { numerics } : {}) });
  const sample = await createStream({ purpose: "sample", unsafeSeed: config.unsafeSeed });
  const factorisation = await createFactorisation(engine, ratings, config);
  const clients = Math.max(1, Math.round(config.clientFraction * ratings.users));
  const rounds: RecommendationReport[] = [];
  try {
    while (rounds.length < config.rounds && !signal?.aborted) {
      const report = runRound(factorisation, ratings.users, clients, sample, rounds.at(-1));
      rounds.push(report);
      onRound?.(report);
      await new Promise((resolve) => setTimeout(resolve)); // a round is synchronous: between two a signal may come
    }
    return { rounds, reason: rounds.length < config.rounds ? "aborted" : "rounds", build: engine.build, private: false };
  } finally {
    factorisation.dispose();
  }
}

function runRound(
  factorisation: Factorisation,
  users: number,
  clients: number,
  sample: RandomStream,
  before: RecommendationReport | undefined,
): RecommendationReport {
  const { engine, shared, weights } = factorisation;
  const start = performance.now();
  const round = (before?.round ?? 0) + 1;
  let [bytesUp, loss] = [0, 0];
  const width = shared.reduce((sum, { shape }) => sum + shape[1]!, 0);
  engine.scope(() => {
    const mean = new RowMean(factorisation);
    for (const user of sampleClients(engine, users, clients, sample.fork(round, 0))) {
      loss += factorisation.update(user, round, (update) => {
        mean.add(update);
        bytesUp += 4 * update.rows.size * (1 + width);
      });
    }
    mean.addTo(weights);
  });
  const bytesDown = clients * 4 * shared.reduce((sum, { size }) => sum + size, 0);
  return {
    round,
    ...factorisation.evaluate(),
    trainLoss: loss / clients,
    clients,
    bytesUp,
    bytesDown,
    totalBytesUp: (before?.totalBytesUp ?? 0) + bytesUp,
    totalBytesDown: (before?.totalBytesDown ?? 0) + bytesDown,
    milliseconds: performance.now() - start,
  };
}

/** Mean of every row over the updates that have it. Lives in the scope it is made in. */
class RowMean {
  readonly #engine: Engine;
  readonly #shared: Factorisation["shared"];
  readonly #sums: readonly Tensor<"f32">[];
  readonly #counts: Uint32Array;

  constructor({ engine, shared }: Factorisation) {
    this.#engine = engine;
    this.#shared = shared;
    this.#sums = shared.map(({ shape }) => engine.tensor("f32", shape));
    this.#counts = new Uint32Array(shared[0]!.shape[0]!);
  }

  add({ rows, deltas }: RowUpdate): void {
    deltas.forEach((delta, i) => void updateRows(delta, rows, this.#sums[i]!));
    for (const row of rows.view) this.#counts[row]!++;
  }

  /** Adds the means to the tables in a flat vector. */
  addTo(weights: Tensor<"f32">): void {
    const touched = Uint32Array.from(this.#counts.keys()).filter((row) => this.#counts[row]! > 0);
    const rows = this.#engine.tensor("u32", touched.length, touched);
    const shares = this.#engine.tensor(
      "f32",
      touched.length,
      Float32Array.from(touched, (row) => 1 / this.#counts[row]!),
    );
    this.#shared.forEach(({ shape, offset }, i) => {
      const values = takeRows(this.#sums[i]!, rows, this.#engine.tensor("f32", [rows.size, shape[1]!]));
      scaleRows(values, shares);
      this.#engine.kernels.update_rows_f32(rows.size, shape[1]!, 1, 1, rows.address, values.address, weights.address + 4 * offset);
    });
  }
}
