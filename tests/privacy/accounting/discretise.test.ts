import { type PrivacyEvent, pldDelta } from "fedlane";
import { describe, expect, test } from "vitest";
import { discretise, type LossGrid } from "../../../src/privacy/accounting/discretise.ts";
import { discreteGaussianLoss, gaussianLoss, type Loss, laplaceLoss } from "../../../src/privacy/accounting/loss.ts";
import { countCases } from "../../support/count.ts";
import { random } from "../../support/data.ts";
import { runs } from "../../support/runs.ts";
import * as reference from "./pld.reference.ts";

type Direction = "remove" | "add";

/** delta(epsilon) of a grid, as it is defined. */
function deltaOf({ step, first, mass, infinity }: LossGrid, epsilon: number): number {
  return mass.reduce((sum, p, i) => sum + p * Math.max(0, -Math.expm1(epsilon - (first + i) * step)), infinity);
}

interface Case {
  readonly name: string;
  readonly loss: Loss;
  readonly rate: number;
  /** The true delta, and how well it is known. */
  readonly delta: (direction: Direction, epsilon: number) => number;
  readonly error: number;
}
function cases(r: () => number): Case[] {
  const rate = r() < 0.3 ? 1 : 10 ** (-3 * r());
  const noise = 0.4 + 3 * r();
  const shift = 1 + Math.floor(3 * r());
  const laplace = reference.laplacePair(noise, rate);
  const discrete = reference.discreteGaussianPair(noise, shift, rate);
  const made: Omit<Case, "rate">[] = [
    { name: "gaussian", loss: gaussianLoss(1 / noise), delta: (way, e) => reference.sampledGaussianDelta(noise, rate, way, e), error: 1e-13 },
    { name: "laplace", loss: laplaceLoss(1 / noise), delta: (way, e) => reference.delta(laplace, way, e), error: 1e-6 },
    { name: "discrete", loss: discreteGaussianLoss("test", noise, shift), delta: (way, e) => reference.delta(discrete, way, e), error: 1e-13 },
  ];
  return made.map((c) => ({ ...c, rate, name: `${c.name}, noise ${noise}, shift ${shift}, rate ${rate}` }));
}

describe("one release", () => {
  test("delta of the grid is the true one at its points and above it between them, in both directions", () => {
    const r = random(5);
    const n = runs(40);
    const ran = countCases(18 * n);
    for (let i = 0; i < n; i++) {
      for (const { name, loss, rate, delta, error } of cases(r)) {
        const step = 10 ** (-1 - 1.5 * r());
        const grids = discretise(loss, rate, step, 1e-14)!;
        for (const direction of ["remove", "add"] as const) {
          const grid = grids[direction];
          const total = grid.mass.reduce((a, b) => a + b, grid.infinity);
          if (!(Math.abs(total - 1) < 1e-12)) expect.fail(`${name}: masses sum to ${total}`);
          for (const place of [0, Math.floor(1 + r() / step), r() / step]) {
            ran();
            const got = deltaOf(grid, place * step);
            const [want, before] = [delta(direction, place * step), delta(direction, Math.floor(place) * step)];
            // Between points it lies on the chord, which starts at the true delta of the point before.
            const good = got >= want - error - 1e-13 && got <= before + error + 1e-11;
            if (!good) expect.fail(`${name}, ${direction}, step ${step}, epsilon ${place * step}: ${got} for ${want}`);
          }
        }
      }
    }
  });

  test("what is cut off counts as infinite: delta stays above the truth, by no more than the cut", () => {
    for (const cut of [1e-2, 1e-4, 1e-6]) {
      for (const direction of ["remove", "add"] as const) {
        const grid = discretise(gaussianLoss(1.5), 0.3, 0.001, cut)![direction];
        expect(grid.infinity).toBeGreaterThan(0.2 * cut * (direction === "add" ? 0 : 1));
        expect(grid.infinity).toBeLessThanOrEqual(cut);
        for (const epsilon of [0, 0.1, 0.3, 1, 2, 5, 10]) {
          const [got, want] = [deltaOf(grid, epsilon), reference.sampledGaussianDelta(1 / 1.5, 0.3, direction, epsilon)];
          expect(got).toBeGreaterThanOrEqual(want - 1e-13);
          expect(got).toBeLessThanOrEqual(want + cut + 1e-6);
        }
      }
    }
  });

  test("a step too fine for the range is made coarser, a range too wide is refused", () => {
    const grid = discretise(gaussianLoss(1), 0.5, 1e-9, 1e-12)!.remove;
    expect(grid.step).toBeGreaterThan(1e-6);
    expect(grid.mass.length).toBeLessThan(2 ** 20 + 3);
    expect(discretise(gaussianLoss(1e5), 0.5, 1e-3, 1e-12)).toBeUndefined();
  });
});

describe("two releases, against the integral over both outputs", () => {
  const pairs: [string, PrivacyEvent["mechanism"], (rate: number) => reference.Pair][] = [
    ["gaussian", { type: "gaussian", noiseMultiplier: 0.9 }, (rate) => reference.gaussianPair(0.9, rate)],
    ["laplace", { type: "laplace", noiseMultiplier: 1.3 }, (rate) => reference.laplacePair(1.3, rate)],
    ["discrete", { type: "discrete-gaussian", sigma: 1.7, l2: 2, dimension: 1 }, (rate) => reference.discreteGaussianPair(1.7, 2, rate)],
  ];
  test.each(pairs)("%s with a Gaussian", (_, mechanism, pair) => {
    for (const [rateA, sigma, rateB] of [
      [0.1, 1.2, 0.3],
      [0.7, 0.8, 0.02],
      [1, 2, 0.5],
    ] as const) {
      for (const epsilon of [0.05, 0.5, 1.5, 3]) {
        const events: PrivacyEvent[] = [
          { mechanism, sampling: rateA === 1 ? { type: "all" } : { type: "poisson", rate: rateA } },
          { mechanism: { type: "gaussian", noiseMultiplier: sigma }, sampling: { type: "poisson", rate: rateB } },
        ];
        const got = pldDelta(events, { epsilon, adjacency: "add-remove", unit: "example" });
        const want = Math.max(...(["remove", "add"] as const).map((way) => reference.deltaOfTwo(pair(rateA), sigma, rateB, way, epsilon)));
        if (!(got >= want - 1e-8 && got <= want * 1.002 + 1e-6)) expect.fail(`rates ${rateA}, ${rateB}, epsilon ${epsilon}: ${got} for ${want}`);
      }
    }
  });
});
