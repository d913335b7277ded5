import { addDiscreteLaplace, createStream, ParameterError } from "fedlane";
import { expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { reader, samples } from "../random/discrete.reference.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { mean, misfit, SIX, variance } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";
import { pmf, twin } from "./discrete_laplace.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 7);
const moment = (p: readonly number[], power: number) => p.reduce((s, v, k) => s + 2 * k ** power * v, 0);

test("the law sums to 1, and its variance is 2 e^(-1/b) / (1 - e^(-1/b))^2", () => {
  for (const scale of [0.2, 1, 30]) {
    const e = Math.exp(-1 / scale);
    expect(Math.abs(moment(pmf(scale), 0) - pmf(scale)[0]! - 1)).toBeLessThan(1e-12);
    expect(Math.abs(moment(pmf(scale), 2) / ((2 * e) / (1 - e) ** 2) - 1)).toBeLessThan(1e-12);
  }
});

forEachBuild("privacy/discrete_laplace", (engine) => {
  test("adds the samples of the twin", () => {
    engine().scope(() => {
      for (const scale of [0.4, 5.3, 31.9, 32, 333.3, 2 ** 20 / 3]) {
        const stream = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 3, private: false });
        const x = engine().tensor("i32", 300, new Int32Array(300).fill(-2));
        addDiscreteLaplace(x, { scale }, stream);
        const want = samples(twin(scale), 300, reader(keyWords(KEY, 3, new Uint8Array(12), 115)));
        expect([...x.toArray()]).toEqual(want.map((v) => v - 2));
      }
    });
  });

  test("0 adds nothing and takes nothing; bad input is refused, and the stream stays where it was", async () => {
    const stream = await noise(5);
    engine().scope(() => {
      const x = engine().tensor("i32", 9, new Int32Array(9).fill(3));
      addDiscreteLaplace(x, { scale: 0 }, stream);
      for (const scale of [-1, 2 ** 23 + 1, Number.NaN, Number.POSITIVE_INFINITY, "1" as unknown as number])
        expect(() => addDiscreteLaplace(x, { scale }, stream)).toThrow(ParameterError);
      expect(() => addDiscreteLaplace(x, { sigma: 1 } as unknown as { scale: number }, stream)).toThrow(ParameterError);
      expect(() => addDiscreteLaplace(x, { scale: 2 }, {} as RandomStream)).toThrow(ParameterError);
      expect([...x.toArray()]).toEqual(new Array(9).fill(3));
      expect(stream.counter).toBe(0);
    });
  });
});

// One build: the twin shows that all give these samples. Each bound fails by chance once in 1e9; the seeds are fixed.
test.each([0.3, 1, 10, 33.3, 500])("a million samples with scale %d have the law", async (scale) => {
  const engine = await makeEngine();
  const n = 1_000_000;
  const x = addDiscreteLaplace(engine.tensor("i32", n), { scale }, await createStream({ purpose: "noise", unsafeSeed: scale })).toArray();
  const p = pmf(scale);
  const spread = moment(p, 2);
  expect(misfit(x, p)).toBeLessThan(SIX);
  expect(Math.abs(mean(x))).toBeLessThan(SIX * Math.sqrt(spread / n));
  expect(Math.abs(variance(x, 0) - spread)).toBeLessThan(SIX * Math.sqrt((moment(p, 4) - spread ** 2) / n));
});

test("a scale too small to show gives zeros", async () => {
  const x = addDiscreteLaplace((await makeEngine()).tensor("i32", 1000), { scale: 1e-300 }, await noise(1));
  expect(x.toArray().every((v) => v === 0)).toBe(true);
});
