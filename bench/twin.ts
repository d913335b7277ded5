// The truth that every contender is checked against: float64, naive, shared with nobody.
import type { Numbers } from "./kit.ts";

export type Layout = "nn" | "nt" | "tn";

/** Product and the sum of |a||b| that bounds its rounding errors, row-major. */
export function product(layout: Layout, m: number, n: number, k: number, a: Numbers, b: Numbers): { value: Float64Array; size: Float64Array } {
  const value = new Float64Array(m * n);
  const size = new Float64Array(m * n);
  const rowA = Float64Array.from({ length: m * k }, (_, at) => (layout === "tn" ? a[(at % k) * m + Math.floor(at / k)]! : a[at]!));
  const columnB = Float64Array.from({ length: n * k }, (_, at) => (layout === "nt" ? b[at]! : b[(at % k) * n + Math.floor(at / k)]!));
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

/** One SGD step of a network of dense layers with relu between. `w` holds kernel [in, out] and bias of each layer, one after another. */
export function step(units: readonly number[], m: number, lr: number, w: Numbers, x: Numbers, labels: Numbers): { loss: number; w: Float64Array } {
  const next = Float64Array.from(w);
  const inputs: Numbers[] = [x];
  const offsets: number[] = [];
  let at = 0;
  for (let l = 0; l + 1 < units.length; l++) {
    const [k, n] = [units[l]!, units[l + 1]!];
    offsets.push(at);
    const kernel = next.subarray(at, at + k * n);
    const bias = next.subarray(at + k * n, at + k * n + n);
    const y = product("nn", m, n, k, inputs[l]!, kernel).value.map((v, i) => v + bias[i % n]!);
    inputs.push(l + 2 < units.length ? y.map((v) => Math.max(0, v)) : y);
    at += k * n + n;
  }
  const last = units.length - 1;
  const { loss, gradient } = crossEntropy(m, units[last]!, inputs[last]!, labels);
  let dy = gradient;
  for (let l = last - 1; l >= 0; l--) {
    const [k, n, offset] = [units[l]!, units[l + 1]!, offsets[l]!];
    const dw = product("tn", k, n, m, inputs[l]!, dy).value;
    const dx = product("nt", m, k, n, dy, next.subarray(offset, offset + k * n)).value;
    for (let i = 0; i < k * n; i++) next[offset + i]! -= lr * dw[i]!;
    for (let i = 0; i < m * n; i++) next[offset + k * n + (i % n)]! -= lr * dy[i]!;
    dy = dx.map((v, i) => (inputs[l]![i]! > 0 ? v : 0));
  }
  return { loss, w: next };
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
