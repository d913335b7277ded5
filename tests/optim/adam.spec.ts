import { adam_f32, yogi_f32 } from "../../assembly/optim/adam";

const W: usize = heap.alloc(512);
const G: usize = heap.alloc(512);
const M: usize = heap.alloc(512);
const V: usize = heap.alloc(512);
const W0: usize = heap.alloc(512);
const C: usize = heap.alloc(512);

function fill(p: usize, n: i32, value: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value);
}
function start(): void {
  fill(W, 24, 8);
  fill(G, 24, 2);
  fill(M, 24, 6);
  fill(V, 24, 12);
}
const at = (p: usize, i: i32): f32 => load<f32>(p + (i << 2));

// Dyadic values whose root is dyadic too: every result is exact.
describe("adam_f32", () => {
  test("is exact where it can be, at every length 0..19, and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      start();
      adam_f32(n, 1, 0, 0.125, 0.5, 0.375, 1, 0, G, 0, 0, W, M, V);
      for (let i = 0; i < 24; i++) {
        expect(at(M, i)).toBe(i < n ? 4 : 6); // half way from 6 to 2
        expect(at(V, i)).toBe(i < n ? 9 : 12); // 3/8 of the way from 12 to 4
        expect(at(W, i)).toBe(i < n ? 6 : 8); // 8 - 8/8 - 4 / (3 + 1)
        expect(at(G, i)).toBe(2);
      }
    }
  });

  test("adds weight decay and the term to the gradient", () => {
    for (let term = 1; term < 4; term++) {
      start();
      fill(G, 24, -1);
      fill(W0, 24, 4);
      fill(C, 24, 1);
      // -1 + 0.25 * 8 + 0.25 (8 - 4) + 1 with both
      const d: f32 = 1 + (term & 1 ? <f32>1 : <f32>0) + (term & 2 ? <f32>1 : <f32>0);
      adam_f32(19, 1, 0.25, 0, 0.5, 1, 1, 0.25, G, term & 1 ? W0 : 0, term & 2 ? C : 0, W, M, V);
      for (let i = 0; i < 19; i++) {
        expect(at(M, i)).toBe(6 + 0.5 * (d - 6));
        expect(at(V, i)).toBe(d * d);
      }
    }
  });

  test("a zero gradient on empty state moves nothing: eps keeps 0 / 0 away", () => {
    start();
    fill(G, 24, 0);
    fill(M, 24, 0);
    fill(V, 24, 0);
    adam_f32(19, 1, 0, 0, 0.1, 0.001, 1e-8, 0, G, 0, 0, W, M, V);
    for (let i = 0; i < 24; i++) expect(at(W, i)).toBe(8);
  });

  test("NaN reaches its own element only, in every lane", () => {
    for (let bad = 0; bad < 23; bad++) {
      start();
      store<f32>(G + (bad << 2), NaN);
      adam_f32(23, 1, 0, 0, 0.5, 0.5, 1, 0, G, 0, 0, W, M, V);
      for (let i = 0; i < 23; i++) {
        expect(isNaN(at(W, i))).toBe(i == bad);
        expect(isNaN(at(M, i))).toBe(i == bad);
        expect(isNaN(at(V, i))).toBe(i == bad);
      }
    }
  });
});

describe("yogi_f32", () => {
  test("moves v by r2 d^2 down, up or not at all, at every length 0..19", () => {
    for (let n = 0; n < 20; n++) {
      for (let side = 0; side < 3; side++) {
        start();
        const v: f32 = side == 0 ? 11 : side == 1 ? 3 : 4; // above, below, at d^2 = 4
        fill(V, 24, v);
        yogi_f32(n, 1, 0, 0, 0.5, 0.5, 1, 0, G, 0, 0, W, M, V);
        const next: f32 = side == 0 ? 9 : side == 1 ? 5 : 4;
        for (let i = 0; i < 24; i++) {
          expect(at(V, i)).toBe(i < n ? next : v);
          expect(at(M, i)).toBe(i < n ? 4 : 6);
        }
        if (side == 0) for (let i = 0; i < n; i++) expect(at(W, i)).toBe(7); // 8 - 4 / (3 + 1)
      }
    }
  });

  test("NaN reaches v too, in every lane", () => {
    for (let bad = 0; bad < 23; bad++) {
      start();
      store<f32>(G + (bad << 2), NaN);
      yogi_f32(23, 1, 0, 0, 0.5, 0.5, 1, 0, G, 0, 0, W, M, V);
      for (let i = 0; i < 23; i++) {
        expect(isNaN(at(W, i))).toBe(i == bad);
        expect(isNaN(at(V, i))).toBe(i == bad);
      }
    }
  });
});
