import { binary_cross_entropy_f32, bpr_f32, huber_f32, mean_squared_error_f32 } from "../../assembly/nn/loss";

const X: usize = heap.alloc(512);
const T: usize = heap.alloc(512);
const D: usize = heap.alloc(512);
const LN2: f64 = 0.6931471805599453;

function fill(p: usize, n: i32, value: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value);
}
function at(p: usize, i: i32): f32 { return load<f32>(p + (i << 2)); }
function error(i: i32): i32 { return i % 7 - 3; }

describe("binary_cross_entropy_f32", () => {
  test("logit 0 costs ln 2 whatever the target, for 1..19 outputs; the gradient is 1/2 - t; nothing beyond is written", () => {
    for (let n = 1; n < 20; n++) for (let t = 0; t < 3; t++) {
      fill(X, 48, 0);
      fill(T, 48, <f32>t / 2);
      fill(D, 48, -9);
      const loss = binary_cross_entropy_f32(2, n, <f64>n, X, T, D);
      expect(abs<f64>(loss - 2 * LN2)).toBeLessThan(4e-15);
      for (let i = 0; i < 48; i++) expect(at(D, i)).toBe(i < 2 * n ? <f32>0.5 - <f32>t / 2 : -9);
    }
  });

  test("1e4 the wrong way costs 1e4, the right way nothing, in every lane; no rows cost nothing", () => {
    for (let n = 1; n < 20; n++) for (let bad = 0; bad < n; bad++) {
      fill(X, n, 10000);
      fill(T, n, 1);
      store<f32>(T + (bad << 2), 0);
      expect(binary_cross_entropy_f32(1, n, <f64>n, X, T, X)).toBe(10000.0 / <f64>n); // in place
      for (let i = 0; i < n; i++) expect(at(X, i)).toBe(i == bad ? 1 : 0);
    }
    expect(binary_cross_entropy_f32(0, 5, 1, 0, 0, 0)).toBe(0);
  });
});

describe("mean_squared_error_f32 and huber_f32", () => {
  test("integers: exact for 1..19 outputs", () => {
    for (let n = 1; n < 20; n++) {
      fill(D, 48, -9);
      let squares: f64 = 0, bent: f64 = 0;
      for (let i = 0; i < 2 * n; i++) {
        const e = error(i);
        store<f32>(X + (i << 2), <f32>(i + e));
        store<f32>(T + (i << 2), <f32>i);
        squares += <f64>(e * e);
        bent += abs<i32>(e) <= 2 ? <f64>(e * e) / 2 : 2.0 * <f64>abs<i32>(e) - 2;
      }
      expect(mean_squared_error_f32(2, n, <f64>n, X, T, D)).toBe(squares / <f64>n);
      for (let i = 0; i < 2 * n; i++) expect(at(D, i)).toBe(2 * <f32>error(i));
      expect(huber_f32(2, n, 2, <f64>n, X, T, D)).toBe(bent / <f64>n);
      for (let i = 0; i < 2 * n; i++) expect(at(D, i)).toBe(<f32>min<i32>(2, max<i32>(-2, error(i))));
      for (let i = 2 * n; i < 48; i++) expect(at(D, i)).toBe(-9);
    }
    expect(mean_squared_error_f32(0, 5, 1, 0, 0, 0)).toBe(0);
    expect(huber_f32(0, 5, 1, 1, 0, 0, 0)).toBe(0);
  });

  test("the largest numbers of f32 do not overflow the sum; NaN in any lane reaches it", () => {
    for (let n = 1; n < 20; n++) {
      fill(X, n, f32.MAX_VALUE);
      fill(T, n, -f32.MAX_VALUE);
      const loss = mean_squared_error_f32(1, n, 1e-9, X, T, D);
      expect(loss > 4e77 && loss < 5e77).toBe(true);
      expect(huber_f32(1, n, 1e300, 1e-9, X, T, D) * 2).toBe(loss);
      for (let bad = 0; bad < n; bad++) {
        fill(X, n, 1);
        store<f32>(X + (bad << 2), NaN);
        expect(isNaN(mean_squared_error_f32(1, n, 1, X, T, D))).toBe(true);
        expect(isNaN(huber_f32(1, n, 1, 1, X, T, D))).toBe(true);
        expect(isNaN(at(D, bad))).toBe(true);
        if (bad > 0) expect(isNaN(at(D, bad - 1))).toBe(false);
      }
    }
  });
});

describe("bpr_f32", () => {
  test("equal scores cost ln 2, for 1..18 negatives; the gradient is -1/2 and its shares", () => {
    for (let n = 2; n < 20; n++) {
      fill(X, 48, 5);
      fill(D, 48, -9);
      const loss = bpr_f32(2, n, <f64>(n - 1), X, D);
      expect(abs<f64>(loss - 2 * LN2)).toBeLessThan(4e-15);
      for (let i = 0; i < 48; i++) expect(at(D, i)).toBe(i >= 2 * n ? -9 : i % n ? 0.5 : <f32>(n - 1) / -2);
    }
    expect(bpr_f32(0, 2, 1, 0, 0)).toBe(0);
  });

  test("a negative 2e4 above costs 2e4 and pulls alone, in every lane, in place", () => {
    for (let n = 2; n < 20; n++) for (let high = 1; high < n; high++) {
      fill(X, n, -10000);
      store<f32>(X, 0);
      store<f32>(X + (high << 2), 20000);
      expect(bpr_f32(1, n, <f64>(n - 1), X, X)).toBe(20000.0 / <f64>(n - 1));
      for (let j = 1; j < n; j++) expect(at(X, j)).toBe(j == high ? 1 : 0);
      expect(at(X, 0)).toBe(-1);
    }
  });
});
