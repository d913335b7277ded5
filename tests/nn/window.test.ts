import { ParameterError } from "fedlane";
import { describe, expect, test } from "vitest";
import { checkPair, paddingBefore, windows } from "#dist/nn/window.js";
import { along } from "./window.reference.ts";

describe("nn/window", () => {
  test("places windows as TensorFlow does, for every length, window, stride and padding", () => {
    let cases = 0;
    for (const padding of ["valid", "same"] as const) {
      for (let n = 1; n <= 12; n++) {
        for (let k = 1; k <= 6; k++) {
          for (let stride = 1; stride <= 5; stride++) {
            if (padding === "valid" && k > n) {
              expect(windows(n, k, stride, padding)).toBeLessThan(1);
              continue;
            }
            const { before, cells } = along(n, k, stride, padding);
            expect([windows(n, k, stride, padding), paddingBefore(n, k, stride, padding)], `${n} ${k} ${stride} ${padding}`).toEqual([cells.length, before]);
            for (const window of cells) expect(window.length).toBeGreaterThan(0);
            cases++;
          }
        }
      }
    }
    expect(cases).toBe(12 * 6 * 5 + 5 * (6 * 6 + 6 + 5 + 4 + 3 + 2 + 1));
  });

  test("puts the greater half of an odd padding after the last cell", () => {
    expect([paddingBefore(4, 2, 1, "same"), paddingBefore(5, 4, 1, "same"), paddingBefore(5, 2, 2, "same")]).toEqual([0, 1, 0]);
  });

  test("pairs", () => {
    expect(checkPair("op", "name", 3)).toEqual([3, 3]);
    expect(checkPair("op", "name", [1, 2])).toEqual([1, 2]);
    expect(Object.isFrozen(checkPair("op", "name", [1, 2]))).toBe(true);
    for (const bad of [0, -1, 1.5, Number.NaN, "2", null, undefined, [], [1], [1, 2, 3], [1, 0], [1, "2"], {}]) {
      expect(() => checkPair("op", "name", bad as number), String(bad)).toThrow(ParameterError);
    }
    expect(() => checkPair("op", "name", [1, 2, 3] as unknown as [number, number])).toThrow("op: expected name to be a number or a pair of numbers, got Array");
  });
});
