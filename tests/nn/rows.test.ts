import fc from "fast-check";
import { DisposedError, DTypeError, EngineMismatchError, ParameterError, ShapeError, type Tensor, takeRows } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { bits, extremes, LENGTHS, random } from "../support/data.ts";
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
      rows.dispose();
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
