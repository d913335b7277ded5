import fc from "fast-check";
import {
  createMean,
  createStream,
  DisposedError,
  dequantize,
  type Engine,
  type Mean,
  ParameterError,
  PrivacyError,
  quantize,
  ShapeError,
  weightedMean,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { bits, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import { expectSameBits } from "../support/same.ts";
import * as reference from "./mean.reference.ts";

/** Updates whose magnitudes span many windows, with fractional weights. */
function wide(count: number, n: number, seed: number): { updates: Float32Array[]; weights: number[] } {
  const r = random(seed);
  return {
    updates: Array.from({ length: count }, (_, k) => normals(n, seed * 100 + k, 10 ** (r() * 60 - 30))),
    weights: Array.from({ length: count }, () => 10 ** (r() * 8 - 4)),
  };
}

const permuted = (n: number, r: () => number) =>
  Array.from({ length: n }, (_, i) => [r(), i] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, i]) => i);

function take(mean: Mean): Float32Array {
  const out = mean.engine.tensorOutsideScopes("f32", mean.size);
  const values = mean.result(out).toArray();
  out.dispose();
  return values;
}

/** The mean of the updates added in the given order. */
function sequential(engine: Engine, updates: readonly Float32Array[], weights: readonly number[], order = updates.map((_, k) => k)): Float32Array {
  return engine.scope(() => {
    using mean = createMean(engine, updates[0]!.length);
    for (const k of order) mean.add(engine.copy(updates[k]!), weights[k]!);
    return take(mean);
  });
}

function expectWithinBound(got: Float32Array, updates: readonly Float32Array[], weights: readonly number[]): void {
  const want = reference.mean(updates, weights, got.length);
  const bound = reference.bound(updates, weights, want);
  for (const [i, v] of got.entries()) if (!(Math.abs(v - want[i]!) <= bound[i]!)) expect.fail(`element ${i}: ${v} for ${want[i]} within ${bound[i]}`);
}

forEachBuild("aggregate/mean", (engine) => {
  test("golden: {1, 3} with weights 1, 2 is 7/3 (NUMERICS 3.8)", () => {
    const [updates, weights] = [
      [Float32Array.of(1), Float32Array.of(3)],
      [1, 2],
    ];
    expect(sequential(engine(), updates, weights)[0]).toBe(Math.fround(7 / 3));
    expectWithinBound(sequential(engine(), updates, weights), updates, weights);
  });

  describe("against the exact twin", () => {
    const ran = countCases(2 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      for (const [k, { updates, weights }] of [wide(7, n, 3), { updates: [1, 2, 3].map((s) => normals(n, s)), weights: [5, 0.3, 1e9] }].entries()) {
        ran();
        const got = sequential(engine(), updates, weights);
        if (k === 0) expectWithinBound(got, updates, weights);
        else {
          expectWithinBound(got, updates, weights);
          const largest = n === 0 ? 1 : Math.max(...got.map(Math.abs));
          expect(Math.max(...reference.bound(updates, weights, got), 0)).toBeLessThan(1e-6 * largest); // the bound is far below the signal
        }
        engine().scope(() => {
          const out = engine().tensor("f32", n);
          expectSameBits(
            weightedMean(
              updates.map((u) => engine().copy(u)),
              weights,
              out,
            ).toArray(),
            got,
            "weightedMean",
          );
        });
      }
    });
  });

  test("any order gives the same bits, any split merged too", () => {
    const { updates, weights } = wide(12, 33, 1);
    const want = sequential(engine(), updates, weights);
    const r = random(4);
    for (let k = 0; k < runs(40); k++) {
      const order = permuted(12, r);
      expectSameBits(sequential(engine(), updates, weights, order), want, `order ${order}`);
      const groups = [0, 1, 2].map(() => createMean(engine(), 33));
      engine().scope(() => {
        for (const i of order) groups[Math.floor(r() * 3)]!.add(engine().copy(updates[i]!), weights[i]!);
      });
      const [a, b, c] = groups as [Mean, Mean, Mean];
      expectSameBits(take(k & 1 ? c.merge(a).merge(b) : a.merge(b.merge(c))), want, `split ${k}`);
      for (const g of groups) g.dispose();
    }
  });

  test("order and accuracy over hard values (fast-check)", () => {
    const update = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 5, maxLength: 5 });
    const weight = fc.double({ min: 2 ** -100, max: 2 ** 100, noNaN: true });
    const property = fc.property(fc.array(fc.tuple(update, weight), { minLength: 1, maxLength: 8 }), (pairs) => {
      const [updates, weights] = [pairs.map(([u]) => Float32Array.from(u)), pairs.map(([, w]) => w)];
      const got = sequential(engine(), updates, weights);
      expectSameBits(
        sequential(
          engine(),
          updates,
          weights,
          updates.map((_, k) => updates.length - 1 - k),
        ),
        got,
      );
      expectWithinBound(got, updates, weights);
    });
    fc.assert(property, { seed: 7, numRuns: runs(200) });
  });

  test("addQuantized is dequantize then add, bit for bit, for all bits and lengths 1 to 19", async () => {
    const stream = await createStream({ purpose: "mean", unsafeSeed: 1 });
    for (let n = 1; n < 20; n++) {
      engine().scope(() => {
        using direct = createMean(engine(), n);
        using unpacked = createMean(engine(), n);
        for (let b = 1; b <= 8; b++) {
          const q = quantize(engine().copy(normals(n, b, 10 ** b)), b, stream);
          direct.addQuantized(q, 0.3 * b);
          unpacked.add(dequantize(q, engine().tensor("f32", n)), 0.3 * b);
        }
        expectSameBits(take(direct), take(unpacked), `n ${n}`);
        expect(direct.totalWeight).toBe(unpacked.totalWeight);
      });
    }
  });

  test("raw kernels stay between their guard bands", () => {
    const { kernels } = engine();
    for (const n of [1, 2, 3, 8, 9, 17]) {
      const [x, q, acc] = [guarded(engine(), normals(n, 1), 4), guarded(engine(), new Uint8Array(n).fill(3)), guarded(engine(), new Float64Array(n))];
      const [sum, y] = [guarded(engine(), new Float64Array(n)), guarded(engine(), new Float32Array(n), 4)];
      const unit = 2 ** -31;
      kernels.accumulate_f32_i64(n, 1, 1.5 * 2 ** 52 * unit, x.address, acc.address);
      kernels.accumulate_u8_i64(n, 8, 0, 255, 1, 1.5 * 2 ** 52 * unit, q.address, acc.address);
      kernels.add_i64(n, acc.address, acc.address);
      kernels.resolve_i64_f64(n, unit, acc.address, sum.address);
      kernels.divide_f64_f32(n, 2, sum.address, y.address);
      const content = x.f32();
      for (const [i, v] of y.f32().entries()) expect(Math.abs(v - (content[i]! + 3))).toBeLessThanOrEqual(2 ** -22);
      for (const p of [x, q, acc, sum, y]) p.release();
    }
  });

  test("a thousand updates of similar size take no more memory than one", () => {
    const update = engine().copy(normals(1000, 1));
    const mean = createMean(engine(), 1000).add(update, 1);
    const live = engine().stats().liveBytes;
    for (let k = 0; k < 999; k++) mean.add(update, 1 + (k % 3) * 0.1);
    expect([engine().stats().liveBytes, mean.count]).toEqual([live, 1000]);
    for (const [i, v] of take(mean).entries()) expect(Math.abs(v - update.view[i]!)).toBeLessThanOrEqual(1e-6 * Math.abs(update.view[i]!) + 1e-8);
    mean.dispose();
    update.dispose();
  });

  test("reset forgets, dispose ends, weight 0 counts but does not move the mean", () => {
    engine().scope(() => {
      const [a, b, out] = [engine().copy(Float32Array.of(1, 2)), engine().copy(Float32Array.of(1e30, -5)), engine().tensor("f32", 2, [7, 7])];
      const mean = createMean(engine(), 2).add(b, 3).reset();
      expect([mean.count, mean.totalWeight]).toEqual([0, 0]);
      expect(() => mean.result(out)).toThrow(ParameterError);
      mean.add(b, 0);
      expect(() => mean.result(out)).toThrow(/total weight > 0, got 0 from 1 updates/);
      expect(() => weightedMean([a, b], [0, 0], out)).toThrow(ParameterError);
      expect(() => weightedMean([], [], out)).toThrow(ParameterError);
      expect([...out.toArray()]).toEqual([7, 7]);
      expect([...mean.add(a, 0.1).result(out).toArray()]).toEqual([1, 2]);
      expect([mean.count, mean.totalWeight]).toEqual([2, 0.1]);
      mean.dispose();
      mean.dispose();
      for (const use of [() => mean.add(a, 1), () => mean.result(out), () => mean.reset(), () => createMean(engine(), 2).merge(mean)])
        expect(use).toThrow(DisposedError);
      expect(createMean(engine(), 0).add(engine().tensor("f32", 0), 1).result(engine().tensor("f32", 0)).size).toBe(0);
    });
  });

  test("bad input is refused and the accumulator is unchanged", () => {
    engine().scope(() => {
      using mean = createMean(engine(), 9).add(engine().copy(normals(9, 1)), 2);
      const want = take(mean);
      const x = engine().tensor("f32", 9);
      const kept = engine().tensor("f32", 9);
      for (let bad = 0; bad < 9; bad++) {
        for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          x.view.fill(1);
          x.view[bad] = value;
          expect(() => mean.add(x, 1)).toThrow(PrivacyError);
          expect(() => mean.add(x, 0)).toThrow(`got ${value} at index ${bad}`);
          expect(() => weightedMean([kept, x], [1, 1], kept)).toThrow(PrivacyError);
        }
      }
      x.view.fill(1);
      for (const weight of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** -101, 2 ** 101]) expect(() => mean.add(x, weight)).toThrow(ParameterError);
      expect(() => mean.add(engine().tensor("f32", 8), 1)).toThrow(ShapeError);
      expect(() => mean.merge(mean)).toThrow(ParameterError);
      expect(() => weightedMean([x], [1, 2], kept)).toThrow(ShapeError);
      expectSameBits(take(mean), want);
      expect([mean.count, mean.totalWeight, ...kept.toArray()]).toEqual([1, 2, ...new Float32Array(9)]);
    });
  });

  test("weightedMean may write to one of its updates, beyond a block of 4096 too", () => {
    const { updates, weights } = wide(5, 9001, 2);
    const want = sequential(engine(), updates, weights);
    engine().scope(() => {
      const tensors = updates.map((u) => engine().copy(u));
      expectSameBits(weightedMean(tensors, weights, tensors[2]!).toArray(), want);
      expectSameBits(tensors[1]!.toArray(), updates[1]!);
    });
  });
});

test("every build gives the same bits", async () => {
  const { updates, weights } = wide(9, 1003, 6);
  const got = Object.values(await allEngines()).map((engine) => bits(sequential(engine, updates, weights)));
  for (const g of got) expect(g).toEqual(got[0]);
});
