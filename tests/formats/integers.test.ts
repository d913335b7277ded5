import { decodeIntegers, encodeIntegers, FrameError, ParameterError } from "fedlane";
import { expect, test } from "vitest";
import { forEachBuild, makeEngine } from "../support/engines.ts";

const EDGES = { 8: [-128, 127], 16: [-32768, 32767], 32: [-2147483648, 2147483647] } as const;

forEachBuild("formats/integers", (engine) => {
  test.each([8, 16, 32] as const)("%i bits: the ends of the range and 0 travel, in that many bits, little-endian", (bits) => {
    engine().scope(() => {
      const values = [...EDGES[bits], 0, -1, 1, 2];
      const bytes = encodeIntegers(engine().tensor("i32", values.length, Int32Array.from(values)), bits);
      expect(bytes.length).toBe((values.length * bits) / 8);
      expect([...bytes.slice(-bits / 8)]).toEqual([2, 0, 0, 0].slice(0, bits / 8));
      const shifted = new Uint8Array(bytes.length + 1); // the bytes of a message need not be aligned
      shifted.set(bytes, 1);
      expect([...decodeIntegers(engine(), shifted.subarray(1), values.length, bits).view]).toEqual(values);
    });
  });
});

test("what does not fit, and messages of any other length, are refused by name", async () => {
  const engine = await makeEngine();
  const wide = engine.tensor("i32", 3, Int32Array.of(0, 0, 128));
  expect(() => encodeIntegers(wide, 8)).toThrow(/expected integers of 8 bits, got 128 at index 2/);
  expect(() => encodeIntegers(wide, 12 as never)).toThrow(ParameterError);
  const before = engine.stats().liveBlocks;
  expect(() => decodeIntegers(engine, new Uint8Array(5), 3, 16)).toThrow(FrameError);
  expect(() => decodeIntegers(engine, "abcdef" as never, 3, 16)).toThrow(/expected 6 bytes, got string/);
  expect(() => decodeIntegers(engine, new Uint8Array(6), 1.5, 16)).toThrow(ParameterError);
  expect(engine.stats().liveBlocks).toBe(before);
  wide.dispose();
});
