// The truth that every contender is checked against: float64, naive, shared with nobody.
import type { Numbers } from "./kit.ts";
import type { Layer } from "./network.ts";

export type Layout = "nn" | "nt" | "tn";

/** The columns of x[m, n], one after another. */
function transpose(m: number, n: number, x: Numbers): Float64Array {
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) y[j * m + i] = x[i * n + j]!;
  return y;
}

/** Product and the sum of |a||b| that bounds its rounding errors, row-major. */
export function product(layout: Layout, m: number, n: number, k: number, a: Numbers, b: Numbers): { value: Float64Array; size: Float64Array } {
  const value = new Float64Array(m * n);
  const size = new Float64Array(m * n);
  const rowA = layout === "tn" ? transpose(k, m, a) : a;
  const columnB = layout === "nt" ? b : transpose(k, n, b);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let s = 0;
      let t = 0;
      for (let p = 0; p < k; p++) {
        const term = rowA[i * k + p]! * columnB[j * k + p]!;
        s += term;
        t += Math.abs(term);
      }
      value[i * n + j] = s;
      size[i * n + j] = t;
    }
  }
  return { value, size };
}

/** Softmax of each row of [m, n]. */
export function softmax(m: number, n: number, x: Numbers): Float64Array {
  const p = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    const row = Array.from({ length: n }, (_, j) => x[i * n + j]!);
    const top = Math.max(...row);
    const exps = row.map((v) => Math.exp(v - top));
    const total = exps.reduce((s, v) => s + v, 0);
    for (let j = 0; j < n; j++) p[i * n + j] = exps[j]! / total;
  }
  return p;
}

/** Mean cross-entropy of logits [m, n], and its gradient. */
export function crossEntropy(m: number, n: number, x: Numbers, labels: Numbers): { loss: number; gradient: Float64Array } {
  const p = softmax(m, n, x);
  let loss = 0;
  for (let i = 0; i < m; i++) loss -= Math.log(p[i * n + labels[i]!]!) / m;
  return { loss, gradient: p.map((v, at) => (v - (at % n === labels[Math.floor(at / n)] ? 1 : 0)) / m) };
}

/** Forward pass of one layer on m rows: its output, and before pooling. */
interface Pass {
  readonly x: Numbers;
  readonly y: Float64Array;
  /** Of a convolution: after relu, before pooling. */
  readonly wide?: Float64Array;
}

/** Calls visit(output pixel, input pixel, kernel place) for all of a convolution with same padding, pixels counted from the example's first. */
export function slide({ side, kernel }: { readonly side: number; readonly kernel: number }, visit: (to: number, from: number, tap: number) => void): void {
  const before = Math.floor((kernel - 1) / 2);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const r = row + Math.floor(tap / kernel) - before;
        const c = column + (tap % kernel) - before;
        if (r >= 0 && r < side && c >= 0 && c < side) visit(row * side + column, r * side + c, tap);
      }
    }
  }
}

function forward(layer: Layer, m: number, x: Numbers, w: Numbers, bias: Numbers): Pass {
  const { inputs: k, outputs: n } = layer;
  if (layer.type === "dense") {
    const y = product("nn", m, n, k, x, w).value.map((v, at) => v + bias[at % n]!);
    return { x, y: layer.relu ? y.map((v) => Math.max(0, v)) : y };
  }
  const { side } = layer;
  const pixels = side * side;
  const wide = Float64Array.from({ length: m * pixels * n }, (_, at) => bias[at % n]!);
  for (let i = 0; i < m * pixels; i += pixels) {
    slide(layer, (to, from, tap) => {
      for (let c = 0; c < k; c++) {
        const v = x[(i + from) * k + c]!;
        for (let f = 0; f < n; f++) wide[(i + to) * n + f]! += v * w[(tap * k + c) * n + f]!;
      }
    });
  }
  for (let at = 0; at < wide.length; at++) wide[at] = Math.max(0, wide[at]!);
  const half = side / 2;
  const y = new Float64Array(m * half * half * n);
  for (const [at] of y.entries()) y[at] = Math.max(...pool(at, half, n).map((from) => wide[from]!));
  return { x, y, wide };
}

/** The four values of the wide image that the pooled value `at` is the largest of. */
function pool(at: number, half: number, n: number): number[] {
  const [f, column, row, i] = [at % n, Math.floor(at / n) % half, Math.floor(at / n / half) % half, Math.floor(at / n / half / half)];
  const first = ((i * 2 * half + 2 * row) * 2 * half + 2 * column) * n + f;
  return [first, first + n, first + 2 * half * n, first + 2 * half * n + n];
}

/** Adds the gradients of kernel and bias to dw and db and returns that of the input. */
function backward(layer: Layer, m: number, { x, y, wide }: Pass, dy: Float64Array, w: Numbers, dw: Float64Array, db: Float64Array): Float64Array {
  const { inputs: k, outputs: n } = layer;
  if (layer.type === "dense") {
    const dz = layer.relu ? dy.map((v, at) => (y[at]! > 0 ? v : 0)) : dy;
    const g = product("tn", k, n, m, x, dz).value;
    for (let at = 0; at < g.length; at++) dw[at]! += g[at]!;
    for (let at = 0; at < dz.length; at++) db[at % n]! += dz[at]!;
    return product("nt", m, k, n, dz, w).value;
  }
  const { side } = layer;
  const pixels = side * side;
  const dz = new Float64Array(wide!.length);
  for (const [at, v] of dy.entries()) {
    const from = pool(at, side / 2, n).find((place) => wide![place] === y[at])!;
    if (y[at]! > 0) dz[from]! += v;
  }
  for (let at = 0; at < dz.length; at++) db[at % n]! += dz[at]!;
  const dx = new Float64Array(x.length);
  for (let i = 0; i < m * pixels; i += pixels) {
    slide(layer, (to, from, tap) => {
      for (let c = 0; c < k; c++) {
        const v = x[(i + from) * k + c]!;
        let s = 0;
        for (let f = 0; f < n; f++) {
          const d = dz[(i + to) * n + f]!;
          dw[(tap * k + c) * n + f]! += v * d;
          s += d * w[(tap * k + c) * n + f]!;
        }
        dx[(i + from) * k + c]! += s;
      }
    });
  }
  return dx;
}

/** Mean loss of a network on m examples and its gradient. `w` holds kernel and bias of each layer, one after another. */
export function gradient(layers: readonly Layer[], m: number, w: Numbers, x: Numbers, labels: Numbers): { loss: number; g: Float64Array } {
  const weights = Float64Array.from(w);
  const g = new Float64Array(w.length);
  let at = 0;
  const places = layers.map(({ inputs, outputs, ...layer }) => {
    const size = inputs * outputs * (layer.type === "conv" ? layer.kernel ** 2 : 1);
    const cut = (all: Float64Array) => [all.subarray(at, at + size), all.subarray(at + size, at + size + outputs)] as const;
    const both = { w: cut(weights), g: cut(g) };
    at += size + outputs;
    return both;
  });
  const passes: Pass[] = [];
  for (const [l, layer] of layers.entries()) passes.push(forward(layer, m, passes.at(-1)?.y ?? x, ...places[l]!.w));
  const { loss, gradient: top } = crossEntropy(m, layers.at(-1)!.outputs, passes.at(-1)!.y, labels);
  let dy = top;
  for (let l = layers.length - 1; l >= 0; l--) dy = backward(layers[l]!, m, passes[l]!, dy, places[l]!.w[0], ...places[l]!.g);
  return { loss, g };
}

/** One SGD step. With `clip`, every example's gradient is first cut to that L2 norm: one gradient at a time, in full. */
export function step(
  layers: readonly Layer[],
  m: number,
  lr: number,
  w: Numbers,
  x: Numbers,
  labels: Numbers,
  clip?: number,
): { loss: number; w: Float64Array } {
  if (clip === undefined) {
    const { loss, g } = gradient(layers, m, w, x, labels);
    return { loss, w: g.map((v, at) => w[at]! - lr * v) };
  }
  const pixels = x.length / m;
  const next = Float64Array.from(w);
  let total = 0;
  for (let i = 0; i < m; i++) {
    const one = Array.from({ length: pixels }, (_, p) => x[i * pixels + p]!);
    const { loss, g } = gradient(layers, 1, w, one, [labels[i]!]);
    const factor = Math.min(1, clip / Math.sqrt(g.reduce((s, v) => s + v * v, 0)));
    for (let at = 0; at < g.length; at++) next[at]! -= (lr / m) * factor * g[at]!;
    total += loss / m;
  }
  return { loss: total, w: next };
}

/** ChaCha20 key stream (RFC 8439, section 2.3), block by block. */
export function chacha(blocks: number, counter: number, key: Uint8Array, nonce: readonly number[]): Uint8Array {
  const words = new Uint32Array(key.slice().buffer);
  const out = new Uint32Array(blocks * 16);
  const rotate = (v: number, by: number) => (v << by) | (v >>> (32 - by));
  for (let b = 0; b < blocks; b++) {
    const start = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...words, counter + b, ...nonce);
    const s = start.slice();
    const quarter = (i: number, j: number, k: number, l: number) => {
      for (const [p, q, r, by] of [
        [i, j, l, 16],
        [k, l, j, 12],
        [i, j, l, 8],
        [k, l, j, 7],
      ] as const) {
        s[p]! += s[q]!;
        s[r] = rotate(s[r]! ^ s[p]!, by);
      }
    };
    for (let round = 0; round < 10; round++) {
      for (let c = 0; c < 4; c++) quarter(c, 4 + c, 8 + c, 12 + c);
      for (let c = 0; c < 4; c++) quarter(c, 4 + ((c + 1) % 4), 8 + ((c + 2) % 4), 12 + ((c + 3) % 4));
    }
    for (let i = 0; i < 16; i++) out[b * 16 + i] = s[i]! + start[i]!;
  }
  return new Uint8Array(out.buffer);
}

/** Standard normal distribution function within 1e-7 (Abramowitz and Stegun 1964, 26.2.17). */
export function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail = Math.exp((-x * x) / 2) * 0.3989422804014327 * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x > 0 ? 1 - tail : tail;
}
