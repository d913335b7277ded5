import { laplace_f32, laplace_scratch_f32 } from "../../assembly/privacy/laplace";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(4096);
const Y: usize = heap.alloc(4096);
const SCRATCH: usize = heap.alloc(laplace_scratch_f32());

function fill(p: usize, n: i32, v: f32): void {
  for (let i = 0; i < n; i++) store<f32>(p + (i << 2), v);
}

describe("laplace_f32", () => {
  test("adds the same noise whatever n is, for n 0..19, and touches nothing beyond", () => {
    memory.fill(KEY, 7, 32);
    memory.fill(NONCE, 7, 12);
    fill(X, 300, 1);
    laplace_f32(300, 0.5, 3, KEY, NONCE, X, Y, SCRATCH);
    for (let n = 0; n < 20; n++) {
      fill(X, 24, 1);
      laplace_f32(n, 0.5, 3, KEY, NONCE, X, X, SCRATCH);
      for (let i = 0; i < 24; i++) expect(load<f32>(X + (i << 2))).toBe(i < n ? load<f32>(Y + (i << 2)) : 1);
    }
  });

  test("takes 16 blocks for a chunk of 128", () => {
    fill(X, 300, 1);
    laplace_f32(172, 0.5, 19, KEY, NONCE, X, X, SCRATCH);
    for (let i = 0; i < 172; i++) expect(load<f32>(X + (i << 2))).toBe(load<f32>(Y + ((128 + i) << 2)));
  });

  test("scale 0 copies, signs of zero included", () => {
    fill(X, 150, -0.0);
    laplace_f32(150, 0, 0, KEY, NONCE, X, Y, SCRATCH);
    expect(memory.compare(X, Y, 600)).toBe(0);
  });
});
