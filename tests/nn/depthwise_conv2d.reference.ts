// The naive twin of a depthwise convolution and its gradients: float64, plain loops. Channel e has n outputs, e n + q.
// Cells outside of the image are zeros that take part, as in conv2d.reference.ts.
import { type Conv, forEachPair } from "./conv2d.reference.ts";

type Numbers = ArrayLike<number>;

export { biasGradient } from "./conv2d.reference.ts";

/** Calls visit with the places of an output, of the input that it sees (-1 outside of the image), and of the weight between them. */
function forEachProduct(g: Conv, visit: (y: number, x: number, k: number) => void): void {
  forEachPair(g, (example, y, x, i, j, row, column) => {
    const inside = row >= 0 && row < g.h && column >= 0 && column < g.w;
    for (let e = 0; e < g.c; e++)
      for (let q = 0; q < g.n; q++)
        visit(
          ((example * g.oh + y) * g.ow + x) * g.c * g.n + e * g.n + q,
          inside ? ((example * g.h + row) * g.w + column) * g.c + e : -1,
          ((i * g.kw + j) * g.c + e) * g.n + q,
        );
  });
}
const at = (x: Numbers, i: number): number => (i < 0 ? 0 : x[i]!);

export function forward(g: Conv, x: Numbers, k: Numbers, b: Numbers): Float64Array {
  const y = Float64Array.from({ length: g.m * g.oh * g.ow * g.c * g.n }, (_, i) => b[i % (g.c * g.n)]!);
  forEachProduct(g, (yi, xi, ki) => {
    y[yi]! += at(x, xi) * k[ki]!;
  });
  return y;
}
export function kernelGradient(g: Conv, x: Numbers, dy: Numbers): Float64Array {
  const dk = new Float64Array(g.kh * g.kw * g.c * g.n);
  forEachProduct(g, (yi, xi, ki) => {
    dk[ki]! += at(x, xi) * dy[yi]!;
  });
  return dk;
}
/** Gathers: an input times every cell, from an output that may lie outside and is 0 there. */
export function inputGradient(g: Conv, dy: Numbers, k: Numbers): Float64Array {
  return Float64Array.from({ length: g.m * g.h * g.w * g.c }, (_, to) => {
    const [e, column, row, example] = [to % g.c, Math.floor(to / g.c) % g.w, Math.floor(to / g.c / g.w) % g.h, Math.floor(to / g.c / g.w / g.h)];
    let s = 0;
    for (let i = 0; i < g.kh; i++)
      for (let j = 0; j < g.kw; j++) {
        const [y, x] = [(row + g.ph - i * g.dh) / g.sh, (column + g.pw - j * g.dw) / g.sw];
        if (!Number.isInteger(y) || !Number.isInteger(x)) continue;
        const inside = y >= 0 && y < g.oh && x >= 0 && x < g.ow;
        for (let q = 0; q < g.n; q++)
          s += at(dy, inside ? ((example * g.oh + y) * g.ow + x) * g.c * g.n + e * g.n + q : -1) * k[((i * g.kw + j) * g.c + e) * g.n + q]!;
      }
    return s;
  });
}
/** A scalar loss whose gradient with respect to Y is dY: <dY, Y>. */
export const loss = (g: Conv, x: Numbers, k: Numbers, b: Numbers, dy: Numbers): number => forward(g, x, k, b).reduce((s, y, i) => s + y * dy[i]!, 0);
