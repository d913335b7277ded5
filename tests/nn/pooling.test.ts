import { averagePool2d, maxPool2d, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { pooledShape } from "#dist/nn/pooling.js";
import { along } from "./window.reference.ts";

describe("descriptions of pooling layers", () => {
  test.each([maxPool2d, averagePool2d])("are plain frozen data, as pairs", (make) => {
    const type = make.name;
    expect(make(2)).toEqual({ type, poolSize: [2, 2], strides: [2, 2], padding: "valid" });
    expect(make([3, 2], { strides: 1, padding: "same" })).toEqual({ type, poolSize: [3, 2], strides: [1, 1], padding: "same" });
    const strides: [number, number] = [1, 2];
    const layer = make(3, { strides });
    strides[0] = 9; // a copy was taken
    expect(layer).toEqual({ type, poolSize: [3, 3], strides: [1, 2], padding: "valid" });
    expect(structuredClone(layer)).toEqual(layer);
    expect(Object.isFrozen(layer) && Object.isFrozen(layer.poolSize) && Object.isFrozen(layer.strides)).toBe(true);
  });

  test.each([maxPool2d, averagePool2d])("of nonsense are refused", (make) => {
    for (const bad of [0, [2, 0], 1.5, "2"]) {
      expect(() => make(bad as number)).toThrow(/poolSize/);
      expect(() => make(2, { strides: bad as number })).toThrow(/strides/);
    }
    expect(() => make(2, { padding: "full" as "same" })).toThrow(/padding/);
    expect(() => make(2, { stride: 1 } as object)).toThrow(/strides, padding, got "stride"/);
  });
});

describe("the shape of what pooling gives", () => {
  test("is the number of windows and the channels", () => {
    for (const padding of ["valid", "same"] as const) {
      for (const [h, w] of [
        [4, 4],
        [5, 7],
        [9, 4],
      ] as const) {
        const layer = maxPool2d([4, 3], { strides: [3, 2], padding });
        const windows = (n: number, k: number, stride: number) => along(n, k, stride, padding).cells.length;
        expect(pooledShape("op", layer, [h, w, 8])).toEqual([windows(h, 4, 3), windows(w, 3, 2), 8]);
      }
    }
  });

  test("images of another rank, or smaller than a valid window, are refused", () => {
    for (const shape of [[4], [4, 4], [1, 4, 4, 1]]) expect(() => pooledShape("op", maxPool2d(2), shape)).toThrow(ShapeError);
    expect(() => pooledShape("op", maxPool2d([3, 1]), [2, 5, 1])).toThrow("op: expected images of 3x1 or more for windows of that size, got shape [2,5,1]");
    expect(() => pooledShape("op", maxPool2d([1, 6]), [2, 5, 1])).toThrow(ShapeError);
    expect(pooledShape("op", maxPool2d(6, { padding: "same" }), [2, 5, 1])).toEqual([1, 1, 1]);
  });
});
