import {
  createMean,
  createStream,
  dense,
  encodeFrame,
  evaluate,
  type FedlaneError,
  localUpdate,
  ParameterError,
  quantize,
  ShapeError,
  sampleClients,
  serverRound,
} from "fedlane";
import { type Pool, type RoundReport, type SimulationConfig, simulate } from "fedlane/worker";
import { describe, expect, test } from "vitest";
import { makeEngine } from "../support/engines.ts";
import { smallConfig, smallData } from "../support/federation.ts";

const bitsOf = (x: Float32Array) => [...new Uint32Array(x.buffer, x.byteOffset, x.length)];

describe("simulate", () => {
  test.each([1, 0.5])("is federated averaging: the same bits as a plain loop on one thread, the rate falling by %d every round", async (learningRateDecay) => {
    const { weights, rounds, reason } = await simulate(smallData, { ...smallConfig, learningRateDecay });
    expect(reason).toBe("rounds");

    const engine = await makeEngine();
    const model = engine.model(smallConfig.layers);
    const seed = (purpose: string) => createStream({ purpose, unsafeSeed: smallConfig.unsafeSeed });
    const place = ({ x, labels }: typeof smallData.train) => ({
      x: engine.tensor("f32", [labels.length, model.inputs], x as Float32Array),
      labels: engine.tensor("i32", labels.length, labels),
    });
    const [train, held] = [place(smallData.train), place(smallData.test)];
    const global = model.initialise(await seed("initialise"));
    const [sample, shuffle, rounding] = [await seed("sample"), await seed("shuffle"), await seed("rounding")];
    for (let round = 1; round <= smallConfig.rounds; round++) {
      const mean = createMean(engine, model.size);
      let bytes = 0;
      for (const client of sampleClients(engine, 8, 4, sample.fork(round, 0))) {
        const rows = engine.tensor("u32", 30, smallConfig.partition[client]!);
        const { epochs, batchSize } = smallConfig;
        const learningRate = smallConfig.learningRate * learningRateDecay ** (round - 1);
        const { delta, examples } = localUpdate(model, global, train, { epochs, batchSize, learningRate, shuffle: shuffle.fork(round, client), rows });
        const q = quantize(delta, 8, rounding.fork(round, client));
        mean.addQuantized(q, examples);
        bytes += encodeFrame(q, examples).length;
      }
      serverRound(global, mean);
      const report = rounds[round - 1]!;
      const want = evaluate(model, global, held);
      expect(report.accuracy).toBe(want.accuracy);
      expect(report.loss).toBeCloseTo(want.loss, 12);
      expect(report.bytesUp).toBe(bytes);
      expect(report.bytesDown).toBe(4 * 4 * model.size);
      expect(report.clients).toBe(4);
    }
    expect(bitsOf(weights)).toEqual(bitsOf(global.toArray()));
  });

  test.each([1, 2, 4])("gives the same bits and reports with %i workers", async (workers) => {
    const [one, many] = await Promise.all([simulate(smallData, smallConfig, { workers: 1 }), simulate(smallData, smallConfig, { workers })]);
    expect(bitsOf(many.weights)).toEqual(bitsOf(one.weights));
    const strip = (rounds: readonly RoundReport[]) => rounds.map(({ milliseconds: _, ...rest }) => rest);
    expect(strip(many.rounds)).toEqual(strip(one.rounds));
    expect(many.workers).toBe(workers);
    expect(many.private, "keys from a seed").toBe(false);
  });

  test("scalar and simd builds give the same bits", async () => {
    const [scalar, simd] = await Promise.all([simulate(smallData, smallConfig, { build: "scalar" }), simulate(smallData, smallConfig, { build: "simd" })]);
    expect(bitsOf(scalar.weights)).toEqual(bitsOf(simd.weights));
  });

  test("survives workers killed in the middle, with the same bits", async () => {
    const calm = await simulate(smallData, smallConfig);
    let pool: Pool | undefined;
    let killed = 0;
    const rough = await simulate(smallData, smallConfig, {
      onPool: (p) => {
        pool = p;
      },
      onRound: ({ round }) => {
        if (round > 3) return;
        // Just after the next round's tasks went out, while they run.
        setTimeout(() => pool!.restart(killed++ % 2), 0);
      },
    });
    expect(killed).toBeGreaterThan(0);
    expect(rough.workerRestarts).toBeGreaterThan(0);
    expect(bitsOf(rough.weights)).toEqual(bitsOf(calm.weights));
  });

  test("learns, and stops at the target", async () => {
    const { rounds, reason } = await simulate(smallData, { ...smallConfig, rounds: 60, targetAccuracy: 0.93 });
    expect(reason).toBe("target");
    expect(rounds.at(-1)!.accuracy).toBeGreaterThanOrEqual(0.93);
    expect(rounds.at(-1)!.trainLoss).toBeLessThan(rounds[0]!.trainLoss);
    for (const [i, r] of rounds.entries()) expect(r.totalBytesUp).toBe(rounds.slice(0, i + 1).reduce((sum, { bytesUp }) => sum + bytesUp, 0));
  });

  test("an abort keeps the rounds that were completed", async () => {
    const controller = new AbortController();
    const result = await simulate(
      smallData,
      { ...smallConfig, rounds: 1000 },
      { signal: controller.signal, onRound: ({ round }) => round === 3 && controller.abort() },
    );
    expect(result.reason).toBe("aborted");
    expect(result.rounds).toHaveLength(3);
    const three = await simulate(smallData, { ...smallConfig, rounds: 3 });
    expect(bitsOf(result.weights)).toEqual(bitsOf(three.weights));
    const before = new AbortController();
    before.abort();
    expect((await simulate(smallData, smallConfig, { signal: before.signal })).rounds).toHaveLength(0);
  });

  test("an exception in onRound reaches the caller and ends the workers", async () => {
    const boom = new Error("boom");
    await expect(
      simulate(smallData, smallConfig, {
        onRound: () => {
          throw boom;
        },
      }),
    ).rejects.toBe(boom);
  });

  test("clipping bounds what a round can move; noise is repeatable and of the stated size", async () => {
    const base = { ...smallConfig, rounds: 1, bits: 32 };
    const start = (await simulate(smallData, { ...base, learningRate: 1e-30 })).weights; // the initial weights
    const moved = (w: Float32Array) => Math.hypot(...w.map((v, i) => v - start[i]!));
    const clipped = await simulate(smallData, { ...base, clipNorm: 0.01 });
    expect(moved(clipped.weights)).toBeLessThanOrEqual(0.01 + 1e-6);
    expect(moved(clipped.weights)).toBeGreaterThan(0);
    const noisy = () => simulate(smallData, { ...base, clipNorm: 0.01, noiseMultiplier: 1000 });
    const [a, b] = await Promise.all([noisy(), noisy()]);
    expect(bitsOf(a.weights)).toEqual(bitsOf(b.weights));
    // The mean over 4 clients carries noise of 1000 * 0.01 / 4 a coordinate; the sample deviation over d coordinates is within 6 errors.
    const d = start.length;
    const deviation = moved(a.weights) / Math.sqrt(d);
    expect(Math.abs(deviation / 2.5 - 1)).toBeLessThan(6 / Math.sqrt(2 * d));
  });

  test("a client without examples sends nothing; a round of such clients changes nothing", async () => {
    const partition = [...smallConfig.partition.slice(0, 7), new Uint32Array(0)];
    const all = await simulate(smallData, { ...smallConfig, partition, clientFraction: 1, rounds: 1 });
    expect(all.rounds[0]!.clients).toBe(7);
    const none = await simulate(smallData, { ...smallConfig, partition: [new Uint32Array(0)], clientFraction: 1, rounds: 2 });
    expect(none.rounds.map((r) => [r.clients, r.bytesUp])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(none.rounds[0]!.loss).toBe(none.rounds[1]!.loss);
  });

  test("counts kernel time by room", async () => {
    const { profile } = await simulate(smallData, smallConfig);
    for (const room of ["nn", "random", "compress", "aggregate"]) expect(profile[room]!.calls, room).toBeGreaterThan(0);
  });

  const bad: [string, Partial<SimulationConfig> & Record<string, unknown>, new (...a: never[]) => FedlaneError][] = [
    ["bits 0", { bits: 0 }, ParameterError],
    ["bits 9", { bits: 9 }, ParameterError],
    ["fraction 0", { clientFraction: 0 }, ParameterError],
    ["fraction above 1", { clientFraction: 1.5 }, ParameterError],
    ["no rounds", { rounds: 0 }, ParameterError],
    ["NaN rate", { learningRate: Number.NaN }, ParameterError],
    ["noise without a bound", { noiseMultiplier: 1 }, ParameterError],
    ["row out of range", { partition: [Uint32Array.of(240)] }, ParameterError],
    ["no clients", { partition: [] }, ParameterError],
    ["layers that do not fit", { layers: [dense(8, 9), dense(8, 2)] }, ShapeError],
    ["features that do not fit", { layers: [dense(7, 2)] }, ShapeError],
    ["too few classes", { layers: [dense(8, 1)] }, ParameterError],
    ["an unknown option", { learningrate: 1 }, ParameterError],
  ];
  test.each(bad)("refuses %s before any worker starts", async (_, change, Class) => {
    let started = false;
    const run = simulate(smallData, { ...smallConfig, ...change } as SimulationConfig, {
      onPool: () => {
        started = true;
      },
    });
    await expect(run).rejects.toThrow(Class);
    expect(started).toBe(false);
  });
});
