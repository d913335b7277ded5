// Local terms: what federated algorithms add to a client's gradient, and the rules that follow a round.
// Every term is mu (w - w0) + c; the optimizer kernels add it in their one pass. Here delta = w_local - w_global, as everywhere in fedlane.
import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { DisposedError, ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { add, axpy, scale, subtract } from "../linalg/vector.ts";

type F32 = Tensor<"f32">;

/** A term of the local objective. Tensors are as long as the weights. */
export type LocalTerm =
  /** + mu/2 |w - w_global|^2. Li et al. 2018 (arXiv:1812.06127). */
  | { readonly type: "fedprox"; readonly mu: number }
  /** + <c - c_i, w> with control variates of the server, c, and of this client, c_i; both start at 0. Karimireddy et al. 2019 (arXiv:1910.06378). */
  | { readonly type: "scaffold"; readonly server: F32; readonly client: F32 }
  /** - <h_i, w> + alpha/2 |w - w_global|^2 with this client's history h_i, which starts at 0. Acar et al. 2021 (arXiv:2111.04263). */
  | { readonly type: "feddyn"; readonly alpha: number; readonly history: F32 };

/**
 * Refuses a bad term.
 * @param size parameters of the model
 * @throws {@link ParameterError}, {@link ShapeError}, {@link DTypeError}
 */
export function checkTerm(op: string, term: LocalTerm, size: number): void {
  switch (term?.type) {
    case "fedprox":
      checkOptions(op, term, ["type", "mu"]);
      checkNumber(op, "mu", term.mu, { min: 0, f32: true });
      break;
    case "scaffold":
      checkOptions(op, term, ["type", "server", "client"]);
      checkTensor(op, "server", term.server, "f32", { size });
      checkTensor(op, "client", term.client, "f32", { size });
      break;
    case "feddyn":
      checkOptions(op, term, ["type", "alpha", "history"]);
      checkNumber(op, "alpha", term.alpha, { above: 0, f32: true });
      checkTensor(op, "history", term.history, "f32", { size });
      break;
    default:
      throw new ParameterError(`${op}: expected a term of type fedprox, scaffold or feddyn, got ${describe((term as { type?: unknown })?.type ?? term)}`, {
        argument: "term",
      });
  }
}

/** mu (w - w0) + c as the kernels take it: byte addresses, 0 where absent. */
export interface TermAddresses {
  readonly mu: number;
  readonly w0: number;
  readonly c: number;
}
/** @internal */
export const NO_TERM: TermAddresses = Object.freeze({ mu: 0, w0: 0, c: 0 });

/** A term made ready for a client's training: mu (w - w0) + c. Made by {@link bindTerm}; dispose of it after training. */
export class BoundTerm {
  readonly mu: number;
  /** The global weights; absent where mu is 0. Not owned. */
  readonly w0: F32 | undefined;
  /** Owned. */
  readonly c: F32 | undefined;
  #disposed = false;

  /** @internal Use bindTerm(). */
  constructor(mu: number, w0: F32 | undefined, c: F32 | undefined) {
    this.mu = mu;
    this.w0 = w0;
    this.c = c;
  }

  /** @throws {@link DisposedError} after dispose(), or when the global weights were disposed */
  get addresses(): TermAddresses {
    if (this.#disposed) throw new DisposedError("term: expected a live term, got one that was disposed");
    return { mu: this.mu, w0: this.w0?.address ?? 0, c: this.c?.address ?? 0 };
  }

  /** Frees c. */
  dispose(): void {
    this.#disposed = true;
    this.c?.dispose({ wipe: true });
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @internal The addresses of a term, or of none, for a kernel that writes `outputs`, which are as long as the weights. */
export function addressesOf(op: string, term: BoundTerm | undefined, outputs: Readonly<Record<string, F32>>): TermAddresses {
  if (term === undefined) return NO_TERM;
  if (!(term instanceof BoundTerm)) throw new ParameterError(`${op}: expected a term made by bindTerm(), got ${describe(term)}`, { argument: "term" });
  const { addresses } = term;
  const inputs: Record<string, F32> = { ...(term.w0 && { "term.w0": term.w0 }), ...(term.c && { "term.c": term.c }) };
  const size = Object.values(outputs)[0]!.size;
  for (const [name, tensor] of Object.entries(inputs)) checkTensor(op, name, tensor, "f32", { size });
  checkSameEngine(op, { ...outputs, ...inputs });
  for (const [name, output] of Object.entries(outputs)) checkDisjoint(op, inputs, name, output);
  return addresses;
}

/**
 * Makes a term ready for training from the global weights. SCAFFOLD and FedDyn get a vector of their own, c_server - c_client and -h_i.
 * @param globalWeights the weights that training starts from; not the tensor that is trained, but kept unchanged beside it
 * @throws {@link ParameterError}, {@link ShapeError}, {@link DTypeError}, {@link EngineMismatchError}; nothing stays allocated
 */
export function bindTerm(term: LocalTerm, globalWeights: F32): BoundTerm {
  const op = "bindTerm";
  checkTensor(op, "globalWeights", globalWeights, "f32");
  const { engine, size } = globalWeights;
  checkTerm(op, term, size);
  if (term.type === "fedprox") return new BoundTerm(term.mu, term.mu === 0 ? undefined : globalWeights, undefined);
  if (term.type === "scaffold") {
    const { server, client } = term;
    checkSameEngine(op, { globalWeights, server, client });
    return new BoundTerm(0, undefined, subtract(server, client, engine.tensorOutsideScopes("f32", size)));
  }
  const { alpha, history } = term;
  checkSameEngine(op, { globalWeights, history });
  return new BoundTerm(alpha, globalWeights, scale(-1, history, engine.tensorOutsideScopes("f32", size)));
}

function checkShare(op: string, sampled: number, clients: number): number {
  checkNumber(op, "clients", clients, { min: 1, integer: true });
  checkNumber(op, "sampled", sampled, { min: 1, max: clients, integer: true });
  return sampled / clients;
}

/** The vectors of a rule: all f32 of one length and engine, those written distinct from all others. */
function checkVectors(op: string, written: Readonly<Record<string, F32>>, read: Readonly<Record<string, F32>>): void {
  const all = { ...written, ...read };
  const [first] = Object.values(all);
  for (const [name, tensor] of Object.entries(all)) checkTensor(op, name, tensor, "f32", first && name !== Object.keys(all)[0] ? { size: first.size } : {});
  checkSameEngine(op, all);
  for (const [name, tensor] of Object.entries(written)) {
    const { [name]: _, ...others } = all;
    checkDisjoint(op, others, name, tensor);
  }
}

/**
 * SCAFFOLD, option II, a client after K local steps: change = -c - delta / (K learningRate); c_i <- c_i + change.
 * Its server needs `change` and delta.
 * @param client c_i, written
 * @param server c as it was in training
 * @param delta w_local - w_global
 * @param options steps K >= 1; learningRate > 0 of plain SGD (with a schedule: the mean over the steps)
 * @param change c_i' - c_i, written
 * Source: Karimireddy et al. 2019 (arXiv:1910.06378), algorithm 1, line 12: c_i' = c_i - c + (x - y_i) / (K eta).
 */
export function scaffoldClient(client: F32, server: F32, delta: F32, options: { readonly steps: number; readonly learningRate: number }, change: F32): F32 {
  const op = "scaffoldClient";
  checkOptions(op, options, ["steps", "learningRate"]);
  const { steps, learningRate } = options;
  checkNumber(op, "steps", steps, { min: 1, integer: true });
  checkNumber(op, "learningRate", learningRate, { above: 0, f32: true });
  checkNumber(op, "1 / (steps learningRate)", 1 / (steps * learningRate), { f32: true });
  checkVectors(op, { client, change }, { server, delta });
  scale(-1 / (steps * learningRate), delta, change);
  subtract(change, server, change);
  add(client, change, client);
  return change;
}

/**
 * SCAFFOLD, the server: c <- c + (sampled / clients) mean, after a round.
 * @param server c, written
 * @param mean mean of the clients' changes, all weighing the same
 * @param options sampled |S| clients of the round, of N = clients in all
 * Source: arXiv:1910.06378, algorithm 1, line 17.
 */
export function scaffoldServer(server: F32, mean: F32, options: { readonly sampled: number; readonly clients: number }): F32 {
  const op = "scaffoldServer";
  checkOptions(op, options, ["sampled", "clients"]);
  const share = checkShare(op, options.sampled, options.clients);
  checkVectors(op, { server }, { mean });
  return axpy(share, mean, server);
}

/**
 * FedDyn, a client after training: h_i <- h_i - alpha delta, so that h_i is the gradient of its loss where it ended.
 * @param history h_i, written
 * @param delta w_local - w_global
 * @param alpha > 0, that of training
 * Source: Acar et al. 2021 (arXiv:2111.04263), algorithm 1.
 */
export function fedDynClient(history: F32, delta: F32, alpha: number): F32 {
  const op = "fedDynClient";
  checkNumber(op, "alpha", alpha, { above: 0, f32: true });
  checkVectors(op, { history }, { delta });
  return axpy(-alpha, delta, history);
}

/**
 * FedDyn, the server: h <- h - alpha (sampled / clients) mean; w <- w + mean - h / alpha.
 * @param weights global weights, written
 * @param history the server's h, zeros at the start, written
 * @param mean mean of the deltas, all weighing the same
 * @param options alpha > 0 of the clients; sampled clients of the round, of `clients` in all
 * Source: Acar et al. 2021 (arXiv:2111.04263), algorithm 1: h -= alpha/N sum(w_i - w), w = mean(w_i) - h / alpha.
 */
export function fedDynServer(
  weights: F32,
  history: F32,
  mean: F32,
  options: { readonly alpha: number; readonly sampled: number; readonly clients: number },
): F32 {
  const op = "fedDynServer";
  checkOptions(op, options, ["alpha", "sampled", "clients"]);
  const { alpha } = options;
  checkNumber(op, "alpha", alpha, { above: 0, f32: true });
  checkNumber(op, "1 / alpha", 1 / alpha, { f32: true });
  const share = checkShare(op, options.sampled, options.clients);
  checkVectors(op, { weights, history }, { mean });
  axpy(-alpha * share, mean, history);
  add(weights, mean, weights);
  return axpy(-1 / alpha, history, weights);
}
