import {
  activation,
  concatenate,
  concatenateColumns,
  DisposedError,
  DTypeError,
  dense,
  dotProduct,
  dotRows,
  dotRowsBackward,
  type Engine,
  EngineMismatchError,
  gradient,
  input,
  type LayerNode,
  node,
  ParameterError,
  residual,
  ShapeError,
  splitColumns,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import type { LayerKind } from "../../src/nn/layer.ts";
import { concatenateKind, dotProductKind, residualKind } from "../../src/nn/merge.ts";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, extremes, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { runKind } from "../support/kinds.ts";
import { guarded } from "../support/memory.ts";
import { noise } from "../support/streams.ts";
import type { Shape } from "./merge.reference.ts";
import * as reference from "./merge.reference.ts";

type F32 = Tensor<"f32">;
const SHAPES: readonly Shape[] = [
  [0, 3, 4],
  [3, 0, 4],
  [3, 4, 0],
  [1, 1, 1],
  [2, 3, 5],
  [5, 1, 16],
  [7, 4, 33],
  [3, 17, 100],
  [2, 5, 257],
];

/** Raw kernels between guard bands, off alignment, outputs NaN at first. */
function kernelResults(engine: Engine, [m, r, n]: Shape) {
  const { kernels } = engine;
  const place = (values: Float32Array) => guarded(engine, values, 4);
  const nan = (size: number) => place(new Float32Array(size).fill(Number.NaN));
  const [a, b, dy] = [place(normals(m * n, 1)), place(normals(m * r * n, 2)), place(normals(m * r, 3))];
  const [y, da, db] = [nan(m * r), nan(m * n), nan(m * r * n)];
  kernels.dot_rows_f32(m, r, n, a.address, b.address, y.address);
  kernels.dot_rows_first_gradient_f32(m, r, n, dy.address, b.address, da.address);
  kernels.dot_rows_second_gradient_f32(m, r, n, dy.address, a.address, db.address);
  const got = { y: y.f32(), da: da.f32(), db: db.f32() };
  for (const p of [a, b, dy, y, da, db]) p.release();
  return got;
}

forEachBuild("nn/merge", (engine) => {
  describe("dot_rows and its gradients against the twin", () => {
    const ran = countCases(SHAPES.length);
    test.each(SHAPES)("m %i r %i n %i", (m, r, n) => {
      ran();
      const shape = [m, r, n] as const;
      const [a, b, dy] = [normals(m * n, 1), normals(m * r * n, 2), normals(m * r, 3)];
      const got = kernelResults(engine(), shape);
      const y = reference.dotRows(shape, a, b);
      expectWithin(got.y, y.value, (i) => EPS32 * Math.abs(y.value[i]!) + n * 2 ** -52 * y.size[i]!, 1e-5); // f64, one rounding to f32
      const da = reference.firstGradient(shape, dy, b);
      expectWithin(got.da, da.value, (i) => (r + 1) * EPS32 * da.size[i]!, 1e-4);
      expect(got.db).toEqual(Float32Array.from(reference.secondGradient(shape, dy, a))); // one rounding
    });
  });

  test("the gradients are the central differences of the twin", () => {
    const shape = [3, 4, 5] as const;
    const [a, b, dy] = [normals(15, 4), normals(60, 5), normals(12, 6)];
    const loss = (p: ArrayLike<number>, q: ArrayLike<number>) => reference.dotRows(shape, p, q).value.reduce((s, v, i) => s + v * dy[i]!, 0);
    const slopes = (v: Float32Array, of: (v: Float64Array) => number) =>
      Float64Array.from(v, (_, i) => {
        const at = (h: number) => of(Float64Array.from(v, (e, j) => (j === i ? e + h : e)));
        return (at(2 ** -10) - at(-(2 ** -10))) / 2 ** -9;
      });
    engine().scope(() => {
      const [ta, tb, tdy] = [engine().tensor("f32", [3, 5], a), engine().tensor("f32", [3, 4, 5], b), engine().tensor("f32", [3, 4], dy)];
      const [da, db, y] = [engine().tensor("f32", [3, 5]), engine().tensor("f32", [3, 4, 5]), engine().tensor("f32", [3, 4])];
      expect(dotRows(ta, tb, y)).toBe(y);
      dotRowsBackward(ta, tb, tdy, da, db);
      const bound = () => 8 * EPS32 * 10; // linear in each argument: exact but for rounding
      expectWithin(
        da.toArray(),
        slopes(a, (v) => loss(v, b)),
        bound,
        1e-4,
      );
      expectWithin(
        db.toArray(),
        slopes(b, (v) => loss(a, v)),
        bound,
        1e-4,
      );
    });
  });

  test("columns side by side and apart again, every bit, beside what stands there", () => {
    let count = 0;
    for (const widths of [
      [1, 1],
      [3, 5],
      [4, 8, 1],
      [16, 7, 33],
      [0, 2],
      [200, 57],
    ]) {
      for (const m of [0, 1, 3]) {
        count++;
        engine().scope(() => {
          const parts = widths.map((n, i) => extremes(m * n, i + 1));
          const total = widths.reduce((a, b) => a + b, 0);
          const tensors = parts.map((part, i) => engine().tensor("f32", [m, widths[i]!], part));
          const out = engine().tensor("f32", [m, total], new Float32Array(m * total).fill(Number.NaN));
          expect(concatenateColumns(tensors, out)).toBe(out);
          expect(bits(out.toArray())).toEqual(bits(Float32Array.from(reference.concatenate(m, widths, parts))));
          const back = widths.map((n) => engine().tensor("f32", [m, n], new Float32Array(m * n).fill(Number.NaN)));
          splitColumns(out, back);
          expect(back.map((t) => bits(t.toArray()))).toEqual(parts.map(bits));
        });
      }
    }
    expect(count).toBe(18);
  });

  test("NaN and Infinity propagate to the products and gradients they are part of, and to no other", () => {
    engine().scope(() => {
      const [m, r, n] = [2, 3, 9];
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const a = new Float32Array(m * n).fill(1);
        a[n + 4] = bad;
        const [ta, tb] = [engine().tensor("f32", [m, n], a), engine().tensor("f32", [m, r, n], new Float32Array(m * r * n).fill(1))];
        const [y, da, db] = [engine().tensor("f32", [m, r]), engine().tensor("f32", [m, n]), engine().tensor("f32", [m, r, n])];
        dotRows(ta, tb, y);
        expect([...y.view]).toEqual([n, n, n, bad, bad, bad]);
        dotRowsBackward(ta, tb, y, da, db);
        expect(Array.from(da.view, Number.isFinite)).toEqual(Array.from({ length: m * n }, (_, i) => i < n));
      }
      // Products of 3e38 do not overflow on the way: the sum is in f64.
      const big = engine().tensor("f32", [1, 4], [3e38, 3e38, 1, -3e38]);
      const rows = engine().tensor("f32", [1, 1, 4], [1, -1, 5, 0]);
      expect(dotRows(big, rows, engine().tensor("f32", [1, 1])).item()).toBe(5);
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3]);
    engine().scope(() => {
      const tensor = (...shape: number[]) => engine().tensor("f32", shape, new Float32Array(shape.reduce((p, q) => p * q)).fill(7));
      const [a, b, y, da, db, wide] = [tensor(2, 3), tensor(2, 4, 3), tensor(2, 4), tensor(2, 3), tensor(2, 4, 3), tensor(2, 6)];
      const gone = tensor(2, 3);
      gone.dispose();
      for (const [bad, error] of [
        [tensor(3, 3), ShapeError],
        [tensor(6), ShapeError],
        [engine().tensor("f64", [2, 3]) as unknown as F32, DTypeError],
        [gone, DisposedError],
        [other, EngineMismatchError],
      ] as const) {
        expect(() => dotRows(bad, b, y)).toThrow(error);
        expect(() => dotRowsBackward(bad, b, y, da, db)).toThrow(error);
        expect(() => dotRowsBackward(a, b, y, bad, db)).toThrow(error);
        expect(() => concatenateColumns([a, bad], wide)).toThrow(error);
        expect(() => splitColumns(wide, [bad, a])).toThrow(error);
      }
      expect(() => dotRows(a, tensor(2, 4, 4), y)).toThrow(ShapeError);
      expect(() => dotRows(a, b, tensor(4, 2))).toThrow(ShapeError);
      expect(() => dotRowsBackward(a, b, a, da, db)).toThrow(ShapeError);
      expect(() => dotRowsBackward(a, b, y, da, da)).toThrow(ShapeError);
      expect(() => dotRowsBackward(a, b, y, a, db)).toThrow(/expected da to be another tensor than a/);
      expect(() => dotRowsBackward(a, b, y, da, b)).toThrow(/expected db to be another tensor than b/);
      expect(() => concatenateColumns([a], wide)).toThrow(/concatenateColumns: expected out of shape \[2,3\], the inputs side by side, got \[2,6\]/);
      expect(() => concatenateColumns([wide], wide)).toThrow(ParameterError);
      expect(() => concatenateColumns(a as unknown as F32[], wide)).toThrow(/expected an array of inputs/);
      expect(() => splitColumns(wide, [a, a, a])).toThrow(ShapeError);
      for (const t of [a, b, y, da, db, wide]) expect(t.toArray().every((v) => v === 7)).toBe(true);
    });
    other.dispose();
  });

  describe("as layers", () => {
    const m = 3;
    const part = (shape: readonly number[], seed: number) => ({ shape, values: normals(m * shape.reduce((p, q) => p * q, 1), seed) });

    test("residual adds two or more inputs of one shape; their gradient is dy", () => {
      for (const many of [2, 3, 5]) {
        const inputs = Array.from({ length: many }, (_, i) => part([2, 5], i + 1));
        const dy = normals(30, 9);
        const want = inputs.slice(1).reduce((sum, { values }) => sum.map((v, i) => v + values[i]!), inputs[0]!.values);
        for (const inPlace of [false, true]) {
          const got = runKind(engine(), residualKind, residual(), { m, inputs, dy, inPlace, unwanted: [many - 1] });
          expect(got).toEqual({ shape: [2, 5], y: want, dx: inputs.map((_, i) => (i === many - 1 ? new Float32Array(0) : dy)) });
        }
      }
      expect(() =>
        residualKind.shape("model: residual0", residual(), [
          [2, 5],
          [5, 2],
        ]),
      ).toThrow(/model: residual0: expected inputs of one shape to add, got \[2,5\] and \[5,2\]/);
      expect(() => residualKind.shape("op", residual(), [[2, 5], [2]])).toThrow(/got \[2,5\] and \[2\]/);
    });

    test("concatenate joins along the last axis; each input takes its part of dy", () => {
      for (const shapes of [
        [[5], [3]],
        [
          [2, 4],
          [2, 1],
          [2, 7],
        ],
        [
          [3, 2, 8],
          [3, 2, 8],
        ],
      ]) {
        const inputs = shapes.map((shape, i) => part(shape, i + 1));
        const widths = shapes.map((shape) => shape.at(-1)!);
        const rows = inputs[0]!.values.length / widths[0]!;
        const total = widths.reduce((a, b) => a + b, 0);
        const dy = normals(rows * total, 9);
        const got = runKind(engine(), concatenateKind, concatenate(), { m, inputs, dy, unwanted: [1] });
        expect(got.shape).toEqual([...shapes[0]!.slice(0, -1), total]);
        expect([...got.y]).toEqual(
          reference.concatenate(
            rows,
            widths,
            inputs.map(({ values }) => values),
          ),
        );
        let from = 0;
        widths.forEach((n, i) => {
          const start = from;
          from += n;
          const mine = dy.filter((_, at) => at % total >= start && at % total < start + n);
          expect(got.dx[i]).toEqual(i === 1 ? new Float32Array(0) : mine);
        });
      }
      expect(() =>
        concatenateKind.shape("op", concatenate(), [
          [2, 5],
          [3, 5],
        ]),
      ).toThrow(/op: expected inputs that differ in the last length only, got \[2,5\] and \[3,5\]/);
      expect(() => concatenateKind.shape("op", concatenate(), [[2, 5], [5]])).toThrow(/got \[2,5\] and \[5\]/);
    });

    test("dotProduct: one row with one, one with r, r with r", () => {
      for (const [first, second, r, group] of [
        [[5], [5], 1, 1],
        [[5], [1, 5], 1, 1],
        [[5], [4, 5], 4, 4],
        [[1, 5], [4, 5], 4, 4],
        [[4, 5], [4, 5], 4, 1],
      ] as const) {
        const [a, b] = [part(first, 1), part(second, 2)];
        const dy = normals(m * r, 3);
        const shape = [(m * r) / group, group, 5] as const;
        for (const unwanted of [[], [0], [1]]) {
          const got = runKind(engine(), dotProductKind, dotProduct(), { m, inputs: [a, b], dy, unwanted });
          expect(got.shape).toEqual([r]);
          expectWithin(got.y, reference.dotRows(shape, a.values, b.values).value, () => 10 * EPS32, 1e-5);
          if (!unwanted.includes(0 as never)) expectWithin(got.dx[0]!, reference.firstGradient(shape, dy, b.values).value, () => 30 * EPS32, 1e-5);
          if (!unwanted.includes(1 as never)) expect(got.dx[1]).toEqual(Float32Array.from(reference.secondGradient(shape, dy, a.values)));
        }
      }
      for (const shapes of [
        [[5], [4]],
        [[4, 5], [5]],
        [
          [4, 5],
          [3, 5],
        ],
        [
          [2, 4, 5],
          [4, 5],
        ],
        [[], [5]],
      ])
        expect(() => dotProductKind.shape("op", dotProduct(), shapes)).toThrow(/op: expected a dot product of \[r,n\] or \[n\] with \[r,n\], got/);
    });

    test("their descriptions are plain frozen data, and take no option", () => {
      const kinds = {
        residual: [residual(), residualKind],
        concatenate: [concatenate(), concatenateKind],
        dotProduct: [dotProduct(), dotProductKind],
      } as const;
      for (const [type, [layer, kind]] of Object.entries(kinds)) {
        expect(layer).toEqual({ type });
        expect(Object.isFrozen(layer)).toBe(true);
        (kind as LayerKind<unknown>).check("test", layer);
      }
    });
  });

  test("in models: the gradient of the weights is the central difference of the loss", async () => {
    const models: Record<string, LayerNode[]> = {
      // Both branches of the sum end in layers that work in place on their gradients.
      residual: [
        node(dense(6, 5), { name: "a" }),
        node(activation("tanh"), { name: "b", from: "a" }),
        node(dense(5, 5), { name: "c", from: "a" }),
        node(activation("sigmoid"), { name: "d", from: "c" }),
        node(residual(), { from: ["b", "d"] }),
        dense(5, 3),
      ],
      "the same value twice": [node(dense(6, 5, "gelu"), { name: "a" }), node(residual(), { from: ["a", "a"] }), dense(5, 3)],
      concatenate: [
        node(dense(6, 5, "silu"), { name: "a" }),
        node(dense(5, 4, "tanh"), { name: "b" }),
        node(concatenate(), { from: ["b", "a", "b"] }),
        dense(13, 3),
      ],
      "two towers": [
        node(input([6]), { name: "user" }),
        node(dense(6, 4, "tanh"), { name: "u" }),
        node(input([6]), { name: "item" }),
        node(dense(6, 4, "leakyRelu"), { name: "i" }),
        node(dotProduct(), { from: ["u", "i"], name: "score" }),
        dense(1, 3),
      ],
    };
    for (const [name, layers] of Object.entries(models)) {
      const stream = await noise(1);
      engine().scope(() => {
        const model = engine().model(layers);
        const w = model.initialise(stream);
        const [one, two] = [engine().tensor("f32", [8, 6], normals(48, 2)), engine().tensor("f32", [8, 6], normals(48, 3))];
        const data = { x: name === "two towers" ? { user: one, item: two } : one, labels: engine().tensor("i32", 8, [0, 1, 2, 0, 1, 2, 0, 1]) };
        const { gradient: g } = gradient(model, w, data);
        const h = 2 ** -7;
        const slopes = Float64Array.from(w.toArray(), (v, i) => {
          const at = (d: number) => {
            w.view[i] = v + d;
            return gradient(model, w, data).loss;
          };
          const slope = (at(h) - at(-h)) / (2 * h);
          w.view[i] = v;
          return slope;
        });
        // Forward passes in f32 err by some 1e-7, divided by 2h; third derivatives of these losses stay below 3: h^2 / 2.
        expectWithin(g.toArray(), slopes, () => 5e-7 / h + h ** 2 / 2, 1e-3);
        expect(Math.max(...g.toArray().map(Math.abs)), name).toBeGreaterThan(0.05);
      });
    }
  });
});

describe("nn/merge across builds", () => {
  test("scalar and simd agree bit for bit; products and the second gradient everywhere", async () => {
    const { scalar, simd, relaxed } = await allEngines();
    for (const shape of SHAPES) {
      const [p, q] = [scalar!, simd!].map((engine) => Object.values(kernelResults(engine, shape)).map(bits));
      expect(p).toEqual(q);
      if (relaxed) {
        const { y, db } = kernelResults(relaxed, shape);
        expect([bits(y), bits(db)]).toEqual([p![0], p![2]]);
      }
    }
  });
});
