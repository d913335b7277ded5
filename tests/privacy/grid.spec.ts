import { accumulate_i32_i64, clip_grid_f32_i32, release_i64_f32, within_norm_i32 } from "../../assembly/privacy/grid";

const X: usize = heap.alloc(512);
const K: usize = heap.alloc(512);
const ACC: usize = heap.alloc(512);
const LARGE: f64 = 4611686018427387904.0; // 2^62

function fill(p: usize, n: i32, v: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), v);
}
function squares(n: i32): u64 {
  let s: u64 = 0;
  for (let i = 0; i < n; i++) s += <u64>(<i64>load<i32>(K + (i << 2)) * <i64>load<i32>(K + (i << 2)));
  return s;
}

describe("clip_grid_f32_i32", () => {
  test("rounds to nearest, ties to even, at every length 0..19 and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<f32>(X + (i << 2), <f32>(i - 9) * 0.25);
        store<i32>(K + (i << 2), -7);
      }
      clip_grid_f32_i32(n, 100, 0.5, LARGE, X, K);
      for (let i = 0; i < n; i++) expect(load<i32>(K + (i << 2))).toBe(<i32>nearest<f64>(<f64>(i - 9) * 0.5));
      for (let i = n; i < 24; i++) expect(load<i32>(K + (i << 2))).toBe(-7);
    }
  });

  test("clips to the norm", () => {
    store<f32>(X, 3);
    store<f32>(X, 4, 4);
    expect(clip_grid_f32_i32(2, 1, 0.0009765625, LARGE, X, K)).toBe(5);
    expect(load<i32>(K)).toBe(614); // 614.4
    expect(load<i32>(K, 4)).toBe(819); // 819.2
  });

  test("never passes the bound, whatever it is", () => {
    for (let n = 1; n < 20; n++) {
      for (let bound = 0; bound < 300; bound += 7) {
        fill(X, n, 3.5);
        clip_grid_f32_i32(n, 1000, 1, <f64>bound, X, K);
        expect(squares(n) <= <u64>bound).toBe(true);
      }
    }
  });

  test("writes nothing when NaN or Infinity is in any lane", () => {
    for (let bad = 0; bad < 19; bad++) {
      fill(X, 19, 1);
      for (let i = 0; i < 19; i++) store<i32>(K + (i << 2), 5);
      store<f32>(X + (bad << 2), bad & 1 ? NaN : Infinity);
      expect(clip_grid_f32_i32(19, 1, 0.5, LARGE, X, K) < Infinity).toBe(false);
      for (let i = 0; i < 19; i++) expect(load<i32>(K + (i << 2))).toBe(5);
    }
  });
});

describe("integers", () => {
  test("within_norm_i32 is exact at the bound and does not overflow", () => {
    for (let n = 1; n < 20; n++) {
      for (let i = 0; i < n; i++) store<i32>(K + (i << 2), i & 1 ? -3 : 3);
      expect(within_norm_i32(n, <f64>(9 * n), K)).toBe(1);
      expect(within_norm_i32(n, <f64>(9 * n - 1), K)).toBe(0);
      for (let i = 0; i < n; i++) store<i32>(K + (i << 2), i32.MIN_VALUE);
      expect(within_norm_i32(n, LARGE * 0.75, K)).toBe(0);
    }
    expect(within_norm_i32(0, 0, K)).toBe(1);
  });

  test("accumulate_i32_i64 and release_i64_f32 at every length 0..19", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<i32>(K + (i << 2), i & 1 ? i32.MIN_VALUE : 5);
        store<i64>(ACC + (i << 3), 7);
        store<f32>(X + (i << 2), -1);
      }
      accumulate_i32_i64(n, K, ACC);
      release_i64_f32(n, 0.5, 3, ACC, X);
      for (let i = 0; i < 24; i++) {
        const want: i64 = 7 + (i < n ? (i & 1 ? -2147483648 : 5) : 0);
        expect(load<i64>(ACC + (i << 3))).toBe(want);
        expect(load<f32>(X + (i << 2))).toBe(i < n ? <f32>(<f64>want * 0.5 / 3) : -1);
      }
    }
  });
});
