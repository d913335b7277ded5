// The TypeScript one would write without a library: typed arrays, flat loops in the order of memory, nothing clever.
import type { Layout } from "../twin.ts";

type F32 = Float32Array;

/** out <- op(a) op(b), row-major. */
export function matmul(layout: Layout, m: number, n: number, k: number, a: F32, b: F32, out: F32): void {
  if (layout === "nt") {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let s = 0;
        for (let p = 0; p < k; p++) s += a[i * k + p]! * b[j * k + p]!;
        out[i * n + j] = s;
      }
    }
    return;
  }
  out.fill(0);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const v = layout === "nn" ? a[i * k + p]! : a[p * m + i]!;
      for (let j = 0; j < n; j++) out[i * n + j]! += v * b[p * n + j]!;
    }
  }
}

/** A square image, a square kernel, stride 1, same padding; NHWC and HWIO. */
export interface Convolution {
  readonly side: number;
  readonly kernel: number;
  readonly inputs: number;
  readonly outputs: number;
}
/** Calls visit with the places of an output pixel's, an input pixel's and a kernel cell's first channels. */
function slide(m: number, { side, kernel, inputs, outputs }: Convolution, visit: (y: number, x: number, w: number) => void): void {
  const before = (kernel - 1) >> 1;
  for (let i = 0; i < m * side; i++) {
    for (let column = 0; column < side; column++) {
      for (let r = 0; r < kernel; r++) {
        const row = (i % side) + r - before;
        if (row < 0 || row >= side) continue;
        for (let s = 0; s < kernel; s++) {
          const from = column + s - before;
          if (from < 0 || from >= side) continue;
          visit((i * side + column) * outputs, ((i + r - before) * side + from) * inputs, (r * kernel + s) * inputs * outputs);
        }
      }
    }
  }
}
export function conv2d(m: number, c: Convolution, x: F32, w: F32, bias: F32, y: F32): void {
  y.fill(0);
  addBias(c.outputs, bias, y);
  slide(m, c, (yi, xi, wi) => {
    for (let p = 0; p < c.inputs; p++) for (let q = 0; q < c.outputs; q++) y[yi + q]! += x[xi + p]! * w[wi + p * c.outputs + q]!;
  });
}
export function conv2dInputGradient(m: number, c: Convolution, dy: F32, w: F32, dx: F32): void {
  dx.fill(0);
  slide(m, c, (yi, xi, wi) => {
    for (let p = 0; p < c.inputs; p++) {
      let s = 0;
      for (let q = 0; q < c.outputs; q++) s += dy[yi + q]! * w[wi + p * c.outputs + q]!;
      dx[xi + p]! += s;
    }
  });
}
export function conv2dWeightGradient(m: number, c: Convolution, x: F32, dy: F32, dw: F32, db: F32): void {
  dw.fill(0);
  sumRows(c.outputs, dy, db);
  slide(m, c, (yi, xi, wi) => {
    for (let p = 0; p < c.inputs; p++) for (let q = 0; q < c.outputs; q++) dw[wi + p * c.outputs + q]! += x[xi + p]! * dy[yi + q]!;
  });
}

export function depthwise(m: number, side: number, kernel: number, c: number, x: F32, w: F32, bias: F32, y: F32): void {
  y.fill(0);
  addBias(c, bias, y);
  slide(m, { side, kernel, inputs: c, outputs: c }, (yi, xi, wi) => {
    const at = wi / c; // a cell has c weights here, not c c
    for (let p = 0; p < c; p++) y[yi + p]! += x[xi + p]! * w[at + p]!;
  });
}

export function addBias(n: number, bias: F32, y: F32): void {
  for (let i = 0; i < y.length; i += n) for (let j = 0; j < n; j++) y[i + j]! += bias[j]!;
}
export function sumRows(n: number, dy: F32, db: F32): void {
  db.fill(0);
  for (let i = 0; i < dy.length; i += n) for (let j = 0; j < n; j++) db[j]! += dy[i + j]!;
}
export function relu(x: F32, y: F32): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(0, x[i]!);
}
export function reluBackward(y: F32, dy: F32, dx: F32): void {
  for (let i = 0; i < y.length; i++) dx[i] = y[i]! > 0 ? dy[i]! : 0;
}
export function softmax(n: number, x: F32, p: F32): void {
  for (let i = 0; i < x.length; i += n) {
    let top = x[i]!;
    for (let j = 1; j < n; j++) top = Math.max(top, x[i + j]!);
    let total = 0;
    for (let j = 0; j < n; j++) total += p[i + j] = Math.exp(x[i + j]! - top);
    for (let j = 0; j < n; j++) p[i + j]! /= total;
  }
}
/** Mean cross-entropy; dx <- (softmax - onehot) / m. */
export function crossEntropy(n: number, x: F32, labels: Int32Array, dx: F32): number {
  softmax(n, x, dx);
  const m = labels.length;
  let loss = 0;
  for (let i = 0; i < m; i++) {
    const at = i * n + labels[i]!;
    loss -= Math.log(dx[at]!);
    dx[at]! -= 1;
  }
  for (let i = 0; i < dx.length; i++) dx[i]! /= m;
  return loss / m;
}
export function sgd(lr: number, wd: number, g: F32, w: F32): void {
  for (let i = 0; i < w.length; i++) w[i]! -= lr * (g[i]! + wd * w[i]!);
}
/** With the term of FedProx. */
export function sgdProx(lr: number, mu: number, g: F32, w0: F32, w: F32): void {
  for (let i = 0; i < w.length; i++) w[i]! -= lr * (g[i]! + mu * (w[i]! - w0[i]!));
}
export function momentum(nesterov: boolean, lr: number, beta: number, g: F32, w: F32, v: F32): void {
  for (let i = 0; i < w.length; i++) {
    v[i] = beta * v[i]! + g[i]!;
    w[i]! -= lr * (nesterov ? g[i]! + beta * v[i]! : v[i]!);
  }
}
export function adam(lr: number, beta1: number, beta2: number, eps: number, g: F32, w: F32, m: F32, v: F32): void {
  for (let i = 0; i < w.length; i++) {
    m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!;
    v[i] = beta2 * v[i]! + (1 - beta2) * g[i]! * g[i]!;
    w[i]! -= (lr * m[i]!) / (Math.sqrt(v[i]!) + eps);
  }
}
export function yogi(lr: number, beta1: number, beta2: number, eps: number, g: F32, w: F32, m: F32, v: F32): void {
  for (let i = 0; i < w.length; i++) {
    const q = g[i]! * g[i]!;
    m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!;
    v[i]! -= (1 - beta2) * q * Math.sign(v[i]! - q);
    w[i]! -= (lr * m[i]!) / (Math.sqrt(v[i]!) + eps);
  }
}
export function adagrad(lr: number, eps: number, g: F32, w: F32, v: F32): void {
  for (let i = 0; i < w.length; i++) {
    v[i]! += g[i]! * g[i]!;
    w[i]! -= (lr * g[i]!) / (Math.sqrt(v[i]!) + eps);
  }
}
export function rmsprop(lr: number, rho: number, eps: number, g: F32, w: F32, v: F32): void {
  for (let i = 0; i < w.length; i++) {
    v[i] = rho * v[i]! + (1 - rho) * g[i]! * g[i]!;
    w[i]! -= (lr * g[i]!) / (Math.sqrt(v[i]!) + eps);
  }
}
export function clipValue(limit: number, x: F32, y: F32): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(-limit, Math.min(limit, x[i]!));
}

/** A network of dense layers with relu between, and one SGD step on it. */
export class Network {
  readonly #units: readonly number[];
  readonly #lr: number;
  readonly #layers: { kernel: F32; bias: F32; y: F32; dy: F32; dKernel: F32; dBias: F32 }[] = [];

  constructor(units: readonly number[], m: number, lr: number, w: F32) {
    this.#units = units;
    this.#lr = lr;
    let at = 0;
    for (let l = 0; l + 1 < units.length; l++) {
      const [k, n] = [units[l]!, units[l + 1]!];
      const f = (size: number) => new Float32Array(size);
      const [kernel, bias] = [w.subarray(at, at + k * n), w.subarray(at + k * n, (at += k * n + n))];
      this.#layers.push({ kernel, bias, y: f(m * n), dy: f(m * n), dKernel: f(k * n), dBias: f(n) });
    }
  }

  step(x: F32, labels: Int32Array): number {
    const m = labels.length;
    const layers = this.#layers;
    for (const [l, { kernel, bias, y }] of layers.entries()) {
      matmul("nn", m, this.#units[l + 1]!, this.#units[l]!, layers[l - 1]?.y ?? x, kernel, y);
      addBias(this.#units[l + 1]!, bias, y);
      if (l + 1 < layers.length) relu(y, y);
    }
    const top = layers.at(-1)!;
    const loss = crossEntropy(this.#units.at(-1)!, top.y, labels, top.dy);
    for (let l = layers.length - 1; l >= 0; l--) {
      const { kernel, bias, y, dy, dKernel, dBias } = layers[l]!;
      const [k, n] = [this.#units[l]!, this.#units[l + 1]!];
      if (l + 1 < layers.length) reluBackward(y, dy, dy);
      const below = layers[l - 1];
      if (below) matmul("nt", m, k, n, dy, kernel, below.dy);
      matmul("tn", k, n, m, below?.y ?? x, dy, dKernel);
      sumRows(n, dy, dBias);
      sgd(this.#lr, 0, dKernel, kernel);
      sgd(this.#lr, 0, dBias, bias);
    }
    return loss;
  }
}

/** y <- x min(1, c / |x|) */
export function clip(c: number, x: F32, y: F32): void {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i]! * x[i]!;
  const factor = Math.min(1, c / Math.sqrt(s));
  for (let i = 0; i < x.length; i++) y[i] = factor * x[i]!;
}
/** y <- x + sigma z by Box-Muller on Math.random: fast and not fit for privacy. */
export function noise(sigma: number, x: F32, y: F32): void {
  for (let i = 0; i < x.length; i += 2) {
    const r = sigma * Math.sqrt(-2 * Math.log(1 - Math.random()));
    const angle = 2 * Math.PI * Math.random();
    y[i] = x[i]! + r * Math.cos(angle);
    if (i + 1 < x.length) y[i + 1] = x[i + 1]! + r * Math.sin(angle);
  }
}
/** k <- x min(1, c / |x|) / g, to the nearest integer */
export function clipToGrid(c: number, g: number, x: F32, k: Int32Array): void {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i]! * x[i]!;
  const factor = Math.min(1, c / Math.sqrt(s)) / g;
  for (let i = 0; i < x.length; i++) k[i] = Math.floor(factor * x[i]! + 0.5);
}
/** k <- scale z, to the nearest integer, by Box-Muller on Math.random: fast and not fit for privacy. */
export function gridNoise(scale: number, k: Int32Array): void {
  for (let i = 0; i < k.length; i += 2) {
    const r = scale * Math.sqrt(-2 * Math.log(1 - Math.random()));
    const angle = 2 * Math.PI * Math.random();
    k[i] = Math.floor(r * Math.cos(angle) + 0.5);
    if (i + 1 < k.length) k[i + 1] = Math.floor(r * Math.sin(angle) + 0.5);
  }
}
/** Levels of 8 bits between the least and largest element, rounded at random without bias, or to the nearest. Returns both ends. */
export function quantize(random: boolean, x: F32, q: Uint8Array): [number, number] {
  let lo = x[0]!;
  let hi = x[0]!;
  for (let i = 1; i < x.length; i++) {
    lo = Math.min(lo, x[i]!);
    hi = Math.max(hi, x[i]!);
  }
  const inverse = 255 / (hi - lo);
  if (random) for (let i = 0; i < x.length; i++) q[i] = Math.min(255, Math.floor((x[i]! - lo) * inverse + Math.random()));
  else for (let i = 0; i < x.length; i++) q[i] = Math.floor((x[i]! - lo) * inverse + 0.5);
  return [lo, hi];
}
/** y <- sum w x / sum w */
export function mean(updates: readonly F32[], weights: readonly number[], y: F32): void {
  const sum = new Float64Array(y.length);
  let total = 0;
  for (const [k, x] of updates.entries()) {
    const w = weights[k]!;
    total += w;
    for (let i = 0; i < x.length; i++) sum[i]! += w * x[i]!;
  }
  for (let i = 0; i < y.length; i++) y[i] = sum[i]! / total;
}
export function shuffle(x: Uint32Array): void {
  for (let i = x.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    const t = x[i]!;
    x[i] = x[j]!;
    x[j] = t;
  }
}

/** ChaCha20 key stream (RFC 8439) into out, 16 words a block. */
export function chacha(counter: number, key: Uint32Array, nonce: readonly number[], out: Uint32Array): void {
  const start = new Int32Array([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, 0, ...nonce]);
  const s = new Int32Array(16);
  const quarter = (a: number, b: number, c: number, d: number) => {
    let [p, q, r, t] = [s[a]!, s[b]!, s[c]!, s[d]!];
    p = (p + q) | 0;
    t ^= p;
    t = (t << 16) | (t >>> 16);
    r = (r + t) | 0;
    q ^= r;
    q = (q << 12) | (q >>> 20);
    p = (p + q) | 0;
    t ^= p;
    t = (t << 8) | (t >>> 24);
    r = (r + t) | 0;
    q ^= r;
    q = (q << 7) | (q >>> 25);
    s[a] = p;
    s[b] = q;
    s[c] = r;
    s[d] = t;
  };
  for (let at = 0; at < out.length; at += 16) {
    start[12] = counter++;
    s.set(start);
    for (let i = 0; i < 10; i++) {
      quarter(0, 4, 8, 12);
      quarter(1, 5, 9, 13);
      quarter(2, 6, 10, 14);
      quarter(3, 7, 11, 15);
      quarter(0, 5, 10, 15);
      quarter(1, 6, 11, 12);
      quarter(2, 7, 8, 13);
      quarter(3, 4, 9, 14);
    }
    for (let i = 0; i < 16; i++) out[at + i] = s[i]! + start[i]!;
  }
}
