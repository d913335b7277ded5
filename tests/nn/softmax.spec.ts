import { accuracy_f32, softmax_backward_f32, softmax_cross_entropy_f32, softmax_f32, softmax_scratch_f32 } from "../../assembly/nn/softmax";

const X: usize = heap.alloc(512);
const P: usize = heap.alloc(512);
const L: usize = heap.alloc(64);
const SCRATCH: usize = heap.alloc(softmax_scratch_f32(20));
const LN2: f64 = 0.6931471805599453;

function fill(p: usize, n: i32, value: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value);
}

describe("softmax_f32", () => {
  test("equal logits of any size share alike, for every number of classes 1..19; nothing beyond is written", () => {
    for (let n = 1; n < 20; n++) for (let e = 0; e < 3; e++) {
      fill(X, 48, e == 0 ? 0 : e == 1 ? 10000 : -f32.MAX_VALUE);
      fill(P, 48, -1);
      softmax_f32(2, n, X, P, SCRATCH);
      for (let i = 0; i < 48; i++) expect(load<f32>(P + (i << 2))).toBe(i < 2 * n ? <f32>(1.0 / <f64>n) : -1);
    }
  });

  test("a logit far above takes all, in every lane; no rows is a no-op", () => {
    for (let n = 1; n < 20; n++) for (let top = 0; top < n; top++) {
      fill(X, n, -10000);
      store<f32>(X + (top << 2), 10000);
      softmax_f32(1, n, X, X, SCRATCH); // in place
      softmax_f32(0, n, 0, 0, SCRATCH);
      for (let j = 0; j < n; j++) expect(load<f32>(X + (j << 2))).toBe(j == top ? 1 : 0);
    }
  });

  test("NaN makes its row NaN and no other, in every lane", () => {
    for (let bad = 0; bad < 7; bad++) {
      fill(X, 21, 1);
      store<f32>(X + ((7 + bad) << 2), NaN);
      softmax_f32(3, 7, X, P, SCRATCH);
      for (let i = 0; i < 21; i++) expect(isNaN(load<f32>(P + (i << 2)))).toBe(i >= 7 && i < 14);
    }
  });
});

describe("softmax_backward_f32", () => {
  test("dyadic values are exact, for every number of classes 1..19, over dy; nothing beyond is written", () => {
    for (let n = 1; n < 20; n++) {
      for (let i = 0; i < 48; i++) store<f32>(P + (i << 2), i % n == 0 ? 0.5 : 0.25);
      for (let i = 0; i < 48; i++) store<f32>(X + (i << 2), <f32>(i % 5));
      softmax_backward_f32(2, n, P, X, X);
      for (let i = 0; i < 2; i++) {
        let s: f32 = 0;
        for (let j = i * n; j < i * n + n; j++) s += load<f32>(P + (j << 2)) * <f32>(j % 5);
        for (let j = i * n; j < i * n + n; j++) expect(load<f32>(X + (j << 2))).toBe(load<f32>(P + (j << 2)) * (<f32>(j % 5) - s));
      }
      for (let i = 2 * n; i < 48; i++) expect(load<f32>(X + (i << 2))).toBe(<f32>(i % 5));
    }
    softmax_backward_f32(0, 5, 0, 0, 0);
  });

  test("NaN makes its row NaN and no other, in every lane", () => {
    for (let bad = 0; bad < 7; bad++) {
      fill(X, 21, 1);
      fill(P, 21, 0.125);
      store<f32>((bad % 2 ? X : P) + ((7 + bad) << 2), NaN);
      softmax_backward_f32(3, 7, P, X, X);
      for (let i = 0; i < 21; i++) expect(isNaN(load<f32>(X + (i << 2)))).toBe(i >= 7 && i < 14);
    }
  });
});

describe("softmax_cross_entropy_f32", () => {
  test("equal logits: the loss is log n, the gradient 1/n - onehot", () => {
    for (let n = 1; n < 20; n++) for (let y = 0; y < n; y++) {
      fill(X, n, 3);
      fill(P, n + 1, -9);
      store<i32>(L, y);
      const loss = softmax_cross_entropy_f32(1, n, 2, X, L, P, SCRATCH);
      if (n == 1) expect(loss).toBe(0);
      if (n == 2) expect(abs<f64>(loss - LN2)).toBeLessThan(1e-15);
      if (n == 16) expect(abs<f64>(loss - 4 * LN2)).toBeLessThan(1e-15);
      for (let j = 0; j < n; j++) expect(abs<f64>(<f64>load<f32>(P + (j << 2)) - 2 * (1.0 / <f64>n - (j == y ? 1.0 : 0.0)))).toBeLessThan(1.2e-7);
      expect(load<f32>(P + (n << 2))).toBe(-9);
    }
  });

  test("a wrong answer 2e4 apart costs 2e4, exactly; no rows cost nothing", () => {
    for (let n = 2; n < 20; n++) {
      fill(X, n, -10000);
      store<f32>(X + ((n - 1) << 2), 10000);
      store<i32>(L, 0);
      expect(softmax_cross_entropy_f32(1, n, 1, X, L, X, SCRATCH)).toBe(20000);
      expect(load<f32>(X)).toBe(-1);
      expect(load<f32>(X + ((n - 1) << 2))).toBe(1);
    }
    expect(softmax_cross_entropy_f32(0, 5, 1, 0, 0, 0, SCRATCH)).toBe(0);
  });
});

describe("accuracy_f32", () => {
  test("the first of equals wins; a NaN row is wrong wherever the NaN stands", () => {
    for (let n = 1; n < 20; n++) {
      fill(X, 2 * n, 1);
      for (let y = 0; y < n; y++) {
        store<i32>(L, y);
        store<i32>(L, 0, 4);
        expect(accuracy_f32(2, n, X, L)).toBe(y == 0 ? 2 : 1);
      }
      for (let bad = 0; bad < n; bad++) {
        fill(X, n, 0);
        store<f32>(X + (bad << 2), NaN);
        for (let y = 0; y < n; y++) {
          store<i32>(L, y);
          expect(accuracy_f32(1, n, X, L)).toBe(0);
        }
      }
    }
  });
});
