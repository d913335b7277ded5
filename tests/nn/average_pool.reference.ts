// The naive twin of average pooling and its gradient, cell by cell.
import { cellsOf, type Geometry, sizes } from "./window.reference.ts";

type Numbers = ArrayLike<number>;

export const forward = (g: Geometry, x: Numbers): Float64Array =>
  Float64Array.from(cellsOf(g), (cells) => cells.reduce((s, at) => s + x[at]!, 0) / cells.length);
export function backward(g: Geometry, dy: Numbers): Float64Array {
  const dx = new Float64Array(sizes(g)[0]);
  for (const [o, cells] of cellsOf(g).entries()) for (const at of cells) dx[at]! += dy[o]! / cells.length;
  return dx;
}
/** A scalar loss whose gradient with respect to y is dy. */
export const loss = (g: Geometry, x: Numbers, dy: Numbers): number => forward(g, x).reduce((s, y, i) => s + y * dy[i]!, 0);
