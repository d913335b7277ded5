import { dense, flatten, input, ParameterError, reshape } from "fedlane";
import { expect, test } from "vitest";
import { flattenKind, reshapeKind } from "../../src/nn/reshape.ts";
import { extremes } from "../support/data.ts";
import { forEachBuild } from "../support/engines.ts";
import { runKind } from "../support/kinds.ts";

forEachBuild("nn/reshape", (engine) => {
  const m = 3;
  const [values, dy] = [extremes(90, 1), extremes(90, 2)];

  test("the numbers stay as they are, in place or copied, forward and backward", () => {
    for (const inPlace of [false, true]) {
      const run = { m, inputs: [{ shape: [2, 3, 5], values }], dy, inPlace };
      expect(runKind(engine(), flattenKind, flatten(), run)).toEqual({ shape: [30], y: values, dx: [dy] });
      expect(runKind(engine(), reshapeKind, reshape([10, 3]), run)).toEqual({ shape: [10, 3], y: values, dx: [dy] });
    }
  });

  test("descriptions are plain frozen data, also their shape", () => {
    const shape = [2, 3];
    const layer = reshape(shape);
    shape[0] = 9;
    expect([layer, flatten()]).toEqual([{ type: "reshape", shape: [2, 3] }, { type: "flatten" }]);
    for (const value of [layer, layer.shape, flatten()]) expect(Object.isFrozen(value)).toBe(true);
    flattenKind.check("test", flatten());
  });

  test("bad shapes are refused in the caller's words", () => {
    for (const shape of [[0], [2, -1], [1.5], [Number.NaN], "6", undefined, [[6]]]) expect(() => reshape(shape as number[])).toThrow(ParameterError);
    expect(() => reshape([2, -1])).toThrow(/reshape: expected a length of shape to be an integer >= 1, got -1/);
    expect(() => reshapeKind.shape("model: reshape0", reshape([7, 4]), [[5, 6]])).toThrow(
      /model: reshape0: expected a shape of 30 elements to reshape \[5,6\], got \[7,4\] of 28/,
    );
    expect(reshapeKind.shape("op", reshape([]), [[1]])).toEqual([]);
  });

  test("in a model", () => {
    const model = engine().model([input([4, 6]), reshape([8, 3]), flatten(), dense(24, 2)]);
    expect(model.graph.nodes.map(({ output }) => output)).toEqual([[4, 6], [8, 3], [24], [2]]);
    expect(() => engine().model([input([4, 6]), reshape([5, 5])])).toThrow(/reshape0: expected a shape of 24 elements/);
  });
});
