import fc from "fast-check";
import {
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  matmul,
  ParameterError,
  productSquaredNorm,
  ShapeError,
  type Tensor,
  UnsupportedError,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, extremes, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./gemm.reference.ts";
import { LAYOUTS, type Layout } from "./gemm.reference.ts";

type Shape = readonly [m: number, n: number, k: number];

/** The smallest prime above n: a leading dimension that fits no vector width. */
function nextPrime(n: number): number {
  for (let p = n + 1; ; p++) if (p > 1 && Array.from({ length: p }, (_, d) => d).every((d) => d < 2 || p % d !== 0)) return p;
}
/** rows x cols values in rows of ld; the padding is NaN, so that a stray read shows in the result. */
function matrix(rows: number, cols: number, ld: number, values: ArrayLike<number>): Float32Array {
  const out = new Float32Array(rows * ld).fill(Number.NaN);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[r * ld + c] = values[r * cols + c]!;
  return out;
}
/** Small integers: every product and sum is exact in f32, so the answer has no error at all, in any order of addition. */
function integers(n: number, seed: number): Float32Array {
  const r = random(seed);
  return Float32Array.from({ length: n }, () => Math.floor(r() * 9) - 4);
}
interface Run {
  readonly got: Float32Array;
  readonly want: Float64Array;
  readonly size: Float64Array;
}
type Runner = (layout: Layout, shape: Shape, alpha: number, beta: number, make?: (n: number, seed: number) => Float32Array) => Run;
const ROOM = 1 << 17; // floats, more than any case here uses
const GAP = 19;

/**
 * Gives `body` a function that makes one raw kernel call next to the twin. A, B and C lie in one guarded block at addresses that are
 * no multiple of 16, all the rest of it NaN; after the call everything but the elements of C must be as it was. Scratch is guarded too.
 */
function withRoom<R>(engine: Engine, body: (run: Runner) => R): R {
  const block = guarded(engine, new Float32Array(ROOM).fill(Number.NaN), 4);
  const scratch = guarded(engine, new Uint8Array(engine.kernels.gemm_scratch_f32()).fill(0xff));
  const result = body((layout, [m, n, k], alpha, beta, make = integers) => {
    const [ar, ac] = layout === "tn" ? [k, m] : [m, k];
    const [br, bc] = layout === "nt" ? [n, k] : [k, n];
    const [lda, ldb, ldc] = [nextPrime(ac), nextPrime(bc), nextPrime(n)];
    const a = matrix(ar, ac, lda, make(ar * ac, 1));
    const b = matrix(br, bc, ldb, make(br * bc, 2));
    const c = matrix(m, n, ldc, beta === 0 ? new Float32Array(m * n).fill(Number.NaN) : make(m * n, 3));
    const [atA, atB] = [GAP, GAP + a.length + GAP];
    const atC = atB + b.length + GAP;
    const view = new Float32Array(engine.arena.memory.buffer as ArrayBuffer, block.address, atC + c.length + GAP);
    view.fill(Number.NaN);
    view.set(a, atA);
    view.set(b, atB);
    view.set(c, atC);
    const before = view.slice();
    const at = (i: number) => block.address + 4 * i;
    engine.kernels[`gemm_f32_${layout}`](m, n, k, alpha, beta, at(atA), lda, at(atB), ldb, at(atC), ldc, scratch.address);
    const got = new Float32Array(m * n);
    for (let i = 0; i < m; i++) {
      const row = atC + i * ldc;
      got.set(view.subarray(row, row + n), i * n);
      view.set(before.subarray(row, row + n), row);
    }
    for (let i = 0; i < view.length; i++)
      if (!Object.is(view[i], before[i])) expect.fail(`${layout} ${m} ${n} ${k}: float ${i - atC} of C's block was written`);
    const { value, size } = reference.gemm(layout, [m, n, k], alpha, beta, [a, lda], [b, ldb], [c, ldc]);
    return { got, want: value, size };
  });
  block.release();
  scratch.release();
  return result;
}
const exactly = ({ got, want }: Run, name: string) => {
  for (let i = 0; i < want.length; i++) if (got[i] !== want[i]) expect.fail(`${name}: element ${i}: expected ${want[i]}, got ${got[i]}`);
};

const SMALL = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10] as const;
const AWKWARD = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 23, 24, 25, 31, 32, 33, 39, 40, 41, 43] as const;
const EDGES: readonly Shape[] = [
  ...[31, 32, 33, 255, 256, 257, 512, 513, 517, 784].map((k) => [7, 11, k] as const), // turns of the unrolled loop; blocks of k
  ...[247, 255, 256, 257, 261, 519].map((n) => [3, n, 5] as const), // blocks of columns, read in place
  ...[256, 257, 267].map((n) => [42, n, 35] as const), // the same, packed
  ...[1, 16, 33, 41].map((m) => [m, 261, 259] as const), // both at once
];
/** Cheap enough to run once per layout: alpha, beta pairs in turn. */
const FACTORS: readonly (readonly [alpha: number, beta: number])[] = [
  [1, 0],
  [1, 1],
  [-0.5, 0],
  [2, 0.5],
  [1, -2],
];

forEachBuild("linalg/gemm", (engine, build) => {
  describe("integers: the exact answer", () => {
    const ran = countCases(LAYOUTS.length * (SMALL.length ** 3 + AWKWARD.length ** 2 + EDGES.length * FACTORS.length));
    test.each(LAYOUTS)("%s, every small shape, every awkward m and n, every block edge", (layout) => {
      withRoom(engine(), (run) => {
        let turn = 0;
        const one = (shape: Shape, factors = FACTORS[turn++ % FACTORS.length]!) => {
          ran();
          exactly(run(layout, shape, ...factors), `${layout} ${shape} alpha ${factors[0]} beta ${factors[1]}`);
        };
        for (const m of SMALL) for (const n of SMALL) for (const k of SMALL) one([m, n, k]);
        for (const m of AWKWARD) for (const n of AWKWARD) one([m, n, AWKWARD[turn % AWKWARD.length]!]);
        for (const shape of EDGES) for (const factors of FACTORS) one(shape, factors);
      });
    });
  });

  test("random shapes and factors are within the bound of the docstring", () => {
    let runs = 0;
    const dimension = fc.integer({ min: 1, max: 70 });
    const factor = fc.constantFrom(0, 1, -1, 0.5, 3);
    fc.assert(
      fc.property(fc.constantFrom(...LAYOUTS), dimension, dimension, fc.integer({ min: 1, max: 400 }), factor, factor, (layout, m, n, k, alpha, beta) => {
        runs++;
        const { got, want, size } = withRoom(engine(), (run) => run(layout, [m, n, k], alpha, beta, normals));
        // The signal is one lost product: |a b| is about 2/pi, times alpha; or C lost.
        expectWithin(got, want, (i) => (k + 4) * EPS32 * size[i]! + 2 ** -126, 0.1 * Math.max(Math.abs(alpha), Math.abs(beta), 0.1));
      }),
      { seed: 3, numRuns: 50 },
    );
    expect(runs).toBe(50);
  });

  test("large: C v = A (B v) for a random vector, in every layout", () => {
    const [m, n, k] = [311, 530, 700];
    for (const layout of LAYOUTS) {
      engine().scope(() => {
        const [a, b, v] = [normals(m * k, 4), normals(k * n, 5), normals(n, 6)];
        const at = (i: number, p: number) => (layout === "tn" ? a[p * m + i]! : a[i * k + p]!);
        const bt = (p: number, j: number) => (layout === "nt" ? b[j * k + p]! : b[p * n + j]!);
        const c = matmul(
          engine().tensor("f32", layout === "tn" ? [k, m] : [m, k], a),
          engine().tensor("f32", layout === "nt" ? [n, k] : [k, n], b),
          engine().tensor("f32", [m, n]),
          { transposeA: layout === "tn", transposeB: layout === "nt" },
        ).toArray();
        const times = (rows: number, cols: number, e: (r: number, c: number) => number, x: ArrayLike<number>) =>
          Float64Array.from({ length: rows }, (_, r) => {
            let s = 0;
            for (let q = 0; q < cols; q++) s += e(r, q) * x[q]!;
            return s;
          });
        const abs = (e: (r: number, c: number) => number) => (r: number, q: number) => Math.abs(e(r, q));
        const want = times(m, k, at, times(k, n, bt, v));
        const size = times(m, k, abs(at), times(k, n, abs(bt), v.map(Math.abs)));
        const got = times(m, n, (i, j) => c[i * n + j]!, v);
        // A wrong block of C changes a row by about its norm, sqrt(n k) times the values: more than 300.
        expectWithin(got, want, (i) => (k + 4) * EPS32 * size[i]! + 1e-9, 0.1 * Math.sqrt(n * k));
      });
    }
  });

  test("extreme values: overflow to the Infinity and NaN that the chain in f32 gives", () => {
    if (build === "relaxed") return; // fused products keep what a rounded one loses
    const f = Math.fround;
    for (const layout of LAYOUTS) {
      const [m, n, k] = [6, 9, 5];
      const { got } = withRoom(engine(), (run) => run(layout, [m, n, k], 2, 0, extremes));
      const [a, b] = [extremes(m * k, 1), extremes(k * n, 2)];
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let s = 0;
          for (let p = 0; p < k; p++) s = f(s + f((layout === "tn" ? a[p * m + i]! : a[i * k + p]!) * (layout === "nt" ? b[j * k + p]! : b[p * n + j]!)));
          expect(got[i * n + j]).toBe(f(2 * s));
        }
      }
    }
  });

  test("NaN in A reaches its row, NaN in B its column, and nothing else, in every lane", () => {
    const [m, n, k] = [6, 11, 3];
    for (let bad = 0; bad < n; bad++) {
      engine().scope(() => {
        const [a, b, out] = [engine().tensor("f32", [m, k]), engine().tensor("f32", [k, n]), engine().tensor("f32", [m, n])];
        a.view.fill(1)[(bad % m) * k + 1] = Number.NaN;
        b.view.fill(1)[2 * n + bad] = Number.NaN;
        const want = Array.from({ length: m * n }, (_, i) => Math.floor(i / n) === bad % m || i % n === bad);
        expect(Array.from(matmul(a, b, out).toArray(), Number.isNaN)).toEqual(want);
      });
    }
  });

  describe("productSquaredNorm", () => {
    const tensors = (m: number, n: number, k: number, make: (n: number, seed: number) => Float32Array) => {
      const [a, b] = [make(k * m, 1), make(k * n, 2)];
      return { a, b, got: engine().scope(() => productSquaredNorm(engine().tensor("f32", [k, m], a), engine().tensor("f32", [k, n], b))) };
    };
    test("integers: the exact answer for every small shape and long chains", () => {
      let ran = 0;
      const exact = (m: number, n: number, k: number) => {
        const { a, b, got } = tensors(m, n, k, integers);
        expect(got, `${m} ${n} ${k}`).toBe(reference.squaredNorm([m, n, k], [a, m], [b, n]).value);
        ran++;
      };
      for (const m of SMALL) for (const n of SMALL) for (const k of SMALL) exact(m, n, k);
      for (const k of [255, 256, 257, 513, 1024]) exact(25, 19, k);
      expect(ran).toBe(SMALL.length ** 3 + 5);
    });
    test("random shapes are within the computed bound", () => {
      const dimension = fc.integer({ min: 1, max: 60 });
      fc.assert(
        fc.property(dimension, dimension, fc.integer({ min: 1, max: 700 }), (m, n, k) => {
          const { a, b, got } = tensors(m, n, k, normals);
          const { value, bound } = reference.squaredNorm([m, n, k], [a, m], [b, n]);
          // One element left out of the sum or counted twice changes it by value / (m n) on average.
          expectWithin([got], [value], () => bound, value);
        }),
        { seed: 5, numRuns: 40 },
      );
    });
    test("NaN anywhere gives NaN; squares that f32 cannot hold are exact", () => {
      for (let bad = 0; bad < 11; bad++) {
        const { got } = tensors(5, 11, 3, (n, seed) => integers(n, seed).fill(Number.NaN, seed === 2 ? 11 + bad : n, seed === 2 ? 12 + bad : n));
        expect(got).toBeNaN();
      }
      const { got } = tensors(3, 2, 1, (n) => new Float32Array(n).fill(2 ** 50));
      expect(got).toBe(6 * 2 ** 200);
    });
    test("bad input is refused", async () => {
      const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3]);
      engine().scope(() => {
        const tensor = (...shape: number[]) => engine().tensor("f32", shape);
        expect(() => productSquaredNorm(tensor(3, 2), tensor(2, 2))).toThrow(/productSquaredNorm: expected a \[k, m\].*got a \[3,2\] and b \[2,2\]/);
        expect(() => productSquaredNorm(tensor(3), tensor(3, 1))).toThrow(ShapeError);
        expect(() => productSquaredNorm(engine().tensor("f64", [2, 3]) as unknown as Tensor<"f32">, tensor(2, 2))).toThrow(DTypeError);
        expect(() => productSquaredNorm(tensor(2, 3), other)).toThrow(EngineMismatchError);
      });
      other.dispose();
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", [2, 3]);
    engine().scope(() => {
      const tensor = (...shape: number[]) => engine().tensor("f32", shape);
      const [a, b, out] = [tensor(2, 3), tensor(3, 4), engine().tensor("f32", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8])];
      const gone = tensor(2, 3);
      gone.dispose();
      expect(() => matmul(a, tensor(4, 3), out)).toThrow(/matmul: expected op\(a\) \[m, k\].*got a \[2,3\] and b \[4,3\]/);
      expect(() => matmul(tensor(6), b, out)).toThrow(ShapeError);
      expect(() => matmul(a, b, tensor(4, 2))).toThrow(ShapeError);
      expect(() => matmul(a, b, out, { transposeA: true })).toThrow(ShapeError);
      expect(() => matmul(a, b, out, { transposeB: true })).toThrow(ShapeError);
      expect(() => matmul(tensor(3, 2), tensor(4, 3), out, { transposeA: true, transposeB: true })).toThrow(UnsupportedError);
      expect(() => matmul(a, b, out, { alpha: Number.NaN })).toThrow(ParameterError);
      expect(() => matmul(a, b, out, { beta: Number.POSITIVE_INFINITY })).toThrow(ParameterError);
      expect(() => matmul(a, b, out, { alfa: 1 } as object)).toThrow(/"alfa"/);
      expect(() => matmul(gone, b, out)).toThrow(DisposedError);
      expect(() => matmul(other, b, out)).toThrow(EngineMismatchError);
      expect(() => matmul(engine().tensor("f64", [2, 3]) as unknown as Tensor<"f32">, b, out)).toThrow(DTypeError);
      const square = engine().tensor("f32", [2, 2], [1, 2, 3, 4]);
      expect(() => matmul(square, tensor(2, 2), square)).toThrow(ParameterError);
      expect(() => matmul(tensor(2, 2), square, square)).toThrow(ParameterError);
      expect([...square.toArray()]).toEqual([1, 2, 3, 4]);
      expect([...out.toArray()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    });
    other.dispose();
  });
});

describe("linalg/gemm across builds", () => {
  test("the same product has the same bits in every layout, scalar or simd", async () => {
    const { scalar, simd } = await allEngines();
    const transposed = (x: Float32Array, rows: number, cols: number) => x.map((_, i) => x[(i % rows) * cols + Math.floor(i / rows)]!);
    for (const [m, n, k] of [
      [3, 9, 5],
      [26, 23, 300],
    ] as const) {
      const [a, b] = [normals(m * k, 7), normals(k * n, 8)];
      const got = [scalar!, simd!].flatMap((engine) =>
        engine.scope(() => {
          const out = () => engine.tensor("f32", [m, n]);
          const [ta, tb] = [engine.tensor("f32", [m, k], a), engine.tensor("f32", [k, n], b)];
          return [
            matmul(ta, tb, out()),
            matmul(engine.tensor("f32", [k, m], transposed(a, m, k)), tb, out(), { transposeA: true }),
            matmul(ta, engine.tensor("f32", [n, k], transposed(b, k, n)), out(), { transposeB: true }),
          ].map((t) => bits(t.toArray()));
        }),
      );
      for (const c of got) expect(c).toEqual(got[0]);
      expect(got.length).toBe(6);
    }
  });
  test("scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const shape of [
      [1, 1, 1],
      [5, 7, 3],
      [23, 17, 40],
      [24, 9, 300],
      [33, 261, 259],
    ] as const) {
      for (const layout of LAYOUTS) {
        for (const make of [normals, extremes]) {
          const [p, q] = [scalar!, simd!].map((engine) =>
            bits(withRoom(engine, (run) => run(layout, shape, 0.3, 0.7, make)).got.map((v) => (Number.isNaN(v) ? Number.NaN : v))),
          );
          expect(p).toEqual(q);
        }
      }
    }
  });
  test("productSquaredNorm: scalar and simd agree bit for bit", async () => {
    const { scalar, simd } = await allEngines();
    for (const [m, n, k] of [
      [1, 1, 1],
      [5, 7, 3],
      [6, 12, 40],
      [9, 21, 700],
    ] as const) {
      const [a, b] = [normals(k * m, 9), normals(k * n, 10)];
      const [p, q] = [scalar!, simd!].map((e) => e.scope(() => productSquaredNorm(e.tensor("f32", [k, m], a), e.tensor("f32", [k, n], b))));
      expect(p).toBe(q);
    }
  });
});
