import fc from "fast-check";
import { DisposedError, DTypeError, EngineMismatchError, ParameterError, putRows, ShapeError, type Tensor, takeRows, updateRows } from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, extremes, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./rows.reference.ts";

const ROWS = Uint32Array.of(3, 0, 3, 1);
const f = Math.fround;
function bytes(n: number, seed: number): Uint8Array {
  const r = random(seed);
  return Uint8Array.from({ length: n }, () => Math.floor(r() * 256));
}

forEachBuild("nn/rows", (engine) => {
  describe("is the twin bit for bit: one rounding", () => {
    const ran = countCases(LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      const { kernels } = engine();
      const [x, u] = [extremes(4 * n, 1), bytes(4 * n, 2)];
      // u8 data at an odd address
      const [pr, px, pu, py] = [guarded(engine(), ROWS), guarded(engine(), x, 4), guarded(engine(), u, 1), guarded(engine(), new Float32Array(4 * n), 4)];
      kernels.take_rows_f32(4, n, pr.address, px.address, py.address);
      expect(bits(py.f32())).toEqual(bits(Float32Array.from(reference.takeRows(n, ROWS, x))));
      const scale = f(1 / 255);
      kernels.take_rows_u8_f32(4, n, scale, pr.address, pu.address, py.address);
      expect(bits(py.f32())).toEqual(bits(Float32Array.from(reference.takeRows(n, ROWS, u, scale))));
      for (const p of [pr, px, pu, py]) p.release();
    });
  });

  test("4-byte values of any kind keep their bits: labels, NaN payloads", () => {
    const x = Uint32Array.of(0x7fc12345, 0xffffffff, 1, 0x80000000, 0x7f800001, 7);
    const [pr, px, py] = [guarded(engine(), Uint32Array.of(2, 0, 1)), guarded(engine(), x), guarded(engine(), new Uint32Array(6))];
    engine().kernels.take_rows_f32(3, 2, pr.address, px.address, py.address);
    expect([...new Uint32Array(py.bytes().buffer)]).toEqual([0x7f800001, 7, 0x7fc12345, 0xffffffff, 1, 0x80000000]);
    for (const p of [pr, px, py]) p.release();
  });

  test("every byte value, in every lane", () => {
    engine().scope(() => {
      const all = Uint8Array.from({ length: 256 * 7 }, (_, i) => Math.floor(i / 7));
      const rows = engine().tensor(
        "u32",
        256,
        Uint32Array.from({ length: 256 }, (_, i) => 255 - i),
      );
      const out = takeRows(engine().tensor("u8", [256, 7], all), rows, engine().tensor("f32", [256, 7]), 1).toArray();
      expect([...out]).toEqual(Array.from(all, (v) => 255 - v));
    });
  });

  test("any rows of any matrix", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 21 }), fc.array(fc.nat(), { maxLength: 12 }), (count, n, picks) => {
        runs++;
        const rows = Uint32Array.from(picks, (p) => p % count);
        engine().scope(() => {
          const x = bytes(count * n, 3);
          const [pr, out] = [engine().tensor("u32", rows.length, rows), engine().tensor("f32", [rows.length, n])];
          takeRows(engine().tensor("u8", [count, n], x), pr, out, 0.25);
          expect(out.toArray()).toEqual(Float32Array.from(reference.takeRows(n, rows, x, 0.25)));
          takeRows(engine().tensor("f32", [count, n], x), pr, out);
          expect(out.toArray()).toEqual(Float32Array.from(reference.takeRows(n, rows, x)));
        });
      }),
      { seed: 5, numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  describe("rows put back and updated: those named and no others", () => {
    const ran = countCases(LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      const { kernels } = engine();
      const [x, y] = [
        normals(5 * n, 3)
          .fill(Number.NaN, 2 * n, 3 * n)
          .fill(Number.NaN, 4 * n),
        extremes(3 * n, 4),
      ];
      const rows = Uint32Array.of(3, 0, 1);
      for (const [alpha, beta] of [
        [1, 0],
        [f(-0.1), f(0.9)],
      ] as const) {
        const [pr, py, px] = [guarded(engine(), rows, 4), guarded(engine(), alpha === 1 ? y : normals(3 * n, 5), 4), guarded(engine(), x, 4)];
        const values = py.f32();
        const want = reference.updateRows(n, alpha, beta, rows, values, x);
        kernels.update_rows_f32(3, n, alpha, beta, pr.address, py.address, px.address);
        // alpha = 1, beta = 0 is exact; else two products and a sum of numbers below 10
        expectWithin(px.f32(), want, () => (beta === 0 ? 0 : 3 * EPS32 * 20), 1e-4);
        if (beta === 0) {
          const updated = bits(px.f32());
          kernels.put_rows_f32(3, n, pr.address, py.address, px.address);
          const put = bits(px.f32());
          // A product with 1 and a copy differ in no bit of a number.
          expect(put).toEqual(updated);
        }
        for (const p of [pr, py, px]) p.release();
      }
    });
  });

  test("beta 0 does not read what is overwritten, and a repeated row is updated again", () => {
    engine().scope(() => {
      const rows = engine().tensor("u32", 3, [2, 0, 2]);
      const values = engine().tensor(
        "f32",
        [3, 5],
        Float32Array.from({ length: 15 }, (_, i) => i),
      );
      const x = engine().tensor("f32", [3, 5], new Float32Array(15).fill(Number.NaN));
      updateRows(values, rows, x, { alpha: 2, beta: 0 });
      expect([...x.toArray()]).toEqual([10, 12, 14, 16, 18, ...Array(5).fill(Number.NaN), 20, 22, 24, 26, 28]);
      updateRows(values, rows, x, { alpha: -1 });
      expect([...x.toArray().subarray(10)]).toEqual([10, 10, 10, 10, 10]);
      putRows(values, rows, x);
      expect([...x.toArray().subarray(10)]).toEqual([10, 11, 12, 13, 14]);
      putRows(values, rows, x, { count: 1 });
      expect([...x.toArray().subarray(10)]).toEqual([0, 1, 2, 3, 4]);
      expect([...x.toArray().subarray(0, 5)]).toEqual([5, 6, 7, 8, 9]);
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3]);
    engine().scope(() => {
      const [x, u] = [engine().tensor("f32", [2, 3]), engine().tensor("u8", [2, 3])];
      const rows = engine().tensor("u32", 2, [1, 0]);
      const out = engine().tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
      const late = engine().tensor("u32", 2, [0, 2]);
      expect(() => takeRows(x, late, out)).toThrow(/takeRows: expected row indices below 2, got 2 at index 1/);
      expect(() => takeRows(u, late, out)).toThrow(ParameterError);
      expect(() => takeRows(u, engine().tensor("u32", 2, [0xffffffff, 0]), out)).toThrow(ParameterError);
      expect(() => takeRows(x, rows, out, 2)).toThrow(ParameterError); // f32 rows take no scale
      expect(() => takeRows(u, rows, out, Number.NaN)).toThrow(ParameterError);
      expect(() => takeRows(out, rows, out)).toThrow(ParameterError);
      expect(() => takeRows(x, rows, engine().tensor("f32", [3, 2]))).toThrow(ShapeError);
      expect(() => takeRows(engine().tensor("f32", 6), rows, out)).toThrow(ShapeError);
      expect(() => takeRows(x, engine().tensor("i32", 2) as unknown as Tensor<"u32">, out)).toThrow(DTypeError);
      expect(() => takeRows(engine().tensor("i32", [2, 3]) as unknown as Tensor<"u8">, rows, out)).toThrow(DTypeError);
      expect(() => takeRows(other, rows, out)).toThrow(EngineMismatchError);
      for (const write of [putRows, updateRows]) {
        expect(() => write(x, late, out)).toThrow(/expected row indices below 2, got 2 at index 1/);
        expect(() => write(x, rows, out, { count: 3 })).toThrow(ParameterError);
        expect(() => write(x, rows, out, { counts: 1 } as object)).toThrow(ParameterError);
        expect(() => write(out, rows, out)).toThrow(ParameterError);
        expect(() => write(engine().tensor("f32", [3, 3]), rows, out)).toThrow(ShapeError);
        expect(() => write(engine().tensor("f32", [2, 2]), rows, out)).toThrow(ShapeError);
        expect(() => write(other, rows, out)).toThrow(EngineMismatchError);
      }
      expect(() => updateRows(x, rows, out, { alpha: Number.NaN })).toThrow(ParameterError);
      expect(() => updateRows(x, rows, out, { beta: 1e39 })).toThrow(ParameterError);
      const ahead = engine().tensor("f32", [2, 3]);
      putRows(x, late, ahead, { count: 1 }); // an index beyond the count is not looked at
      rows.dispose();
      expect(() => putRows(x, rows, out)).toThrow(DisposedError);
      expect(() => takeRows(x, rows, out)).toThrow(DisposedError);
      expect([...out.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
    });
    other.dispose();
  });
});

describe("nn/rows across builds", () => {
  test("every build gives the same bits", async () => {
    const engines = Object.values(await allEngines());
    expect(engines.length).toBeGreaterThanOrEqual(2);
    for (const n of LENGTHS) {
      const got = engines.map((engine) =>
        engine.scope(() => {
          const rows = engine.tensor("u32", 4, ROWS);
          return bits(takeRows(engine.tensor("u8", [4, n], bytes(4 * n, 4)), rows, engine.tensor("f32", [4, n]), 1 / 255).toArray());
        }),
      );
      for (const b of got) expect(b).toEqual(got[0]);
    }
  });
});
