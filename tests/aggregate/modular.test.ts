import { createModularSum, DisposedError, type Engine, modularClip, ParameterError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { LENGTHS, random } from "../support/data.ts";
import { forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./modular.reference.ts";

const RANGES = [
  [-5, 10],
  [-20, -10],
  [-128, 128],
  [-(2 ** 31), 2 ** 31],
  [-(2 ** 31), 2 ** 31 - 1],
  [0, 1],
  [3, 2 ** 30 + 3],
  [-(2 ** 17), 2 ** 17],
] as const;

/** n integers over the whole range, the extremes and edges among them. */
function integers(n: number, seed: number): Int32Array {
  const r = random(seed);
  const edges = [-(2 ** 31), 2 ** 31 - 1, 0, -1, 127, 128, -128, -129, 9, 10, -5, -6];
  return Int32Array.from({ length: n }, () => (r() < 0.3 ? edges[Math.floor(r() * edges.length)]! : Math.floor((r() - 0.5) * 2 ** 32)));
}

function clip(engine: Engine, x: Int32Array, lower: number, upper: number, offset: number): number[] {
  const [px, py] = [guarded(engine, x, offset), guarded(engine, new Int32Array(x.length), offset)];
  engine.kernels.modular_clip_i32(x.length, lower, BigInt(upper - lower), px.address, py.address);
  const y = [...new Int32Array(py.bytes().buffer)];
  engine.kernels.modular_clip_i32(x.length, lower, BigInt(upper - lower), px.address, px.address);
  expect([...new Int32Array(px.bytes().buffer)]).toEqual(y);
  px.release();
  py.release();
  return y;
}

forEachBuild("aggregate/modular", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(LENGTHS.length * RANGES.length);
    test.each(LENGTHS)("n = %i", (n) => {
      for (const [k, [lower, upper]] of RANGES.entries()) {
        ran();
        const x = integers(n, n + k);
        expect(clip(engine(), x, lower, upper, 4 * (k % 2))).toEqual(Array.from(x, (v) => reference.modularClip(v, lower, upper)));
      }
    });
  });

  test("golden values", () => {
    engine().scope(() => {
      const x = engine().tensor("i32", 3, [-15, 20, 10]);
      expect([...modularClip(x, { lower: -5, upper: 10 }).view]).toEqual([0, 5, -5]);
      expect([...modularClip(engine().tensor("i32", 1, [-25]), { lower: -20, upper: -10 }).view]).toEqual([-15]);
    });
  });

  test("a modular sum is the sum modulo 2^bits, whatever the order, beyond 2^31 too", () => {
    engine().scope(() => {
      const n = 257;
      for (const bits of [2, 8, 17, 31, 32]) {
        const parts = Array.from({ length: 9 }, (_, i) => integers(n, 10 * bits + i));
        const [forth, back] = [createModularSum(engine(), { size: n, bits }), createModularSum(engine(), { size: n, bits })];
        const tensors = parts.map((p) => engine().tensor("i32", n, p));
        for (const t of tensors) forth.add(t);
        for (const t of tensors.toReversed()) back.add(modularClip(t, { lower: -(2 ** (bits - 1)), upper: 2 ** (bits - 1) }));
        const want = Array.from({ length: n }, (_, i) =>
          Number(
            BigInt.asIntN(
              bits,
              parts.reduce((s, p) => s + BigInt(p[i]!), 0n),
            ),
          ),
        );
        const out = engine().tensor("i32", n);
        expect([...forth.result(out).view]).toEqual(want);
        expect([...back.result(out).view]).toEqual(want);
        expect(forth.count).toBe(9);
        forth.dispose();
        back.dispose();
        expect(() => forth.add(tensors[0]!)).toThrow(DisposedError);
      }
    });
  });

  test("bad input is refused and changes nothing", () => {
    engine().scope(() => {
      const x = engine().tensor("i32", 3, [1, 2, 3]);
      for (const [lower, upper] of [
        [0, 0],
        [5, 4],
        [0.5, 2],
        [-(2 ** 31) - 1, 0],
        [0, 2 ** 31 + 1],
        [Number.NaN, 1],
      ] as const)
        expect(() => modularClip(x, { lower, upper })).toThrow(ParameterError);
      expect(() => modularClip(x, { lower: -1, upper: 1 }, engine().tensor("i32", 4))).toThrow(ShapeError);
      const sum = createModularSum(engine(), { size: 3, bits: 8 });
      expect(() => sum.add(engine().tensor("i32", 4))).toThrow(ShapeError);
      expect(() => sum.result(engine().tensor("i32", 2))).toThrow(ShapeError);
      expect(sum.count).toBe(0);
      sum.dispose();
      for (const bits of [1, 33, 8.5, Number.NaN]) expect(() => createModularSum(engine(), { size: 3, bits })).toThrow(ParameterError);
      expect([...x.view]).toEqual([1, 2, 3]);
    });
  });
});
