import { type Activation, type DenseLayer, dense, EngineMismatchError, evaluate, type Initialiser, type Layer, ParameterError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { bits } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { noise } from "../support/streams.ts";

forEachBuild("nn/model", (engine) => {
  test("lays kernels and biases one after the other, without gaps", () => {
    const model = engine().model([dense(784, 200, "relu"), dense(200, 200, "relu"), dense(200, 10)]);
    expect([model.size, model.inputs, model.classes]).toEqual([199_210, 784, 10]);
    expect(model.layout).toEqual([
      { name: "dense0/kernel", shape: [784, 200], offset: 0, size: 156_800 },
      { name: "dense0/bias", shape: [200], offset: 156_800, size: 200 },
      { name: "dense1/kernel", shape: [200, 200], offset: 157_000, size: 40_000 },
      { name: "dense1/bias", shape: [200], offset: 197_000, size: 200 },
      { name: "dense2/kernel", shape: [200, 10], offset: 197_200, size: 2000 },
      { name: "dense2/bias", shape: [10], offset: 199_200, size: 10 },
    ]);
    expect([Object.isFrozen(model.layers), Object.isFrozen(model.layout)]).toEqual([true, true]);
  });

  test("initialises kernels within their limits, biases at zero, and repeats for a seed", async () => {
    const model = engine().model([dense(30, 20, "relu", "glorotUniform"), dense(20, 10, "relu", "heUniform")]);
    const [one, two, three] = [await noise(1), await noise(1), await noise(2)];
    engine().scope(() => {
      const a = model.initialise(one).toArray();
      expect(bits(model.initialise(two).toArray())).toEqual(bits(a));
      expect(bits(model.initialise(three).toArray())).not.toEqual(bits(a));
      const limits = [Math.sqrt(6 / 50), Math.sqrt(6 / 20)];
      for (const [i, { offset, size, name }] of model.layout.entries()) {
        const values = a.subarray(offset, offset + size);
        const largest = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
        if (name.endsWith("bias")) expect(largest).toBe(0);
        else {
          expect(largest).toBeLessThanOrEqual(limits[i / 2]! * (1 + 2 ** -23));
          expect(largest).toBeGreaterThan(0.9 * limits[i / 2]!);
          expect(new Set(values).size).toBeGreaterThan(0.99 * size);
        }
      }
    });
  });

  test("what is no model is refused", () => {
    const { model } = { model: (layers: unknown) => engine().model(layers as Layer[]) };
    for (const layers of [[], null, undefined, {}, "dense", [null], [5], [{}], [{ type: "conv" }]]) expect(() => model(layers)).toThrow(ParameterError);
    expect(() => model([dense(3, 4), dense(5, 2)])).toThrow("model: dense1: expected to be given 5 inputs, got 4");
    expect(() => model([dense(3, 4), dense(5, 2)])).toThrow(ShapeError);
    for (const size of [0, -1, 1.5, Number.NaN]) {
      expect(() => dense(size, 1)).toThrow(ParameterError);
      expect(() => dense(1, size)).toThrow(ParameterError);
      expect(() => model([{ ...dense(1, 1), inputs: size }])).toThrow(ParameterError);
    }
    expect(() => dense(1, 1, "swish" as Activation)).toThrow(/"linear" or "relu"/);
    expect(() => dense(1, 1, "relu", "ones" as Initialiser)).toThrow(ParameterError);
  });

  test("weights of another engine or size are refused", async () => {
    const other = await makeEngine();
    const model = engine().model([dense(2, 2)]);
    engine().scope(() => {
      const data = { x: engine().tensor("f32", [1, 2]), labels: engine().tensor("i32", 1) };
      expect(() => evaluate(model, other.tensor("f32", model.size), data)).toThrow(EngineMismatchError);
      expect(() => evaluate(model, engine().tensor("f32", model.size - 1), data)).toThrow(ShapeError);
    });
  });

  test("layers are copied: changing a description later does not change the model", () => {
    const layer = { ...dense(2, 2) } as { -readonly [K in keyof DenseLayer]: DenseLayer[K] };
    const model = engine().model([layer]);
    layer.outputs = 1000;
    expect((model.layers[0] as DenseLayer).outputs).toBe(2);
  });
});

describe("nn/model across builds", () => {
  test("initial weights are the same bits in every build", async () => {
    const model = [dense(17, 9, "relu", "heUniform"), dense(9, 5)];
    const got = await Promise.all(
      Object.values(await allEngines()).map(async (engine) => {
        const stream = await noise(3);
        return engine.scope(() => bits(engine.model(model).initialise(stream).toArray()));
      }),
    );
    expect(got.length).toBeGreaterThanOrEqual(2);
    for (const one of got) expect(one).toEqual(got[0]);
  });
});
