import fc from "fast-check";
import {
  accuracy,
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  ParameterError,
  ShapeError,
  softmax,
  softmaxBackward,
  softmaxCrossEntropy,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { softmaxKind } from "../../src/nn/softmax.ts";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, EPS64, extremes, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { runKind } from "../support/kinds.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./softmax.reference.ts";

const CLASSES = [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 62, 1000] as const;
const DENORMAL = 2 ** -149;
function someLabels(m: number, n: number): Int32Array {
  const r = random(9);
  return Int32Array.from({ length: m }, () => Math.floor(r() * n));
}
/** Logits of every kind: ordinary, large, +-1e4, equal, the edges of f32. */
const KINDS: Record<string, (size: number) => Float32Array> = {
  normal: (size) => normals(size, 1),
  wide: (size) => normals(size, 2, 30),
  tenThousands: (size) => normals(size, 3).map((v) => (v > 0 ? 1e4 : -1e4)),
  equal: (size) => new Float32Array(size).fill(-123.5),
  extreme: (size) => extremes(size, 4),
};

/** Raw kernels between guard bands: probabilities, their gradient (over that of the output), loss, gradient (in place, on the logits), hits. */
function kernelResults(engine: Engine, m: number, n: number, alpha: number, x: Float32Array, labels: Int32Array) {
  const { kernels } = engine;
  const scratch = guarded(engine, new Uint8Array(kernels.softmax_scratch_f32(n)).fill(0xff));
  const [px, pl, pp] = [guarded(engine, x, 4), guarded(engine, labels, 4), guarded(engine, new Float32Array(x.length).fill(Number.NaN), 4)];
  kernels.softmax_f32(m, n, px.address, pp.address, scratch.address);
  const pg = guarded(engine, normals(x.length, 8), 4);
  kernels.softmax_backward_f32(m, n, pp.address, pg.address, pg.address);
  const hits = kernels.accuracy_f32(m, n, px.address, pl.address);
  const loss = kernels.softmax_cross_entropy_f32(m, n, alpha, px.address, pl.address, px.address, scratch.address);
  const got = { p: pp.f32(), dx: pg.f32(), loss, gradient: px.f32(), hits };
  for (const p of [px, pl, pp, pg, scratch]) p.release();
  return got;
}

forEachBuild("nn/softmax", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(CLASSES.length * Object.keys(KINDS).length);
    test.each(CLASSES)("%i classes", (n) => {
      const m = 5;
      const labels = someLabels(m, n);
      for (const make of Object.values(KINDS)) {
        ran();
        const x = make(m * n);
        const alpha = 1 / m;
        const got = kernelResults(engine(), m, n, alpha, x, labels);
        // e and their sum: at most n + 8 roundings of f64 here and as many in the twin; then one rounding to f32.
        const relative = EPS32 + 2 * (n + 8) * EPS64;
        const p = reference.softmax(n, x);
        expectWithin(got.p, p, (i) => relative * p[i]! + DENORMAL, 1e-6);
        const back = reference.backward(n, got.p, normals(m * n, 8));
        expectWithin(got.dx, back.value, (i) => EPS32 * Math.abs(back.value[i]!) + (n + 8) * EPS64 * back.size[i]! + DENORMAL, 1e-6);
        const g = reference.gradient(n, alpha, x, labels);
        expectWithin(got.gradient, g, (i) => alpha * (EPS32 * Math.abs(g[i]! / alpha) + 2 * (n + 8) * EPS64) + DENORMAL, 1e-6);
        const loss = reference.loss(n, x, labels);
        expectWithin([got.loss], [loss], () => 2 * (n + m + 8) * EPS64 * (m + loss), Math.max(1e-6, 1e-6 * loss));
        expect(got.hits).toBe(reference.hits(n, x, labels));
      }
    });
  });

  test("the gradient is the central difference of the reference loss, and its rows sum to 0", () => {
    for (const n of [2, 3, 7, 10]) {
      engine().scope(() => {
        const m = 3;
        const [x, labels] = [normals(m * n, 5, 2), someLabels(m, n)];
        const [logits, dx] = [engine().tensor("f32", [m, n], x), engine().tensor("f32", [m, n])];
        const mean = softmaxCrossEntropy(logits, engine().tensor("i32", m, labels), dx);
        expectWithin([mean], [reference.loss(n, x, labels) / m], () => 1e-14 * (1 + mean), 1e-6);
        const h = 2 ** -12;
        const slope = Float64Array.from(x, (_, i) => {
          const at = (d: number) =>
            reference.loss(
              n,
              Float64Array.from(x, (v, j) => (j === i ? v + d : v)),
              labels,
            ) / m;
          return (at(h) - at(-h)) / (2 * h);
        });
        const got = dx.toArray();
        // The third derivative of the loss is below 1/4: h^2 / 24; rounding 2^-52 loss / h; f32.
        expectWithin(got, slope, () => h ** 2 / 24 + (2 ** -50 * (1 + mean)) / h + EPS32, 1e-6);
        for (let i = 0; i < m; i++) expect(Math.abs(got.subarray(i * n, (i + 1) * n).reduce((s, v) => s + v, 0))).toBeLessThanOrEqual((n + 2) * EPS32);
      });
    }
  });

  test("the gradient of softmax is the central difference of the twin, and its rows sum to 0", () => {
    for (const n of [1, 2, 3, 7, 10]) {
      engine().scope(() => {
        const m = 3;
        const [x, dy] = [normals(m * n, 10, 2), normals(m * n, 11)];
        const y = softmax(engine().tensor("f32", [m, n], x));
        const g = engine().tensor("f32", [m, n], dy);
        const dx = softmaxBackward(y, g, engine().tensor("f32", [m, n])).toArray();
        const h = 2 ** -10;
        const slope = Float64Array.from(x, (_, i) => {
          const near = (d: number) => Float64Array.from(x, (v, j) => (j === i ? v + d : v));
          const at = (d: number) => reference.softmax(n, near(d)).reduce((s, v, j) => s + v * dy[j]!, 0);
          return (at(h) - at(-h)) / (2 * h);
        });
        // Third derivatives of an element of p are below 1, and there are n of them; y and dx are f32.
        const most = Math.max(...dy.map(Math.abs));
        expectWithin(dx, slope, () => n * most * (h ** 2 / 6 + 4 * EPS32), 1e-4);
        for (let i = 0; i < m; i++) expect(Math.abs(dx.subarray(i * n, (i + 1) * n).reduce((s, v) => s + v, 0))).toBeLessThanOrEqual((n + 2) * EPS32 * most);
        expect(softmaxBackward(y, g)).toBe(g);
        expect(bits(g.toArray())).toEqual(bits(dx));
        softmaxBackward(y, engine().tensor("f32", [m, n], dy), y); // over y
        expect(bits(y.toArray())).toEqual(bits(dx));
      });
    }
  });

  test("as a layer: along the last axis, in place or not", () => {
    const [x, dy] = [normals(60, 12), normals(60, 13)];
    for (const shape of [[5], [2, 3], [2, 1, 5]]) {
      const n = shape.at(-1)!;
      const m = 60 / shape.reduce((a, b) => a * b);
      for (const inPlace of [false, true]) {
        const got = runKind(engine(), softmaxKind, {}, { m, inputs: [{ shape, values: x }], dy, inPlace });
        expect(got.shape).toEqual(shape);
        const p = reference.softmax(n, x);
        expectWithin(got.y, p, (i) => 1.01 * EPS32 * p[i]!, 1e-6);
        const { value, size } = reference.backward(n, got.y, dy);
        expectWithin(got.dx[0]!, value, (i) => 1.01 * EPS32 * Math.abs(value[i]!) + 2 ** -40 * size[i]!, 1e-6);
      }
    }
    for (const shape of [[], [3, 0]]) expect(() => softmaxKind.shape("op", {}, [shape])).toThrow(/op: expected softmax over a last axis of length >= 1/);
  });

  test("loss, probabilities and accuracy belong together, for any logits; a shift by a power of two changes nothing", () => {
    let runs = 0;
    const value = fc.integer({ min: -4096, max: 4096 }).map((v) => v / 64);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }).chain((n) => fc.tuple(fc.array(value, { minLength: n, maxLength: n }), fc.nat(n - 1))),
        ([row, y]) => {
          runs++;
          engine().scope(() => {
            const n = row.length;
            const labels = engine().tensor("i32", 1, [y]);
            const [logits, shifted] = [
              engine().tensor("f32", [1, n], row),
              engine().tensor(
                "f32",
                [1, n],
                row.map((v) => v + 1024),
              ),
            ];
            expect(accuracy(logits, labels)).toBe(row.indexOf(Math.max(...row)) === y ? 1 : 0);
            const p = softmax(logits, engine().tensor("f32", [1, n])).toArray();
            expect(Math.abs(p.reduce((s, v) => s + v, 0) - 1)).toBeLessThanOrEqual((n + 1) * EPS32);
            const [g, gs] = [engine().tensor("f32", [1, n]), engine().tensor("f32", [1, n])];
            const loss = softmaxCrossEntropy(logits, labels, g);
            expect(softmaxCrossEntropy(shifted, labels, gs)).toBe(loss); // the differences to the largest are exact
            expect(bits(gs.toArray())).toEqual(bits(g.toArray()));
            if (p[y]! > 2 ** -126) expectWithin([loss], [-Math.log(p[y]!)], () => 2 * EPS32 + 1e-14 * loss, 1e-6);
            expect(loss).toBeGreaterThanOrEqual(0);
            expect(softmax(logits)).toBe(logits);
            expect(bits(logits.toArray())).toEqual(bits(p));
          });
        },
      ),
      { seed: 7, numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  test("a NaN row is NaN, wrong, makes the loss NaN, and leaves the other rows alone, in every lane", () => {
    for (let bad = 0; bad < 9; bad++) {
      engine().scope(() => {
        const [x, labels] = [engine().tensor("f32", [3, 9], normals(27, 6)), engine().tensor("i32", 3)];
        x.view[0] = x.view[9] = x.view[18] = 100; // right everywhere
        x.view[9 + bad] = Number.NaN;
        const want = Array.from({ length: 27 }, (_, i) => i >= 9 && i < 18);
        expect(accuracy(x, labels)).toBe(2 / 3);
        expect(Array.from(softmax(x, engine().tensor("f32", [3, 9])).toArray(), Number.isNaN)).toEqual(want);
        expect(softmaxCrossEntropy(x, labels, x)).toBe(Number.NaN);
        expect(Array.from(x.toArray(), Number.isNaN)).toEqual(want);
      });
    }
  });

  test("no rows give 0; bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!;
    const [otherX, otherLabels] = [other.tensor("f32", [2, 3]), other.tensor("i32", 2)];
    engine().scope(() => {
      const [x, labels] = [engine().tensor("f32", [2, 3]), engine().tensor("i32", 2)];
      const out = engine().tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
      const none = engine().tensor("f32", [0, 3]);
      expect([softmaxCrossEntropy(none, engine().tensor("i32", 0), none), accuracy(none, engine().tensor("i32", 0))]).toEqual([0, 0]);
      for (const y of [3, -1, 2 ** 31 - 1, -(2 ** 31)]) {
        const wrong = engine().tensor("i32", 2, [2, y]);
        expect(() => softmaxCrossEntropy(x, wrong, out)).toThrow(new RegExp(`expected labels in \\[0, 3\\), got ${y} at index 1`));
        expect(() => accuracy(x, wrong)).toThrow(ParameterError);
      }
      const gone = engine().tensor("f32", [2, 3]);
      gone.dispose();
      for (const [bad, error] of [
        [engine().tensor("f32", 6), ShapeError],
        [engine().tensor("f64", [2, 3]) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
        [otherX, EngineMismatchError],
      ] as const) {
        expect(() => softmax(bad, out)).toThrow(error);
        expect(() => softmax(x, bad)).toThrow(error);
        expect(() => softmaxBackward(bad, x, out)).toThrow(error);
        expect(() => softmaxBackward(x, bad, out)).toThrow(error);
        expect(() => softmaxBackward(x, out, bad)).toThrow(error);
        expect(() => softmaxCrossEntropy(bad, labels, out)).toThrow(error);
        expect(() => softmaxCrossEntropy(x, labels, bad)).toThrow(error);
        expect(() => accuracy(bad, labels)).toThrow(error);
      }
      const empty = engine().tensor("f32", [2, 0]);
      expect(() => softmax(empty)).toThrow(ParameterError);
      expect(() => softmaxCrossEntropy(empty, labels, empty)).toThrow(ParameterError);
      expect(() => softmaxCrossEntropy(x, engine().tensor("i32", 3), out)).toThrow(ShapeError);
      expect(() => softmaxCrossEntropy(x, otherLabels, out)).toThrow(EngineMismatchError);
      expect(() => accuracy(x, engine().tensor("u32", 2) as unknown as Tensor<"i32">)).toThrow(DTypeError);
      expect([...out.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
    });
    for (const t of [otherX, otherLabels]) t.dispose();
  });
});

describe("nn/softmax across builds", () => {
  test("every build gives the same bits: f64, nothing fused", async () => {
    const engines = Object.values(await allEngines());
    expect(engines.length).toBeGreaterThanOrEqual(2);
    for (const n of CLASSES) {
      for (const make of Object.values(KINDS)) {
        const got = engines.map((engine) => {
          const { p, dx, loss, gradient, hits } = kernelResults(engine, 5, n, 0.2, make(5 * n), someLabels(5, n));
          return [bits(p), bits(dx), bits(gradient), loss, hits];
        });
        for (const values of got) expect(values).toEqual(got[0]);
      }
    }
  });
});
