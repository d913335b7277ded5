import { type Engine, PrivacyError } from "fedlane";
import { describe, expect, test } from "vitest";
import { discreteGaussianLaw } from "#dist/privacy/discrete_gaussian.js";
import { RandomStream } from "#dist/random/chacha.js";
import { addSamples } from "#dist/random/discrete.js";
import { BITS, type Bounds, compile, decide, expMinus, type Law, tableLaw, thresholds } from "#dist/random/law.js";
import { twin } from "../privacy/discrete_gaussian.reference.ts";
import { forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { keyWords } from "./chacha.reference.ts";
import * as reference from "./discrete.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 11 * i + 3);
const NONCE = new Uint8Array(12);
const stream = (counter = 0) => new RandomStream({ key: KEY, nonce: [0, 0, 0], counter, private: false });

/** The kernel between guard bands: what it added to zeros, and what it left in scratch. */
function draw(engine: Engine, law: Law, n: number, blocks: number, counter: number, offset = 0) {
  const [key, nonce, table] = [guarded(engine, KEY), guarded(engine, NONCE), guarded(engine, compile(law))];
  const [y, scratch] = [guarded(engine, new Int32Array(n), offset), guarded(engine, new Uint8Array(engine.kernels.discrete_scratch_i32()))];
  const done = engine.kernels.discrete_i32(n, blocks, -1, law.shift, counter, key.address, nonce.address, table.address, y.address, scratch.address);
  const record = new DataView(scratch.bytes().buffer);
  const got = [...new Int32Array(y.bytes().buffer)];
  for (const p of [key, nonce, table, y, scratch]) p.release();
  return { done, got, dry: record.getUint32(24, true), taken: record.getUint32(28, true), undecided: record.getBigUint64(32, true) };
}

/** Two cells, the border between them at probability p / q. */
const coin = (p: bigint, q: bigint): Law => tableLaw(() => [p, q - p].map((w, j): Bounds => (j === 0 ? [2n * w, 2n * w] : [w, w])));

describe("bounds and thresholds", () => {
  test("the bounds of exp hold the twin's value and are close, from 1e-30 to beyond what the precision sees", () => {
    let ran = 0;
    for (const precision of [64, 128, 300]) {
      for (const [n, d] of [
        [0n, 1n],
        [1n, 10n ** 30n],
        [1n, 3n],
        [1n, 2n],
        [1n, 1n],
        [22n, 7n],
        [1234n, 100n],
        [60n, 1n],
        [299n, 1n],
      ] as const) {
        const [low, high] = expMinus(n, d, precision);
        const want = reference.expMinus(n, d) >> BigInt(400 - precision);
        expect(low <= want && want <= high, `exp(-${n}/${d})`).toBe(true);
        expect(high - low <= 4n).toBe(true);
        ran++;
      }
    }
    expect(ran).toBe(27);
    expect(expMinus(10n ** 40n, 1n, 128)).toEqual([0n, 1n]);
  });

  test("thresholds are those of the twin's sums, to the last bit", () => {
    for (const sigma of [0.3, 1, 7.25, 200, 1000.5]) {
      const want = reference.cumulative(twin(sigma)).map((f) => f >> 1n);
      const got = thresholds(discreteGaussianLaw(sigma), BITS);
      expect(got.at(-1)).toBe(2n ** 63n - 1n);
      expect(got).toEqual(want.slice(0, got.length));
    }
  });

  test("a border that is a dyadic number is found where the weights are exact", () => {
    expect(thresholds(coin(1n, 4n), BITS)).toEqual([0n, 2n ** 61n]);
    expect(() =>
      thresholds(
        {
          ...coin(1n, 4n),
          weights: (p) => [
            [(2n << BigInt(p)) - 1n, 2n << BigInt(p)],
            [3n << BigInt(p), 3n << BigInt(p)],
          ],
        },
        BITS,
      ),
    ).toThrow("dyadic");
  });

  test("undecided bits: more of them say on which side; all ones end at the last cell, all zeros before the border", () => {
    const law = discreteGaussianLaw(3);
    const t = thresholds(law, BITS);
    const ones = 2n ** 64n - 1n;
    expect(decide(law, t[4]!, () => 0n)).toBe(3);
    expect(decide(law, t[4]!, () => ones)).toBe(4);
    let words = 0;
    const last = decide(law, 2n ** 63n - 1n, () => {
      words++;
      return ones;
    });
    expect(last).toBe(law.weights(64).length - 1);
    expect(words).toBeLessThan(8);
    // A number that agrees with F_4 to 127 bits and differs in the next word.
    const f = thresholds(law, BITS + 128)[4]!;
    for (const [step, cell] of [
      [-1n, 3],
      [1n, 4],
    ] as const) {
      const near = f + step;
      const next = [(near >> 64n) & ones, near & ones];
      expect(decide(law, near >> 128n, () => next.shift()!)).toBe(cell);
    }
  });
});

forEachBuild("random/discrete", (engine) => {
  test("the samples of the twin from the same words; widths 1, 2 and 2^14", () => {
    for (const sigma of [0.3, 1, 10.7, 127.5, 128, 250.25, 2 ** 20 + 0.5]) {
      const n = 600;
      const words = keyWords(KEY, 5, NONCE, Math.ceil((3 * n) / 8));
      const { done, got, dry, taken } = draw(engine(), discreteGaussianLaw(sigma), n, 1000, 5, sigma < 2 ? 4 : 0);
      expect([done, dry]).toEqual([n, 0]);
      expect(taken % 16).toBe(0);
      expect(got).toEqual(reference.samples(twin(sigma), n, reference.reader(words)));
    }
  });

  test("laws that reject often: many coins in a row, and coins that more than one digit decides", () => {
    const weights = [5n, 3n, 1n];
    for (const [shift, q, a, b, c] of [
      [2, 7n, 0n, 0n, 2n],
      [3, 300n, 5n, 3n, 2n],
    ] as const) {
      const n = 4000;
      const law: Law = { shift, q, a, b, c, weights: () => weights.map((w): Bounds => [w, w]) };
      const twin: reference.Twin = {
        width: 2 ** shift,
        cells: 3,
        weight: (m) => weights[m / 2 ** shift]!,
        exponent: (m, first) => [(m - first) * (a * (first >> BigInt(shift)) + b * (m - first) + c), q],
      };
      const words = keyWords(KEY, 1, NONCE, n);
      expect(draw(engine(), law, n, n, 1).got).toEqual(reference.samples(twin, n, reference.reader(words)));
    }
  });

  test("a sample whose first 63 bits lie on a threshold is decided by the next ones, and the rest follows", () => {
    engine().scope(() => {
      const words = keyWords(KEY, 0, NONCE, 40);
      const u = reference.reader(words)() >> 1n;
      // The border lies at (u + 1/2) 2^-63: the next bit decides, and comes from the block after those taken.
      const law = coin(2n * u + 1n, 2n ** 64n);
      const stopped = draw(engine(), law, 40, 1000, 0);
      expect([stopped.done, stopped.undecided, stopped.taken]).toEqual([0, u, 16]);
      const x = engine().tensor("i32", 40);
      const source = stream();
      addSamples("test", x, [{ law, times: 1 }], source);
      const cell = words[16 * 16 + 1]! >>> 31; // the first bit after the 63
      expect(source.counter).toBe(16 + 1 + 16);
      const rest = reference.reader(words.subarray(17 * 16));
      const want = Array.from({ length: 40 }, (_, i) => {
        const word = rest();
        const magnitude = i === 0 ? cell : Number(word >> 1n > u);
        return magnitude * (word & 1n ? -1 : 1) || 0;
      });
      expect([...x.toArray()]).toEqual(want);
    });
  });

  test("samples are added modulo 2^32, as often as asked", () => {
    engine().scope(() => {
      const law = coin(1n, 2n ** 90n); // 1 or -1, but for once in 2^90
      const x = engine().tensor("i32", 3, [2 ** 31 - 1, 0, -(2 ** 31)]);
      const y = engine().tensor("i32", 3);
      addSamples("test", y, [{ law, times: 1 }], stream());
      const first = y.toArray();
      expect([...first].every((v) => Math.abs(v) === 1)).toBe(true);
      addSamples("test", x, [{ law, times: 1 }], stream());
      expect([...x.toArray()]).toEqual([2 ** 31 - 1, 0, -(2 ** 31)].map((v, i) => (v + first[i]!) | 0));
      addSamples("test", x.set([0, 0, 0]), [{ law, times: 4 }], stream());
      expect([...x.toArray()].every((v) => v % 2 === 0 && Math.abs(v) <= 4)).toBe(true);
    });
  });

  test("where no sample comes of the bits it ends with an error and changes nothing", () => {
    engine().scope(() => {
      // Wide cells of which 1 - 1/e is kept: five words a sample, where three are allowed.
      const slow: Law = { ...coin(1n, 2n), shift: 30, q: 2n ** 30n, c: 1n };
      const x = engine().tensor("i32", 4000, new Int32Array(4000).fill(5));
      const source = stream();
      expect(() => addSamples("test", x, [{ law: slow, times: 1 }], source)).toThrow(PrivacyError);
      expect(x.toArray().every((v) => v === 5)).toBe(true);
      expect(source.counter).toBeGreaterThan(0); // what was used is not used again
      const spent = stream(2 ** 32 - 10);
      expect(() => addSamples("test", x, [{ law: discreteGaussianLaw(1), times: 1 }], spent)).toThrow(PrivacyError);
      expect(spent.counter).toBe(2 ** 32 - 10);
      expect(x.toArray().every((v) => v === 5)).toBe(true);
    });
  });
});
