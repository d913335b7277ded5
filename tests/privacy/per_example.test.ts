import fc from "fast-check";
import { clipFactors, DTypeError, type Engine, EngineMismatchError, ParameterError, ShapeError, scaleRows, squaredNorm, type Tensor } from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { EPS32, extremes, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { expectSameBits } from "../support/same.ts";
import * as reference from "./per_example.reference.ts";

const DENORMAL = 2 ** -149;
const BROKEN = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;

/** The kernel between guard bands, with its promise checked. */
function clip(engine: Engine, squaredNorms: Float64Array, c: number): { factors: Float32Array; bad: number } {
  const m = squaredNorms.length;
  const [pn, pf] = [guarded(engine, squaredNorms, 4), guarded(engine, new Float32Array(m).fill(Number.NaN), 4)];
  const bad = engine.kernels.clip_factors_f64_f32(m, c, pn.address, pf.address);
  const factors = pf.f32();
  expect(new Float64Array(pn.bytes().buffer)).toEqual(squaredNorms);
  pn.release();
  pf.release();
  for (let i = 0; i < m; i++) {
    const norm = Math.sqrt(squaredNorms[i]!);
    const good = Number.isFinite(norm) ? factors[i]! >= 0 && factors[i]! <= 1 && factors[i]! * norm <= c : Object.is(factors[i], 0);
    if (!good) expect.fail(`norm ${norm}, bound ${c}: factor ${factors[i]}`);
  }
  return { factors, bad };
}

/** The kernel between guard bands; in place gives the same bits. */
function scale(engine: Engine, n: number, factors: Float32Array, x: Float32Array, offset = 0): Float32Array {
  const [pf, px, py] = [guarded(engine, factors, offset), guarded(engine, x, offset), guarded(engine, new Float32Array(x.length).fill(7), offset)];
  engine.kernels.scale_rows_f32(factors.length, n, pf.address, px.address, py.address);
  const y = py.f32();
  expectSameBits(px.f32(), x);
  engine.kernels.scale_rows_f32(factors.length, n, pf.address, px.address, px.address);
  expectSameBits(px.f32(), y);
  for (const p of [pf, px, py]) p.release();
  return y;
}

forEachBuild("privacy/per_example", (engine) => {
  describe("factors against the twin", () => {
    const ran = countCases(4 * LENGTHS.length);
    test.each(LENGTHS)("m = %i", (m) => {
      for (const c of [1e-3, 1, 2.5, 1e3]) {
        ran();
        const norms = Float64Array.from(normals(m, 1, 3), (v) => v ** 2);
        const { factors, bad } = clip(engine(), norms, c);
        // Down to the f32 below: at most one step of 2^-23.
        const want = reference.factors(c, norms);
        expectWithin(factors, want, (i) => (want[i] === 1 ? 0 : 2 * EPS32 * want[i]!), 1e-6);
        expect(bad).toBe(0);
      }
    });
  });

  test("golden values: powers of two are exact, the bound itself is 1, zero is 1, broken norms are 0 and counted", () => {
    const norms = Float64Array.of(0, -0, 0.25, 1, 1 + 2 ** -50, 4, 16, 2 ** 40, Number.NaN, Number.POSITIVE_INFINITY, -1, Number.NEGATIVE_INFINITY);
    const { factors, bad } = clip(engine(), norms, 1);
    expectSameBits(factors, Float32Array.of(1, 1, 1, 1, 1 - 2 ** -24, 0.5, 0.25, 2 ** -20, 0, 0, 0, 0));
    expect(bad).toBe(4);
    expect(clip(engine(), Float64Array.of(25), 5).factors[0]).toBe(1);
    expect(clip(engine(), Float64Array.of(25), 2.5).factors[0]).toBe(0.5);
  });

  test("one f32 step more would break the promise: the factor is the largest that keeps it", () => {
    let clipped = 0;
    const r = random(3);
    for (const c of [0.01, 1, 37.3]) {
      const norms = Float64Array.from({ length: 1000 }, () => 10 ** (12 * r() - 6));
      for (const [i, f] of clip(engine(), norms, c).factors.entries()) {
        if (f === 1) continue;
        clipped++;
        const next = new Uint32Array(Float32Array.of(f).buffer);
        next[0]! += 1;
        expect(new Float32Array(next.buffer)[0]! * Math.sqrt(norms[i]!)).toBeGreaterThan(c);
      }
    }
    expect(clipped).toBeGreaterThan(1000);
  });

  test("any norm and any bound (fast-check): the promise holds from 5e-324 to 1.8e308", () => {
    const positive = fc.double({ min: 5e-324, max: 1.7e308, noNaN: true });
    let ran = 0;
    const property = fc.property(fc.array(fc.double(), { maxLength: 20 }), positive, (norms, c) => {
      ran++;
      const { bad } = clip(engine(), Float64Array.from(norms), c);
      expect(bad).toBe(norms.filter((s) => !Number.isFinite(Math.sqrt(s))).length);
    });
    fc.assert(property, { numRuns: runs(300) });
    expect(ran).toBe(runs(300));
    // Quotients among the denormals of f32 and below them.
    for (const c of [1e-300, 1e-45, 1e-40, 1e-38]) {
      const norms = Float64Array.from([1e-45, 1e-38, 1, 1e38], (v) => v ** 2);
      const want = reference.factors(c, norms);
      expectWithin(clip(engine(), norms, c).factors, want, (i) => (want[i] === 1 ? 0 : 2 * EPS32 * want[i]! + DENORMAL), 1e-6);
    }
  });

  describe("scaled rows against the twin", () => {
    const ran = countCases(4 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      const factors = Float32Array.of(0.3, 1, 0, 1e-3, 0.9999999);
      for (const [k, x] of [normals(5 * n, 1), normals(5 * n, 2, 5e37), normals(5 * n, 3, 1e-38), extremes(5 * n, 4)].entries()) {
        ran();
        const y = scale(engine(), n, factors, x, k);
        expectSameBits(y, Float32Array.from(reference.scaleRows(n, factors, x))); // a product of f32 is exact in f64: one rounding, denormals too
        expectSameBits(y.subarray(n, 2 * n), x.subarray(n, 2 * n)); // a factor of 1 leaves the bits
        expectSameBits(y.subarray(2 * n, 3 * n), new Float32Array(n)); // a factor of 0 gives +0
      }
    });
  });

  test("a row with NaN or Infinity in any lane is cleared by the factor 0 to +0, and reaches no other row", () => {
    let ran = 0;
    for (let n = 1; n < 20; n++) {
      // Three rows a case, of which the middle one is broken.
      const cases = Array.from({ length: n }, (_, bad) => BROKEN.flatMap((value) => [0, -0].map((zero) => ({ bad, value, zero })))).flat();
      const x = normals(3 * n * cases.length, n);
      for (const [k, { bad, value }] of cases.entries()) x[(3 * k + 1) * n + bad] = value;
      const y = scale(engine(), n, Float32Array.from(cases.flatMap(({ zero }) => [1, zero, 0.5])), x);
      for (const k of cases.keys()) {
        ran++;
        const row = (of: Float32Array, i: number) => of.subarray((3 * k + i) * n, (3 * k + i + 1) * n);
        expectSameBits(row(y, 0), row(x, 0));
        expectSameBits(row(y, 1), new Float32Array(n));
        expectSameBits(
          row(y, 2),
          row(x, 2).map((v) => v / 2),
        );
      }
    }
    expect(ran).toBe(190 * 6);
  });

  test("the two together bound every row and silence the broken ones", () => {
    engine().scope(() => {
      const [m, n, c] = [9, 13, 0.7];
      const content = normals(m * n, 7);
      for (let i = 0; i < n; i++) {
        content[i] = 0; // a zero row
        content[n + i]! *= 1e-38;
        content[2 * n + i]! *= 1e37;
      }
      content[3 * n + 5] = Number.NaN;
      content[4 * n] = Number.NEGATIVE_INFINITY;
      const x = engine().tensor("f32", [m, n], content);
      const norms = engine().tensor("f64", m);
      norms.set(Float64Array.from({ length: m }, (_, i) => squaredNorm(engine().tensor("f32", n, content.subarray(i * n, (i + 1) * n)))));
      const factors = engine().tensor("f32", m);
      expect(clipFactors(norms, c, factors)).toBe(2);
      const y = scaleRows(x, factors, engine().tensor("f32", [m, n])).toArray();
      for (let i = 0; i < m; i++) {
        const row = y.subarray(i * n, (i + 1) * n);
        const norm = Math.hypot(...row);
        expect(norm).toBeLessThanOrEqual(c * (1 + EPS32)); // the product's roundings are not in the promise
        if (i < 2) expectSameBits(row, content.subarray(i * n, (i + 1) * n));
        else if (i === 3 || i === 4) expectSameBits(row, new Float32Array(n));
        else expect(norm).toBeGreaterThan(c * (1 - 4 * EPS32));
      }
      expect(scaleRows(x, factors)).toBe(x);
      expectSameBits(x.toArray(), y);
    });
  });

  test("nothing to do; bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!;
    const foreign = other.tensor("f32", 2);
    engine().scope(() => {
      expect(clipFactors(engine().tensor("f64", 0), 1, engine().tensor("f32", 0))).toBe(0);
      expect(scaleRows(engine().tensor("f32", [0, 3]), engine().tensor("f32", 0)).size).toBe(0);
      expect(scaleRows(engine().tensor("f32", [2, 0]), engine().tensor("f32", 2)).size).toBe(0);
      const [norms, factors] = [engine().tensor("f64", 2, [9, 9]), engine().tensor("f32", 2, [5, 6])];
      for (const c of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => clipFactors(norms, c, factors)).toThrow(ParameterError);
      expect(() => clipFactors(norms, 1, engine().tensor("f32", 3))).toThrow(ShapeError);
      expect(() => clipFactors(norms, 1, foreign)).toThrow(EngineMismatchError);
      expect(() => clipFactors(factors as unknown as Tensor<"f64">, 1, factors)).toThrow(DTypeError);
      const x = engine().tensor("f32", [2, 1], [3, 4]);
      expect(() => scaleRows(x, engine().tensor("f32", 1))).toThrow(ShapeError);
      expect(() => scaleRows(x, factors, engine().tensor("f32", 2))).toThrow(ShapeError);
      expect(() => scaleRows(factors, factors)).toThrow(ShapeError);
      expect(() => scaleRows(x, foreign)).toThrow(EngineMismatchError);
      expect([...factors.toArray(), ...x.toArray()]).toEqual([5, 6, 3, 4]);
    });
    foreign.dispose();
  });
});

test("every build gives the same bits", async () => {
  const engines = Object.values(await allEngines());
  expect(engines.length).toBeGreaterThanOrEqual(2);
  for (const n of LENGTHS) {
    const norms = Float64Array.from(normals(n, 1, 10), (v) => v ** 2);
    const factors = engines.map((engine) => clip(engine, norms, 1.7).factors);
    const rows = engines.map((engine, k) => scale(engine, n, Float32Array.of(0.1, 1 / 3, 0.7), normals(3 * n, 2), k));
    for (const f of factors) expectSameBits(f, factors[0]!);
    for (const y of rows) expectSameBits(y, rows[0]!);
  }
});
