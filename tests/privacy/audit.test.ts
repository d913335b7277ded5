// An audit by attack: release a sum with and without a canary, guess from the output which it was, and turn the success of the best guess
// into a lower bound on epsilon (Jagielski et al. 2020, arXiv:2006.07709; Nasr et al. 2021, arXiv:2101.04535). It bounds the whole path,
// clipping, grid, key stream and noise, from below; docs/derivations bound it from above.
import { createGridSum, createStream, type Engine, gaussianEpsilon, gaussianGrid } from "fedlane";
import { describe, expect, test } from "vitest";
import { makeEngine } from "../support/engines.ts";
import { clopperPearson } from "../support/statistics.ts";

const DELTA = 1e-3;
const RUNS = 1_000_000;
/** Bounds of Clopper and Pearson fail with this probability each. */
const MISS = 1e-9;

/** Outputs of RUNS releases of one number each: a sum of nothing, or of a canary far beyond the clip norm. */
async function releases(engine: Engine, sigma: number, canary: boolean, seed: string): Promise<Float32Array> {
  const grid = gaussianGrid({ sigma, clipNorm: 1, size: 1 });
  const stream = await createStream({ purpose: "audit", unsafeSeed: seed });
  const [sum, x, out] = [createGridSum(engine, grid), engine.tensor("f32", 1, [1e6]), engine.tensor("f32", 1)];
  const outputs = new Float32Array(RUNS);
  for (let i = 0; i < RUNS; i++) {
    if (canary) sum.add(x);
    sum.addNoise(stream);
    sum.release(out);
    outputs[i] = out.view[0]!;
    sum.reset();
  }
  sum.dispose();
  x.dispose();
  out.dispose();
  return outputs;
}

/**
 * The largest e with P(with > t) > e^e P(without > t) + delta for one of the thresholds t, each probability at the unlucky end of its
 * Clopper-Pearson interval. Thresholds are fixed beforehand; the misses of all of them add up.
 */
function epsilonAtLeast(present: Float32Array, absent: Float32Array): number {
  let best = 0;
  for (const t of [2.8, 3, 3.2, 3.4, 3.6]) {
    const [hits, alarms] = [present, absent].map((values) => values.reduce((n, v) => n + (v > t ? 1 : 0), 0)) as [number, number];
    const [least] = clopperPearson(hits, RUNS, MISS);
    const [, most] = clopperPearson(alarms, RUNS, MISS);
    if (least > DELTA) best = Math.max(best, Math.log((least - DELTA) / most));
  }
  return best;
}

describe("an attacker's view of the grid mechanism at sigma = sensitivity, delta 1e-3", () => {
  const promised = gaussianEpsilon({ sigma: 1, sensitivity: 1, delta: DELTA, adjacency: "add-remove" });

  test("epsilon is at least 2.55 by attack, and not more than promised", async () => {
    const engine = await makeEngine();
    const found = epsilonAtLeast(await releases(engine, 1, true, "present"), await releases(engine, 1, false, "absent"));
    expect(promised).toBeCloseTo(3.139, 2);
    expect(found).toBeGreaterThan(2.55);
    expect(found).toBeLessThan(promised);
  }, 300_000);

  test("the audit has teeth: noise smaller by 1.2 is caught", async () => {
    const engine = await makeEngine();
    const found = epsilonAtLeast(await releases(engine, 1 / 1.2, true, "present"), await releases(engine, 1 / 1.2, false, "absent"));
    expect(found).toBeGreaterThan(promised);
  }, 300_000);
});
