import { dot_f32, max_abs_f32, squared_norm_f32, sum_f32 } from "../../assembly/linalg/reduce";

const X: usize = heap.alloc(512);
const Y: usize = heap.alloc(512);

function fill(p: usize, n: i32, first: f32, step: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), first + step * <f32>i);
}

describe("reductions, every length 0..39", () => {
  test("integers: exact, and nothing beyond n is read", () => {
    for (let n = 0; n < 40; n++) {
      fill(X, 48, NaN, 0);
      fill(Y, 48, NaN, 0);
      fill(X, n, -3, 1);
      fill(Y, n, 2, 1);
      let dot: f64 = 0, sum: f64 = 0, square: f64 = 0;
      let top: f32 = 0;
      for (let i = 0; i < n; i++) {
        dot += <f64>((i - 3) * (i + 2));
        sum += <f64>(i - 3);
        square += <f64>((i - 3) * (i - 3));
        top = max<f32>(top, <f32>abs<i32>(i - 3));
      }
      expect(dot_f32(n, X, Y)).toBe(dot);
      expect(sum_f32(n, X)).toBe(sum);
      expect(squared_norm_f32(n, X)).toBe(square);
      expect(max_abs_f32(n, X)).toBe(top);
    }
  });

  test("the squared norm of the largest and the smallest f32 neither overflows nor vanishes", () => {
    for (let n = 1; n < 20; n++) {
      fill(X, n, f32.MAX_VALUE, 0);
      const big = <f64>f32.MAX_VALUE * <f64>f32.MAX_VALUE;
      expect(abs<f64>(squared_norm_f32(n, X) / (big * <f64>n) - 1)).toBeLessThan(1e-14);
      fill(X, n, f32.MIN_VALUE, 0);
      const small = <f64>f32.MIN_VALUE * <f64>f32.MIN_VALUE;
      expect(squared_norm_f32(n, X)).toBe(small * <f64>n);
      expect(max_abs_f32(n, X)).toBe(f32.MIN_VALUE);
    }
  });

  test("a NaN or an Infinity anywhere shows", () => {
    for (let bad = 0; bad < 39; bad++) {
      fill(X, 39, 1, 0);
      store<f32>(X + (bad << 2), NaN);
      expect(isNaN(sum_f32(39, X))).toBe(true);
      expect(isNaN(squared_norm_f32(39, X))).toBe(true);
      expect(isNaN(max_abs_f32(39, X))).toBe(true);
      store<f32>(X + (bad << 2), -Infinity);
      expect(sum_f32(39, X)).toBe(-Infinity);
      expect(max_abs_f32(39, X)).toBe(Infinity);
    }
  });
});
