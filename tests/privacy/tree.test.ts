import {
  addDiscreteGaussian,
  addGridNoise,
  createTreeNoise,
  DisposedError,
  type Engine,
  type GaussianGrid,
  gaussianGrid,
  ParameterError,
  PrivacyError,
  type RandomStream,
  ShapeError,
  type Tensor,
  type TreeMethod,
  treeSensitivitySquared,
  treeVariance,
  type VectorNoise,
} from "fedlane";
import { beforeAll, describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { byNode, nodeValue } from "../support/nodes.ts";
import { runs } from "../support/runs.ts";
import { mean, SIX, variance } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";

const METHODS: readonly TreeMethod[] = ["plain", "efficient"];
const SIZE = 5;
const plainValues = byNode(nodeValue);

/** The nodes of a prefix the long way: the largest power of two that fits, again and again. */
function cover(t: number): { level: number; index: number }[] {
  const out = [];
  for (let from = 0; from < t; ) {
    let level = 0;
    while (from + 2 ** (level + 1) <= t && from % 2 ** (level + 1) === 0) level++;
    out.push({ level, index: from / 2 ** level });
    from += 2 ** level;
  }
  return out;
}

/** The estimate of a node's own sum from its noise and that of its descendants, in exact fractions, rounded to the nearest integer. */
function efficientShare(level: number, index: number, value: (l: number, k: number) => number): number {
  let weighted = 0n; // times 2^level
  for (let depth = 0; depth <= level; depth++) {
    for (let j = 0; j < 2 ** depth; j++) weighted += BigInt(2 ** (level - depth)) * BigInt(value(level - depth, index * 2 ** depth + j));
  }
  const divisor = BigInt(2 ** (level + 1) - 1);
  const doubled = 2n * weighted + divisor; // floor((2 w + d) / 2 d)
  return Number((doubled - (((doubled % (2n * divisor)) + 2n * divisor) % (2n * divisor))) / (2n * divisor));
}

const prefixNoise = (method: TreeMethod, t: number, value: (l: number, k: number) => number): number =>
  cover(t).reduce((sum, { level, index }) => sum + (method === "plain" ? value(level, index) : efficientShare(level, index, value)), 0);

/** Running sums of what next() gives for rounds of zeros, or of the values given: [t][i]. */
function released(
  engine: Engine,
  method: TreeMethod,
  stream: RandomStream,
  add: VectorNoise | number | GaussianGrid,
  rounds: number,
  size = SIZE,
  step = 0,
  x?: number[][],
) {
  const tree = createTreeNoise(engine, { size, noise: add, stream, method, step });
  const sums: number[][] = [];
  let total = new Array<number>(size).fill(0);
  for (let t = 0; t < rounds; t++) {
    engine.scope(() => {
      const out = tree.next(engine.tensor("i32", size, x?.[t])).toArray();
      total = total.map((v, i) => v + out[i]!);
    });
    sums.push(total);
  }
  expect(tree.step).toBe(step + rounds);
  tree.dispose();
  return sums;
}

describe("golden values", () => {
  // NUMERICS 3.4, as in the tests of TensorFlow Privacy.
  test("variance of a prefix: popcount(t) sigma^2", () => {
    expect([treeVariance(5, 2), treeVariance(6, 0.5), treeVariance(7, 1), treeVariance(8, 1), treeVariance(0, 1)]).toEqual([8, 0.5, 3, 1, 0]);
  });
  test("of the efficient method: 1, 2/3, 4/7, 8/15 for the levels", () => {
    for (const [t, want] of [
      [1, 1],
      [2, 2 / 3],
      [4, 4 / 7],
      [8, 8 / 15],
      [7, 1 + 2 / 3 + 4 / 7],
    ] as const) {
      expect(treeVariance(t, 3, "efficient")).toBeCloseTo(9 * want, 12);
    }
  });
  test("a round lies below floor(log2 rounds) + 1 nodes", () => {
    for (const rounds of [1, 2, 3, 4, 7, 8, 1000, 1024]) {
      let nodes = 0;
      for (let width = 1; width <= rounds; width *= 2) nodes++; // those that begin with the first round and are complete
      expect(treeSensitivitySquared(rounds, 1)).toBe(nodes);
    }
  });
});

forEachBuild("privacy/tree", (engine, build) => {
  let stream: RandomStream;
  beforeAll(async () => {
    stream = await noise(1, "tree");
  });

  describe.each(METHODS)("%s", (method) => {
    test("the noise of every prefix is that of its nodes, bit by bit", () => {
      const rounds = runs(70);
      const got = released(engine(), method, stream, plainValues, rounds);
      got.forEach((sums, t) => {
        expect(sums, `prefix ${t + 1}`).toEqual(Array.from({ length: SIZE }, (_, i) => prefixNoise(method, t + 1, (l, k) => nodeValue(l, k, i))));
      });
      expect(got.length).toBe(rounds);
    });

    test("with discrete Gaussian nodes, each from its own fork of the key", () => {
      engine().scope(() => {
        const node = (l: number, k: number) => addDiscreteGaussian(engine().tensor("i32", SIZE), { sigma: 1e5 }, stream.fork(l, k)).toArray();
        const got = released(engine(), method, stream, 1e5, 6);
        for (let t = 1; t <= 6; t++) {
          expect(got[t - 1]).toEqual(Array.from({ length: SIZE }, (_, i) => prefixNoise(method, t, (l, k) => node(l, k)[i]!)));
        }
      });
    });

    test("with the noise of a grid, drawn as addGridNoise draws it", () => {
      engine().scope(() => {
        const grid = gaussianGrid({ sigma: 3, clipNorm: 1, size: SIZE });
        const node = (l: number, k: number) => addGridNoise(engine().tensor("i32", SIZE), grid, stream.fork(l, k)).toArray();
        const got = released(engine(), method, stream, grid, 6);
        for (let t = 1; t <= 6; t++) {
          expect(got[t - 1]).toEqual(Array.from({ length: SIZE }, (_, i) => prefixNoise(method, t, (l, k) => node(l, k)[i]!)));
        }
        expect(Math.max(...got.flat().map(Math.abs)), "units of 2^-18").toBeGreaterThan(2 ** 18);
      });
    });

    test("rounds are added to the noise, and their running sums are exact", () => {
      const x = Array.from({ length: 9 }, (_, t) => Array.from({ length: SIZE }, (_, i) => nodeValue(77, t, i)));
      const [got, alone] = [released(engine(), method, stream, 50, 9, SIZE, 0, x), released(engine(), method, stream, 50, 9)];
      got.forEach((sums, t) => {
        expect(sums).toEqual(alone[t]!.map((v, i) => v + x.slice(0, t + 1).reduce((s, row) => s + row[i]!, 0)));
      });
    });

    // Mutant: rounding that does not commute with whole steps (toward zero) would tell more than the noisy sums of the nodes do.
    test("what is released depends on the noisy sums of the nodes alone", () => {
      const x = Array.from({ length: 16 }, (_, t) => Array.from({ length: SIZE }, (_, i) => nodeValue(5, t, i) >> 4));
      const shift = (l: number, k: number, i: number) => x.slice(k * 2 ** l, (k + 1) * 2 ** l).reduce((s, row) => s + row[i]!, 0);
      const moved = byNode((l, k, i) => nodeValue(l, k, i) + shift(l, k, i));
      expect(released(engine(), method, stream, plainValues, 16, SIZE, 0, x)).toEqual(released(engine(), method, stream, moved, 16));
    });

    test("resumes to the same bits from key and step; prefix() draws any prefix again", () => {
      const whole = released(engine(), method, stream, 1000, 13);
      for (const step of [0, 1, 5, 7, 8, 12]) {
        const rest = released(engine(), method, stream, 1000, 13 - step, SIZE, step);
        const before = step > 0 ? whole[step - 1]! : new Array<number>(SIZE).fill(0);
        expect(rest.map((sums) => sums.map((v, i) => v + before[i]!))).toEqual(whole.slice(step));
      }
      engine().scope(() => {
        const tree = createTreeNoise(engine(), { size: SIZE, noise: 1000, stream, method, step: 13 });
        const out = engine().tensor("i32", SIZE);
        for (const t of [13, 8, 1, 0, 7]) expect([...tree.prefix(t, out).toArray()]).toEqual(t === 0 ? [0, 0, 0, 0, 0] : whole[t - 1]);
        expect(tree.step).toBe(13);
        expect(() => tree.prefix(14, out)).toThrow(ParameterError);
        tree.dispose();
      });
    });

    test("every node is drawn from one key, at the start of its own fork, and adds the same whenever it is used", () => {
      const key = stream.toState().key;
      const seen = new Map<string, string>();
      const draws: VectorNoise = (x, fork) => {
        const state = fork.toState();
        expect(state.key).toEqual(key);
        const fresh = engine().scope(() => addDiscreteGaussian(engine().tensor("i32", SIZE), { sigma: 300 }, fork).toArray());
        x.set(x.toArray().map((v, i) => v + fresh[i]!));
        const name = state.nonce.join();
        expect(seen.get(name) ?? fresh.join()).toBe(fresh.join());
        seen.set(name, fresh.join());
      };
      released(engine(), method, stream, draws, 16);
      released(engine(), method, stream, draws, 11, SIZE, 5);
      expect(seen.size, "nodes of 16 rounds: without the efficient method, right halves are in no prefix").toBe(method === "plain" ? 16 : 31);
      expect(new Set(seen.values()).size, "no two the same").toBe(seen.size);
    });

    test("a failure while noise is drawn leaves round and step as they were", () => {
      engine().scope(() => {
        let left = 0;
        const failing = byNode((l, k, i) => {
          if (i === 0 && left-- === 0) throw new Error("node");
          return nodeValue(l, k, i);
        });
        const tree = createTreeNoise(engine(), { size: SIZE, noise: failing, stream, method });
        const want = released(engine(), method, stream, plainValues, 8);
        const total = new Array<number>(SIZE).fill(0);
        for (let t = 0; t < 8; t++) {
          for (const at of [0, 1]) {
            const x = engine().tensor("i32", SIZE, [1, 2, 3, 4, 5]);
            left = at;
            if (at === 0 || t % 2 === 1) {
              expect(() => tree.next(x)).toThrow("node");
              expect([...x.toArray()]).toEqual([1, 2, 3, 4, 5]);
            }
            expect(tree.step).toBe(t);
          }
          left = -1;
          const got = tree.next(engine().tensor("i32", SIZE)).toArray();
          expect(total.map((v, i) => (total[i] = v + got[i]!))).toEqual(want[t]);
        }
        tree.dispose();
      });
    });
  });

  // Each of 2 x 9 variances within 6.11 deviations of n independent squares, each mean within 6.11: false alarm 4e-8 for the test.
  if (build === "simd") {
    describe("the variance of released prefixes is the formula's", () => {
      const ran = countCases(18);
      test.each(METHODS)("%s", (method) => {
        const [n, sigma] = [40_000, 500];
        const sums = released(engine(), method, stream, sigma, 9, n);
        sums.forEach((values, t) => {
          ran();
          const want = treeVariance(t + 1, sigma, method);
          expect(Math.abs(variance(values, 0) / want - 1), `prefix ${t + 1}`).toBeLessThan(SIX * Math.sqrt(2 / n) + 1e-5);
          expect(Math.abs(mean(values))).toBeLessThan(SIX * Math.sqrt(want / n));
          if (method === "efficient" && t > 0) expect(want).toBeLessThan(treeVariance(t + 1, sigma));
        });
      });
    });
  }

  test("no noise stays in the engine's memory", async () => {
    const small = await makeEngine({ build }); // the others have grown: a search takes long there
    // Only one node of every prefix has a mark, so that no sum can hide it.
    const marks = byNode((l, k, i) => (l === 1 ? 0x5eed0000 + 16 * k + i : 0));
    const marked = (words: Int32Array) => words.reduce((count, v) => count + Number(v >> 16 === 0x5eed), 0);
    const tree = createTreeNoise(small, { size: 8, noise: marks, stream });
    let shown = 0;
    for (let t = 0; t < 7; t++) {
      const { view } = tree.next(small.tensor("i32", 8));
      shown += marked(view);
      view.fill(0);
      expect(marked(new Int32Array(small.arena.memory.buffer))).toBe(0);
    }
    expect(shown).toBeGreaterThan(0);
  });

  test("what is refused", async () => {
    const good = { size: SIZE, noise: 1, stream };
    const make = (wrong: object) => createTreeNoise(engine(), { ...good, ...wrong } as never);
    for (const size of [-1, 0.5, Number.NaN]) expect(() => make({ size })).toThrow("size");
    for (const bad of [-1, Number.NaN, Infinity, 2 ** 25, "1", undefined, {}, gaussianGrid({ sigma: 1, clipNorm: 1, size: SIZE + 1 })])
      expect(() => make({ noise: bad })).toThrow("noise");
    for (const step of [-1, 0.5, 2 ** 20 + 1]) expect(() => make({ step })).toThrow("step");
    for (const method of ["honaker", 1]) expect(() => make({ method })).toThrow("method");
    expect(() => make({ stream: stream.fork(0, 0) })).toThrow(PrivacyError);
    expect(() => make({ stream: {} })).toThrow(ParameterError);
    expect(() => make({ sigma: 1 })).toThrow('"sigma"');
    engine().scope(() => {
      const last = make({ step: 2 ** 20 });
      const x = engine().tensor("i32", SIZE);
      expect(() => last.next(x)).toThrow(PrivacyError);
      expect(() => last.next(engine().tensor("i32", SIZE + 1))).toThrow(ShapeError);
      expect(() => last.next(engine().tensor("f32", SIZE) as unknown as Tensor<"i32">)).toThrow("i32");
      last.dispose();
      expect(() => last.next(x)).toThrow(DisposedError);
      const huge = make({ noise: byNode(() => 2 ** 28 + 1), method: "efficient" });
      expect(() => huge.next(x)).toThrow(PrivacyError);
      expect([huge.step, ...x.toArray()]).toEqual([0, 0, 0, 0, 0, 0]);
      expect(make({}).private, "a seeded stream").toBe(false);
      expect([...make({ size: 0 }).next(engine().tensor("i32", 0)).toArray()]).toEqual([]);
    });
    for (const bad of [0, -1, 0.5, Number.NaN]) expect(() => treeSensitivitySquared(bad, 1)).toThrow(ParameterError);
    expect(() => treeVariance(-1, 1)).toThrow(ParameterError);
    expect(() => treeVariance(1, Number.NaN)).toThrow(ParameterError);
  });
});

test("every build gives the same bits", async () => {
  const stream = await noise(3);
  for (const method of METHODS) {
    const got = Object.values(await allEngines()).map((engine) => released(engine, method, stream, 12345, 9));
    for (const sums of got) expect(sums).toEqual(got[0]);
  }
});
