import { accumulate_f32_f64, add_f32, axpy_f32, scale_f32, sub_f32 } from "../../assembly/linalg/vector";

const X: usize = heap.alloc(256);
const Y: usize = heap.alloc(256);
const Z: usize = heap.alloc(256);
const D: usize = heap.alloc(256);

function fill(p: usize, n: i32, first: f32, step: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), first + step * <f32>i);
}

describe("vector kernels, every length 0..19, all values dyadic: exact", () => {
  test("axpy_f32 is a x + y and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      fill(X, 24, -2, 0.25);
      fill(Y, 24, 1, 0.5);
      axpy_f32(n, 0.5, X, Y);
      for (let i = 0; i < 24; i++) {
        const y: f32 = 1 + 0.5 * <f32>i;
        expect(load<f32>(Y + (i << 2))).toBe(i < n ? y + 0.5 * (-2 + 0.25 * <f32>i) : y);
      }
    }
  });

  test("scale_f32 is a x, also in place", () => {
    for (let n = 0; n < 20; n++) {
      fill(X, 24, -2, 0.25);
      fill(Y, 24, 7, 0);
      scale_f32(n, -0.5, X, Y);
      scale_f32(n, -0.5, X, X);
      for (let i = 0; i < 24; i++) {
        const x: f32 = -2 + 0.25 * <f32>i;
        expect(load<f32>(Y + (i << 2))).toBe(i < n ? -0.5 * x : 7);
        expect(load<f32>(X + (i << 2))).toBe(i < n ? -0.5 * x : x);
      }
    }
  });

  test("add_f32 and sub_f32, also on top of an input", () => {
    for (let n = 0; n < 20; n++) {
      fill(X, 24, -2, 0.25);
      fill(Y, 24, 1, 0.5);
      fill(Z, 24, 9, 0);
      sub_f32(n, X, Y, Z);
      add_f32(n, X, Y, Y);
      for (let i = 0; i < 24; i++) {
        const x: f32 = -2 + 0.25 * <f32>i;
        const y: f32 = 1 + 0.5 * <f32>i;
        expect(load<f32>(Z + (i << 2))).toBe(i < n ? x - y : 9);
        expect(load<f32>(Y + (i << 2))).toBe(i < n ? x + y : y);
      }
    }
  });

  test("accumulate_f32_f64 adds in f64 what f32 would lose", () => {
    for (let n = 0; n < 20; n++) {
      fill(X, 24, 1, 1);
      for (let i = 0; i < 24; i++) store<f64>(D + (i << 3), 1099511627776.0); // 2^40
      accumulate_f32_f64(n, 0.5, X, D);
      for (let i = 0; i < 24; i++) {
        expect(load<f64>(D + (i << 3))).toBe(i < n ? 1099511627776.0 + 0.5 * (1.0 + <f64>i) : 1099511627776.0);
      }
    }
  });

  test("NaN reaches its own element only, in every lane", () => {
    for (let bad = 0; bad < 7; bad++) {
      fill(X, 7, 1, 0);
      store<f32>(X + (bad << 2), NaN);
      fill(Y, 7, 1, 0);
      axpy_f32(7, 0, X, Y); // 0 * NaN is NaN
      sub_f32(7, X, X, Z);
      for (let i = 0; i < 7; i++) {
        expect(isNaN(load<f32>(Y + (i << 2)))).toBe(i == bad);
        expect(isNaN(load<f32>(Z + (i << 2)))).toBe(i == bad);
      }
    }
  });
});
