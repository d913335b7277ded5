import {
  addDiscreteGaussian,
  bandedCoefficients,
  createBandedNoise,
  DisposedError,
  type Engine,
  ParameterError,
  PrivacyError,
  type RandomStream,
  ShapeError,
  treeSensitivitySquared,
  treeVariance,
  type VectorNoise,
} from "fedlane";
import { beforeAll, describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { byNode, nodeValue } from "../support/nodes.ts";
import { SIX } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";

const SIZE = 5;
const NODE = 64;
const plainValues = byNode((a, t, i) => nodeValue(a, t, i) * 32);

/** What next() gives for rounds of zeros, or of the values given: [t][i]. */
function rounds(engine: Engine, bands: number, stream: RandomStream, add: VectorNoise | number, n: number, size = SIZE, step = 0, x?: number[][]): number[][] {
  const banded = createBandedNoise(engine, { size, bands, noise: add, stream, step });
  const out = Array.from({ length: n }, (_, t) => engine.scope(() => [...banded.next(engine.tensor("i32", size, x?.[t])).toArray()]));
  expect(banded.step).toBe(step + n);
  banded.dispose();
  return out;
}

/** C of n rounds, row by row. */
const strategy = (bands: number, n: number): number[][] => {
  const c = bandedCoefficients(bands);
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => c[i - j] ?? 0));
};

/** The inverse of a lower triangular matrix, column by column. */
function inverse(m: number[][]): number[][] {
  const out = m.map((row) => row.map(() => 0));
  for (let j = 0; j < m.length; j++) {
    for (let i = j; i < m.length; i++) {
      let s = i === j ? 1 : 0;
      for (let k = j; k < i; k++) s -= m[i]![k]! * out[k]![j]!;
      out[i]![j] = s / m[i]![i]!;
    }
  }
  return out;
}

describe("coefficients", () => {
  test("2^6 binom(2k, k) / 4^k: their square is the prefix sum, and they do not rise", () => {
    expect(bandedCoefficients(6)).toEqual([64, 32, 24, 20, 18, 16]);
    const c = bandedCoefficients(64);
    expect(c).toHaveLength(64);
    for (let k = 1; k < 64; k++) expect(c[k]).toBeLessThanOrEqual(c[k - 1]!);
    expect(c[1]).toBeLessThan(c[0]!);
    // r * r = (1, 1, 1, ...), and each c_k / 64 is within 1/128 of r_k.
    for (let k = 0; k < 64; k++) {
      const square = c.slice(0, k + 1).reduce((sum, v, j) => sum + v * c[k - j]!, 0);
      const error = c.slice(0, k + 1).reduce((sum, v) => sum + (2 * v) / 64 / 128 + 3 / 128 ** 2, 0);
      expect(Math.abs(square / 64 ** 2 - 1)).toBeLessThan(error);
    }
  });

  // Measured: the figures of docs/derivations/tree.md. Mean variance of the prefixes of 1024 rounds, noise multiplier 1, one participation.
  test("more bands, less noise: 16 come near a plain tree, 64 are better than an efficient one", () => {
    const T = 1024;
    const banded = (bands: number) => {
      const c = bandedCoefficients(bands);
      const column: number[] = [];
      let [prefix, variance, mean] = [0, 0, 0];
      for (let t = 0; t < T; t++) {
        let s = t === 0 ? 1 : 0;
        for (let j = 1; j < bands && j <= t; j++) s -= c[j]! * column[t - j]!;
        column.push(s / c[0]!);
        prefix += column[t]!;
        variance += prefix * prefix;
        mean += variance / T;
      }
      return mean * c.reduce((sum, v) => sum + v * v, 0);
    };
    const tree = (method: "plain" | "efficient") => {
      const sigma = Math.sqrt(treeSensitivitySquared(T, 1));
      return Array.from({ length: T }, (_, t) => treeVariance(t + 1, sigma, method)).reduce((a, b) => a + b) / T;
    };
    const got = [banded(1), banded(4), banded(16), banded(64), tree("plain"), tree("efficient")];
    for (const [i, want] of [512.5, 160.52, 52.07, 19.13, 55.01, 31.92].entries()) expect(got[i]).toBeCloseTo(want, 2);
  });
});

forEachBuild("privacy/banded", (engine, build) => {
  let stream: RandomStream;
  beforeAll(async () => {
    stream = await noise(1, "banded");
  });

  describe("row by row against the recursion in big integers", () => {
    const BANDS = [1, 2, 3, 16, 64];
    const ran = countCases(BANDS.length * 70 * SIZE);
    test.each(BANDS)("%i bands", (bands) => {
      const c = bandedCoefficients(bands).map(BigInt);
      const got = rounds(engine(), bands, stream, plainValues, 70);
      for (let i = 0; i < SIZE; i++) {
        const y: bigint[] = [];
        for (let t = 0; t < 70; t++) {
          ran();
          let rest = BigInt(nodeValue(NODE, t, i) * 32) + 32n;
          for (let j = 1; j < bands && j <= t; j++) rest -= c[j]! * y[t - j]!;
          y.push(rest >> 6n); // rounds down
          if (got[t]![i] !== Number(y[t])) expect.fail(`round ${t}, element ${i}: ${got[t]![i]} for ${y[t]}`);
        }
      }
    });
  });

  // Mutant: rounding that does not commute with whole steps (toward zero, ties to even) would tell more than C x + Z does.
  test.each([1, 3, 16])("what is released depends on C x + Z alone: %i bands", (bands) => {
    const c = bandedCoefficients(bands);
    const x = Array.from({ length: 20 }, (_, t) => Array.from({ length: SIZE }, (_, i) => nodeValue(5, t, i) >> 8));
    const moved = byNode((a, t, i) => nodeValue(a, t, i) * 32 + c.reduce((sum, v, j) => sum + v * (x[t - j]?.[i] ?? 0), 0));
    expect(rounds(engine(), bands, stream, plainValues, 20, SIZE, 0, x)).toEqual(rounds(engine(), bands, stream, moved, 20));
  });

  // 21 entries, each within 6.11 deviations of n independent products: false alarm 2e-8.
  if (build === "simd") {
    test("the covariance of the noise is sigma^2 (C^T C)^-1", () => {
      const [n, T, bands, sigma] = [40_000, 6, 3, 1e6];
      const y = rounds(engine(), bands, stream, sigma, T, n);
      const inv = inverse(strategy(bands, T));
      const want = (i: number, j: number) => sigma ** 2 * inv[i]!.reduce((sum, v, k) => sum + v * inv[j]![k]!, 0);
      let ran = 0;
      for (let i = 0; i < T; i++) {
        for (let j = 0; j <= i; j++) {
          const got = y[i]!.reduce((sum, v, k) => sum + v * y[j]![k]!, 0) / n;
          const deviation = Math.sqrt((want(i, i) * want(j, j) + want(i, j) ** 2) / n);
          expect(Math.abs(got - want(i, j)), `${i}, ${j}`).toBeLessThan(SIX * deviation + 1);
          if (j === i - 1) expect(want(i, j), "neighbours take back").toBeLessThan(-10 * deviation);
          ran++;
        }
      }
      expect(ran).toBe(21);
    });
  }

  test("resumes to the same bits from key and step; node t is fork (64, t)", () => {
    const whole = rounds(engine(), 4, stream, 1e6, 13);
    for (const step of [1, 3, 4, 12]) expect(rounds(engine(), 4, stream, 1e6, 13 - step, SIZE, step)).toEqual(whole.slice(step));
    engine().scope(() => {
      const first = addDiscreteGaussian(engine().tensor("i32", SIZE), { sigma: 1e6 }, stream.fork(NODE, 0)).toArray();
      expect(whole[0]).toEqual([...first].map((v) => Math.floor((v + 32) / 64)));
    });
  });

  test("sensitivity: one participation is a column of C; columns that far apart do not overlap", () => {
    for (const bands of [1, 2, 5, 16]) {
      const banded = createBandedNoise(engine(), { size: 1, bands, noise: 1, stream });
      const C = strategy(bands, 3 * bands);
      const norm = (columns: number[]) => Math.sqrt(C.reduce((sum, row) => sum + columns.reduce((s, j) => s + row[j]!, 0) ** 2, 0));
      expect(banded.sensitivity()).toBeCloseTo(norm([0]), 6);
      expect(banded.sensitivity(3)).toBeCloseTo(Math.sqrt(3) * norm([0]), 6);
      expect(norm([0, bands, 2 * bands])).toBeLessThanOrEqual(banded.sensitivity(3) * (1 + 1e-12));
      for (const bad of [0, -1, 1.5, Number.NaN]) expect(() => banded.sensitivity(bad)).toThrow(ParameterError);
      banded.dispose();
    }
  });

  test("a failure leaves round and step as they were", () => {
    engine().scope(() => {
      let fail = true;
      const failing = byNode((a, t, i) => {
        if (fail) throw new Error("node");
        return nodeValue(a, t, i);
      });
      const banded = createBandedNoise(engine(), { size: SIZE, bands: 3, noise: failing, stream });
      const want = rounds(engine(), 3, stream, byNode(nodeValue), 6);
      for (let t = 0; t < 6; t++) {
        const x = engine().tensor("i32", SIZE, [1, 2, 3, 4, 5]);
        fail = true;
        expect(() => banded.next(x)).toThrow("node");
        expect([...x.toArray(), banded.step]).toEqual([1, 2, 3, 4, 5, t]);
        fail = false;
        expect([...banded.next(engine().tensor("i32", SIZE)).toArray()]).toEqual(want[t]);
      }
      banded.dispose();
    });
  });

  test("what is refused", () => {
    const good = { size: SIZE, bands: 2, noise: 1, stream };
    const make = (wrong: object) => createBandedNoise(engine(), { ...good, ...wrong } as never);
    for (const bands of [0, 65, 1.5, undefined]) expect(() => make({ bands })).toThrow("bands");
    for (const bad of [-1, Number.NaN, 2 ** 25, undefined]) expect(() => make({ noise: bad })).toThrow("noise");
    for (const step of [-1, 2 ** 20 + 1]) expect(() => make({ step })).toThrow("step");
    expect(() => make({ stream: stream.fork(0, 0) })).toThrow(PrivacyError);
    expect(() => make({ method: "plain" })).toThrow('"method"');
    for (const bands of [0, 65, Number.NaN]) expect(() => bandedCoefficients(bands)).toThrow(ParameterError);
    engine().scope(() => {
      const banded = make({});
      expect(banded.private, "a seeded stream").toBe(false);
      expect(() => banded.next(engine().tensor("i32", SIZE + 1))).toThrow(ShapeError);
      banded.dispose();
      expect(() => banded.next(engine().tensor("i32", SIZE))).toThrow(DisposedError);
    });
  });
});

test("every build gives the same bits", async () => {
  const stream = await noise(3);
  const got = Object.values(await allEngines()).map((engine) => rounds(engine, 7, stream, 1e6, 12));
  for (const y of got) expect(y).toEqual(got[0]);
});
