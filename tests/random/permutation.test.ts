import { createStream, DTypeError, permutation, shuffle } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { LENGTHS } from "../support/data.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { chiSquare } from "../support/statistics.ts";
import { keyWords } from "./chacha.reference.ts";
import * as reference from "./permutation.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 5 * i + 1);
const NONCE = new Uint8Array(12).fill(2);

forEachBuild("random/permutation", (engine) => {
  describe("the order of the twin", () => {
    const ran = countCases(LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      ran();
      const e = engine();
      const content = Uint32Array.from({ length: n }, (_, i) => (3 * i + 1) >>> 0);
      const [key, nonce, x] = [guarded(e, KEY), guarded(e, NONCE), guarded(e, content, 4)];
      const scratch = guarded(e, new Uint8Array(e.kernels.shuffle_scratch_u32()));
      const used = e.kernels.shuffle_u32(n, 7, key.address, nonce.address, x.address, scratch.address);
      const words = keyWords(KEY, 7, NONCE, used);
      expect(new Uint32Array(x.bytes().buffer)).toEqual(reference.shuffle(content, words));
      expect(used).toBe(16 * Math.ceil(Math.max(n - 1, 0) / 256)); // no rejection at these lengths with this key
      for (const p of [key, nonce, x, scratch]) p.release();
    });
  });

  test("a permutation holds every index once, and the position advances by what was used", async () => {
    const stream = await createStream({ purpose: "p", unsafeSeed: 1 });
    for (const n of LENGTHS) {
      engine().scope(() => {
        const before = stream.counter;
        const p = permutation(engine().tensor("u32", n), stream).toArray();
        expect(p.slice().sort()).toEqual(Uint32Array.from({ length: n }, (_, i) => i));
        expect(stream.counter - before).toBe(16 * Math.ceil(Math.max(n - 1, 0) / 256));
      });
    }
  });

  test("equal elements and bad input", async () => {
    const stream = await createStream({ purpose: "p", unsafeSeed: 2 });
    engine().scope(() => {
      expect([...shuffle(engine().tensor("u32", 3, [4, 4, 4]), stream).toArray()]).toEqual([4, 4, 4]);
      expect(() => shuffle(engine().tensor("i32", 3) as never, stream)).toThrow(DTypeError);
    });
  });
});

// One build: the twin shows that all give the same order. Limits: chi-square quantiles at 1e-9, the seed is fixed.
describe("every order is equally likely", () => {
  test("the 24 orders of four elements: 48,000 draws, 23 degrees of freedom", async () => {
    const engine = await makeEngine();
    const stream = await createStream({ purpose: "orders", unsafeSeed: 3 });
    const x = engine.tensor("u32", 4);
    const counts = new Map<string, number>();
    for (let k = 0; k < 48_000; k++) {
      const order = permutation(x, stream).view.join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()])).toBeLessThan(89.1);
  });

  test("the first and the last place of ten: 40,000 draws, 9 degrees of freedom", async () => {
    const engine = await makeEngine();
    const stream = await createStream({ purpose: "places", unsafeSeed: 4 });
    const x = engine.tensor("u32", 10);
    const [first, last] = [new Array<number>(10).fill(0), new Array<number>(10).fill(0)];
    for (let k = 0; k < 40_000; k++) {
      const { view } = permutation(x, stream);
      first[view[0]!]!++;
      last[view[9]!]!++;
    }
    expect(chiSquare(first)).toBeLessThan(60.6);
    expect(chiSquare(last)).toBeLessThan(60.6);
  });
});
