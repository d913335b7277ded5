import { createStream, initialise, ParameterError, type RandomStream } from "fedlane";
import { beforeAll, expect, test } from "vitest";
import { forEachBuild } from "../support/engines.ts";
import { kolmogorov, mean, normalCdf, SIX, variance } from "../support/statistics.ts";

const FAN_IN = 300;
const FAN_OUT = 200;
const N = FAN_IN * FAN_OUT;

forEachBuild("random/initialise", (engine) => {
  let stream: RandomStream;
  beforeAll(async () => {
    stream = await createStream({ purpose: "weights", unsafeSeed: 1 });
  });

  // Glorot and Bengio 2010, eq. 16: variance 2 / (fanIn + fanOut). He et al. 2015, eq. 10: 2 / fanIn. False alarm 1e-9 a bound.
  test.each([
    { method: "glorotUniform", sigma2: 2 / 500, normal: false },
    { method: "heUniform", sigma2: 2 / 300, normal: false },
    { method: "glorotNormal", sigma2: 2 / 500, normal: true },
    { method: "heNormal", sigma2: 2 / 300, normal: true },
  ] as const)("$method has its mean, variance and shape", ({ method, sigma2, normal }) => {
    engine().scope(() => {
      const w = initialise(engine().tensor("f32", [FAN_IN, FAN_OUT]), method, FAN_IN, FAN_OUT, stream).toArray();
      expect(Math.abs(mean(w))).toBeLessThanOrEqual(SIX * Math.sqrt(sigma2 / N));
      expect(Math.abs(variance(w, 0) / sigma2 - 1)).toBeLessThanOrEqual(SIX * Math.sqrt((normal ? 2 : 0.8) / N));
      const limit = Math.sqrt(3 * sigma2);
      const cdf = normal ? (v: number) => normalCdf(v / Math.sqrt(sigma2)) : (v: number) => (v + limit) / (2 * limit);
      expect(kolmogorov(w, cdf)).toBeLessThanOrEqual(3.272 / Math.sqrt(N));
      if (!normal) expect(w.every((v) => Math.abs(v) <= Math.fround(limit))).toBe(true);
    });
  });

  test("the old content does not matter, zeros are zeros and use no randomness", () => {
    engine().scope(() => {
      const [a, b] = [engine().tensor("f32", 9, new Float32Array(9).fill(Number.NaN)), engine().tensor("f32", 9)];
      initialise(a, "heNormal", 3, 3, stream.fork(1, 1));
      initialise(b, "heNormal", 3, 3, stream.fork(1, 1));
      expect(a.toArray()).toEqual(b.toArray());
      const before = stream.counter;
      expect(initialise(a, "zeros", 3, 3, stream).toArray()).toEqual(new Float32Array(9));
      expect(stream.counter).toBe(before);
    });
  });

  test("bad input is refused and changes nothing", () => {
    engine().scope(() => {
      const w = engine().tensor("f32", 2, [1, 2]);
      expect(() => initialise(w, "henormal" as never, 3, 3, stream)).toThrow(ParameterError);
      for (const fan of [0, -1, 1.5, Number.NaN]) {
        expect(() => initialise(w, "heNormal", fan, 3, stream)).toThrow(ParameterError);
        expect(() => initialise(w, "glorotUniform", 3, fan, stream)).toThrow(ParameterError);
      }
      expect([...w.toArray()]).toEqual([1, 2]);
    });
  });
});
