import { type Engine, ParameterError, type Partition, partitionDirichlet, partitionIid, partitionShards, type RandomStream, sampleClients } from "fedlane";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { makeEngine } from "../support/engines.ts";
import { noise } from "../support/streams.ts";

let engine: Engine;
let root: RandomStream;
let next = 0;
const stream = () => root.fork(0, next++);
beforeAll(async () => {
  engine = await makeEngine();
  engine.scratch(1 << 16);
  root = await noise(7);
});
afterAll(() => expect(engine.stats().liveBlocks, "live blocks at the end").toBe(1));

/** n labels of `classes` classes, as even as can be, not sorted. */
const labelsOf = (n: number, classes = 10) => Int32Array.from({ length: n }, (_, i) => (i * 7) % classes);

function expectEveryRowOnce(parts: Partition, n: number): void {
  const rows = parts.flatMap((part) => [...part]).sort((a, b) => a - b);
  expect(rows).toEqual(Array.from({ length: n }, (_, i) => i));
}
const sizes = (parts: Partition) => parts.map((part) => part.length);
const distinct = (part: Uint32Array, labels: ArrayLike<number>) => new Set(Array.from(part, (row) => labels[row])).size;

const KINDS: Record<string, (labels: ArrayLike<number>, clients: number, s: RandomStream) => Partition> = {
  iid: (labels, clients, s) => partitionIid(engine, labels, clients, s),
  shards: (labels, clients, s) => partitionShards(engine, labels, clients, s, 1),
  "Dirichlet 100": (labels, clients, s) => partitionDirichlet(engine, labels, clients, s, 100),
  "Dirichlet 0.1": (labels, clients, s) => partitionDirichlet(engine, labels, clients, s, 0.1),
  "Dirichlet 1e-3": (labels, clients, s) => partitionDirichlet(engine, labels, clients, s, 1e-3),
};

describe.each(Object.entries(KINDS))("%s", (_, partition) => {
  const COUNTS = [
    [1, 1],
    [10, 10],
    [100, 7],
    [1000, 13],
    [999, 100],
  ] as const;
  const ran = countCases(COUNTS.length);
  test.each(COUNTS)("%i rows for %i clients: every row exactly once", (n, clients) => {
    ran();
    const parts = partition(labelsOf(n), clients, stream());
    expect(parts.length).toBe(clients);
    expectEveryRowOnce(parts, n);
  });

  test("is the same for the same seed and another one for another", async () => {
    const labels = labelsOf(200);
    const [a, b] = [partition(labels, 9, await noise(1)), partition(labels, 9, await noise(1))];
    expect(a).toEqual(b);
    expect(partition(labels, 9, await noise(2))).not.toEqual(a);
  });

  test("more clients than examples, and counts that are none, are refused", () => {
    expect(() => partition(labelsOf(5), 6, stream())).toThrow(ParameterError);
    expect(() => partition([], 1, stream())).toThrow(ParameterError);
    for (const clients of [0, -1, 1.5, Number.NaN]) expect(() => partition(labelsOf(5), clients, stream())).toThrow(ParameterError);
    expect(() => partition(null as never, 1, stream())).toThrow(ParameterError);
    expect(() => partition(labelsOf(5), 2, {} as never)).toThrow(ParameterError);
  });

  test("labels may be a view of the engine's memory, even when it grows meanwhile", async () => {
    const growing = await makeEngine({ memory: { growOnEveryAllocation: true } });
    const own = engine;
    engine = growing;
    try {
      const labels = labelsOf(200);
      const tensor = growing.tensor("i32", 200, labels);
      expect(partition(tensor.view, 9, await noise(1))).toEqual(partition(labels, 9, await noise(1)));
    } finally {
      engine = own;
    }
  });
});

describe("sizes and labels", () => {
  test("iid: sizes differ by at most one, and the order is random", () => {
    const parts = partitionIid(engine, labelsOf(1003), 10, stream());
    expect(Math.max(...sizes(parts)) - Math.min(...sizes(parts))).toBeLessThanOrEqual(1);
    expect([...parts[0]!]).not.toEqual([...parts[0]!].sort((a, b) => a - b));
  });

  test("shards: 2 shards a client mean at most 2 labels where shards fit the labels, at most 4 anywhere", () => {
    const labels = labelsOf(1000);
    // 20 shards of 50 over 10 labels of 100: no shard crosses a label.
    const exact = partitionShards(engine, labels, 10, stream());
    expectEveryRowOnce(exact, 1000);
    expect(sizes(exact)).toEqual(Array(10).fill(100));
    for (const part of exact) expect(distinct(part, labels)).toBeLessThanOrEqual(2);
    // 50 shards of 20: 5 a label.
    for (const part of partitionShards(engine, labels, 25, stream())) expect(distinct(part, labels)).toBeLessThanOrEqual(2);
    // 14 shards do not fit: a shard touches at most 2 labels.
    const rough = partitionShards(engine, labels, 7, stream());
    expectEveryRowOnce(rough, 1000);
    for (const part of rough) expect(distinct(part, labels)).toBeLessThanOrEqual(4);
  });

  test("shards: more shards than examples are refused", () => {
    expect(() => partitionShards(engine, labelsOf(10), 6, stream(), 2)).toThrow(/one shard per example/);
    expect(() => partitionShards(engine, labelsOf(10), 2, stream(), 0)).toThrow(ParameterError);
  });

  /** Mean over clients of the share of its commonest label: 1/classes when even, 1 when one label each. */
  function skew(parts: Partition, labels: ArrayLike<number>): number {
    const shares = parts
      .filter((part) => part.length > 0)
      .map((part) => {
        const counts = new Map<number, number>();
        for (const row of part) counts.set(labels[row]!, (counts.get(labels[row]!) ?? 0) + 1);
        return Math.max(...counts.values()) / part.length;
      });
    return shares.reduce((a, b) => a + b, 0) / shares.length;
  }

  test("Dirichlet: a large alpha is close to IID, a small one skewed, a tiny one gives each label to one client", () => {
    const labels = labelsOf(10_000);
    const at = (alpha: number) => partitionDirichlet(engine, labels, 10, stream(), alpha);
    const even = at(1e4);
    // A share has relative deviation about 1/sqrt(alpha) = 1 %: sizes within 10 % are 25 deviations away after averaging 10 labels.
    for (const size of sizes(even)) expect(Math.abs(size - 1000)).toBeLessThan(100);
    expect(skew(even, labels)).toBeLessThan(0.12);
    const [mild, strong, tiny] = [at(1), at(0.05), at(1e-3)];
    expect(skew(mild, labels)).toBeGreaterThan(skew(even, labels));
    expect(skew(strong, labels)).toBeGreaterThan(0.4);
    for (const parts of [mild, strong, tiny]) expectEveryRowOnce(parts, 10_000);
    const owners = Array.from({ length: 10 }, (_, label) => tiny.filter((part) => part.some((row) => labels[row] === label)).length);
    expect(owners.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(12); // two labels shared at most: chance below 1e-3, seed fixed
  });

  test("Dirichlet: shares have the mean and variance of the distribution", () => {
    // Share of client 0 of 4: mean 1/4, variance (1/4)(3/4)/(4 alpha + 1). 2000 labels of 1000 rows would be slow: 400 labels of 200.
    const labels = Int32Array.from({ length: 80_000 }, (_, i) => i % 400);
    for (const alpha of [0.5, 2]) {
      const part = partitionDirichlet(engine, labels, 4, stream(), alpha)[0]!;
      const shares = new Float64Array(400);
      for (const row of part) shares[labels[row]!]! += 1 / 200;
      const mean = shares.reduce((a, b) => a + b, 0) / 400;
      const variance = shares.reduce((a, b) => a + (b - 0.25) ** 2, 0) / 400;
      const want = 0.1875 / (4 * alpha + 1);
      expect(Math.abs(mean - 0.25)).toBeLessThan(6.1 * Math.sqrt(want / 400)); // false alarm 1e-9, normal
      expect(Math.abs(variance / want - 1)).toBeLessThan(6.1 * Math.sqrt(2.5 / 400)); // kurtosis of these below 3.5
    }
  });

  test("Dirichlet: extreme alphas stay finite, bad ones are refused", () => {
    for (const alpha of [1e-300, 1e-10, 1e10, 1e300]) expectEveryRowOnce(partitionDirichlet(engine, labelsOf(100), 5, stream(), alpha), 100);
    for (const alpha of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => partitionDirichlet(engine, labelsOf(100), 5, stream(), alpha)).toThrow(ParameterError);
    }
  });

  test("Dirichlet: a label with very many rows", () => {
    const parts = partitionDirichlet(engine, new Uint8Array(500_000), 1, stream(), 1);
    expect(sizes(parts)).toEqual([500_000]);
  });
});

describe("sampleClients", () => {
  test("gives distinct clients in range, all of them when all are asked for", () => {
    const some = sampleClients(engine, 100, 10, stream());
    expect(new Set(some).size).toBe(10);
    expect(Math.max(...some)).toBeLessThan(100);
    expect([...sampleClients(engine, 20, 20, stream())].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    for (const count of [0, 21, 1.5]) expect(() => sampleClients(engine, 20, count, stream())).toThrow(ParameterError);
  });

  test("takes every client equally often", () => {
    const hits = new Float64Array(10);
    for (let round = 0; round < 2000; round++) for (const client of sampleClients(engine, 10, 3, stream())) hits[client]!++;
    // Binomial(2000, 0.3): deviation 20.5; 6.5 deviations are a false alarm of 1e-9 over the 10.
    for (const hit of hits) expect(Math.abs(hit - 600)).toBeLessThan(6.5 * Math.sqrt(2000 * 0.21));
  });
});
