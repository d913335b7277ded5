import { addSkellam, createStream, ParameterError } from "fedlane";
import { expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { keyWords } from "../random/chacha.reference.ts";
import { reader, samples } from "../random/discrete.reference.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { mean, misfit, SIX, variance as spreadOf } from "../support/statistics.ts";
import { noise } from "../support/streams.ts";
import { pmf, twin } from "./skellam.reference.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 7);
const moment = (p: readonly number[], power: number) => p.reduce((s, v, k) => s + 2 * k ** power * v, 0);

test("golden values of the law; its variance is the parameter", () => {
  const want = [0.465759607594, 0.20791041535, 0.0499387768942];
  for (const [k, p] of want.entries()) expect(Math.abs(pmf(1)[k]! - p)).toBeLessThan(1e-12);
  for (const variance of [0.1, 1, 90]) expect(Math.abs(moment(pmf(variance), 2) / variance - 1)).toBeLessThan(1e-12);
});

forEachBuild("privacy/skellam", (engine) => {
  test("adds the samples of the twin", () => {
    engine().scope(() => {
      for (const variance of [0.01, 1, 55.5, 1000]) {
        const stream = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 3, private: false });
        const x = engine().tensor("i32", 300, new Int32Array(300).fill(-2));
        addSkellam(x, { variance }, stream);
        const want = samples(twin(variance), 300, reader(keyWords(KEY, 3, new Uint8Array(12), 115)));
        expect([...x.toArray()]).toEqual(want.map((v) => v - 2));
      }
    });
  });

  test("0 adds nothing and takes nothing; bad input is refused, and the stream stays where it was", async () => {
    const stream = await noise(5);
    engine().scope(() => {
      const x = engine().tensor("i32", 9, new Int32Array(9).fill(3));
      addSkellam(x, { variance: 0 }, stream);
      for (const variance of [-1, 2 ** 26 + 1, Number.NaN, Number.POSITIVE_INFINITY, "1" as unknown as number])
        expect(() => addSkellam(x, { variance }, stream)).toThrow(ParameterError);
      expect(() => addSkellam(x, { sigma: 1 } as unknown as { variance: number }, stream)).toThrow(ParameterError);
      expect(() => addSkellam(x, { variance: 2 }, {} as RandomStream)).toThrow(ParameterError);
      expect([...x.toArray()]).toEqual(new Array(9).fill(3));
      expect(stream.counter).toBe(0);
    });
  });
});

// One build: the twin shows that all give these samples. Each bound fails by chance once in 1e9; the seeds are fixed.
test.each([0.1, 1, 10, 1000])("a million samples with variance %d have the law", async (variance) => {
  const engine = await makeEngine();
  const n = 1_000_000;
  const x = addSkellam(engine.tensor("i32", n), { variance }, await createStream({ purpose: "noise", unsafeSeed: variance })).toArray();
  const p = pmf(variance);
  const spread = moment(p, 2);
  expect(misfit(x, p)).toBeLessThan(SIX);
  expect(Math.abs(mean(x))).toBeLessThan(SIX * Math.sqrt(spread / n));
  expect(Math.abs(spreadOf(x, 0) - spread)).toBeLessThan(SIX * Math.sqrt((moment(p, 4) - spread ** 2) / n));
});

test("beyond 2^20 it is a sum of tables: variance and kurtosis are right", async () => {
  const n = 300_000;
  const v = 5e6 + 1 / 3;
  const x = addSkellam((await makeEngine()).tensor("i32", n), { variance: v }, await noise(2)).toArray();
  expect(Math.abs(mean(x))).toBeLessThan(SIX * Math.sqrt(v / n));
  expect(Math.abs(spreadOf(x, 0) / v - 1)).toBeLessThan(SIX * Math.sqrt(2.001 / n));
  const fourth = mean(Float64Array.from(x, (k) => (k * k) / v).map((s) => s * s)); // 3 + 1 / v; its variance is 96 / n
  expect(Math.abs(fourth - 3)).toBeLessThan(SIX * Math.sqrt(96.1 / n));
});
