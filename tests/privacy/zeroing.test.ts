import { createQuantileClip, ParameterError, zeroOutlier } from "fedlane";
import { expect, test } from "vitest";
import { LENGTHS, normals, random } from "../support/data.ts";
import { forEachBuild } from "../support/engines.ts";
import { expectSameBits } from "../support/same.ts";
import { norm } from "./clip.reference.ts";

forEachBuild("privacy/zeroing", (engine) => {
  test.each(LENGTHS)("n = %i: just above its norm an update passes bit for bit, just below it is zeroed", (n) => {
    engine().scope(() => {
      const content = normals(n, 1);
      const x = engine().tensor("f32", n, content);
      const want = norm(content);
      const passed = zeroOutlier(x, want * (1 + 1e-12));
      expect(passed.zeroed).toBe(false);
      expect(Math.abs(passed.norm - want)).toBeLessThanOrEqual(1e-12 * want);
      expectSameBits(x.toArray(), content);
      const { zeroed } = zeroOutlier(x, want * (1 - 1e-12));
      expect(zeroed).toBe(n > 0);
      expectSameBits(x.toArray(), new Float32Array(n));
    });
  });

  test("a norm equal to the threshold passes; a zero vector always does", () => {
    engine().scope(() => {
      const x = engine().tensor("f32", 2, [3, -4]);
      expect(zeroOutlier(x, 5)).toEqual({ norm: 5, zeroed: false });
      expect(zeroOutlier(x, 4.9999)).toEqual({ norm: 5, zeroed: true });
      expect(zeroOutlier(x, 0)).toEqual({ norm: 0, zeroed: false });
      for (const bad of [-1, Number.NaN, Infinity]) expect(() => zeroOutlier(x, bad)).toThrow(ParameterError);
    });
  });

  test("an update that is not finite is zeroed in every lane, NaN and Infinity included", () => {
    let ran = 0;
    for (let n = 1; n < 20; n++) {
      for (let i = 0; i < n; i++) {
        for (const value of [Number.NaN, Infinity, -Infinity]) {
          engine().scope(() => {
            const content = normals(n, n);
            content[i] = value;
            const x = engine().tensor("f32", n, content);
            const result = zeroOutlier(x, Number.MAX_VALUE);
            expect(result.zeroed).toBe(true);
            expect(Number.isFinite(result.norm)).toBe(false);
            expectSameBits(x.toArray(), new Float32Array(n));
          });
          ran++;
        }
      }
    }
    expect(ran).toBe(570);
  });

  test("with the quantile that it follows, only the attackers are zeroed", () => {
    const quantile = createQuantileClip({ initial: 10, target: 0.9, learningRate: 1, clients: 100, countNoise: 0 });
    const r = random(3);
    for (let round = 0; round < 40; round++) {
      const zeroed: number[] = [];
      let votes = 0;
      for (let client = 0; client < 100; client++) {
        engine().scope(() => {
          const scale = client < 5 ? 1000 : 0.5 + r();
          const result = zeroOutlier(engine().tensor("f32", 1, [scale]), 2 * quantile.bound + 1);
          votes += quantile.vote(result.norm);
          if (result.zeroed) zeroed.push(client);
        });
      }
      quantile.update(votes);
      expect(zeroed, `round ${round}`).toEqual([0, 1, 2, 3, 4]);
    }
    expect(quantile.bound).toBeGreaterThan(1.3);
    expect(quantile.bound).toBeLessThan(1.55);
  });
});
