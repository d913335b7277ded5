import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { placeByLifetime, type Wanted } from "#dist/nn/lifetime.js";

const ROUND = 64;
const up = (bytes: number) => Math.ceil(bytes / ROUND) * ROUND;

/** Bytes alive at the worst moment: no placement can do with less. */
function leastBytes(wanted: readonly Wanted[]): number {
  const times = wanted.flatMap(({ from, to }) => [from, to]);
  return Math.max(0, ...times.map((t) => wanted.reduce((sum, b) => sum + (b.from <= t && t <= b.to ? up(b.bytes) : 0), 0)));
}

const buffers = fc.array(
  fc
    .record({ bytes: fc.integer({ min: 0, max: 1000 }), from: fc.integer({ min: 0, max: 20 }), length: fc.integer({ min: 0, max: 10 }) })
    .map(({ bytes, from, length }): Wanted => ({ bytes, from, to: from + length })),
  { maxLength: 24 },
);

describe("placement by lifetime", () => {
  test("buffers alive together never overlap, all lie in the block, on 64-byte boundaries", () => {
    let runs = 0;
    fc.assert(
      fc.property(buffers, (wanted) => {
        runs++;
        const { offsets, bytes } = placeByLifetime(wanted);
        expect(offsets.length).toBe(wanted.length);
        wanted.forEach((a, i) => {
          expect(offsets[i]! % ROUND).toBe(0);
          expect(offsets[i]! + a.bytes).toBeLessThanOrEqual(bytes);
          wanted.slice(i + 1).forEach((b, k) => {
            if (a.to < b.from || b.to < a.from || a.bytes === 0 || b.bytes === 0) return;
            const [p, q] = [offsets[i]!, offsets[i + 1 + k]!];
            expect(p + a.bytes <= q || q + b.bytes <= p, `${i} and ${i + 1 + k}`).toBe(true);
          });
        });
        expect(bytes).toBeGreaterThanOrEqual(leastBytes(wanted));
        expect(bytes).toBeLessThanOrEqual(wanted.reduce((sum, b) => sum + up(b.bytes), 0));
      }),
      { numRuns: 300 },
    );
    expect(runs).toBe(300);
  });

  test("a chain of layers needs two neighbours at a time, not the sum", () => {
    const chain = [640, 64, 640, 64, 640].map((bytes, i) => ({ bytes, from: i, to: i + 1 }));
    expect(placeByLifetime(chain).bytes).toBe(704);
    expect(placeByLifetime([]).bytes).toBe(0);
  });
});
