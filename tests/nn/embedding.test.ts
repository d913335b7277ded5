import fc from "fast-check";
import {
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  embedding,
  embeddingBag,
  embeddingBagForward,
  embeddingBagGradient,
  embeddingGradient,
  input,
  localUpdate,
  PADDING,
  ParameterError,
  ShapeError,
  type Tensor,
  takeRows,
  updateRows,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, EPS64, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { type Guarded, guarded } from "../support/memory.ts";
import { noise } from "../support/streams.ts";
import type { Bags } from "./embedding.reference.ts";
import * as reference from "./embedding.reference.ts";

const f = Math.fround;
const abs = (x: Float32Array) => x.map(Math.abs);

/** Bags whose ids repeat within and across them; `absent` is the share of padding. Row rows - 1 is never named. */
function bags([m, r, d, rows]: readonly [number, number, number, number], absent: number, seed = 1): Bags & { readonly ids: Uint32Array } {
  const next = random(seed);
  const ids = Uint32Array.from({ length: m * r }, () => (next() < absent ? PADDING : Math.floor(next() * (rows - 1))));
  return { m, r, d, rows, ids };
}
/** A table with NaN in every row that no id names: reading one shows. */
function sparseTable(b: Bags): Float32Array {
  const named = new Set(reference.touched(b));
  return normals(b.rows * b.d, 2).map((v, i) => (named.has(Math.floor(i / b.d)) ? v : Number.NaN));
}

/** Raw kernels between guard bands, off alignment; outputs and scratch hold rubbish at first. */
function kernelResults(engine: Engine, b: Bags & { readonly ids: Uint32Array }) {
  const { m, r, d, ids } = b;
  const { kernels } = engine;
  const [table, dy] = [sparseTable(b), normals(m * d, 3)];
  const nan = (size: number) => guarded(engine, new Float32Array(size).fill(Number.NaN), 4);
  const [pi, pt, pdy] = [guarded(engine, ids, 4), guarded(engine, table, 4), guarded(engine, dy, 4)];
  const [y, values, rows] = [nan(m * d), nan(m * r * d), guarded(engine, new Uint32Array(m * r).fill(77), 4)];
  const norms = guarded(engine, new Float64Array(m).fill(0.5), 8);
  const scratch = guarded(engine, new Uint8Array(kernels.embedding_gradient_scratch_f32(m, r)).fill(0xff), 4);
  kernels.embedding_bag_f32(m, r, d, pi.address, pt.address, y.address);
  const u = kernels.embedding_gradient_f32(m, r, d, pi.address, pdy.address, rows.address, values.address, scratch.address);
  kernels.embedding_bag_norms_f32(m, r, d, pi.address, pdy.address, norms.address);
  kernels.update_rows_f32(u, d, f(-0.1), f(0.99), rows.address, values.address, pt.address);
  const words = (p: Guarded) => new Uint32Array(p.bytes().buffer);
  const got = { u, y: y.f32(), rows: words(rows), values: values.f32(), norms: new Float64Array(norms.bytes().buffer), table: pt.f32() };
  for (const p of [pi, pt, pdy, y, values, rows, norms, scratch]) p.release();
  return { ...got, before: table, dy };
}

function check(engine: Engine, b: Bags & { readonly ids: Uint32Array }): void {
  const { m, r, d } = b;
  const { u, y, rows, values, norms, table, before, dy } = kernelResults(engine, b);
  const full = before.map((v) => (Number.isNaN(v) ? 0 : v));
  const named = reference.touched(b);
  const size = reference.forward(b, abs(full));
  expectWithin(y, reference.forward(b, full), (i) => (r + 2) * EPS32 * size[i]!, 0.1);
  expect([...rows.subarray(0, u)]).toEqual(named);
  expect(
    rows.subarray(u).every((v) => v === 77),
    "rows beyond the count",
  ).toBe(true);
  const [whole, wholeSize] = [reference.gradient(b, dy), reference.gradient(b, abs(dy))];
  const ofNamed = (x: Float64Array) => Float64Array.from(named.flatMap((id) => [...x.subarray(id * d, (id + 1) * d)]));
  const [want, wantSize] = [ofNamed(whole), ofNamed(wholeSize)];
  expectWithin(values.subarray(0, u * d), want, (i) => (m * r + 3) * EPS32 * wantSize[i]!, 0.1);
  expect(values.subarray(u * d).every(Number.isNaN), "values beyond the count").toBe(true);
  const normSize = reference.norms(b, abs(dy), 1);
  expectWithin(
    norms,
    reference.norms(b, dy, 1).map((v) => v + 0.5),
    (i) => (d + r + 9) * EPS64 * (normSize[i]! + 1),
    1e-6,
  );
  // The step: rows that nobody named keep their bits, and those are NaN.
  const [alpha, beta] = [f(-0.1), f(0.99)];
  const stepped = Float64Array.from(before, (v, i) => (Number.isNaN(v) ? v : beta * v + alpha * whole[i]!));
  expectWithin(table, stepped, (i) => (m * r + 6) * EPS32 * (Math.abs(full[i]!) + wholeSize[i]!), 0.1);
  const untouched = (x: Float32Array) => bits(x).filter((_, i) => !named.includes(Math.floor(i / d)));
  expect(untouched(table)).toEqual(untouched(before));
}

/** Bags, ids a bag, columns, rows */
const SHAPES = [
  [0, 3, 4, 5],
  [3, 0, 4, 5],
  [3, 2, 0, 5],
  [1, 1, 1, 2],
  [5, 1, 3, 4], // an embedding: bags of one
  [7, 3, 5, 4], // ids repeat everywhere
  [4, 5, 16, 1000],
  [9, 2, 17, 6],
  [32, 1, 16, 40],
  [33, 7, 31, 300],
  [64, 4, 8, 3],
] as const;
const PADDED = [0, 0.4, 1];

forEachBuild("nn/embedding", (engine) => {
  describe("against the twin", () => {
    const ran = countCases(SHAPES.length * PADDED.length);
    describe.each(PADDED)("%f of the ids absent", (absent) => {
      test.each(SHAPES)("%i bags of %i ids, %i columns, %i rows", (...shape) => {
        ran();
        check(engine(), bags(shape, absent));
      });
    });
  });

  test("random bags", () => {
    let runs = 0;
    const size = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(size(12), size(6), size(21), fc.integer({ min: 2, max: 30 }), fc.nat(), (m, r, d, rows, seed) => {
        runs++;
        check(engine(), bags([m, r, d, rows], 0.3, seed));
      }),
      { numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  test("the gradients are the central differences of the reference loss", () => {
    for (const absent of [0, 0.4]) {
      const b = bags([5, 3, 3, 6], absent, 9);
      const [table, dy] = [normals(b.rows * b.d, 4), normals(b.m * b.d, 5)];
      const differences = Float64Array.from(table, (_, i) => {
        const moved = (h: number) =>
          reference.loss(
            b,
            Float64Array.from(table, (v, at) => (at === i ? v + h : v)),
            dy,
          );
        return (moved(2 ** -10) - moved(-(2 ** -10))) / 2 ** -9;
      });
      engine().scope(() => {
        const ids = engine().tensor("u32", [b.m, b.r], b.ids);
        const [rows, values] = [engine().tensor("u32", b.m * b.r), engine().tensor("f32", [b.m * b.r, b.d])];
        const u = embeddingBagGradient(ids, engine().tensor("f32", [b.m, b.d], dy), rows, values);
        const dense = updateRows(values, rows, engine().tensor("f32", [b.rows, b.d]), { count: u });
        // Linear: the difference is exact but for f64 rounding. 15 + 3 steps of f32 on sums of magnitudes below 15.
        expectWithin(dense.toArray(), differences, () => 18 * EPS32 * 15, 1e-3);
      });
    }
  });

  test("an embedding is a bag of one, and its forward pass is takeRows", () => {
    const b = bags([9, 1, 7, 5], 0);
    engine().scope(() => {
      const [ids, table] = [engine().tensor("u32", 9, b.ids), engine().tensor("f32", [5, 7], normals(35, 1))];
      const [one, two] = [engine().tensor("f32", [9, 7]), engine().tensor("f32", [9, 7])];
      takeRows(table, ids, one);
      embeddingBagForward(engine().tensor("u32", [9, 1], b.ids), table, two);
      expect(two.toArray()).toEqual(one.toArray());
      const result = (gradient: (rows: Tensor<"u32">, values: Tensor<"f32">) => number) => {
        const [rows, values] = [engine().tensor("u32", 9), engine().tensor("f32", [9, 7])];
        return [gradient(rows, values), rows.toArray(), values.toArray()];
      };
      expect(result((rows, values) => embeddingGradient(ids, one, rows, values))).toEqual(
        result((rows, values) => embeddingBagGradient(engine().tensor("u32", [9, 1], b.ids), one, rows, values)),
      );
    });
  });

  test("norms of examples of several ids, equal ones among them", () => {
    let repeated = 0;
    for (const r of [1, 2, 3, 8]) {
      for (const d of [1, 4, 7, 16, 33]) {
        const b = bags([5 * r, 1, d, 4], 0, r * 100 + d); // as bags of one: 5 examples of r ids each
        repeated += 5 * r - Array.from({ length: 5 }, (_, i) => new Set(b.ids.subarray(i * r, (i + 1) * r)).size).reduce((p, q) => p + q);
        const dy = normals(5 * r * d, 3);
        const [pi, pdy, norms] = [guarded(engine(), b.ids, 4), guarded(engine(), dy, 4), guarded(engine(), new Float64Array(5).fill(0.5), 8)];
        engine().kernels.embedding_norms_f32(5, r, d, pi.address, pdy.address, norms.address);
        const size = reference.norms(b, abs(dy), r);
        const got = new Float64Array(norms.bytes().buffer);
        expectWithin(
          got,
          reference.norms(b, dy, r).map((v) => v + 0.5),
          (i) => (d + r * r + 9) * EPS64 * (size[i]! + 1),
          1e-6,
        );
        for (const p of [pi, pdy, norms]) p.release();
      }
    }
    expect(repeated, "ids that occur again in their example").toBeGreaterThan(50);
  });

  test("gradients that cancel have norm 0, never less", () => {
    // g, 2g and -3g on one row: their sum is rounding only, their squares are not.
    const g = normals(33, 8);
    const dy = Float32Array.of(...g, ...g.map((v) => 2 * v), ...g.map((v) => f(-3 * v)));
    const [pi, pdy, norms] = [guarded(engine(), Uint32Array.of(3, 3, 3)), guarded(engine(), dy), guarded(engine(), Float64Array.of(0))];
    engine().kernels.embedding_norms_f32(1, 3, 33, pi.address, pdy.address, norms.address);
    const [got] = new Float64Array(norms.bytes().buffer);
    expect(got).toBeGreaterThanOrEqual(0);
    expect(got).toBeLessThan(1e-5);
    for (const p of [pi, pdy, norms]) p.release();
  });

  test("NaN and Infinity stay in the bags and rows that name them", () => {
    engine().scope(() => {
      const table = engine().tensor("f32", [3, 5], new Float32Array(15).fill(1).fill(Number.NaN, 5, 10));
      const out = embeddingBagForward(engine().tensor("u32", [3, 2], [0, 2, 1, 0, PADDING, 2]), table, engine().tensor("f32", [3, 5]));
      expect([...out.toArray()]).toEqual([...Array(5).fill(1), ...Array(5).fill(Number.NaN), ...Array(5).fill(1)]);
      const dy = engine().tensor("f32", [3, 5], new Float32Array(15).fill(1).fill(Number.POSITIVE_INFINITY, 0, 5).fill(Number.NaN, 10));
      const [rows, values] = [engine().tensor("u32", 3), engine().tensor("f32", [3, 5])];
      const u = embeddingBagGradient(engine().tensor("u32", [3, 1], [2, 0, PADDING]), dy, rows, values);
      expect(u).toBe(2);
      expect([...values.toArray().subarray(0, 10)]).toEqual([...Array(5).fill(Number.POSITIVE_INFINITY), ...Array(5).fill(1)]);
    });
  });

  describe("as the layer of a model", () => {
    // Mean squared error of the rows picked (or of their means) against targets; one step over all examples.
    const [n, rows, d, lr, wd] = [6, 9, 5, f(0.5), f(0.125)];
    const LAYERS = {
      embedding: { r: 3, layers: [input([3], "u32"), embedding(rows, d)], absent: 0 },
      embeddingBag: { r: 4, layers: [input([4], "u32"), embeddingBag(rows, d)], absent: 0.3 },
    } as const;
    const KINDS = ["embedding", "embeddingBag"] as const;

    function setting(kind: (typeof KINDS)[number]) {
      const { r, layers, absent } = LAYERS[kind];
      const { ids } = bags([n, r, d, rows], absent, 12);
      const single = kind === "embedding";
      // For the twin an embedding is bags of one.
      const b: Bags = single ? { m: n * r, r: 1, d, rows, ids } : { m: n, r, d, rows, ids };
      const [table, targets] = [normals(rows * d, 1), normals(b.m * d, 2)];
      const outputs = single ? r * d : d;
      /** Gradient of the outputs for a sum of the examples' losses. */
      const dy = reference.forward(b, table).map((y, i) => (2 * (y - targets[i]!)) / outputs);
      const model = engine().model([...layers], { loss: "meanSquaredError" });
      const data = { x: engine().tensor("u32", [n, r], ids), targets: engine().tensor("f32", [n, ...(single ? [r, d] : [d])], targets) };
      return { b, group: single ? r : 1, table, dy, model, weights: engine().tensor("f32", rows * d, table), data };
    }
    /** Whether a table's element lies in a row that some id names. */
    const named = (b: Bags) => {
      const set = new Set(reference.touched(b));
      return (i: number) => set.has(Math.floor(i / d));
    };
    const close = (got: Float32Array, want: ArrayLike<number>) => expectWithin(got, want, () => 64 * EPS32 * 8, 1e-3);

    test.each(KINDS)("%s: a step of SGD is the twin's, with decay of the rows named alone", async (kind) => {
      const shuffle = await noise(1);
      engine().scope(() => {
        const { b, table, dy, model, weights, data } = setting(kind);
        const g = reference.gradient(b, dy);
        const { delta } = localUpdate(model, weights, data, { epochs: 1, batchSize: n, learningRate: lr, weightDecay: wd, shuffle });
        close(
          delta.toArray(),
          g.map((v, i) => (named(b)(i) ? -lr * (v / n + wd * table[i]!) : 0)),
        );
        expect(delta.toArray().some((v, i) => !named(b)(i) && v !== 0)).toBe(false);
      });
    });

    test.each(KINDS)("%s: Adam moves the rows named and no other, by their sparse gradient", async (kind) => {
      const shuffle = await noise(1);
      engine().scope(() => {
        const { b, dy, model, weights, data } = setting(kind);
        const g = reference.gradient(b, dy);
        const adam = { type: "adam", learningRate: 0.25, epsilon: 2 ** -10 } as const;
        const { delta } = localUpdate(model, weights, data, { epochs: 1, batchSize: n, optimizer: adam, shuffle });
        // The first step of Adam: m / (1 - b1) = g, v / (1 - b2) = g^2.
        close(
          delta.toArray(),
          g.map((v) => (-0.25 * (v / n)) / (Math.abs(v / n) + 2 ** -10)),
        );
        expect(delta.toArray().some((v, i) => !named(b)(i) && v !== 0)).toBe(false);
      });
    });

    test.each(KINDS)("%s: per-example clipping is the slow loop's", async (kind) => {
      const shuffle = await noise(1);
      engine().scope(() => {
        const { b, group, dy, model, weights, data } = setting(kind);
        const norms = reference.norms(b, dy, group).map(Math.sqrt);
        const clipNorm = f([...norms].sort((p, q) => p - q)[2]!); // of the six examples three are above
        const sum = new Float64Array(rows * d);
        for (let i = 0; i < b.m; i++) {
          const factor = Math.min(1, clipNorm / norms[Math.floor(i / group)]!);
          reference.gradient(b, dy, i).forEach((v, at) => {
            sum[at]! += factor * v;
          });
        }
        const { delta, nonFinite } = localUpdate(model, weights, data, {
          epochs: 1,
          batchSize: n,
          learningRate: lr,
          perExampleClipping: { clipNorm },
          shuffle,
        });
        expect(nonFinite).toBe(0);
        close(
          delta.toArray(),
          sum.map((v) => (-lr * v) / n),
        );
        expect(norms.filter((v) => v > 1.01 * clipNorm).length).toBeGreaterThanOrEqual(2);
      });
    });

    test.each(KINDS)("%s: starts uniform in its range, and ids out of it are refused", async (kind) => {
      const [start, shuffle] = [await noise(5), await noise(1)];
      engine().scope(() => {
        const { model, weights, data } = setting(kind);
        const table = model.initialise(start).toArray();
        expect(model.layout).toEqual([{ name: `${kind}0/embeddings`, shape: [rows, d], offset: 0, size: rows * d }]);
        expect(table.every((v) => Math.abs(v) <= 0.05)).toBe(true);
        expect(Math.max(...table.map(Math.abs))).toBeGreaterThan(0.04);
        data.x.view[1] = rows;
        const train = () => localUpdate(model, weights, data, { epochs: 1, batchSize: n, learningRate: lr, shuffle });
        expect(train).toThrow(/ids below 9, got 9 at index 1/);
        data.x.view[1] = PADDING;
        if (kind === "embedding") expect(train).toThrow(/ids below 9, got 4294967295/);
        else train();
      });
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [3, 4]);
    engine().scope(() => {
      const filled = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [ids, flat] = [engine().tensor("u32", [2, 3], [0, 4, 1, 1, PADDING, 2]), engine().tensor("u32", 6, [0, 4, 1, 1, 3, 2])];
      const [table, out, dy, dyFlat, values] = [filled(5, 4), filled(2, 4), filled(2, 4), filled(6, 4), filled(6, 4)];
      const rows = engine().tensor("u32", 6, [9, 9, 9, 9, 9, 9]);
      const late = engine().tensor("u32", [2, 3], [0, 1, 2, 0, 1, 5]);
      const gone = filled(2, 4);
      gone.dispose();
      expect(() => embeddingBagForward(late, table, out)).toThrow(/embeddingBagForward: expected ids below 5, or PADDING, got 5 at index 5/);
      expect(() => embeddingBagForward(engine().tensor("u32", [2, 3], [0, 1, 2, 0, 1, PADDING - 1]), table, out)).toThrow(ParameterError);
      expect(() => embeddingBagForward(flat, table, out)).toThrow(ShapeError);
      expect(() => embeddingBagForward(ids, filled(20), out)).toThrow(ShapeError);
      expect(() => embeddingBagForward(ids, out, out)).toThrow(ParameterError);
      expect(() => embeddingGradient(ids, dyFlat, rows, values)).toThrow(ShapeError);
      expect(() => embeddingBagGradient(flat, dy, rows, values)).toThrow(ShapeError);
      expect(() => embeddingGradient(flat, dyFlat, flat, values)).toThrow(ParameterError);
      expect(() => embeddingGradient(flat, values, rows, values)).toThrow(ParameterError);
      expect(() => embeddingBagGradient(ids, dy, engine().tensor("u32", 5), values)).toThrow(ShapeError);
      expect(() => embeddingBagGradient(ids, dy, rows, filled(6, 3))).toThrow(ShapeError);
      for (const [bad, error] of [
        [filled(3, 4), ShapeError],
        [engine().tensor("f64", [2, 4]) as unknown as Tensor<"f32">, DTypeError],
        [gone, DisposedError],
      ] as const) {
        expect(() => embeddingBagForward(ids, table, bad)).toThrow(error);
        expect(() => embeddingBagGradient(ids, bad, rows, values)).toThrow(error);
      }
      expect(() => embeddingBagForward(ids, other, out)).toThrow(EngineMismatchError);
      expect(() => embeddingGradient(engine().tensor("u32", 3, [0, 1, 2]), other, engine().tensor("u32", 3), filled(3, 4))).toThrow(EngineMismatchError);
      expect(() => embeddingBagForward(engine().tensor("i32", [2, 3]) as unknown as Tensor<"u32">, table, out)).toThrow(DTypeError);
      for (const t of [table, out, dy, dyFlat, values]) expect(t.toArray().every((v) => v === 7)).toBe(true);
      expect([...rows.toArray()]).toEqual(Array(6).fill(9));
    });
    other.dispose();
  });
});

describe("descriptions of layers", () => {
  test("are plain frozen data with Keras's default start", () => {
    expect(embedding(7, 3)).toEqual({ type: "embedding", rows: 7, units: 3, initialiser: { uniform: 0.05 } });
    expect(embeddingBag(7, 3, { initialiser: "zeros" })).toEqual({ type: "embeddingBag", rows: 7, units: 3, initialiser: "zeros" });
    const start = { uniform: 0.1 };
    const layer = embedding(7, 3, { initialiser: start });
    expect(structuredClone(layer)).toEqual(layer);
    expect(Object.isFrozen(layer) && Object.isFrozen(layer.initialiser)).toBe(true);
    start.uniform = 9; // a copy was taken
    expect(layer.initialiser).toEqual({ uniform: 0.1 });
  });

  test("of nonsense are refused", () => {
    for (const make of [embedding, embeddingBag]) {
      for (const size of [0, -1, 1.5, Number.NaN, "3" as unknown as number]) {
        expect(() => make(size, 3)).toThrow(ParameterError);
        expect(() => make(3, size)).toThrow(ParameterError);
      }
      expect(() => make(2 ** 32, 3)).toThrow(/rows/);
      for (const initialiser of ["uniform", 0.05, null, { uniform: -1 }, { uniform: Infinity }, {}, { uniform: 1, normal: 1 }]) {
        expect(() => make(3, 3, { initialiser: initialiser as "zeros" })).toThrow(ParameterError);
      }
      expect(() => make(3, 3, { initializer: "zeros" } as object)).toThrow(/initialiser/);
    }
  });
});

describe("nn/embedding across builds", () => {
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const shape of SHAPES) {
      const [p, q] = [scalar!, simd!].map((engine) => {
        const { u, y, rows, values, norms, table } = kernelResults(engine, bags(shape, 0.2));
        return [u, bits(y), rows, bits(values), norms, bits(table)];
      });
      expect(p).toEqual(q);
    }
  });
});
