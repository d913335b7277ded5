import { clip_l2_f32 } from "../../assembly/privacy/clip";
import { squared_norm_f32 } from "../../assembly/linalg/reduce";

const X: usize = heap.alloc(256);
const Y: usize = heap.alloc(256);

function fill(p: usize, n: i32, v: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), v);
}

describe("clip_l2_f32", () => {
  test("scales to the bound at every length 1..19 and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      fill(X, 24, 3);
      fill(Y, 24, -7);
      const norm = clip_l2_f32(n, 1, X, Y);
      expect(norm).toBe(sqrt<f64>(9 * <f64>n));
      expect(sqrt<f64>(squared_norm_f32(n, Y)) <= 1).toBe(true);
      for (let i = 0; i < n; i++) expect(abs<f64>(<f64>load<f32>(Y + (i << 2)) * sqrt<f64>(<f64>n) - 1) < 1e-6).toBe(true);
      for (let i = n; i < 24; i++) expect(load<f32>(Y + (i << 2))).toBe(-7);
    }
  });

  test("copies what is within the bound", () => {
    fill(X, 7, 0.125);
    store<f32>(X, -0.0);
    clip_l2_f32(7, 1, X, Y);
    expect(memory.compare(X, Y, 28)).toBe(0);
  });

  test("writes nothing when NaN or Infinity is in any lane", () => {
    for (let bad = 0; bad < 19; bad++) {
      fill(X, 19, 1);
      fill(Y, 19, 5);
      store<f32>(X + (bad << 2), bad & 1 ? NaN : Infinity);
      const norm = clip_l2_f32(19, 1, X, Y);
      expect(norm < Infinity).toBe(false);
      for (let i = 0; i < 19; i++) expect(load<f32>(Y + (i << 2))).toBe(5);
    }
  });

  test("ends when the bound lies between two denormals", () => {
    fill(X, 3, 1e-40);
    const bound: f64 = 2.9 * 1.401298464324817e-45;
    clip_l2_f32(3, bound, X, Y);
    expect(sqrt<f64>(squared_norm_f32(3, Y)) <= bound).toBe(true);
  });
});
