import { sgd_f32, sgd_momentum_f32 } from "../../assembly/optim/sgd";

const W: usize = heap.alloc(256);
const G: usize = heap.alloc(256);
const V: usize = heap.alloc(256);

function fill(p: usize, n: i32, first: f32, step: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), first + step * <f32>i);
}

describe("sgd_f32", () => {
  test("is w - lr g at every length 0..19 and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      fill(W, 24, 1, 0.5);
      fill(G, 24, -2, 0.25);
      sgd_f32(n, 0.5, 0, G, W);
      for (let i = 0; i < 24; i++) {
        const w: f32 = 1 + 0.5 * <f32>i;
        const g: f32 = -2 + 0.25 * <f32>i;
        expect(load<f32>(W + (i << 2))).toBe(i < n ? w - 0.5 * g : w); // all values are dyadic: exact
      }
    }
  });

  test("adds weight decay to the gradient", () => {
    fill(W, 5, 4, 0);
    fill(G, 5, 1, 0);
    sgd_f32(5, 0.5, 0.25, G, W);
    for (let i = 0; i < 5; i++) expect(load<f32>(W + (i << 2))).toBe(3); // 4 - 0.5 (1 + 0.25 * 4)
  });

  test("lets NaN and Infinity through, in every lane", () => {
    for (let bad = 0; bad < 6; bad++) {
      fill(W, 6, 1, 0);
      fill(G, 6, 1, 0);
      store<f32>(G + (bad << 2), NaN);
      sgd_f32(6, 0.5, 0, G, W);
      for (let i = 0; i < 6; i++) expect(isNaN(load<f32>(W + (i << 2)))).toBe(i == bad);
    }
  });
});

describe("sgd_momentum_f32", () => {
  test("accumulates the velocity", () => {
    for (let n = 0; n < 20; n++) {
      fill(W, 24, 1, 0);
      fill(G, 24, 2, 0);
      fill(V, 24, 0, 0);
      sgd_momentum_f32(n, 0.5, 0, 0.5, G, W, V);
      sgd_momentum_f32(n, 0.5, 0, 0.5, G, W, V);
      for (let i = 0; i < 24; i++) {
        expect(load<f32>(V + (i << 2))).toBe(i < n ? 3 : 0); // 2, then 0.5 * 2 + 2
        expect(load<f32>(W + (i << 2))).toBe(i < n ? -1.5 : 1); // 1 - 0.5 * 2 - 0.5 * 3
      }
    }
  });
});
