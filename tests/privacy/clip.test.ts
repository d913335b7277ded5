import fc from "fast-check";
import { clipByNorm, type Engine, ParameterError, PrivacyError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { extremes, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { expectSameBits } from "../support/same.ts";
import * as reference from "./clip.reference.ts";

/** Clips by the kernel between guard bands, out of place; then in place, which must give the same bits. */
function clip(engine: Engine, x: Float32Array, bound: number, offset = 0): { y: Float32Array; norm: number } {
  const [px, py] = [guarded(engine, x, offset), guarded(engine, new Float32Array(x.length).fill(7), offset)];
  const { clip_l2_f32, squared_norm_f32 } = engine.kernels;
  const norm = clip_l2_f32(x.length, bound, px.address, py.address);
  const y = py.f32();
  expectSameBits(px.f32(), x);
  clip_l2_f32(x.length, bound, px.address, px.address);
  expectSameBits(px.f32(), y);
  // The promise, by the engine's own norm and by the twin's (whose last bits differ).
  expect(Math.sqrt(squared_norm_f32(x.length, py.address))).toBeLessThanOrEqual(bound);
  expect(reference.norm(y)).toBeLessThanOrEqual(bound * (1 + 1e-12));
  clip_l2_f32(x.length, bound, py.address, py.address);
  expectSameBits(py.f32(), y); // clip(clip(x)) = clip(x)
  px.release();
  py.release();
  return { y, norm };
}

forEachBuild("privacy/clip", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(4 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      for (const [k, bound] of [0.001, 1, 20, 1000].entries()) {
        ran();
        const x = normals(n, k + 1);
        const { y, norm } = clip(engine(), x, bound, 4 * k);
        const want = reference.clip(x, bound);
        expect(Math.abs(norm - reference.norm(x))).toBeLessThanOrEqual((n + 8) * 2 ** -53 * norm);
        // One rounding to f32 (2^-24), and where that went past the bound one more factor and rounding (2^-23 + 2^-24 + 2^-24).
        y.forEach((got, i) => {
          const good = norm <= bound ? Object.is(got, x[i]) : Math.abs(got - want[i]!) <= 2 ** -21 * Math.abs(want[i]!);
          if (!good) expect.fail(`bound ${bound}, element ${i}: ${got} for ${want[i]}`);
        });
      }
    });
  });

  // NUMERICS 3.4: the sum of the clipped one-element records [.5, 1, 1.5] at 1 is 2.5.
  test("golden values", () => {
    expect([0.5, 1, 1.5].map((v) => clip(engine(), Float32Array.of(v), 1).y[0]!).reduce((a, b) => a + b)).toBe(2.5);
    const { y, norm } = clip(engine(), Float32Array.of(3, 4), 1);
    expect(norm).toBe(5);
    expect(y[0]).toBeCloseTo(0.6, 6);
    expect(y[1]).toBeCloseTo(0.8, 6);
  });

  test("the norm never exceeds the bound: 3000 vectors at scales from 1e-45 to 3e38", () => {
    const r = random(5);
    for (let k = 0; k < runs(3000); k++) {
      const n = 1 + Math.floor(r() * 40);
      const scale = 10 ** (r() * 76 - 39);
      const x = normals(n, k, scale).map((v) => (Number.isFinite(v) ? v : 3e38));
      clip(engine(), x, scale * 10 ** (4 * r() - 3));
    }
  });

  test("hard values of every kind, any bound (fast-check)", () => {
    const f32 = fc.float({ noNaN: true, noDefaultInfinity: true });
    const bound = fc.double({ min: 1e-46, max: 1e40, noNaN: true });
    const property = fc.property(fc.array(f32, { maxLength: 33 }), bound, (values, c) => {
      clip(engine(), Float32Array.from(values), c);
    });
    fc.assert(property, { seed: 11, numRuns: runs(300) });
    for (const n of [1, 7, 33]) for (const c of [1e-300, 1e-45, 1e-38, 1, 1e38, 1e300]) clip(engine(), extremes(n, n), c);
  });

  test("a bound between two denormals, where rounding to nearest makes no progress, still ends within the bound", () => {
    const least = 2 ** -149;
    for (const units of [0.3, 0.9, 1.7, 2.9, 3.8, 6.6, 100.7]) {
      for (const n of [1, 2, 5, 9]) for (const v of [1, 1e-40, 3e38]) clip(engine(), new Float32Array(n).fill(v), units * least);
    }
    expect(clip(engine(), Float32Array.of(1), 1.7 * least).y[0]).toBeLessThanOrEqual(1.7 * least);
  });

  test("zeros stay, signs and all; a vector exactly at the bound is copied bit for bit", () => {
    expectSameBits(clip(engine(), Float32Array.of(0, -0, 0, 0, -0), 1).y, Float32Array.of(0, -0, 0, 0, -0));
    const at = Float32Array.of(3, -4, -0, 0);
    expectSameBits(clip(engine(), at, 5).y, at);
    expect(clip(engine(), new Float32Array(0), 1).norm).toBe(0);
  });

  test("NaN and Infinity are refused in every lane, named, and nothing is written", () => {
    let ran = 0;
    for (let n = 1; n < 20; n++) {
      engine().scope(() => {
        const [x, out] = [engine().tensor("f32", n), engine().tensor("f32", n, new Float32Array(n).fill(5))];
        for (let bad = 0; bad < n; bad++) {
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
            const content = normals(n, n);
            content[bad] = value;
            x.set(content);
            expect(() => clipByNorm(x, 1, out)).toThrow(PrivacyError);
            expect(() => clipByNorm(x, 1)).toThrow(`got ${value} at index ${bad}`);
            expect(out.toArray()).toEqual(new Float32Array(n).fill(5));
            expectSameBits(x.toArray(), content);
            ran++;
          }
        }
      });
    }
    expect(ran).toBe(3 * 190);
  });

  test("what clipByNorm reports, and what it refuses", () => {
    engine().scope(() => {
      const x = engine().tensor("f32", [1, 2], [3, 4]);
      expect(clipByNorm(x, 6)).toEqual({ norm: 5, clipped: false });
      expect(clipByNorm(x, 1)).toEqual({ norm: 5, clipped: true });
      for (const c of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => clipByNorm(x, c)).toThrow(ParameterError);
      expect(() => clipByNorm(x, 1, engine().tensor("f32", 3))).toThrow(ShapeError);
    });
  });
});

test("every build gives the same bits", async () => {
  const engines = Object.values(await allEngines());
  for (const n of LENGTHS) {
    const got = engines.map((engine) => clip(engine, normals(n, 3), 0.7).y);
    for (const y of got) expectSameBits(y, got[0]!);
  }
});
