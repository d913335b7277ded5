import { addBinomial, createStream, ParameterError } from "fedlane";
import { expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { reader, samples } from "../random/discrete.reference.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { mean, misfit, SIX, variance } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";
import { pmf, twin } from "./binomial.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 7);
const moment = (p: readonly number[], power: number) => p.reduce((s, v, k) => s + 2 * k ** power * v, 0);

test("two coins: 1/4, 1/2, 1/4; four: 1, 4, 6, 4, 1 sixteenths", () => {
  expect(pmf(2)).toEqual([0.5, 0.25]);
  expect(pmf(4)).toEqual([0.375, 0.25, 0.0625]);
});

forEachBuild("privacy/binomial", (engine) => {
  test("adds the samples of the twin", () => {
    engine().scope(() => {
      for (const trials of [2, 4, 64, 512, 514, 2000]) {
        const stream = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 3, private: false });
        const x = engine().tensor("i32", 300, new Int32Array(300).fill(-2));
        addBinomial(x, { trials }, stream);
        const want = samples(twin(trials), 300, reader(keyWords(KEY, 3, new Uint8Array(12), 115)));
        expect([...x.toArray()]).toEqual(want.map((v) => v - 2));
      }
    });
  });

  test("0 adds nothing and takes nothing; bad input is refused, and the stream stays where it was", async () => {
    const stream = await noise(5);
    engine().scope(() => {
      const x = engine().tensor("i32", 9, new Int32Array(9).fill(3));
      addBinomial(x, { trials: 0 }, stream);
      for (const trials of [-1, 3, Number.NaN, Number.POSITIVE_INFINITY, "1" as unknown as number])
        expect(() => addBinomial(x, { trials }, stream)).toThrow(ParameterError);
      expect(() => addBinomial(x, { sigma: 1 } as unknown as { trials: number }, stream)).toThrow(ParameterError);
      expect(() => addBinomial(x, { trials: 2 }, {} as RandomStream)).toThrow(ParameterError);
      expect([...x.toArray()]).toEqual(new Array(9).fill(3));
      expect(stream.counter).toBe(0);
    });
  });
});

// One build: the twin shows that all give these samples. Each bound fails by chance once in 1e9; the seeds are fixed.
test.each([2, 4, 100, 514, 4000])("a million samples with trials %d have the law", async (trials) => {
  const engine = await makeEngine();
  const n = 1_000_000;
  const x = addBinomial(engine.tensor("i32", n), { trials }, await createStream({ purpose: "noise", unsafeSeed: trials })).toArray();
  const p = pmf(trials);
  const spread = moment(p, 2);
  expect(misfit(x, p)).toBeLessThan(SIX);
  expect(Math.abs(mean(x))).toBeLessThan(SIX * Math.sqrt(spread / n));
  expect(Math.abs(variance(x, 0) - spread)).toBeLessThan(SIX * Math.sqrt((moment(p, 4) - spread ** 2) / n));
});

test("beyond 2^22 trials it is a sum of tables: variance and kurtosis are right", async () => {
  const n = 300_000;
  const trials = 2 ** 23 + 1000;
  const v = trials / 4;
  const x = addBinomial((await makeEngine()).tensor("i32", n), { trials }, await noise(2)).toArray();
  expect(Math.abs(mean(x))).toBeLessThan(SIX * Math.sqrt(v / n));
  expect(Math.abs(variance(x, 0) / v - 1)).toBeLessThan(SIX * Math.sqrt(2 / n));
  const fourth = mean(Float64Array.from(x, (k) => (k * k) / v).map((s) => s * s));
  expect(Math.abs(fourth - 3)).toBeLessThan(SIX * Math.sqrt(96 / n));
});
