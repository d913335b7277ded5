// Random geometries of windows over images.
import fc from "fast-check";
import type { Geometry } from "../nn/window.reference.ts";

const size = (max: number) => fc.integer({ min: 1, max });
/** Images of 1x1 to 9x9 with channels around the vector widths, windows of up to 4x4 that fit, strides of up to 3. */
export const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    m: size(2),
    h: size(9),
    w: size(9),
    c: fc.constantFrom(1, 3, 4, 5, 8, 17),
    kernel: fc.tuple(size(4), size(4)),
    strides: fc.tuple(size(3), size(3)),
    padding: fc.constantFrom("valid" as const, "same" as const),
  })
  .filter(({ h, w, kernel: [kh, kw], padding }) => padding === "same" || (kh <= h && kw <= w));
