import { dense_f32, dense_gradient_norms_f32, dense_input_gradient_f32, dense_scratch_f32, dense_weight_gradient_f32 } from "../../assembly/nn/dense";

const X: usize = heap.alloc(2048);
const W: usize = heap.alloc(2048);
const B: usize = heap.alloc(256);
const Y: usize = heap.alloc(2048);
const SCRATCH: usize = heap.alloc(dense_scratch_f32());

function x(i: i32, p: i32): f32 { return <f32>((i * 5 + p * 3) % 7 - 3); }
function w(p: i32, j: i32): f32 { return <f32>((p * 4 + j * 5) % 9 - 4); }
function fill(p: usize, value: f32): void { for (let i = 0; i < 400; i++) store<f32>(p + (i << 2), value); }
function put(p: usize, rows: i32, cols: i32, isX: bool): void {
  fill(p, NaN); // what lies beyond must not be read
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) store<f32>(p + ((r * cols + c) << 2), isX ? x(r, c) : w(r, c));
}

describe("dense, integers: exact", () => {
  test("Y = X W + b", () => {
    for (let m = 0; m < 5; m++) for (let n = 0; n < 20; n++) for (let k = 0; k < 6; k++) {
      put(X, m, k, true);
      put(W, k, n, false);
      for (let j = 0; j < 20; j++) store<f32>(B + (j << 2), <f32>j);
      fill(Y, -99);
      dense_f32(m, n, k, X, W, B, Y, SCRATCH);
      for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) {
        let s = <f32>j;
        for (let p = 0; p < k; p++) s += x(i, p) * w(p, j);
        expect(load<f32>(Y + ((i * n + j) << 2))).toBe(s);
      }
      expect(load<f32>(Y + ((m * n) << 2))).toBe(-99);
    }
  });

  test("dX = dY W^T", () => {
    for (let m = 1; m < 5; m++) for (let n = 0; n < 20; n++) for (let k = 1; k < 6; k++) {
      put(X, m, n, true); // dY
      put(W, k, n, false);
      fill(Y, -99);
      dense_input_gradient_f32(m, n, k, X, W, Y, SCRATCH);
      for (let i = 0; i < m; i++) for (let p = 0; p < k; p++) {
        let s: f32 = 0;
        for (let j = 0; j < n; j++) s += x(i, j) * w(p, j);
        expect(load<f32>(Y + ((i * k + p) << 2))).toBe(s);
      }
      expect(load<f32>(Y + ((m * k) << 2))).toBe(-99);
    }
  });

  test("dW = X^T dY and db = sum of rows; beta = 0 reads neither", () => {
    for (let m = 0; m < 5; m++) for (let n = 1; n < 20; n++) for (let k = 1; k < 6; k++) {
      put(X, m, k, true);
      put(W, m, n, false); // dY
      fill(Y, NaN);
      for (let j = 0; j < 24; j++) store<f32>(B + (j << 2), NaN);
      dense_weight_gradient_f32(m, n, k, 2, 0, X, W, Y, B, SCRATCH);
      for (let j = 0; j < n; j++) {
        let t: f32 = 0;
        for (let i = 0; i < m; i++) t += w(i, j);
        expect(load<f32>(B + (j << 2))).toBe(2 * t);
        for (let p = 0; p < k; p++) {
          let s: f32 = 0;
          for (let i = 0; i < m; i++) s += x(i, p) * w(i, j);
          expect(load<f32>(Y + ((p * n + j) << 2))).toBe(2 * s);
        }
      }
      expect(isNaN(load<f32>(B + (n << 2)))).toBe(true);
      expect(isNaN(load<f32>(Y + ((k * n) << 2)))).toBe(true);
    }
  });

  test("norms_i += (|x_i|^2 + 1) |dy_i|^2", () => {
    for (let m = 0; m < 5; m++) for (let n = 0; n < 20; n++) for (let k = 0; k < 6; k++) {
      put(X, m, k, true);
      put(W, m, n, false); // dY
      for (let i = 0; i < 6; i++) store<f64>(B + (i << 3), <f64>i);
      dense_gradient_norms_f32(m, n, k, X, W, B);
      for (let i = 0; i < 6; i++) {
        let a: f64 = 1, b: f64 = 0;
        for (let p = 0; p < k; p++) a += <f64>(x(i, p) * x(i, p));
        for (let j = 0; j < n; j++) b += <f64>(w(i, j) * w(i, j));
        expect(load<f64>(B + (i << 3))).toBe(i < m ? <f64>i + a * b : <f64>i);
      }
    }
  });
});
