import { squared_error_f32, top_k_f32 } from "../../assembly/nn/metric";

const X: usize = heap.alloc(256);
const T: usize = heap.alloc(256);
const L: usize = heap.alloc(8);

function fill(p: usize, n: i32, value: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value);
}

describe("top_k_f32", () => {
  test("a falling row of 1..19 classes: label y is among the k first when y < k; what lies beyond is not read", () => {
    for (let n = 1; n < 20; n++) for (let y = 0; y < n; y++) for (let k = 1; k <= n; k++) {
      fill(X, 24, NaN);
      for (let j = 0; j < n; j++) store<f32>(X + (j << 2), <f32>-j);
      store<i32>(L, y);
      expect(top_k_f32(1, n, k, X, L)).toBe(y < k ? 1 : 0);
      for (let j = 0; j < n; j++) store<f32>(X + (j << 2), <f32>j); // rising: the order turns round
      expect(top_k_f32(1, n, k, X, L)).toBe(n - 1 - y < k ? 1 : 0);
      for (let j = 0; j < n; j++) store<f32>(X + (j << 2), j & 1 ? -0.0 : 0.0); // equal: the first win
      expect(top_k_f32(1, n, k, X, L)).toBe(y < k ? 1 : 0);
    }
    expect(top_k_f32(0, 3, 1, 0, 0)).toBe(0);
  });

  test("a NaN in any lane makes the row wrong", () => {
    for (let n = 1; n < 20; n++) for (let bad = 0; bad < n; bad++) {
      fill(X, 2 * n, 1);
      store<f32>(X + (bad << 2), NaN);
      store<i32>(L, 0);
      store<i32>(L, 0, 4);
      expect(top_k_f32(2, n, n, X, L)).toBe(1);
    }
  });
});

describe("squared_error_f32", () => {
  test("integers: exact at every length 0..19", () => {
    for (let n = 0; n < 20; n++) {
      let want: f64 = 0;
      fill(X, 24, NaN);
      for (let i = 0; i < n; i++) {
        store<f32>(X + (i << 2), <f32>i * <f32>i);
        store<f32>(T + (i << 2), 3 * <f32>i);
        want += <f64>((i * i - 3 * i) * (i * i - 3 * i));
      }
      expect(squared_error_f32(n, X, T)).toBe(want);
    }
  });

  test("NaN and Infinity in any lane reach the sum", () => {
    for (let n = 1; n < 20; n++) for (let bad = 0; bad < n; bad++) {
      fill(X, n, 1);
      fill(T, n, 2);
      store<f32>(X + (bad << 2), NaN);
      expect(isNaN(squared_error_f32(n, X, T))).toBe(true);
      store<f32>(X + (bad << 2), -Infinity);
      expect(squared_error_f32(n, X, T)).toBe(Infinity);
    }
  });
});
