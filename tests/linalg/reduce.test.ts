import fc from "fast-check";
import { DisposedError, DTypeError, dot, EngineMismatchError, maxAbs, ShapeError, squaredNorm, sum, type Tensor } from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { EPS64, extremes, LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./reduce.reference.ts";

const finite = { noNaN: true, noDefaultInfinity: true } as const;

forEachBuild("linalg/reduce", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(2 * LENGTHS.length);
    for (const offset of [0, 4]) {
      test.each(LENGTHS)(`n = %i at offset ${offset}`, (n) => {
        ran();
        const { kernels } = engine();
        const [x, y] = [normals(n, 1), normals(n, 2)];
        const [px, py] = [guarded(engine(), x, offset), guarded(engine(), y, offset)];
        const got = [
          kernels.dot_f32(n, px.address, py.address),
          kernels.sum_f32(n, px.address),
          kernels.squared_norm_f32(n, px.address),
          kernels.max_abs_f32(n, px.address),
        ];
        const want = [reference.dot(x, y), reference.sum(x), reference.squaredNorm(x), reference.maxAbs(x)];
        // The kernel's own bound (n/8 + 4 additions deep) plus that of the twin, which adds n in a row. A lost element is about 1.
        const sizes = [reference.dot(x.map(Math.abs), y.map(Math.abs)), reference.sum(x.map(Math.abs)), want[2]!, 0];
        expectWithin(got, want, (i) => (n / 8 + 4 + n) * EPS64 * sizes[i]!, 1e-6);
        px.release();
        py.release();
      });
    }
  });

  test("a unit vector picks its element, wherever it stands", () => {
    const n = 37;
    const y = normals(n, 3);
    engine().scope(() => {
      const [e, t] = [engine().tensor("f32", n), engine().tensor("f32", n, y)];
      for (let i = 0; i < n; i++) {
        e.view.fill(0)[i] = -2;
        expect([dot(e, t), sum(e), squaredNorm(e), maxAbs(e)]).toEqual([-2 * y[i]!, -2, 4, 2]);
      }
    });
  });

  test("NaN anywhere gives NaN, Infinity gives Infinity; both signs give NaN in a sum", () => {
    for (let bad = 0; bad < 37; bad++) {
      engine().scope(() => {
        const [x, ones] = [engine().tensor("f32", 37), engine().tensor("f32", 37, new Float32Array(37).fill(1))];
        x.view[bad] = Number.NaN;
        expect([dot(x, ones), dot(ones, x), sum(x), squaredNorm(x), maxAbs(x)]).toEqual(Array(5).fill(Number.NaN));
        x.view[bad] = Number.NEGATIVE_INFINITY;
        expect([dot(x, ones), sum(x), squaredNorm(x), maxAbs(x)]).toEqual([-Infinity, -Infinity, Infinity, Infinity]);
        x.view[(bad + 1) % 37] = Number.POSITIVE_INFINITY;
        expect(sum(x)).toBe(Number.NaN);
      });
    }
  });

  test("properties for any finite values, up to the edges of f32", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 70, ...finite }), (x) => {
        runs++;
        engine().scope(() => {
          const t = engine().tensor("f32", x.length, x);
          const norm = squaredNorm(t);
          expect(norm).toBe(dot(t, t));
          expect(Number.isFinite(norm)).toBe(true);
          expect(norm === 0).toBe(x.every((v) => v === 0));
          expect(maxAbs(t)).toBe(reference.maxAbs(x));
          expectWithin([norm], [reference.squaredNorm(x)], () => 80 * EPS64 * norm, Number.POSITIVE_INFINITY);
          const reversed = engine().tensor("f32", x.length, x.slice().reverse());
          const size = reference.sum(x.map(Math.abs));
          expectWithin([sum(reversed)], [sum(t)], () => 40 * EPS64 * size, Number.POSITIVE_INFINITY);
        });
      }),
      { seed: 2, numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  test("bad input is refused", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", 3);
    engine().scope(() => {
      const x = engine().tensor("f32", 3);
      const f64 = engine().tensor("f64", 3) as unknown as Tensor<"f32">;
      const gone = engine().tensor("f32", 3);
      gone.dispose();
      for (const op of [sum, squaredNorm, maxAbs]) {
        expect(() => op(f64)).toThrow(DTypeError);
        expect(() => op(gone)).toThrow(DisposedError);
      }
      expect(() => dot(x, f64)).toThrow(DTypeError);
      expect(() => dot(gone, x)).toThrow(DisposedError);
      expect(() => dot(x, gone)).toThrow(DisposedError);
      expect(() => dot(x, other)).toThrow(EngineMismatchError);
      expect(() => dot(x, engine().tensor("f32", 4))).toThrow(ShapeError);
    });
    other.dispose();
  });
});

describe("linalg/reduce across builds", () => {
  test("every build gives the same bits, on ordinary and extreme values", async () => {
    const engines = Object.values(await allEngines());
    expect(engines.length).toBeGreaterThanOrEqual(2);
    for (const n of LENGTHS) {
      for (const make of [normals, extremes]) {
        const got = engines.map((engine) =>
          engine.scope(() => {
            const [x, y] = [engine.tensor("f32", n, make(n, 8)), engine.tensor("f32", n, make(n, 9))];
            return [dot(x, y), sum(x), squaredNorm(x), maxAbs(x)];
          }),
        );
        for (const values of got) expect(new Uint32Array(Float64Array.from(values).buffer)).toEqual(new Uint32Array(Float64Array.from(got[0]!).buffer));
      }
    }
  });

  test("the documented order of addition: stripes of 8, a fixed tree, then the tail", async () => {
    const { simd } = await allEngines();
    for (const n of LENGTHS) {
      const x = normals(n, 10);
      const e = n - (n % 8);
      const s = new Float64Array(8);
      for (let i = 0; i < e; i++) s[i % 8]! += x[i]!;
      const r = (j: number) => s[j]! + s[j + 2]! + (s[j + 4]! + s[j + 6]!);
      let want = r(0) + r(1);
      for (let i = e; i < n; i++) want += x[i]!;
      simd!.scope(() => expect(sum(simd!.tensor("f32", n, x))).toBe(want));
    }
  });
});
