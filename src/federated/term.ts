// Local terms over rounds: what a simulated federation keeps for SCAFFOLD and FedDyn, at the clients and at the server.
import { createMean, type Mean } from "../aggregate/mean.ts";
import { checkNumber, checkOptions, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { fedDynClient, fedDynServer, type LocalTerm, scaffoldClient, scaffoldServer } from "../optim/term.ts";
import type { LocalUpdate } from "./client.ts";
import { serverRound } from "./server.ts";

/** A local term as a simulation takes it: the vectors of SCAFFOLD and FedDyn are the simulation's own. */
export type FederatedTerm =
  | { readonly type: "fedprox"; readonly mu: number }
  | { readonly type: "scaffold" }
  | { readonly type: "feddyn"; readonly alpha: number };

/** A term as it travels to a client's task. */
export type TaskTerm =
  | { readonly type: "fedprox"; readonly mu: number }
  | { readonly type: "scaffold"; readonly server: Float32Array; readonly client: Float32Array; readonly learningRate: number }
  | { readonly type: "feddyn"; readonly alpha: number; readonly history: Float32Array };

/** What a client's task gives back for its term. */
export interface TaskState {
  /** The client's own vector after the round: c_i or h_i. It never leaves a real client. */
  readonly own: Float32Array<ArrayBuffer>;
  /** SCAFFOLD: c_i' - c_i, which is sent to the server. */
  readonly change?: Tensor<"f32">;
}

export function checkFederatedTerm(op: string, term: FederatedTerm): void {
  switch (term?.type) {
    case "fedprox":
      checkOptions(op, term, ["type", "mu"]);
      checkNumber(op, "localTerm.mu", term.mu, { min: 0, f32: true });
      break;
    case "scaffold":
      checkOptions(op, term, ["type"]);
      break;
    case "feddyn":
      checkOptions(op, term, ["type", "alpha"]);
      checkNumber(op, "localTerm.alpha", term.alpha, { above: 0, f32: true });
      break;
    default:
      throw new ParameterError(`${op}: expected localTerm of type fedprox, scaffold or feddyn, got ${describe((term as { type?: unknown })?.type ?? term)}`);
  }
}

/** A client's training with its term. Inside an engine.scope: the tensors of the term are freed by it. */
export function trainWithTerm(
  engine: Engine,
  term: TaskTerm | undefined,
  train: (term: LocalTerm | undefined) => LocalUpdate,
): { readonly update: LocalUpdate; readonly state: TaskState | undefined } {
  if (term === undefined || term.type === "fedprox") return { update: train(term), state: undefined };
  if (term.type === "feddyn") {
    const history = engine.copy(term.history);
    const update = train({ type: "feddyn", alpha: term.alpha, history });
    fedDynClient(history, update.delta, term.alpha);
    return { update, state: { own: history.toArray() } };
  }
  const [server, client] = [engine.copy(term.server), engine.copy(term.client)];
  const update = train({ type: "scaffold", server, client });
  const change = engine.tensor("f32", client.size);
  scaffoldClient(client, server, update.delta, { steps: update.steps, learningRate: term.learningRate }, change);
  return { update, state: { own: client.toArray(), change } };
}

/** Server and clients of a federation between rounds. Without a term, and with FedProx, it keeps nothing. */
export class TermState {
  readonly #term: FederatedTerm | undefined;
  readonly #clients: number;
  readonly #learningRate: number;
  readonly #size: number;
  /** c or h. */
  readonly #server: Tensor<"f32"> | undefined;
  readonly #changes: Mean | undefined;
  /** c_i or h_i by client; absent: zeros. */
  readonly #own = new Map<number, Float32Array>();

  constructor(engine: Engine, size: number, clients: number, term: FederatedTerm | undefined, learningRate: number) {
    this.#term = term;
    this.#clients = clients;
    this.#learningRate = learningRate;
    this.#size = size;
    if (term !== undefined && term.type !== "fedprox") this.#server = engine.tensor("f32", size);
    if (term?.type === "scaffold") this.#changes = createMean(engine, size);
  }

  /** SCAFFOLD and FedDyn average their clients without weights. */
  get equalWeights(): boolean {
    return this.#server !== undefined;
  }
  /** Numbers sent to each client besides the weights. */
  get extraDown(): number {
    return this.#changes ? this.#size : 0;
  }
  /** The mean of the round's control variate changes. */
  get changes(): Mean | undefined {
    return this.#changes;
  }

  beginRound(): void {
    this.#changes?.reset();
  }

  task(client: number): TaskTerm | undefined {
    const term = this.#term;
    if (term === undefined || term.type === "fedprox") return term;
    const own = this.#own.get(client) ?? new Float32Array(this.#size);
    if (term.type === "feddyn") return { ...term, history: own };
    return { type: "scaffold", server: this.#server!.toArray(), client: own, learningRate: this.#learningRate };
  }

  /** The server's step of the round, when every update is in. */
  endRound(weights: Tensor<"f32">, mean: Mean, own: readonly (readonly [client: number, state: Float32Array])[], serverLearningRate: number): void {
    const sampled = own.length;
    if (this.#server === undefined || sampled === 0) {
      serverRound(weights, mean, { serverLearningRate });
      return;
    }
    for (const [client, state] of own) this.#own.set(client, state);
    const { engine, size } = weights;
    engine.scope(() => {
      const average = mean.result(engine.tensor("f32", size));
      if (this.#term?.type === "feddyn") {
        fedDynServer(weights, this.#server!, average, { alpha: this.#term.alpha, sampled, clients: this.#clients });
      } else {
        serverRound(weights, mean, { serverLearningRate });
        scaffoldServer(this.#server!, this.#changes!.result(average), { sampled, clients: this.#clients });
      }
    });
  }
}
