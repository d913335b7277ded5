import { adagrad_f32, rmsprop_f32 } from "../../assembly/optim/adagrad";

const W: usize = heap.alloc(512);
const G: usize = heap.alloc(512);
const V: usize = heap.alloc(512);
const W0: usize = heap.alloc(512);
const C: usize = heap.alloc(512);

function fill(p: usize, n: i32, value: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value);
}
function start(g: f32, v: f32): void {
  fill(W, 24, 8);
  fill(G, 24, g);
  fill(V, 24, v);
}
const at = (p: usize, i: i32): f32 => load<f32>(p + (i << 2));

// Dyadic values whose root is dyadic too: every result is exact.
describe("adagrad_f32", () => {
  test("adds d^2 and divides by the root, at every length 0..19, and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      start(2, 5);
      adagrad_f32(n, 4, 0, 0.125, 1, 0, G, 0, 0, W, V);
      for (let i = 0; i < 24; i++) {
        expect(at(V, i)).toBe(i < n ? 9 : 5);
        expect(at(W, i)).toBe(i < n ? 5 : 8); // 8 - 8/8 - 4 * 2 / (3 + 1)
      }
    }
  });

  test("adds weight decay and the term to the gradient", () => {
    for (let term = 1; term < 4; term++) {
      start(-1, 0);
      fill(W0, 24, 4);
      fill(C, 24, 1);
      const d: f32 = 1 + (term & 1 ? <f32>1 : <f32>0) + (term & 2 ? <f32>1 : <f32>0); // -1 + 0.25 * 8 + 0.25 (8 - 4) + 1 with both
      adagrad_f32(19, 1, 0.25, 0, 1, 0.25, G, term & 1 ? W0 : 0, term & 2 ? C : 0, W, V);
      for (let i = 0; i < 19; i++) expect(at(V, i)).toBe(d * d);
    }
  });
});

describe("rmsprop_f32", () => {
  test("moves to d^2 by r, at every length 0..19, and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      start(2, 12);
      rmsprop_f32(n, 4, 0, 0, 0.375, 1, 0, G, 0, 0, W, V);
      for (let i = 0; i < 24; i++) {
        expect(at(V, i)).toBe(i < n ? 9 : 12);
        expect(at(W, i)).toBe(i < n ? 6 : 8); // 8 - 4 * 2 / (3 + 1)
      }
    }
  });

  test("NaN reaches its own element only, in every lane", () => {
    for (let bad = 0; bad < 23; bad++) {
      start(1, 1);
      store<f32>(G + (bad << 2), NaN);
      rmsprop_f32(23, 1, 0, 0, 0.5, 1, 0, G, 0, 0, W, V);
      for (let i = 0; i < 23; i++) {
        expect(isNaN(at(W, i))).toBe(i == bad);
        expect(isNaN(at(V, i))).toBe(i == bad);
      }
    }
  });
});
