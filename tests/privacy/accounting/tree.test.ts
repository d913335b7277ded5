import { rdpEpsilon, treeEvents, treeSensitivitySquared } from "fedlane";
import { expect, test } from "vitest";

/** The definition: over all ways to take part, the largest sum over complete nodes of the square of what lies below. */
function largest(leaves: number, participations: number, separation: number): number {
  let best = 0;
  const place = (from: number, taken: number[]) => {
    let sum = 0;
    for (let width = 1; width <= leaves; width *= 2) {
      for (let start = 0; start + width <= leaves; start += width) sum += taken.filter((t) => t >= start && t < start + width).length ** 2;
    }
    best = Math.max(best, sum);
    if (taken.length < participations) for (let t = from; t < leaves; t++) place(t + separation, [...taken, t]);
  };
  place(0, []);
  return best;
}

test("the bound covers every way to take part, is near the worst, and exact for one participation and for powers of two", () => {
  let [cases, exact] = [0, 0];
  for (let leaves = 1; leaves <= 17; leaves++) {
    for (const participations of [1, 2, 3, 4]) {
      for (const separation of [1, 2, 3, 5]) {
        const [bound, worst] = [treeSensitivitySquared(leaves, participations, separation), largest(leaves, participations, separation)];
        expect(bound, `${leaves} ${participations} ${separation}`).toBeGreaterThanOrEqual(worst);
        expect(bound).toBeLessThanOrEqual(1.7 * worst);
        if (participations === 1) expect(bound).toBe(Math.floor(Math.log2(leaves)) + 1);
        if ([1, 2, 4, 8, 16].includes(leaves) && participations !== 3 && separation <= 2 && separation * participations <= leaves) expect(bound).toBe(worst);
        cases++;
        if (bound === worst) exact++;
      }
    }
  }
  expect(cases).toBe(272);
  expect(exact).toBeGreaterThan(150);
});

test("trees add up: restarts cost what their trees cost, more participations cost more, separation saves", () => {
  const at = (leaves: number | number[], participations = 1, separation = 1) =>
    rdpEpsilon(treeEvents({ noiseMultiplier: 10, leaves, participations, separation }), { delta: 1e-6, adjacency: "add-remove", unit: "client" }).epsilon;
  // Three trees of 100 leaves are 3 * 7 nodes of a unit: a Gaussian of multiplier 10 / sqrt(21).
  const want = rdpEpsilon([{ mechanism: { type: "gaussian", noiseMultiplier: 10 }, sampling: { type: "all" }, count: 21 }], {
    delta: 1e-6,
    adjacency: "add-remove",
    unit: "client",
  });
  expect(at([100, 100, 100])).toBeCloseTo(want.epsilon, 10);
  expect(at(100, 4)).toBeGreaterThan(at([100, 100, 100, 100]));
  expect(at(128, 4, 32)).toBeLessThan(at(128, 4));
});

test("nonsense is refused", () => {
  const good = { noiseMultiplier: 1, leaves: 8, participations: 1 };
  for (const change of [
    { noiseMultiplier: NaN },
    { leaves: 0 },
    { leaves: [4, 1.5] },
    { leaves: "8" },
    { participations: 0 },
    { separation: 0 },
    { height: 3 },
  ]) {
    expect(() => treeEvents({ ...good, ...change } as never), JSON.stringify(change)).toThrow(new RegExp(Object.keys(change)[0]!));
  }
  expect(rdpEpsilon(treeEvents({ ...good, noiseMultiplier: 0 }), { delta: 1e-6, adjacency: "add-remove", unit: "client" }).epsilon).toBe(Infinity);
});
