// Ways to deal a data set out to clients. Each returns one list of row indices per client; together they hold every row once.
import { checkNumber, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { RandomStream } from "../random/chacha.ts";
import { permutation } from "../random/permutation.ts";
import { uniform } from "../random/uniform.ts";

export type Partition = readonly Uint32Array[];

/** A copy of the labels: a view of the engine's memory would die when it grows. */
function check(op: string, labels: ArrayLike<number>, clients: number): Float64Array {
  if (typeof labels?.length !== "number") throw new ParameterError(`${op}: expected labels to be an array, got ${describe(labels)}`);
  checkNumber(op, "clients", clients, { min: 1, integer: true });
  if (clients > labels.length) throw new ParameterError(`${op}: expected at most one client per example, got ${clients} clients for ${labels.length} examples`);
  return Float64Array.from(labels);
}

/** Cuts a list into parts whose lengths differ by at most one. */
function cut(rows: Uint32Array, parts: number): Uint32Array[] {
  return Array.from({ length: parts }, (_, i) => rows.slice(Math.floor((i * rows.length) / parts), Math.floor(((i + 1) * rows.length) / parts)));
}

function shuffled(engine: Engine, n: number, stream: RandomStream): Uint32Array {
  const tensor = engine.tensorOutsideScopes("u32", n);
  try {
    return permutation(tensor, stream).toArray();
  } finally {
    tensor.dispose();
  }
}

/** IID: a random permutation cut into equal parts. */
export function partitionIid(engine: Engine, labels: ArrayLike<number>, clients: number, stream: RandomStream): Partition {
  const { length } = check("partitionIid", labels, clients);
  return cut(shuffled(engine, length, stream), clients);
}

/**
 * Label shards: rows sorted by label (random within a label), cut into clients * shardsPerClient equal shards, dealt at random.
 * With 2 shards a client sees about two labels: the pathological non-IID split of McMahan et al. 2017 (arXiv:1602.05629), section 3.
 */
export function partitionShards(engine: Engine, labels: ArrayLike<number>, clients: number, stream: RandomStream, shardsPerClient = 2): Partition {
  const op = "partitionShards";
  const own = check(op, labels, clients);
  checkNumber(op, "shardsPerClient", shardsPerClient, { min: 1, integer: true });
  const count = clients * shardsPerClient;
  if (count > own.length) throw new ParameterError(`${op}: expected at most one shard per example, got ${count} shards for ${own.length} examples`);
  const rows = shuffled(engine, own.length, stream).sort((a, b) => own[a]! - own[b]!);
  const shards = cut(rows, count);
  const deal = shuffled(engine, count, stream);
  return Array.from({ length: clients }, (_, c) => {
    const mine = Array.from(deal.subarray(c * shardsPerClient, (c + 1) * shardsPerClient), (s) => shards[s]!);
    const all = new Uint32Array(mine.reduce((n, shard) => n + shard.length, 0));
    let at = 0;
    for (const shard of mine) {
      all.set(shard, at);
      at += shard.length;
    }
    return all;
  });
}

/**
 * Dirichlet label skew: for every label its rows are divided among the clients in proportions drawn from Dirichlet(alpha, ..., alpha).
 * Small alpha: few labels a client; large alpha: close to IID. A client may get few rows, or none.
 * @param alpha concentration, > 0
 * Source: Hsu et al. 2019 (arXiv:1909.06335), section 3, in the per-label form of Yurochkin et al. 2019 (arXiv:1905.12022).
 */
export function partitionDirichlet(engine: Engine, labels: ArrayLike<number>, clients: number, stream: RandomStream, alpha: number): Partition {
  const op = "partitionDirichlet";
  const own = check(op, labels, clients);
  checkNumber(op, "alpha", alpha, { above: 0 });
  const byLabel = new Map<number, number[]>();
  for (const row of shuffled(engine, own.length, stream)) {
    const label = own[row]!;
    let list = byLabel.get(label);
    if (!list) byLabel.set(label, (list = []));
    list.push(row);
  }
  const draw = uniformSource(engine, stream);
  const parts: number[][] = Array.from({ length: clients }, () => []);
  for (const label of [...byLabel.keys()].sort((a, b) => a - b)) {
    const rows = byLabel.get(label)!;
    const logs = Array.from({ length: clients }, () => logGamma(alpha, draw));
    const top = Math.max(...logs);
    const shares = logs.map((g) => Math.exp(g - top));
    const total = shares.reduce((a, b) => a + b, 0);
    let sum = 0;
    let from = 0;
    shares.forEach((share, c) => {
      sum += share;
      const to = c === clients - 1 ? rows.length : Math.min(rows.length, Math.round((sum / total) * rows.length));
      for (let i = from; i < to; i++) parts[c]!.push(rows[i]!);
      from = Math.max(from, to);
    });
  }
  return parts.map((rows) => Uint32Array.from(rows));
}

/** Uniform numbers in (0, 1), a tensor at a time. */
function uniformSource(engine: Engine, stream: RandomStream): () => number {
  let values: Float32Array = new Float32Array(0);
  let at = 0;
  return () => {
    if (at === values.length) {
      const tensor = engine.tensorOutsideScopes("f32", 1024);
      values = uniform(tensor, stream).toArray();
      tensor.dispose();
      at = 0;
    }
    return values[at++]! + 2 ** -25;
  };
}

/** log of a Gamma(alpha, 1) draw; in logs, so that a tiny alpha does not underflow. Marsaglia and Tsang 2000 (ACM TOMS 26), with their boost for alpha < 1. */
function logGamma(alpha: number, draw: () => number): number {
  if (alpha < 1) return logGamma(alpha + 1, draw) + Math.log(draw()) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw());
    const v = (1 + c * normal) ** 3;
    if (v > 0 && Math.log(draw()) < 0.5 * normal * normal + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

/** Client indices of a round: `count` of `clients`, without replacement, in random order. */
export function sampleClients(engine: Engine, clients: number, count: number, stream: RandomStream): Uint32Array {
  const op = "sampleClients";
  checkNumber(op, "clients", clients, { min: 1, integer: true });
  checkNumber(op, "count", count, { min: 1, max: clients, integer: true });
  return shuffled(engine, clients, stream).slice(0, count);
}
