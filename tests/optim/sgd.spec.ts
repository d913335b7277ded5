import { sgd_f32, sgd_momentum_f32, sgd_nesterov_f32 } from "../../assembly/optim/sgd";

const W: usize = heap.alloc(512);
const G: usize = heap.alloc(512);
const V: usize = heap.alloc(512);
const W0: usize = heap.alloc(512);
const C: usize = heap.alloc(512);

function fill(p: usize, n: i32, first: f32, step: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), first + step * <f32>i);
}

// All values are dyadic, so that every result is exact.
describe("sgd_f32", () => {
  test("is w - lr g at every length 0..19 and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      fill(W, 24, 1, 0.5);
      fill(G, 24, -2, 0.25);
      sgd_f32(n, 0.5, 0, 0, G, 0, 0, W);
      for (let i = 0; i < 24; i++) {
        const w: f32 = 1 + 0.5 * <f32>i;
        const g: f32 = -2 + 0.25 * <f32>i;
        expect(load<f32>(W + (i << 2))).toBe(i < n ? w - 0.5 * g : w);
      }
    }
  });

  test("adds weight decay to the gradient", () => {
    fill(W, 5, 4, 0);
    fill(G, 5, 1, 0);
    sgd_f32(5, 0.5, 0.25, 0, G, 0, 0, W);
    for (let i = 0; i < 5; i++) expect(load<f32>(W + (i << 2))).toBe(3); // 4 - 0.5 (1 + 0.25 * 4)
  });

  test("adds mu (w - w0) where w0 is, and c where c is, at every length 0..19", () => {
    for (let n = 0; n < 20; n++) {
      for (let term = 0; term < 4; term++) {
        fill(W, 24, 1, 0.5);
        fill(G, 24, -2, 0.25);
        fill(W0, 24, 2, 0.25);
        fill(C, 24, 8, 1);
        sgd_f32(n, 0.5, 0, 0.25, G, term & 1 ? W0 : 0, term & 2 ? C : 0, W);
        for (let i = 0; i < 24; i++) {
          const x = <f32>i;
          const w: f32 = 1 + 0.5 * x;
          let g: f32 = -2 + 0.25 * x;
          if (term & 1) g += 0.25 * (w - (2 + 0.25 * x));
          if (term & 2) g += 8 + x;
          expect(load<f32>(W + (i << 2))).toBe(i < n ? w - 0.5 * g : w);
        }
      }
    }
  });

  test("lets NaN and Infinity through, in every lane", () => {
    for (let bad = 0; bad < 23; bad++) {
      fill(W, 23, 1, 0);
      fill(G, 23, 1, 0);
      store<f32>(G + (bad << 2), NaN);
      sgd_f32(23, 0.5, 0, 0, G, 0, 0, W);
      for (let i = 0; i < 23; i++) expect(isNaN(load<f32>(W + (i << 2)))).toBe(i == bad);
    }
  });
});

describe("sgd_momentum_f32", () => {
  test("accumulates the velocity", () => {
    for (let n = 0; n < 20; n++) {
      fill(W, 24, 1, 0);
      fill(G, 24, 2, 0);
      fill(V, 24, 0, 0);
      sgd_momentum_f32(n, 0.5, 0, 0, 0.5, 0, G, 0, 0, W, V);
      sgd_momentum_f32(n, 0.5, 0, 0, 0.5, 0, G, 0, 0, W, V);
      for (let i = 0; i < 24; i++) {
        expect(load<f32>(V + (i << 2))).toBe(i < n ? 3 : 0); // 2, then 0.5 * 2 + 2
        expect(load<f32>(W + (i << 2))).toBe(i < n ? -1.5 : 1); // 1 - 0.5 * 2 - 0.5 * 3
      }
    }
  });

  test("takes decay from the weight and not from the velocity", () => {
    fill(W, 6, 4, 0);
    fill(G, 6, 2, 0);
    fill(V, 6, 0, 0);
    sgd_momentum_f32(6, 0.5, 0, 0.25, 0.5, 0, G, 0, 0, W, V);
    for (let i = 0; i < 6; i++) {
      expect(load<f32>(V + (i << 2))).toBe(2);
      expect(load<f32>(W + (i << 2))).toBe(2); // 4 - 0.25 * 4 - 0.5 * 2
    }
  });
});

describe("sgd_nesterov_f32", () => {
  test("looks ahead by one velocity", () => {
    for (let n = 0; n < 20; n++) {
      fill(W, 24, 1, 0);
      fill(G, 24, 2, 0);
      fill(V, 24, 0, 0);
      sgd_nesterov_f32(n, 0.5, 0, 0, 0.5, 0, G, 0, 0, W, V);
      for (let i = 0; i < 24; i++) {
        expect(load<f32>(V + (i << 2))).toBe(i < n ? 2 : 0);
        expect(load<f32>(W + (i << 2))).toBe(i < n ? -0.5 : 1); // 1 - 0.5 (2 + 0.5 * 2)
      }
    }
  });
});
