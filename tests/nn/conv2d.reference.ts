// The naive twin of a convolution and its gradients: float64, plain loops, straight from the definition.
// Cells outside of the image are zeros that take part: in the forward pass zeros of x, for the input gradient zeros of dY.
type Numbers = ArrayLike<number>;

export interface Conv {
  readonly m: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly kh: number;
  readonly kw: number;
  readonly n: number;
  readonly oh: number;
  readonly ow: number;
  readonly sh: number;
  readonly sw: number;
  readonly ph: number;
  readonly pw: number;
  readonly dh: number;
  readonly dw: number;
}

/** TensorFlow's placing of windows of k cells along n cells: how many, and the cells of padding before the first. */
export function place(n: number, k: number, stride: number, dilation: number, padding: "same" | "valid"): [outputs: number, before: number] {
  const span = (k - 1) * dilation + 1;
  if (padding === "valid") return [Math.ceil((n - span + 1) / stride), 0];
  const outputs = Math.ceil(n / stride);
  return [outputs, Math.floor(Math.max((outputs - 1) * stride + span - n, 0) / 2)];
}

/** Every output with every cell of its window: the input's row and column, which may lie outside of the image. */
export function forEachPair(g: Conv, visit: (example: number, y: number, x: number, i: number, j: number, row: number, column: number) => void): void {
  for (let e = 0; e < g.m; e++)
    for (let y = 0; y < g.oh; y++)
      for (let x = 0; x < g.ow; x++)
        for (let i = 0; i < g.kh; i++) for (let j = 0; j < g.kw; j++) visit(e, y, x, i, j, y * g.sh + i * g.dh - g.ph, x * g.sw + j * g.dw - g.pw);
}
/** Element (example, row, column, channel) of images of h x w x channels; 0 outside. */
const at = (v: Numbers, h: number, w: number, channels: number, e: number, r: number, s: number, channel: number): number =>
  r >= 0 && r < h && s >= 0 && s < w ? v[((e * h + r) * w + s) * channels + channel]! : 0;

export function forward(g: Conv, x: Numbers, k: Numbers, b: Numbers): Float64Array {
  const y = Float64Array.from({ length: g.m * g.oh * g.ow * g.n }, (_, i) => b[i % g.n]!);
  forEachPair(g, (e, oy, ox, i, j, row, column) => {
    for (let p = 0; p < g.c; p++)
      for (let q = 0; q < g.n; q++)
        y[((e * g.oh + oy) * g.ow + ox) * g.n + q]! += at(x, g.h, g.w, g.c, e, row, column, p) * k[((i * g.kw + j) * g.c + p) * g.n + q]!;
  });
  return y;
}

export function inputGradient(g: Conv, dy: Numbers, k: Numbers): Float64Array {
  const dx = new Float64Array(g.m * g.h * g.w * g.c);
  for (let e = 0; e < g.m; e++)
    for (let row = 0; row < g.h; row++)
      for (let column = 0; column < g.w; column++)
        for (let i = 0; i < g.kh; i++)
          for (let j = 0; j < g.kw; j++) {
            const [y, x] = [(row + g.ph - i * g.dh) / g.sh, (column + g.pw - j * g.dw) / g.sw];
            if (!Number.isInteger(y) || !Number.isInteger(x)) continue;
            for (let p = 0; p < g.c; p++)
              for (let q = 0; q < g.n; q++)
                dx[((e * g.h + row) * g.w + column) * g.c + p]! += at(dy, g.oh, g.ow, g.n, e, y, x, q) * k[((i * g.kw + j) * g.c + p) * g.n + q]!;
          }
  return dx;
}

export function kernelGradient(g: Conv, x: Numbers, dy: Numbers): Float64Array {
  const dk = new Float64Array(g.kh * g.kw * g.c * g.n);
  forEachPair(g, (e, oy, ox, i, j, row, column) => {
    for (let p = 0; p < g.c; p++)
      for (let q = 0; q < g.n; q++)
        dk[((i * g.kw + j) * g.c + p) * g.n + q]! += at(x, g.h, g.w, g.c, e, row, column, p) * dy[((e * g.oh + oy) * g.ow + ox) * g.n + q]!;
  });
  return dk;
}

/** The sum of each channel of dY. */
export function biasGradient(channels: number, dy: Numbers): Float64Array {
  const db = new Float64Array(channels);
  for (let i = 0; i < dy.length; i++) db[i % channels]! += dy[i]!;
  return db;
}

/** A scalar loss whose gradient with respect to Y is dY: <dY, Y>. */
export const loss = (g: Conv, x: Numbers, k: Numbers, b: Numbers, dy: Numbers): number => forward(g, x, k, b).reduce((s, y, i) => s + y * dy[i]!, 0);
