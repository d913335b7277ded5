import fc from "fast-check";
import { clipToGrid, createGridSum, type Engine, type GaussianGrid, gaussianGrid, ParameterError, PrivacyError, ShapeError } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { extremes, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { nightly, runs } from "../support/runs.ts";
import { noise } from "../support/streams.ts";
import * as reference from "./grid.reference.ts";

const UNBOUNDED = 2 ** 62;

/** The kernel between guard bands, at any address. */
function clip(engine: Engine, x: Float32Array, c: number, unit: number, bound: number, offset = 0): { k: Int32Array; norm: number } {
  const [px, pk] = [guarded(engine, x, offset), guarded(engine, new Int32Array(x.length).fill(7), offset)];
  const norm = engine.kernels.clip_grid_f32_i32(x.length, c, unit, bound, px.address, pk.address);
  const k = new Int32Array(pk.bytes().buffer);
  px.release();
  pk.release();
  return { k, norm };
}
const contributions = (engine: Engine, values: readonly Float32Array[]) => values.map((v) => engine.tensor("f32", v.length, v));
const gridOf = (sigma: number, clipNorm: number, size: number) => gaussianGrid({ sigma, clipNorm, size });

describe("gaussianGrid", () => {
  test("the spacing is 2^(ceil(log2 sigma) - 20), exactly, also beside powers of two", () => {
    expect(gridOf(1, 1, 1).spacing).toBe(2 ** -20);
    expect(gridOf(1 + 2 ** -52, 1, 1).spacing).toBe(2 ** -19);
    expect(gridOf(1 - 2 ** -53, 1, 1).spacing).toBe(2 ** -20);
    expect(gridOf(0.5, 1, 1).spacing).toBe(2 ** -21);
    const r = random(3);
    for (let e = -100; e <= 64; e++) {
      for (const sigma of [2 ** e, 2 ** e * (1 + 2 ** -52), 2 ** e * (1 - 2 ** -53), 2 ** e * (1 + r())]) {
        if (sigma < 2 ** -100 || sigma > 2 ** 64) continue;
        const { spacing, scale } = gridOf(sigma, sigma, 1);
        expect(spacing).toBe(reference.spacing(sigma));
        expect(scale > 2 ** 19 && scale <= 2 ** 20).toBe(true);
      }
    }
  });

  test("the integer bound is floor((C/g + sqrt(d)/2)^2), where that is known", () => {
    const unit = 2 ** 20; // sigma that makes g = 1
    expect(gridOf(unit, 3, 4).squaredBound).toBe(16); // (3 + 1)^2 exactly
    expect(gridOf(unit, 2.5, 1).squaredBound).toBe(9);
    expect(gridOf(unit, 1, 2).squaredBound).toBe(2); // 2.914...
    expect(gridOf(unit, 1, 1).squaredBound).toBe(2); // 2.25
    expect(gridOf(1, 1, 10_000).squaredBound).toBe((2 ** 20 + 50) ** 2);
  });

  test("the integer bound B is the floor on 5000 settings: B <= (b + sqrt(d)/2)^2 < B + 1, to the last f64 below", () => {
    const r = random(4);
    for (let i = 0; i < 5000; i++) {
      const d = Math.ceil(2 ** (29 * r()));
      const c = 2 ** (40 * r());
      const grid = gridOf(2 ** 20 * Math.max(1, 2 ** Math.ceil(Math.log2(c) - 30)), c, d);
      const b = c / grid.spacing;
      // (b + sqrt(d)/2)^2 >= B  <=>  b sqrt(d) >= B - b^2 - d/4 =: s  <=>  s <= 0 or b^2 d >= s^2; all times 2^160 in integers.
      const scale = 2n ** 80n;
      const m = BigInt(b * 2 ** 52) * 2n ** 28n;
      const atMost = (bound: bigint) => {
        const s = bound * scale * scale - m * m - (BigInt(d) * scale * scale) / 4n;
        return s <= 0n || m * m * BigInt(d) * scale * scale >= s * s;
      };
      const bound = BigInt(grid.squaredBound);
      const next = BigInt(Math.max(grid.squaredBound + 1, grid.squaredBound * (1 + 2 ** -52)));
      expect(atMost(bound)).toBe(true);
      expect(atMost(next)).toBe(false);
    }
  });

  test("the sensitivity is C + g sqrt(d)/2, never below, and what the accountant is told never above sigma over it", () => {
    const r = random(5);
    for (let i = 0; i < 2000; i++) {
      const [sigma, d] = [2 ** (80 * r() - 60), Math.ceil(2 ** (29 * r()))];
      const clipNorm = sigma * 2 ** (14 * r() - 8);
      const grid = gridOf(sigma, clipNorm, d);
      const exact = clipNorm + (grid.spacing * Math.sqrt(d)) / 2;
      expect(grid.sensitivity).toBeGreaterThan(exact);
      expect(grid.sensitivity).toBeLessThanOrEqual(exact * (1 + 2 ** -49));
      expect(Math.sqrt(grid.squaredBound) * grid.spacing).toBeLessThanOrEqual(grid.sensitivity);
      expect(grid.mechanism.type).toBe("gaussian");
      expect(grid.mechanism.noiseMultiplier * grid.sensitivity).toBeLessThanOrEqual(sigma);
      expect(grid.mechanism.noiseMultiplier * grid.sensitivity).toBeGreaterThan(sigma * (1 - 2 ** -50));
    }
  });

  test("refuses what is out of range", () => {
    for (const sigma of [0, -1, 2 ** -101, 2 ** 65, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => gridOf(sigma, 1, 1)).toThrow(ParameterError);
    for (const c of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => gridOf(1, c, 1)).toThrow(ParameterError);
    for (const d of [0, 0.5, 2 ** 29 + 1, Number.NaN]) expect(() => gridOf(1, 1, d)).toThrow(ParameterError);
    expect(gridOf(1, 1024, 1).clipNorm).toBe(1024);
    expect(() => gridOf(1, 1024.001, 1)).toThrow(/2\^30 grid units/);
    expect(gridOf(1, 2 ** -20, 1).squaredBound).toBe(2);
    expect(() => gridOf(1, 2 ** -20.001, 1)).toThrow(/2\^30 grid units/);
    expect(() => gaussianGrid({ sigma: 1, clipNorm: 1, size: 1, spacing: 1 } as never)).toThrow(ParameterError);
  });
});

forEachBuild("privacy/grid", (engine) => {
  describe("clip_grid_f32_i32 against the twin", () => {
    const ran = countCases(4 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      for (const [i, c] of [0.001, 1, 20, 1000].entries()) {
        ran();
        const x = normals(n, i + 1);
        const unit = 2 ** -19;
        const { k } = clip(engine(), x, c, unit, UNBOUNDED, 4 * i);
        const want = reference.clipped(x, c, unit);
        // Nearest to within what f64 rounds of the norm, the factor and the product.
        k.forEach((got, j) => {
          if (!(Math.abs(got - want[j]!) <= 0.5 + (n + 8) * 2 ** -52 * Math.abs(want[j]!))) expect.fail(`C ${c}, element ${j}: ${got} for ${want[j]}`);
        });
      }
    });
  });

  test("ties go to even, signs apart; zero norm and zeros of both signs give 0", () => {
    const x = Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5, 0.4999, -0);
    expect([...clip(engine(), x, 100, 1, UNBOUNDED).k]).toEqual([0, 2, 2, 0, -2, -2, 4, 0, 0]);
    expect([...clip(engine(), new Float32Array(5), 1, 1, 0).k]).toEqual([0, 0, 0, 0, 0]);
    expect(clip(engine(), new Float32Array(0), 1, 1, 0).norm).toBe(0);
  });

  test(`the integer norm never exceeds the bound: ${runs(nightly(12_000, 1_000_000))} vectors at scales from 1e-45 to 3e38`, () => {
    const r = random(7);
    const e = engine();
    const [px, pk] = [e.arena.allocate(64 * 4), e.arena.allocate(64 * 4)];
    const x = new Float32Array(e.arena.memory.buffer, px, 64);
    const k = new Int32Array(e.arena.memory.buffer, pk, 64);
    const kinds = [() => r() - 0.5, () => 1, () => Math.floor(r() * 5) - 2, () => (r() < 0.1 ? r() - 0.5 : 0)];
    let [tight, clipped] = [0, 0];
    const total = runs(nightly(12_000, 1_000_000));
    for (let i = 0; i < total; i++) {
      const n = 1 + Math.floor(r() * 64);
      const scale = 10 ** (r() * 83 - 45);
      const kind = kinds[i & 3]!;
      for (let j = 0; j < n; j++) x[j] = Math.max(-3.4e38, Math.min(3.4e38, scale * kind()));
      // A grid whose bound is a few units, thousands, or 2^30.
      const sigma = Math.max(2 ** -100, Math.min(2 ** 63, scale * 10 ** (r() * 4 - 2)));
      const grid = gridOf(sigma, reference.spacing(sigma) * 2 ** (30 * r()), n);
      const norm = e.kernels.clip_grid_f32_i32(n, grid.clipNorm, grid.spacing, grid.squaredBound, px, pk);
      let squares = 0n;
      for (let j = 0; j < n; j++) squares += BigInt(k[j]!) * BigInt(k[j]!);
      if (squares > BigInt(grid.squaredBound)) expect.fail(`vector ${i}: ${squares} beyond ${grid.squaredBound}`);
      if (norm > grid.clipNorm) clipped++;
      const b = BigInt(Math.floor(grid.clipNorm / grid.spacing));
      if (squares > b * b) tight++; // beyond what C alone allows: here the allowance for rounding was needed
    }
    expect(clipped).toBeGreaterThan(total / 4);
    expect(tight).toBeGreaterThan(total / 20);
    e.arena.free(px);
    e.arena.free(pk);
  });

  test("the repair: a bound below what rounding gives is kept all the same, and no further below than a step", () => {
    for (const n of [1, 2, 5, 33, 1000]) {
      const x = normals(n, n, 100);
      const free = reference.squares(clip(engine(), x, 1e9, 2 ** -10, UNBOUNDED).k);
      const first = clip(engine(), x, 1e9, 2 ** -10, Number(free));
      expect(reference.squares(first.k)).toBe(free); // the bound itself is within the bound
      for (const bound of [free - 1n, (free * 999n) / 1000n, free / 7n, 1n, 0n]) {
        const got = reference.squares(clip(engine(), x, 1e9, 2 ** -10, Number(bound)).k);
        expect(got).toBeLessThanOrEqual(bound);
        if (bound === free - 1n && n >= 33) expect(Number(free - got)).toBeLessThan(1e-5 * Number(free));
      }
    }
  });

  test("hard values of every kind, any bound (fast-check)", () => {
    const f32 = fc.float({ noNaN: true, noDefaultInfinity: true });
    const property = fc.property(
      fc.array(f32, { maxLength: 33 }),
      fc.integer({ min: -100, max: 63 }),
      fc.double({ min: 0, max: 30, noNaN: true }),
      (values, e, units) => {
        const x = Float32Array.from(values);
        const grid = gridOf(2 ** e, 2 ** (e - 20) * 2 ** units, Math.max(1, x.length));
        const { k } = clip(engine(), x, grid.clipNorm, grid.spacing, grid.squaredBound);
        expect(reference.squares(k)).toBeLessThanOrEqual(BigInt(grid.squaredBound));
      },
    );
    fc.assert(property, { seed: 11, numRuns: runs(200) });
    for (const n of [1, 7, 33]) for (const e of [-100, -20, 0, 40, 63]) clip(engine(), extremes(n, n), 2 ** e, 2 ** (e - 20), UNBOUNDED);
  });

  test("NaN and Infinity are refused in every lane, named, and nothing is written", () => {
    let ran = 0;
    for (let n = 1; n < 20; n++) {
      engine().scope(() => {
        const grid = gridOf(1, 1, n);
        const [x, out, sum] = [engine().tensor("f32", n), engine().tensor("i32", n, new Int32Array(n).fill(5)), createGridSum(engine(), grid)];
        for (let bad = 0; bad < n; bad++) {
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
            const content = normals(n, n);
            content[bad] = value;
            x.set(content);
            expect(() => clipToGrid(x, grid, out)).toThrow(PrivacyError);
            expect(() => sum.add(x)).toThrow(`got ${value} at index ${bad}`);
            expect(out.toArray()).toEqual(new Int32Array(n).fill(5));
            expect(sum.count).toBe(0);
            ran++;
          }
        }
        sum.dispose();
      });
    }
    expect(ran).toBe(3 * 190);
  });

  test("clipToGrid reports norm and clipping, and checks its arguments", () => {
    engine().scope(() => {
      const grid = gridOf(2 ** 20, 5, 2);
      const [x, out] = [engine().tensor("f32", 2, [3, 4]), engine().tensor("i32", 2)];
      expect(clipToGrid(x, grid, out)).toEqual({ norm: 5, clipped: false });
      expect([...out.toArray()]).toEqual([3, 4]);
      expect(clipToGrid(x.set([30, -40]), grid, out)).toEqual({ norm: 50, clipped: true });
      expect([...out.toArray()]).toEqual([3, -4]);
      expect(() => clipToGrid(engine().tensor("f32", 3), grid, out)).toThrow(ShapeError);
      expect(() => clipToGrid(x, { ...grid } as GaussianGrid, out)).toThrow(/gaussianGrid/);
    });
  });

  test("a sum of 2^24 and 4096 times 1 is exact; an f32 sum is not", async () => {
    const stream = await noise(1);
    engine().scope(() => {
      const grid = gridOf(2 ** 15, 2 ** 24, 3); // noise of sigma 2^15 on multiples of 2^-5
      const [large, one, out] = [engine().tensor("f32", 3, [2 ** 24, 0, 0]), engine().tensor("f32", 3, [1, 0, 1]), engine().tensor("f32", 3)];
      const [sum, bare] = [createGridSum(engine(), grid), createGridSum(engine(), grid)];
      let naive = 0;
      sum.add(large);
      naive = Math.fround(naive + 2 ** 24);
      for (let i = 0; i < 4096; i++) {
        sum.add(one);
        naive = Math.fround(naive + 1);
      }
      expect(naive).toBe(2 ** 24);
      const state = stream.toState();
      sum.addNoise(stream);
      bare.addNoise(new (stream.constructor as new (s: typeof state) => typeof stream)(state));
      sum.release(out);
      const noisy = out.toArray();
      bare.release(out);
      // The same noise on nothing: the difference is the sum, to the rounding of each to f32 (both below 2^25).
      expect(Math.abs(noisy[0]! - out.view[0]! - (2 ** 24 + 4096))).toBeLessThanOrEqual(1);
      expect(noisy[2]! - out.view[2]!).toBe(4096);
      expect(noisy[1]! - out.view[1]!).toBe(0);
      sum.dispose();
      bare.dispose();
    });
  });

  test("order, merging and clipping elsewhere cannot change a bit", async () => {
    const states = (await noise(2)).toState();
    const Stream = (await noise(2)).constructor as new (s: typeof states) => Awaited<ReturnType<typeof noise>>;
    engine().scope(() => {
      const n = 37;
      const grid = gridOf(0.3, 1, n);
      const updates = contributions(
        engine(),
        Array.from({ length: 9 }, (_, i) => normals(n, i, 10 ** (i - 5))),
      );
      const make = () => createGridSum(engine(), grid);
      const [forward, backward, left, right, elsewhere] = [make(), make(), make(), make(), make()];
      for (const u of updates) forward.add(u);
      for (const u of updates.toReversed()) backward.add(u);
      for (const [i, u] of updates.entries()) (i % 3 === 0 ? left : right).add(u);
      left.merge(right);
      const integers = engine().tensor("i32", n);
      for (const u of updates) {
        clipToGrid(u, grid, integers);
        elsewhere.addClipped(integers);
      }
      const out = engine().tensor("f32", n);
      const results = [forward, backward, left, elsewhere].map((sum) => {
        expect(sum.count).toBe(9);
        sum.addNoise(new Stream(states));
        sum.release(out, 9);
        return out.toArray();
      });
      for (const r of results) expect(r).toEqual(results[0]);
      for (const sum of [forward, backward, left, right, elsewhere]) sum.dispose();
    });
  });

  test("the life of a sum: nothing leaves without noise, noise comes once, a result once, and refusals change nothing", async () => {
    const stream = await noise(3);
    const other = await makeEngine();
    engine().scope(() => {
      const grid = gridOf(1, 1, 2);
      const x = engine().tensor("f32", 2, [0.5, 0]);
      const out = engine().tensor("f32", 2, [7, 7]);
      const sum = createGridSum(engine(), grid);
      sum.add(x);
      expect(() => sum.release(out)).toThrow(/without noise/);
      expect(() => sum.merge(sum)).toThrow(/the same one/);
      const stranger = createGridSum(engine(), gridOf(1, 2, 2));
      expect(() => sum.merge(stranger)).toThrow(/equal grid/);
      stranger.dispose();
      expect(() => sum.add(other.tensor("f32", 2))).toThrow(/another/);
      expect(() => sum.addClipped(engine().tensor("i32", 2, [2 ** 20 + 1, 2 ** 20]))).toThrow(PrivacyError);
      const empty = createGridSum(engine(), grid);
      sum.addNoise(stream);
      expect(stream.counter).toBe(28);
      for (const again of [() => sum.addNoise(stream), () => sum.add(x), () => sum.addClipped(engine().tensor("i32", 2)), () => sum.merge(empty)]) {
        expect(again).toThrow(/addNoise\(\) closed/);
      }
      expect(stream.counter).toBe(28);
      for (const divisor of [0, -1, Number.NaN, 2 ** 65]) expect(() => sum.release(out, divisor)).toThrow(ParameterError);
      expect(() => sum.release(engine().tensor("f32", 3))).toThrow(ShapeError);
      expect([...out.toArray()]).toEqual([7, 7]);
      expect(sum.release(out, 4)).toEqual({ private: false, mechanism: grid.mechanism });
      const kept = out.toArray();
      expect(() => sum.release(out, 4)).toThrow(/got a second/);
      expect(out.toArray()).toEqual(kept);
      sum.reset();
      expect(sum.count).toBe(0);
      expect(() => sum.release(out)).toThrow(/without noise/);
      sum.dispose();
      sum.dispose();
      empty.dispose();
      expect(() => sum.add(x)).toThrow(/disposed/);
    });
  });

  test("more contributions than 2^53 holds are refused before they are added", () => {
    const grid = gridOf(1, 1024, 4); // 2^30 units each: 2^23 of them
    const doubled = (sum: ReturnType<typeof createGridSum>) => {
      const copy = createGridSum(engine(), grid);
      copy.merge(sum);
      sum.merge(copy);
      copy.dispose();
    };
    const sum = createGridSum(engine(), grid);
    engine().scope(() => sum.add(engine().tensor("f32", 4, [1024, 0, 0, 0])));
    for (let i = 0; i < 22; i++) doubled(sum);
    expect(sum.count).toBe(2 ** 22);
    const copy = createGridSum(engine(), grid);
    copy.merge(sum);
    expect(() => sum.merge(copy)).toThrow(/at most 8388\d+ contributions/);
    expect(sum.count).toBe(2 ** 22);
    copy.dispose();
    sum.dispose();
  });
});

test("every build gives the same integers", async () => {
  const engines = Object.values(await allEngines());
  for (const n of LENGTHS) {
    const got = engines.map((engine) => clip(engine, normals(n, 3), 0.7, 2 ** -24, UNBOUNDED).k);
    for (const k of got) expect(k).toEqual(got[0]);
  }
});
