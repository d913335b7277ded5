// Charts: ticks that cover and are round, and SVG that stays sound whatever the data.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { barChart, escapeText, type LineChart, linearTicks, lineChart, logTicks } from "#dist/cli/plot.js";

const axis = { label: "x", format: String };
const chart = (points: [number, number][], more: Partial<LineChart> = {}) =>
  lineChart({ title: "t", x: axis, y: axis, series: [{ name: "a", points }], ...more });
/** Numbers in attributes and paths are finite. */
const sound = (svg: string) => {
  expect(svg).toMatch(/^<svg [\s\S]*<\/svg>$/);
  expect(svg.replace(/<(text|title)[^>]*>[^<]*/g, "")).not.toMatch(/NaN|Infinity|undefined/);
  expect(svg).not.toMatch(/(x|y|x1|x2|y1|y2|cx|cy|width|d)="[^"]*(NaN|Infinity|undefined)/);
};

describe("ticks", () => {
  test("known ranges", () => {
    expect(linearTicks(0, 150)).toEqual([0, 50, 100, 150]);
    expect(linearTicks(0.83, 0.97)).toEqual([0.8, 0.85, 0.9, 0.95, 1]);
    expect(linearTicks(0, 0)).toEqual([-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6]);
    expect(logTicks(2e6, 3.5e8)).toEqual([2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8]);
    expect(logTicks(1, 1e6)).toEqual([1, 10, 100, 1000, 1e4, 1e5, 1e6]);
    expect(logTicks(5, 5)).toEqual([5, 10]);
  });

  test("cover the range, rise, and are few", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.double({ min: 1e-3, max: 1e9, noNaN: true }), (low, width) => {
        const ticks = linearTicks(low, low + width);
        const slack = 1e-6 * width;
        expect(ticks[0]).toBeLessThanOrEqual(low + slack);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(low + width - slack);
        expect(ticks.length).toBeLessThanOrEqual(9);
        expect(ticks.every((t, i) => i === 0 || t > ticks[i - 1]!)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: -12, max: 12, noNaN: true }), fc.double({ min: 0, max: 12, noNaN: true }), (e, decades) => {
        const [low, high] = [10 ** e, 10 ** (e + decades)];
        const ticks = logTicks(low, high);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(16);
        expect(ticks[0]).toBeLessThanOrEqual(low * 1.001);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(high * 0.999);
      }),
    );
  });

  test("nothing to cover", () => {
    expect(linearTicks(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)).toEqual([0, 1]);
    expect(linearTicks(Number.NaN, 1)).toEqual([0, 1]);
    expect(logTicks(0, 10)).toEqual([1, 10]);
    expect(logTicks(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)).toEqual([1, 10]);
  });
});

describe("lines", () => {
  test("no point, one point, NaN in between", () => {
    const none = chart([]);
    sound(none);
    expect(none).toContain("no data");
    const one = chart([[3, 0.5]]);
    sound(one);
    expect(one).toContain("dot s0 alone");
    const gap = chart([
      [1, 1],
      [2, 2],
      [3, Number.NaN],
      [4, Number.POSITIVE_INFINITY],
      [5, 3],
      [6, 4],
    ]);
    sound(gap);
    expect(gap.match(/ d="([^"]*)"/)![1]!.match(/M/g)).toHaveLength(2);
    sound(chart([[Number.NaN, Number.NaN]]));
  });

  test("a log axis leaves out what is not above 0", () => {
    const svg = chart(
      [
        [0, 1],
        [-5, 1],
        [10, 2],
        [1000, 3],
      ],
      { x: { ...axis, log: true } },
    );
    sound(svg);
    expect(svg.match(/<circle/g)).toHaveLength(2);
  });

  test("any numbers at all", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -1e300, max: 1e300 }), fc.double({ min: -1e300, max: 1e300 })), { maxLength: 20 }),
        fc.boolean(),
        (points, log) => {
          sound(chart(points, { x: { ...axis, log } }));
        },
      ),
      {
        // Ends of float range: no power of ten below, none above.
        examples: [
          [
            [
              [5e-324, 0],
              [4.941e-320, 0],
            ],
            true,
          ],
          [
            [
              [5e-324, 0],
              [1e300, 0],
            ],
            true,
          ],
          [[[1.7e308, 0]], true],
        ],
      },
    );
  });

  test("has a legend, labels, the guide, and hides no markup", () => {
    const svg = chart([[1, 1]], { title: '"><script>', guide: { y: 2, label: "target <97>" }, series: [{ name: "a & b", points: [[1, 1]] }] });
    expect(svg).not.toMatch(/<script|<97/);
    expect(svg).toContain("a &#38; b");
    expect(svg).toContain('class="guide"');
  });
});

test("bars: zero, negative and NaN lengths are drawn at zero", () => {
  const bars = [1, 0, -3, Number.NaN, Number.POSITIVE_INFINITY].map((value, i) => ({ label: `b${i}`, value, text: "<t>" }));
  const svg = barChart("t", axis, bars);
  sound(svg);
  expect(svg.match(/<rect/g)).toHaveLength(5);
  expect(svg).not.toContain("<t>");
  sound(barChart("t", axis, []));
});

test("escapeText", () => {
  expect(escapeText(`<a href="x" id='y'>&`)).toBe("&#60;a href=&#34;x&#34; id=&#39;y&#39;&#62;&#38;");
});
