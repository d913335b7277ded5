import { clip_factors_f64_f32, scale_rows_f32 } from "../../assembly/privacy/per_example";

const N: usize = heap.alloc(256);
const F: usize = heap.alloc(128);
const X: usize = heap.alloc(512);
const Y: usize = heap.alloc(512);

function fill(p: usize, n: i32, v: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), v);
}

describe("clip_factors_f64_f32", () => {
  test("norm i clipped at 4 gives min(1, 4/i), never above, for every count 0..19; nothing beyond is written", () => {
    for (let m = 0; m < 20; m++) {
      fill(F, 24, -7);
      for (let i = 0; i < m; i++) store<f64>(N + (i << 3), <f64>(i * i));
      expect(clip_factors_f64_f32(m, 4, N, F)).toBe(0);
      for (let i = 0; i < 24; i++) {
        const f = load<f32>(F + (i << 2));
        if (i >= m) expect(f).toBe(-7);
        else if (i <= 4) expect(f).toBe(1);
        else expect(<f64>f * <f64>i <= 4 && <f64>f * <f64>i > 4 * (1 - 1.2e-7)).toBe(true);
      }
    }
  });

  test("norms that are not finite or below zero are counted and get 0", () => {
    store<f64>(N, NaN);
    store<f64>(N, Infinity, 8);
    store<f64>(N, -1, 16);
    store<f64>(N, 1e300, 24);
    expect(clip_factors_f64_f32(4, 1, N, F)).toBe(3);
    for (let i = 0; i < 3; i++) expect(load<u32>(F + (i << 2))).toBe(0);
    expect(load<f32>(F, 12)).toBe(0); // 1e-150 is below f32: not counted, it is finite
  });
});

describe("scale_rows_f32", () => {
  test("rows times 1/2, 0 and 1 at every length 0..19; nothing beyond is written", () => {
    store<f32>(F, 0.5);
    store<f32>(F, 0, 4);
    store<f32>(F, 1, 8);
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 3 * n; i++) store<f32>(X + (i << 2), i / n == 1 ? NaN : <f32>i - 7);
      fill(Y, 64, -9);
      scale_rows_f32(3, n, F, X, Y);
      for (let i = 0; i < n; i++) {
        expect(load<f32>(Y + (i << 2))).toBe((<f32>i - 7) / 2);
        expect(load<u32>(Y + ((n + i) << 2))).toBe(0);
        expect(load<f32>(Y + ((2 * n + i) << 2))).toBe(2 * <f32>n + <f32>i - 7);
      }
      for (let i = 3 * n; i < 64; i++) expect(load<f32>(Y + (i << 2))).toBe(-9);
    }
    scale_rows_f32(0, 5, 0, 0, 0);
  });
});
