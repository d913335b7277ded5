// The truth of the whole-step benches: sizes of the networks, gradients by central differences, clipping by its definition.
import { describe, expect, test } from "vitest";
import { flopsOf, layersOf, sizeOf, start } from "../../bench/network.ts";
import { LOGISTIC, MCMAHAN_CNN, type Network, SMALL_CNN, TWO_NN } from "../../bench/shapes.ts";
import { gradient, step } from "../../bench/twin.ts";

const TINY: Network = { name: "tiny", filters: [3, 2], kernel: 3, units: [5, 10] };

describe("networks", () => {
  test("have the parameters and operations they are known by", () => {
    expect([LOGISTIC, TWO_NN, SMALL_CNN, MCMAHAN_CNN].map(sizeOf)).toEqual([7850, 199210, 9098, 1663370]);
    // 784-200-200-10: forward and weight gradients 198,800 multiply-adds each, input gradients 42,000.
    expect(flopsOf(TWO_NN, 10)).toBe(10 * 2 * (2 * 198800 + 42000));
    // 28 x 28 places of 25 x 32, 14 x 14 of 25 x 32 x 64, 3136 x 512, 512 x 10; no input gradient of the first.
    const [first, rest] = [784 * 25 * 32, 196 * 25 * 32 * 64 + 3136 * 512 + 5120];
    expect(flopsOf(MCMAHAN_CNN, 1)).toBe(2 * (2 * first + 3 * rest));
  });

  test("start the same every time, with biases and all classes of numbers in range", () => {
    const [a, b] = [start(TINY, 4), start(TINY, 4)];
    expect(a).toEqual(b);
    expect(a.x.length).toBe(4 * 784);
    expect(a.parts.map(({ values }) => values.length)).toEqual([27, 3, 54, 2, 490, 5, 50, 10]);
    for (const { values } of a.parts) expect(values.every((v) => v !== 0 && Math.abs(v) < 1)).toBe(true);
    expect(a.onehot.reduce((s, v) => s + v)).toBe(4);
  });
});

describe("gradients", () => {
  test.each([TINY, { ...TINY, filters: [], kernel: 0 }])("agree with central differences: filters $filters", (network) => {
    const m = 3;
    const layers = layersOf(network);
    const { w, x, labels } = start(network, m);
    const { g } = gradient(layers, m, w, x, labels);
    const h = 1e-6;
    let worst = 0;
    let checked = 0;
    for (let at = 0; at < w.length; at += Math.ceil(w.length / 200)) {
      const moved = (by: number) => {
        const there = Float64Array.from(w);
        there[at]! += by;
        return gradient(layers, m, there, x, labels).loss;
      };
      worst = Math.max(worst, Math.abs((moved(h) - moved(-h)) / (2 * h) - g[at]!));
      checked++;
    }
    expect(checked).toBeGreaterThan(100);
    expect(g.reduce((most, v) => Math.max(most, Math.abs(v)), 0)).toBeGreaterThan(1e-2);
    expect(worst).toBeLessThan(1e-7);
  });
});

describe("clipped steps", () => {
  const m = 4;
  const layers = layersOf(TINY);
  const { w, x, labels } = start(TINY, m);
  const moved = (clip?: number) => step(layers, m, 1, w, x, labels, clip).w.map((v, i) => v - w[i]!);
  const norm = (v: Float64Array) => Math.sqrt(v.reduce((s, a) => s + a * a, 0));

  test("with a bound beyond every norm are plain steps", () => {
    const [plain, clipped] = [moved(), moved(1e9)];
    for (const [i, v] of plain.entries()) expect(Math.abs(v - clipped[i]!)).toBeLessThan(1e-14);
  });

  test("with a small bound are the mean of directions, bound long", () => {
    const directions = Array.from({ length: m }, (_, i) => {
      const { g } = gradient(layers, 1, w, x.subarray(i * 784, (i + 1) * 784), labels.subarray(i, i + 1));
      return g.map((v) => v / norm(g));
    });
    const clipped = moved(0.01);
    for (const [at, v] of clipped.entries()) expect(v).toBeCloseTo((-0.01 * directions.reduce((s, d) => s + d[at]!, 0)) / m, 12);
    expect(norm(clipped)).toBeGreaterThan(0.001);
  });
});
