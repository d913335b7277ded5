// The naive twin of max pooling and its gradient, cell by cell.
import { cellsOf, type Geometry } from "./window.reference.ts";

type Numbers = ArrayLike<number>;

/** Offset in x of the first NaN of each window, or of the first of its largest values. */
export function winners(g: Geometry, x: Numbers): number[] {
  return cellsOf(g).map((cells) => {
    const values = cells.map((at) => x[at]!);
    const nan = values.findIndex(Number.isNaN);
    return cells[nan >= 0 ? nan : values.indexOf(Math.max(...values))]!;
  });
}
export const forward = (g: Geometry, x: Numbers): Float64Array => Float64Array.from(winners(g, x), (at) => x[at]!);
export function backward(g: Geometry, x: Numbers, dy: Numbers): Float64Array {
  const dx = new Float64Array(g.m * g.h * g.w * g.c);
  for (const [o, at] of winners(g, x).entries()) dx[at]! += dy[o]!;
  return dx;
}
/** A scalar loss whose gradient with respect to y is dy. */
export const loss = (g: Geometry, x: Numbers, dy: Numbers): number => forward(g, x).reduce((s, y, i) => s + y * dy[i]!, 0);
