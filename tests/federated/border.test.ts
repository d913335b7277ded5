// What localUpdate, evaluate and predict refuse, and that nothing stays allocated.
import {
  createEngine,
  createMean,
  type Dataset,
  DisposedError,
  DTypeError,
  dense,
  type Engine,
  EngineMismatchError,
  evaluate,
  type LocalUpdateOptions,
  localUpdate,
  type Model,
  OutOfMemoryError,
  ParameterError,
  PrivacyError,
  predict,
  type RandomStream,
  ShapeError,
  type Tensor,
} from "fedlane";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sizeClass } from "#dist/engine/arena.js";
import { RandomStream as Stream } from "#dist/random/chacha.js";
import { makeEngine } from "../support/engines.ts";
import { noise } from "../support/streams.ts";

let engine: Engine;
let model: Model;
let weights: Tensor<"f32">;
let data: { x: Tensor<"f32">; labels: Tensor<"i32"> };
let stream: RandomStream;
let options: LocalUpdateOptions;
let before: number;

beforeAll(async () => {
  engine = await makeEngine();
  engine.scratch(1 << 20);
  stream = await noise(1);
  model = engine.model([dense(3, 4, "relu"), dense(4, 2)]);
  weights = engine.tensor("f32", model.size, new Float32Array(model.size).fill(0.25));
  data = { x: engine.tensor("f32", [5, 3], new Float32Array(15).fill(0.5)), labels: engine.tensor("i32", 5, [0, 1, 0, 1, 0]) };
  options = { epochs: 1, batchSize: 2, learningRate: 0.1, shuffle: stream };
  before = engine.stats().liveBlocks;
});
afterAll(() => {
  expect([...weights.toArray()].every((w) => w === 0.25)).toBe(true);
  expect(engine.stats().liveBlocks, "live blocks at the end").toBe(before);
});

/** All three refuse the data, with this class, in whatever they use of it. */
function refuses(Class: new (message: string) => Error, given: Partial<{ weights: Tensor<"f32">; data: Dataset; rows: Tensor<"u32"> }>): void {
  const all = { weights, data, ...given };
  const rows = given.rows ? { rows: given.rows } : {};
  expect(() => localUpdate(model, all.weights, all.data, { ...options, ...rows })).toThrow(Class);
  expect(() => evaluate(model, all.weights, all.data, given.rows)).toThrow(Class);
}

describe("bad options", () => {
  test.each<[string, object]>([
    ["no epochs", { epochs: 0 }],
    ["half an epoch", { epochs: 0.5 }],
    ["no batch", { batchSize: 0 }],
    ["batch NaN", { batchSize: Number.NaN }],
    ["rate 0", { learningRate: 0 }],
    ["rate NaN", { learningRate: Number.NaN }],
    ["rate missing", { learningRate: undefined }],
    ["rate infinite", { learningRate: Number.POSITIVE_INFINITY }],
    ["decay below 0", { weightDecay: -1 }],
    ["momentum 1", { momentum: 1 }],
    ["misspelt", { learningrate: 0.1 }],
    ["no stream", { shuffle: undefined }],
  ])("%s", (_, bad) => expect(() => localUpdate(model, weights, data, { ...options, ...bad })).toThrow(ParameterError));
  test("none at all", () => expect(() => localUpdate(model, weights, data, undefined as never)).toThrow(ParameterError));
});

describe("bad data", () => {
  test("an empty client, by its data or by its rows", () => {
    engine.scope(() => {
      refuses(ShapeError, { data: { x: engine.tensor("f32", [0, 3]), labels: engine.tensor("i32", 0) } });
      refuses(ShapeError, { rows: engine.tensor("u32", 0) });
    });
  });

  test.each([2, -1, 2 ** 31 - 1])("label %d of 2 classes", (label) => {
    engine.scope(() => {
      const labels = engine.tensor("i32", 5, [0, 1, 0, 1, label]);
      refuses(ParameterError, { data: { ...data, labels } });
    });
  });

  test("sizes, types and rows that do not fit", () => {
    engine.scope(() => {
      refuses(ShapeError, { data: { ...data, x: engine.tensor("f32", [5, 4]) } });
      refuses(ShapeError, { data: { ...data, x: engine.tensor("f32", 15) } });
      refuses(ShapeError, { data: { ...data, labels: engine.tensor("i32", 4) } });
      refuses(DTypeError, { data: { ...data, x: engine.tensor("f64", [5, 3]) as never } });
      refuses(DTypeError, { data: { ...data, labels: engine.tensor("u32", 5) as never } });
      refuses(ShapeError, { weights: engine.tensor("f32", model.size + 1) });
      refuses(ParameterError, { rows: engine.tensor("u32", 2, [0, 5]) });
      refuses(ShapeError, { rows: engine.tensor("u32", [1, 2]) });
      refuses(ParameterError, { data: { ...data, scale: Number.NaN } });
      refuses(ParameterError, { data: { ...data, scale: 0.5 } }); // f32 rows are not scaled
      refuses(ParameterError, { data: null as never });
      expect(() => predict(model, weights, engine.tensor("f32", [5, 2]))).toThrow(ShapeError);
      expect(() => predict(model, weights, data.x, Number.NaN)).toThrow(ParameterError);
    });
  });

  test("another engine's tensors, and disposed ones", async () => {
    const other = await makeEngine();
    const theirs = other.tensor("f32", model.size);
    refuses(EngineMismatchError, { weights: theirs });
    refuses(EngineMismatchError, { data: { ...data, x: other.tensor("f32", [5, 3]) } });
    refuses(EngineMismatchError, { data: { ...data, labels: other.tensor("i32", 5) } });
    expect(() => predict(model, theirs, data.x)).toThrow(EngineMismatchError);
    theirs.dispose();
    refuses(DisposedError, { weights: theirs });
  });

  test("NaN in the data shows: the loss is NaN and no server takes the update", () => {
    engine.scope(() => {
      const x = engine.copy(data.x);
      x.view[7] = Number.NaN;
      const { delta, loss } = localUpdate(model, weights, { ...data, x }, { ...options, batchSize: 5 });
      expect(loss).toBeNaN();
      const mean = createMean(engine, model.size);
      expect(() => mean.add(delta, 5)).toThrow(PrivacyError);
      expect(evaluate(model, weights, { ...data, x }).loss).toBeNaN();
    });
  });
});

test("a stream that ends between epochs stops the training, and leaves nothing", () => {
  // A shuffle of 5 asks for 65 blocks and uses one: the first epoch fits, the second does not.
  const short = () => new Stream({ ...stream.toState(), counter: 2 ** 32 - 65 });
  localUpdate(model, weights, data, { ...options, shuffle: short() }).delta.dispose();
  expect(() => localUpdate(model, weights, data, { ...options, epochs: 2, shuffle: short() })).toThrow(PrivacyError);
  expect(engine.stats().liveBlocks).toBe(before);
});

test("what others left in freed memory does not reach the training", () => {
  const train = (momentum: number) => {
    const { delta } = localUpdate(model, weights, data, { ...options, epochs: 2, momentum, shuffle: stream.fork(0, 0) });
    const values = [...delta.toArray()];
    delta.dispose();
    return values;
  };
  const soil = () => {
    for (let bytes = 64; bytes <= 1 << 20; bytes = sizeClass(bytes + 1)) {
      const address = engine.arena.allocate(bytes);
      new Uint8Array(engine.arena.memory.buffer, address, bytes).fill(0x7f); // f32 of 3.4e38
      engine.arena.free(address);
    }
  };
  for (const momentum of [0, 0.9]) {
    const clean = train(momentum);
    soil(); // each time: training wipes the blocks it used
    expect(train(momentum)).toEqual(clean);
  }
});

describe("out of memory", () => {
  test("leaves nothing allocated, wherever it strikes", async () => {
    const net = [dense(64, 64), dense(64, 64)];
    const outcomes = { done: 0, failed: 0 };
    for (let pages = 4; pages <= 16; pages++) {
      const small = await createEngine({ memory: { maximumBytes: pages * 16384 + 65536 } });
      small.scratch(40_000);
      let [big, w, x, labels]: unknown[] = [];
      try {
        big = small.model(net);
        w = small.tensor("f32", (big as Model).size);
        x = small.tensor("u8", [400, 64]);
        labels = small.tensor("i32", 400);
      } catch {
        continue;
      }
      const live = small.stats().liveBlocks;
      for (const run of [
        () => predict(big as Model, w as Tensor<"f32">, x as Tensor<"u8">),
        () => localUpdate(big as Model, w as Tensor<"f32">, { x, labels } as Dataset, { ...options, batchSize: 128 }).delta,
        () => (big as Model).initialise(stream),
      ]) {
        try {
          run().dispose();
          outcomes.done++;
        } catch (error) {
          expect(error).toBeInstanceOf(OutOfMemoryError);
          outcomes.failed++;
        }
        expect(small.stats().liveBlocks, `${run} with ${small.stats().memoryBytes} bytes`).toBe(live);
      }
    }
    expect(outcomes.failed).toBeGreaterThan(5);
  });
});
