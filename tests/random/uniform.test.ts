import { createStream, ParameterError, type RandomStream, uniform } from "fedlane";
import { beforeAll, describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { bits, LENGTHS } from "../support/data.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { correlation, kolmogorov, mean, SIX, variance } from "../support/statistics.ts";
import { keyWords } from "./chacha.reference.ts";
import * as reference from "./uniform.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 11 * i + 3);
const NONCE = new Uint8Array(12).fill(9);

forEachBuild("random/uniform", (engine) => {
  let stream: RandomStream;
  beforeAll(async () => {
    stream = await createStream({ purpose: "test", unsafeSeed: 1 });
  });

  describe("the bits of the twin", () => {
    const ran = countCases(3 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      const words = keyWords(KEY, 40, NONCE, Math.ceil(n / 16));
      const e = engine();
      for (const [low, high, offset] of [
        [0, 1, 0],
        [-2.5, 7.25, 4],
        [3, 3, 1],
      ] as const) {
        ran();
        const [key, nonce, x] = [guarded(e, KEY), guarded(e, NONCE), guarded(e, new Float32Array(n), offset)];
        const scratch = guarded(e, new Uint8Array(e.kernels.uniform_scratch_f32()));
        e.kernels.uniform_f32(n, low, high, 40, key.address, nonce.address, x.address, scratch.address);
        expect(bits(x.f32())).toEqual(bits(reference.uniform(words, n, low, high)));
        for (const p of [key, nonce, x, scratch]) p.release();
      }
    });
  });

  test("values of [0, 1) are multiples of 2^-24 below 1, and the position advances by what was used", () => {
    engine().scope(() => {
      const before = stream.counter;
      const x = uniform(engine().tensor("f32", 100001), stream).toArray();
      expect(x.every((v) => v >= 0 && v < 1 && Number.isInteger(v * 2 ** 24))).toBe(true);
      expect(stream.counter - before).toBe(Math.ceil(100001 / 16));
    });
  });

  test("bad bounds are refused and change nothing", () => {
    engine().scope(() => {
      const x = engine().tensor("f32", 2, [8, 9]);
      const before = stream.counter;
      for (const o of [{ low: 1, high: 0 }, { low: Number.NaN }, { high: Number.POSITIVE_INFINITY }, { high: 1e39 }, { low: -1e39 }, { max: 1 } as object])
        expect(() => uniform(x, stream, o)).toThrow(ParameterError);
      expect(() => uniform(x, {} as never)).toThrow(ParameterError);
      expect([...x.toArray(), stream.counter]).toEqual([8, 9, before]);
      const all = uniform(x, stream, { low: -3.4028234663852886e38, high: 3.4028234663852886e38 }).toArray();
      expect(all.every(Number.isFinite)).toBe(true);
    });
  });
});

// One build: the twin shows that all give these bits. False alarm 1e-9 a bound (NUMERICS 3.5), the seed is fixed.
test("a million draws are uniform and uncorrelated", async () => {
  const engine = await makeEngine();
  const n = 1_000_000;
  const x = uniform(engine.tensor("f32", n), await createStream({ purpose: "statistics", unsafeSeed: 2 })).toArray();
  expect(Math.abs(mean(x) - 0.5)).toBeLessThanOrEqual(SIX * Math.sqrt(1 / 12 / n));
  // Standard error of s^2 / sigma^2: sqrt((kurtosis - 1) / n), kurtosis 9/5.
  expect(Math.abs(12 * variance(x, 0.5) - 1)).toBeLessThanOrEqual(SIX * Math.sqrt(0.8 / n));
  expect(kolmogorov(x, (v) => v)).toBeLessThanOrEqual(3.272e-3);
  for (const lag of [1, 2, 16, 64, n / 2]) expect(Math.abs(correlation(x, lag))).toBeLessThanOrEqual(SIX / Math.sqrt(n - lag));
});
