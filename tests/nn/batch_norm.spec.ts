import { batch_norm_backward_f32, batch_norm_f32, batch_norm_scratch_f32 } from "../../assembly/nn/batch_norm";

const X: usize = heap.alloc(512);
const Y: usize = heap.alloc(512);
const G: usize = heap.alloc(128);
const B: usize = heap.alloc(128);
const M: usize = heap.alloc(128);
const V: usize = heap.alloc(128);
const SCRATCH: usize = heap.alloc(batch_norm_scratch_f32(20));

function fill(p: usize, n: i32, value: f32): void { for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value); }
/** variance + 0.25 is 4: the divisor is 2. */
function channels(c: i32): void {
  fill(V, 24, NaN);
  for (let j = 0; j < c; j++) {
    store<f32>(G + (j << 2), <f32>(j * 2));
    store<f32>(B + (j << 2), <f32>(j + 1));
    store<f32>(M + (j << 2), <f32>(j * 3));
    store<f32>(V + (j << 2), 3.75);
  }
}

describe("batch_norm", () => {
  test("gamma (x - mean) / 2 + offset, for every number of channels 0..19; nothing beyond is written", () => {
    let wrong = 0;
    for (let c = 0; c < 20; c++) {
      channels(c);
      for (let i = 0; i < 3 * c; i++) store<f32>(X + (i << 2), <f32>(i % 7));
      fill(Y, 3 * c + 4, -99);
      batch_norm_f32(3, c, 0.25, X, G, B, M, V, Y, SCRATCH);
      batch_norm_f32(3, c, 0.25, X, G, B, M, V, X, SCRATCH); // in place
      for (let i = 0; i < 3 * c; i++) {
        const j = i % c, want = <f32>(j * ((i % 7) - 3 * j) + j + 1);
        if (load<f32>(Y + (i << 2)) != want || load<f32>(X + (i << 2)) != want) wrong++;
      }
      for (let i = 3 * c; i < 3 * c + 4; i++) if (load<f32>(Y + (i << 2)) != -99) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test("the gradient is dy gamma / 2, for every number of channels 0..19, also in place", () => {
    let wrong = 0;
    for (let c = 0; c < 20; c++) {
      channels(c);
      for (let i = 0; i < 3 * c; i++) store<f32>(X + (i << 2), <f32>(i % 5 - 2));
      fill(Y, 3 * c + 4, -99);
      batch_norm_backward_f32(3, c, 0.25, G, V, X, Y, SCRATCH);
      batch_norm_backward_f32(3, c, 0.25, G, V, X, X, SCRATCH);
      for (let i = 0; i < 3 * c; i++) {
        const want = <f32>((i % 5 - 2) * (i % c));
        if (load<f32>(Y + (i << 2)) != want || load<f32>(X + (i << 2)) != want) wrong++;
      }
      for (let i = 3 * c; i < 3 * c + 4; i++) if (load<f32>(Y + (i << 2)) != -99) wrong++;
    }
    expect(wrong).toBe(0);
  });
});
