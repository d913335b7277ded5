import { createEngine, createStream, dense, ParameterError, WorkerError } from "fedlane";
import { createPool, type EvaluateTask, type Pool, type PoolOptions, type Setup } from "fedlane/worker";
import { describe, expect, test } from "vitest";
import { smallData } from "../support/federation.ts";

async function setup(): Promise<Setup> {
  const { module, build, numerics } = await createEngine();
  return { module, build, numerics, layers: [dense(8, 2)], loss: "softmaxCrossEntropy" as const, train: smallData.train, test: smallData.test };
}

async function withPool<T>(options: PoolOptions, body: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = await createPool(await setup(), options);
  try {
    return await body(pool);
  } finally {
    pool.close();
  }
}

const task = (rows = 10): EvaluateTask => ({ weights: new Float32Array(18), rows: Uint32Array.from({ length: rows }, (_, i) => i) });

describe("pool", () => {
  test("answers, and shares the work", () =>
    withPool({ workers: 2 }, async (pool) => {
      const answers = await Promise.all(Array.from({ length: 9 }, () => pool.evaluate(() => task())));
      for (const { loss, examples } of answers) {
        expect(loss).toBeCloseTo(Math.log(2), 6); // zero weights: both classes alike
        expect(examples).toBe(10);
      }
      expect(pool.restarts).toBe(0);
    }));

  test("an error in a worker comes back with its class, code and sentence, and the worker lives on", () =>
    withPool({ workers: 1 }, async (pool) => {
      const bad = pool.evaluate(() => ({ weights: new Float32Array(18), rows: Uint32Array.of(100) }));
      await expect(bad).rejects.toThrow(ParameterError);
      await expect(bad).rejects.toMatchObject({ code: "PARAMETER", message: /expected row indices below 100, got 100/ });
      await expect(pool.evaluate(() => task())).resolves.toMatchObject({ examples: 10 });
      expect(pool.restarts).toBe(0);
    }));

  test("a killed worker is replaced and its task runs again", () =>
    withPool({ workers: 2 }, async (pool) => {
      let made = 0;
      const answers = Array.from({ length: 6 }, () =>
        pool.evaluate(() => {
          made++;
          return task(100);
        }),
      );
      pool.restart(0);
      pool.restart(1);
      for (const answer of await Promise.all(answers)) expect(answer.examples).toBe(100);
      expect(pool.restarts).toBeGreaterThanOrEqual(2);
      expect(made).toBeGreaterThanOrEqual(6);
    }));

  test("a task that outlives its deadline three times is a WorkerError", () =>
    withPool({ workers: 1, deadline: 20 }, async (pool) => {
      const { toState } = await createStream({ purpose: "test", unsafeSeed: 1 }).then((s) => ({ toState: () => s.toState() }));
      const endless = pool.train(() => ({
        weights: new Float32Array(18),
        rows: Uint32Array.from({ length: 240 }, (_, i) => i),
        epochs: 1e7,
        batchSize: 1,
        optimizer: { type: "sgd" as const, learningRate: 1e-6 },
        clipping: undefined,
        perExampleClipping: undefined,
        privacy: undefined,
        term: undefined,
        bits: 32,
        weight: 1,
        sigma: 0,
        shuffle: toState(),
        noise: toState(),
        rounding: toState(),
      }));
      await expect(endless).rejects.toThrow(WorkerError);
      await expect(endless).rejects.toThrow(/no answer within 20 ms/);
      expect(pool.restarts).toBeGreaterThanOrEqual(3);
    }));

  test("an abort rejects with its reason, queued or running", () =>
    withPool({ workers: 1 }, async (pool) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const answers = Array.from({ length: 3 }, () => pool.evaluate(() => task(), controller.signal));
      controller.abort(reason);
      for (const answer of answers) await expect(answer).rejects.toBe(reason);
      await expect(pool.evaluate(() => task(), controller.signal)).rejects.toBe(reason);
      await expect(pool.evaluate(() => task())).resolves.toMatchObject({ examples: 10 });
    }));

  test("close() rejects what is open and what comes later", async () => {
    const pool = await createPool(await setup(), { workers: 1 });
    const open = [pool.evaluate(() => task()), pool.evaluate(() => task())];
    const settled = Promise.allSettled(open);
    pool.close();
    for (const outcome of await settled) {
      expect(outcome.status).toBe("rejected");
      expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(WorkerError);
    }
    await expect(pool.evaluate(() => task())).rejects.toThrow(/closed/);
  });

  test("a setup the worker refuses, and a script that does not load, are reported by createPool", async () => {
    const good = await setup();
    await expect(createPool({ ...good, train: { ...good.train, labels: new Int32Array(3) } }, { workers: 1 })).rejects.toMatchObject({ code: "SHAPE" });
    const nowhere = new URL("./no-such-worker.js", import.meta.url);
    await expect(createPool(good, { workers: 1, workerUrl: nowhere })).rejects.toThrow(WorkerError);
  });

  test.each([0, 1.5, Number.NaN])("refuses %d workers", async (workers) => {
    await expect(createPool(await setup(), { workers })).rejects.toThrow(ParameterError);
  });
});
