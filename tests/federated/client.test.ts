import { dense, evaluate, type LocalUpdateOptions, localUpdate, predict, shuffle, type Tensor } from "fedlane";
import { describe, expect, test, vi } from "vitest";
import { countCases } from "../support/count.ts";
import { bits, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { farthest, identity, largest, NAMES, NETS, once, place, problem, twin } from "../support/networks.ts";
import { noise } from "../support/streams.ts";
import * as reference from "./client.reference.ts";

const f = Math.fround;

describe("the twin itself", () => {
  test.each(NAMES)("%s: its gradient is the central difference of its loss", (name) => {
    const layers = twin(NETS[name]!);
    const { w, x, labels } = problem(NETS[name]!, 3, 5);
    const { gradient } = reference.lossAndGradient(layers, w, x, labels, identity(3));
    const at = Float64Array.from(w);
    const loss = () => reference.lossAndGradient(layers, at, x, labels, identity(3)).loss;
    const h = 1e-5;
    const step = Math.ceil(w.length / 50);
    for (let i = 0; i < w.length; i += step) {
      at[i] = w[i]! + h;
      const up = loss();
      at[i] = w[i]! - h;
      const down = loss();
      at[i] = w[i]!;
      expect(Math.abs((up - down) / (2 * h) - gradient.value[i]!)).toBeLessThan(1e-7);
    }
  });
});

forEachBuild("federated/client", (engine) => {
  describe("one step is the twin's step, within the computed bound", () => {
    const RULES = [
      { learningRate: f(0.1) },
      { learningRate: f(0.5), weightDecay: f(0.01) },
      { learningRate: f(0.1), momentum: f(0.9) },
      { learningRate: f(0.1), momentum: f(0.5), weightDecay: f(0.1) },
    ];
    const ran = countCases(NAMES.length * RULES.length * 3);
    describe.each(NAMES)("%s", (name) => {
      test.each(RULES)("%o", async (rule) => {
        for (const n of [1, 7, 18]) {
          const layers = NETS[name]!;
          const given = problem(layers, n, n);
          const stream = await noise(1);
          const want = once(`step ${name} ${n} ${JSON.stringify(rule)}`, () =>
            reference.localUpdate(twin(layers), given.w, given.x, given.labels, [identity(n)], rule),
          );
          engine().scope(() => {
            const model = engine().model(layers);
            const { weights, data } = place(model, given);
            const got = localUpdate(model, weights, data, { ...rule, epochs: 1, batchSize: n, shuffle: stream });
            expect([got.steps, got.examples]).toEqual([1, n]);
            expect(Math.abs(got.loss - want.loss)).toBeLessThanOrEqual(want.lossError);
            const delta = got.delta.toArray();
            if (largest(want.value) > 0) {
              expect(largest(want.error)).toBeLessThan(1e-2 * largest(want.value)); // the bound, a worst case, is below the signal
              expect(farthest(delta, want.value)).toBeLessThan(2e-4 * largest(want.value)); // what rounding does in practice
            }
            for (const [i, value] of want.value.entries()) expect(Math.abs(delta[i]! - value)).toBeLessThanOrEqual(want.error[i]!);
            expect(bits(weights.toArray())).toEqual(bits(given.w)); // the global weights are as they were
            ran();
          });
        }
      });
    });
  });

  test.each([0, f(0.9)])("many steps in a known order follow the twin, short last batch included, momentum %d", async (momentum) => {
    const layers = NETS["three odd layers"]!;
    const given = problem(layers, 23, 3);
    const rows = [22, 3, 3, 17, 0, 5, 8, 13, 1, 20, 9]; // a subset, one row twice
    const [stream, same] = [await noise(5), await noise(5)];
    engine().scope(() => {
      const model = engine().model(layers);
      const { weights, data } = place(model, given);
      const order = engine().tensor("u32", rows.length, rows);
      const batches = identity(3).flatMap(() => {
        const now = [...shuffle(order, same).toArray()];
        return [now.slice(0, 4), now.slice(4, 8), now.slice(8)];
      });
      const rule = { learningRate: f(0.05), momentum, weightDecay: f(0.001) };
      const subset = engine().tensor("u32", rows.length, rows);
      const got = localUpdate(model, weights, data, { ...rule, epochs: 3, batchSize: 4, shuffle: stream, rows: subset });
      const want = reference.localUpdate(twin(layers), given.w, given.x, given.labels, batches, rule);
      expect([got.steps, got.examples]).toEqual([9, 11]);
      expect([...subset.toArray()]).toEqual(rows);
      // Nine steps of a smooth stretch: errors of a step do not blow up.
      expect(farthest(got.delta.toArray(), want.value)).toBeLessThan(1e-4 * largest(want.value));
      expect(Math.abs(got.loss - want.loss)).toBeLessThan(1e-5);
    });
  });

  test("a batch larger than the client is one step of all its rows", async () => {
    const given = problem(NETS["two layers"]!, 5, 1);
    const [one, two] = [await noise(1), await noise(1)];
    engine().scope(() => {
      const model = engine().model(NETS["two layers"]!);
      const { weights, data } = place(model, given);
      const train = (batchSize: number, stream: LocalUpdateOptions["shuffle"]) =>
        localUpdate(model, weights, data, { epochs: 2, batchSize, learningRate: 0.1, shuffle: stream });
      const [a, b] = [train(5, one), train(1e6, two)];
      expect([b.steps, bits(b.delta.toArray())]).toEqual([a.steps, bits(a.delta.toArray())]);
    });
  });

  test("bytes with a scale train as the same numbers in f32, bit for bit", async () => {
    const layers = NETS["three odd layers"]!;
    const r = random(9);
    const bytes = Uint8Array.from({ length: 20 * 13 }, () => Math.floor(r() * 256));
    for (const scale of [undefined, 1 / 16, 0.3]) {
      const given = { ...problem(layers, 20, 9), x: Float32Array.from(bytes, (v) => f(v * f(scale ?? 1 / 255))) };
      const options = { epochs: 2, batchSize: 6, learningRate: 0.1 };
      const [one, two] = [await noise(2), await noise(2)];
      engine().scope(() => {
        const model = engine().model(layers);
        const { weights, data } = place(model, given);
        const small = { x: engine().tensor("u8", [20, 13], bytes), labels: data.labels, ...(scale === undefined ? {} : { scale }) };
        const wide = localUpdate(model, weights, data, { ...options, shuffle: one });
        expect(bits(localUpdate(model, weights, small, { ...options, shuffle: two }).delta.toArray())).toEqual(bits(wide.delta.toArray()));
        expect(evaluate(model, weights, small)).toEqual(evaluate(model, weights, data));
        expect(bits(predict(model, weights, small.x, scale).toArray())).toEqual(bits(predict(model, weights, data.x).toArray()));
      });
    }
  });

  test.each([0, 0.9])("a step allocates nothing, momentum %d", async (momentum) => {
    const layers = NETS["two layers"]!;
    const given = problem(layers, 40, 4);
    const stream = await noise(3);
    engine().scope(() => {
      const model = engine().model(layers);
      const { weights, data } = place(model, given);
      const allocate = vi.spyOn(engine().arena, "allocate");
      const counts = [1, 5, 50].map((epochs) => {
        allocate.mockClear();
        const before = engine().stats();
        const { delta, steps } = localUpdate(model, weights, data, { epochs, batchSize: 8, learningRate: 0.1, momentum, shuffle: stream });
        expect(steps).toBe(5 * epochs);
        const { liveBlocks, grows } = engine().stats();
        expect(liveBlocks).toBe(before.liveBlocks + 1); // the delta
        delta.dispose();
        return [allocate.mock.calls.length, grows - before.grows <= allocate.mock.calls.length];
      });
      allocate.mockRestore();
      const least = momentum === 0 ? 3 : 5; // row order, plan, delta; with momentum the gradient and the velocity
      expect(counts).toEqual([
        [least, true],
        [least, true],
        [least, true],
      ]);
    });
  });

  describe("evaluate and predict against the twin", () => {
    const ran = countCases(NAMES.length);
    test.each(NAMES)("%s, over more rows than a batch", (name) => {
      ran();
      const layers = NETS[name]!;
      const given = problem(layers, 131, 6);
      const want = once(`logits ${name}`, () => reference.logits(twin(layers), given.w, given.x, identity(131)));
      engine().scope(() => {
        const model = engine().model(layers);
        const { weights, data } = place(model, given);
        const got = predict(model, weights, data.x);
        expect(got.shape).toEqual([131, model.classes]);
        const values = got.toArray();
        for (const [i, value] of want.value.entries()) expect(Math.abs(values[i]! - value)).toBeLessThanOrEqual(want.error[i]!);
        const check = (rows: number[], subset?: Tensor<"u32">) => {
          const { loss, lossError, correct } = once(`loss ${name} ${rows}`, () =>
            reference.lossAndGradient(twin(layers), given.w, given.x, given.labels, rows),
          );
          const found = evaluate(model, weights, data, subset);
          expect(found.examples).toBe(rows.length);
          expect(Math.abs(found.loss - loss)).toBeLessThanOrEqual(lossError + 1e-12);
          expect(Math.round(found.accuracy * rows.length)).toBe(correct);
        };
        check(identity(131));
        check([5, 5, 130, 0], engine().tensor("u32", 4, [5, 5, 130, 0]));
        expect(predict(model, weights, engine().tensor("f32", [0, model.inputs])).shape).toEqual([0, model.classes]);
      });
    });
  });

  test("the loss falls and the accuracy rises on a separable problem", async () => {
    const r = random(11);
    const labels = Int32Array.from({ length: 90 }, (_, i) => i % 3);
    const x = Float32Array.from({ length: 180 }, (_, i) => 2 * Math.cos((2 * Math.PI * labels[i >> 1]!) / 3 - (i % 2) * (Math.PI / 2)) + 0.3 * (r() - 0.5));
    const stream = await noise(4);
    engine().scope(() => {
      const model = engine().model([dense(2, 16, "relu"), dense(16, 3)]);
      const { weights, data } = place(model, { w: normals(model.size, 1, 0.3), x, labels });
      const losses = identity(5).map(() => {
        const { delta, loss } = localUpdate(model, weights, data, { epochs: 4, batchSize: 10, learningRate: 0.2, shuffle: stream });
        delta.view.forEach((d, i) => {
          weights.view[i]! += d;
        });
        return loss;
      });
      for (let i = 1; i < 5; i++) expect(losses[i]!).toBeLessThan(losses[i - 1]!);
      const { loss, accuracy } = evaluate(model, weights, data);
      expect([accuracy, loss < 0.05]).toEqual([1, true]);
    });
  });
});

describe("federated/client across builds", () => {
  test.each([0, 0.9])("training over epochs gives the same bits in scalar and simd, momentum %d", async (momentum) => {
    const { scalar, simd } = await allEngines();
    for (const name of NAMES) {
      const given = problem(NETS[name]!, 29, 8);
      const got = await Promise.all(
        [scalar!, simd!].map(async (engine) => {
          const stream = await noise(6);
          return engine.scope(() => {
            const model = engine.model(NETS[name]!);
            const { weights, data } = place(model, given);
            const options = { epochs: 3, batchSize: 8, learningRate: 0.05, weightDecay: 0.01, momentum, shuffle: stream };
            const { delta, loss } = localUpdate(model, weights, data, options);
            return { delta: bits(delta.toArray()), loss, found: evaluate(model, weights, data) };
          });
        }),
      );
      expect(got[1]).toEqual(got[0]);
    }
  });
});
