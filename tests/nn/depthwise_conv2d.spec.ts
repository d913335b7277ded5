import {
  depthwise_conv2d_f32, depthwise_conv2d_gradient_norms_f32, depthwise_conv2d_input_gradient_f32, depthwise_conv2d_scratch_f32, depthwise_conv2d_weight_gradient_f32,
} from "../../assembly/nn/depthwise_conv2d";

const X: usize = heap.alloc(8192);
const K: usize = heap.alloc(8192);
const B: usize = heap.alloc(512);
const Y: usize = heap.alloc(8192);
const G: usize = heap.alloc(8192);
const NORMS: usize = heap.alloc(64);
const SCRATCH: usize = heap.alloc(1 << 18);

function x(i: i32): f32 { return <f32>((i * 5) % 7 - 3); }
function k(i: i32): f32 { return <f32>((i * 4) % 9 - 4); }
function put(p: usize, n: i32, isX: bool): void {
  for (let i = 0; i < 2048; i++) store<f32>(p + (i << 2), i < n ? isX ? x(i) : k(i) : NaN); // what lies beyond must not be read
}
function fill(p: usize, value: f32): void { for (let i = 0; i < 2048; i++) store<f32>(p + (i << 2), value); }

// One geometry at a time, in globals: as-pect closures see nothing else.
let m = 0, h = 0, w = 0, c = 0, kh = 0, kw = 0, n = 0, oh = 0, ow = 0, sh = 0, sw = 0, ph = 0, pw = 0, dh = 0, dw = 0;
function set(images: i32, height: i32, width: i32, channels: i32, rows: i32, columns: i32, multiplier: i32, strideH: i32, strideW: i32, dilationH: i32, dilationW: i32, same: bool): bool {
  m = images, h = height, w = width, c = channels, kh = rows, kw = columns, n = multiplier, sh = strideH, sw = strideW, dh = dilationH, dw = dilationW;
  const spanH = (kh - 1) * dh + 1, spanW = (kw - 1) * dw + 1;
  oh = same ? (h + sh - 1) / sh : (h - spanH + sh) / sh;
  ow = same ? (w + sw - 1) / sw : (w - spanW + sw) / sw;
  ph = same ? max<i32>(0, (oh - 1) * sh + spanH - h) / 2 : 0;
  pw = same ? max<i32>(0, (ow - 1) * sw + spanW - w) / 2 : 0;
  return h >= spanH && w >= spanW || same;
}
/** Element of an image, 0 outside. */
function at(e: i32, r: i32, s: i32, p: i32): f32 { return r < 0 || r >= h || s < 0 || s >= w ? 0 : x(((e * h + r) * w + s) * c + p); }

function check(): void {
  const outputs = oh * ow * c * n, weights = kh * kw * c * n;
  // forward
  put(X, m * h * w * c, true);
  put(K, weights, false);
  for (let q = 0; q < 64; q++) store<f32>(B + (q << 2), <f32>q);
  fill(Y, -99);
  depthwise_conv2d_f32(m, h, w, c, kh, kw, n, oh, ow, sh, sw, ph, pw, dh, dw, X, K, B, Y, SCRATCH);
  let i = 0;
  for (let e = 0; e < m; e++) for (let y = 0; y < oh; y++) for (let z = 0; z < ow; z++) for (let q = 0; q < c * n; q++, i++) {
    let s = <f32>q;
    for (let r = 0; r < kh; r++) for (let t = 0; t < kw; t++) s += at(e, y * sh + r * dh - ph, z * sw + t * dw - pw, q / n) * k((r * kw + t) * c * n + q);
    expect(load<f32>(Y + (i << 2))).toBe(s);
  }
  expect(load<f32>(Y + ((m * outputs) << 2))).toBe(-99);

  // weights, twice the gradient; norms
  put(Y, m * outputs, false);
  fill(G, NaN); // beta = 0 does not read
  for (let q = 0; q < 64; q++) store<f32>(B + (q << 2), NaN);
  for (let e = 0; e < m; e++) store<f64>(NORMS + (e << 3), 1);
  depthwise_conv2d_weight_gradient_f32(m, h, w, c, kh, kw, n, oh, ow, sh, sw, ph, pw, dh, dw, 2, 0, X, Y, G, B, SCRATCH);
  depthwise_conv2d_gradient_norms_f32(m, h, w, c, kh, kw, n, oh, ow, sh, sw, ph, pw, dh, dw, X, Y, NORMS, SCRATCH);
  for (let e = 0; e < m; e++) {
    let norm: f64 = 1;
    for (let t = 0; t <= kh * kw; t++) for (let q = 0; q < c * n; q++) {
      let all: f32 = 0, own: f32 = 0; // the last t is the bias
      for (let f = 0; f < m; f++) for (let y = 0; y < oh; y++) for (let z = 0; z < ow; z++) {
        const v: f32 = t == kh * kw ? 1 : at(f, y * sh + (t / kw) * dh - ph, z * sw + (t % kw) * dw - pw, q / n);
        const g: f32 = v * k((f * oh + y) * ow * c * n + z * c * n + q);
        all += g;
        if (f == e) own += g;
      }
      norm += <f64>own * own;
      expect(load<f32>(t == kh * kw ? B + (q << 2) : G + ((t * c * n + q) << 2))).toBe(2 * all);
    }
    expect(load<f64>(NORMS + (e << 3))).toBe(norm);
  }
  expect(isNaN(load<f32>(B + ((c * n) << 2)))).toBe(true);
  expect(isNaN(load<f32>(G + (weights << 2)))).toBe(true);

  // input
  put(Y, m * outputs, true);
  fill(G, 0);
  fill(X, -99);
  depthwise_conv2d_input_gradient_f32(m, h, w, c, kh, kw, n, oh, ow, sh, sw, ph, pw, dh, dw, Y, K, X, SCRATCH);
  for (let e = 0; e < m; e++) for (let y = 0; y < oh; y++) for (let z = 0; z < ow; z++) for (let r = 0; r < kh; r++) for (let t = 0; t < kw; t++) {
    const row = y * sh + r * dh - ph, column = z * sw + t * dw - pw;
    if (row < 0 || row >= h || column < 0 || column >= w) continue;
    for (let q = 0; q < c * n; q++) {
      const to = G + ((((e * h + row) * w + column) * c + q / n) << 2);
      store<f32>(to, load<f32>(to) + x(((e * oh + y) * ow + z) * c * n + q) * k((r * kw + t) * c * n + q));
    }
  }
  const size = m * h * w * c;
  for (let j = 0; j < size; j++) expect(load<f32>(X + (j << 2))).toBe(load<f32>(G + (j << 2)));
  expect(load<f32>(X + (size << 2))).toBe(-99);
}

describe("depthwise_conv2d, integers: exact", () => {
  test("scratch of every case fits", () => {
    set(2, 5, 5, 20, 3, 3, 3, 3, 3, 3, 3, true);
    expect(depthwise_conv2d_scratch_f32(m, h, w, c, kh, kw, n, oh, ow, sh, sw, ph, pw, dh, dw)).toBeLessThan(1 << 18);
  });

  test("channels 1..19, one and two outputs each", () => {
    for (let q = 1; q < 20; q++) for (let multiplier = 1; multiplier < 3; multiplier++) {
      set(2, 3, 4, q, 2, 3, multiplier, 1, 1, 1, 1, true);
      check();
    }
  });

  test("strides, dilations, paddings, windows", () => {
    let ran = 0;
    for (let s = 1; s < 4; s++) for (let d = 1; d < 4; d++) for (let size = 1; size < 4; size++) for (let same = 0; same < 2; same++) {
      if (!set(2, 5, 4, 3, size, 4 - size, 1 + size % 2, s, 4 - s, d, 4 - d, same == 1)) continue;
      ran++;
      check();
    }
    expect(ran).toBe(45);
  });

  test("no images: nothing but beta", () => {
    set(0, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1, true);
    check();
    fill(G, 8);
    for (let i = 0; i < 24; i++) store<f32>(B + (i << 2), 8);
    depthwise_conv2d_weight_gradient_f32(m, h, w, c, kh, kw, n, oh, ow, sh, sw, ph, pw, dh, dw, 2, 0.5, X, Y, G, B, SCRATCH);
    for (let i = 0; i < 24; i++) expect(load<f32>(G + (i << 2))).toBe(4);
    for (let i = 0; i < 6; i++) expect(load<f32>(B + (i << 2))).toBe(4);
    expect(load<f32>(G + (24 << 2))).toBe(8);
  });
});
