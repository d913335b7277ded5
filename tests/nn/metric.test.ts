import fc from "fast-check";
import { accuracy, auc, DisposedError, DTypeError, EngineMismatchError, ParameterError, rmse, ShapeError, type Tensor, topKAccuracy } from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { EPS64, extremes, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import * as reference from "./metric.reference.ts";

const CLASSES = [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 33, 1000] as const;
/** Logits with many ties, with none, all equal, at the edges of f32 (signed zeros are equal), infinite. */
const KINDS: Record<string, (size: number) => Float32Array> = {
  ties: (size) => normals(size, 1).map(Math.round),
  normal: (size) => normals(size, 2),
  equal: (size) => new Float32Array(size).fill(-7),
  extreme: (size) => extremes(size, 3),
  infinite: (size) => normals(size, 4).map((v) => (v > 0.5 ? Infinity : v < -0.5 ? -Infinity : 0)),
};
const integers = (size: number, below: number, seed: number) => {
  const r = random(seed);
  return Int32Array.from({ length: size }, () => Math.floor(below * r()));
};

forEachBuild("nn/metric", (engine) => {
  describe("top k against the twin", () => {
    const ran = countCases(CLASSES.length * Object.keys(KINDS).length);
    test.each(CLASSES)("%i classes", (n) => {
      const m = 40;
      const labels = integers(m, n, 5);
      for (const make of Object.values(KINDS)) {
        ran();
        const x = make(m * n);
        const [px, pl] = [guarded(engine(), x, 4), guarded(engine(), labels, 4)];
        for (const k of new Set([1, 2, 3, 5, n >> 1, n - 1, n]))
          expect(engine().kernels.top_k_f32(m, n, k, px.address, pl.address), `k = ${k}`).toBe(reference.topK(n, k, x, labels));
        expect(engine().kernels.top_k_f32(m, n, 1, px.address, pl.address)).toBe(engine().kernels.accuracy_f32(m, n, px.address, pl.address));
        px.release();
        pl.release();
      }
    });
  });

  test("in an all-equal row the k first classes are hits; a NaN anywhere makes its row wrong and no other", () => {
    for (let n = 1; n < 20; n++) {
      engine().scope(() => {
        const [x, labels] = [engine().tensor("f32", [n, n]), engine().tensor("i32", n)];
        labels.set(Int32Array.from({ length: n }, (_, i) => i));
        for (let k = 1; k <= n; k++) expect(topKAccuracy(x, labels, k)).toBe(k / n);
        for (let bad = 0; bad < n; bad++) {
          x.view.fill(0).set([Number.NaN], (n >> 1) * n + bad);
          expect(topKAccuracy(x, labels, n)).toBe((n - 1) / n);
        }
      });
    }
  });

  test("more is never worse, all is everything, the first is accuracy", () => {
    engine().scope(() => {
      const [m, n] = [50, 12];
      const [x, labels] = [engine().tensor("f32", [m, n], normals(m * n, 6)), engine().tensor("i32", m, integers(m, n, 7))];
      const shares = Array.from({ length: n }, (_, i) => topKAccuracy(x, labels, i + 1));
      expect(shares[0]).toBe(accuracy(x, labels));
      expect(shares.at(-1)).toBe(1);
      expect(shares).toEqual(shares.slice().sort((a, b) => a - b));
      expect(new Set(shares).size).toBeGreaterThan(8);
    });
  });

  test("area under the curve: all pairs of the twin, exactly", () => {
    let ran = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: -4, max: 4 }), fc.nat(1)), { minLength: 2, maxLength: 60 }), (pairs) => {
        const labels = pairs.map(([, y]) => y);
        fc.pre(labels.includes(0) && labels.includes(1));
        ran++;
        engine().scope(() => {
          const scores = pairs.map(([s], i) => (s === 0 && i % 2 ? -0 : s)); // -0 ties with 0
          expect(auc(engine().tensor("f32", pairs.length, scores), engine().tensor("i32", pairs.length, labels))).toBe(reference.auc(scores, labels));
        });
      }),
      { numRuns: runs(200) },
    );
    expect(ran).toBe(runs(200));
  });

  test("area under the curve: 0.75 of scikit-learn's example; 1 in order, 0 reversed, 1/2 when all are equal; extremes", () => {
    engine().scope(() => {
      const of = (scores: readonly number[], labels: readonly number[]) =>
        auc(engine().tensor("f32", scores.length, scores), engine().tensor("i32", labels.length, labels));
      expect(of([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75);
      expect(of([1, 2, 3, 4, 5], [0, 0, 0, 1, 1])).toBe(1);
      expect(of([1, 2, 3, 4, 5], [1, 1, 0, 0, 0])).toBe(0);
      expect(of(new Array(7).fill(3e38), [0, 1, 0, 1, 1, 0, 0])).toBe(0.5);
      expect(of([-Infinity, -3e38, 1e-45, 0, Infinity, Infinity], [0, 0, 1, 0, 1, 0])).toBe((3 + 3.5) / 8);
    });
  });

  test("a hundred thousand scores: within six deviations of the true area, and with the labels swapped the rest", () => {
    engine().scope(() => {
      const n = 100_000;
      const y = integers(n, 2, 9);
      const scores = engine().tensor(
        "f32",
        n,
        normals(n, 10).map((v, i) => v + y[i]!),
      );
      const [area, rest] = [
        auc(scores, engine().tensor("i32", n, y)),
        auc(
          scores,
          engine().tensor(
            "i32",
            n,
            y.map((v) => 1 - v),
          ),
        ),
      ];
      // Normal scores one deviation apart: Phi(1/sqrt 2) = .7602499; deviation below sqrt(1 / (4 min(P, N))) (Birnbaum and Klose 1957).
      expect(Math.abs(area - 0.7602499)).toBeLessThan(6.11 * Math.sqrt(1 / (4 * 49_000)));
      expect(Math.abs(area + rest - 1)).toBeLessThanOrEqual(EPS64);
    });
  });

  describe("squared error against the twin", () => {
    const ran = countCases(3 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      for (const [x, t] of [
        [normals(n, 1), normals(n, 2)],
        [extremes(n, 3), extremes(n, 4)],
        [normals(n, 5, 1e-38), normals(n, 6, 1e-38)],
      ] as const) {
        ran();
        const [px, pt] = [guarded(engine(), x, 1), guarded(engine(), t, 1)];
        const want = reference.squaredError(x, t);
        // Two roundings a term and n additions, here and in the twin; the terms are not negative.
        expectWithin([engine().kernels.squared_error_f32(n, px.address, pt.address)], [want], () => (2 * n + 6) * EPS64 * want, want * 1e-9 || 1);
        px.release();
        pt.release();
      }
    });
  });

  test("root of the mean: by hand, of nothing, of NaN in every lane, of 3e38", () => {
    engine().scope(() => {
      const f32 = (values: readonly number[]) => engine().tensor("f32", values.length, values);
      expect(rmse(f32([1, 2, 3, 4]), f32([1, 2, 3, 8]))).toBe(2);
      expect(rmse(f32([]), f32([]))).toBe(0);
      expect(rmse(f32([3e38]), f32([-3e38]))).toBe(2 * Math.fround(3e38));
      for (let bad = 0; bad < 9; bad++) {
        const x = normals(9, 1);
        x[bad] = Number.NaN;
        expect(rmse(f32([...x]), f32(new Array(9).fill(0)))).toBe(Number.NaN);
      }
    });
  });

  test("no rows give 0; bad input is refused", async () => {
    const other = (await allEngines())["scalar"]!;
    const foreign = [other.tensor("f32", [2, 3]), other.tensor("i32", 2)] as const;
    engine().scope(() => {
      const [x, labels] = [engine().tensor("f32", [2, 3]), engine().tensor("i32", 2)];
      expect(topKAccuracy(engine().tensor("f32", [0, 3]), engine().tensor("i32", 0), 2)).toBe(0);
      for (const k of [0, 4, 1.5, Number.NaN]) expect(() => topKAccuracy(x, labels, k)).toThrow(ParameterError);
      expect(() => topKAccuracy(x, engine().tensor("i32", 2, [0, 3]), 1)).toThrow(/expected labels in \[0, 3\), got 3 at index 1/);
      expect(() => topKAccuracy(foreign[0], labels, 1)).toThrow(EngineMismatchError);
      expect(() => topKAccuracy(engine().tensor("f32", 6), labels, 1)).toThrow(ShapeError);

      const four = engine().tensor("f32", 4, [1, 2, 3, 4]);
      const classes = (...y: number[]) => engine().tensor("i32", y.length, y);
      expect(() => auc(four, classes(1, 1, 1, 1))).toThrow("auc: expected both classes, got 4 positives and 0 negatives");
      expect(() => auc(four, classes(0, 0, 0, 0))).toThrow("auc: expected both classes, got 0 positives and 4 negatives");
      expect(() => auc(engine().tensor("f32", 0), classes())).toThrow(ParameterError);
      expect(() => auc(four, classes(0, 1, 2, 1))).toThrow("expected labels 0 or 1, got 2 at index 2");
      expect(() => auc(engine().tensor("f32", 2, [0, Number.NaN]), classes(0, 1))).toThrow("expected scores to be numbers, got NaN at index 1");
      expect(() => auc(four, classes(0, 1))).toThrow(ShapeError);
      expect(() => auc(four, x as unknown as Tensor<"i32">)).toThrow(DTypeError);

      expect(() => rmse(x, four)).toThrow(ShapeError);
      expect(() => rmse(x, foreign[0])).toThrow(EngineMismatchError);
      const gone = engine().tensor("f32", 4);
      gone.dispose();
      expect(() => rmse(four, gone)).toThrow(DisposedError);
    });
    for (const t of foreign) t.dispose();
  });
});

test("every build gives the same bits", async () => {
  const engines = Object.values(await allEngines());
  expect(engines.length).toBeGreaterThanOrEqual(2);
  for (const n of LENGTHS) {
    const got = engines.map((engine) => engine.scope(() => rmse(engine.tensor("f32", n, normals(n, 1)), engine.tensor("f32", n, normals(n, 2, 5)))));
    for (const value of got) expect(value).toBe(got[0]);
  }
});
