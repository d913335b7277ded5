import { group_norm_backward_f32, group_norm_f32, group_norm_gradient_f32, group_norm_norms_f32, group_norm_scratch_f32 } from "../../assembly/nn/group_norm";

const X: usize = heap.alloc(4096);
const Y: usize = heap.alloc(4096);
const D: usize = heap.alloc(4096);
const G: usize = heap.alloc(256);
const B: usize = heap.alloc(256);
const S: usize = heap.alloc(1024);
const DG: usize = heap.alloc(256);
const DB: usize = heap.alloc(256);
const NORMS: usize = heap.alloc(64);
const SCRATCH: usize = heap.alloc(group_norm_scratch_f32(40));

function fill(p: usize, n: i32, value: f32): void { for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value); }
function close(got: f32, want: f64): bool { return abs<f64>(<f64>got - want) <= 1e-6; }

/**
 * Two examples of four positions of c channels, each a group: half of the positions at mean + 3, half at mean - 3, mean = example + channel.
 * The variance is 9, with epsilon 7 the divisor is 4: xhat is +-0.75 exactly.
 */
function halves(c: i32): void {
  for (let i = 0; i < 2; i++) for (let p = 0; p < 4; p++) for (let j = 0; j < c; j++) {
    store<f32>(X + (((i * 4 + p) * c + j) << 2), <f32>(i + j + (p % 2 ? -3 : 3)));
  }
}

describe("group_norm", () => {
  test("is exact on channels of two values, for every number 1..19; nothing beyond is written", () => {
    let wrong = 0;
    for (let c = 1; c < 20; c++) {
      halves(c);
      for (let j = 0; j < c; j++) {
        store<f32>(G + (j << 2), <f32>(j * 4));
        store<f32>(B + (j << 2), <f32>j);
      }
      fill(Y, 8 * c + 4, -99);
      fill(S, 6 * c + 1, -99);
      group_norm_f32(2, 4, c, c, 7, X, G, B, Y, S, SCRATCH);
      for (let at = 0; at < 8; at++) for (let j = 0; j < c; j++) {
        if (load<f32>(Y + ((at * c + j) << 2)) != <f32>(at % 2 ? j * -2 : j * 4)) wrong++; // 4 j 0.75 + j
      }
      for (let i = 8 * c; i < 8 * c + 4; i++) if (load<f32>(Y + (i << 2)) != -99) wrong++;
      for (let i = 0; i < 2; i++) for (let j = 0; j < c; j++) {
        const s = S + ((3 * i * c + j) << 2);
        if (load<f32>(s) != <f32>(i + j) || load<f32>(s + (c << 2)) != 0 || load<f32>(s + (c << 3)) != 0.25) wrong++;
      }
      if (load<f32>(S + ((6 * c) << 2)) != -99) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test("channels that differ from each other only: their spread is the group's, for every number of groups", () => {
    let wrong = 0;
    for (let groups = 1; groups < 20; groups++) {
      const c = 2 * groups; // pairs of channels at +3 and -3 about the group's number
      for (let at = 0; at < 8; at++) for (let j = 0; j < c; j++) store<f32>(X + ((at * c + j) << 2), <f32>(j / 2 + (j % 2 ? -3 : 3)));
      fill(G, c, 4);
      fill(B, c, 1);
      group_norm_f32(2, 4, c, groups, 7, X, G, B, X, 0, SCRATCH); // in place, without statistics
      for (let at = 0; at < 8; at++) for (let j = 0; j < c; j++) if (load<f32>(X + ((at * c + j) << 2)) != (j % 2 ? -2 : 4)) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test("the input gradient of channels of two values, for every number 1..19", () => {
    let wrong = 0;
    for (let c = 1; c < 20; c++) {
      halves(c);
      fill(G, c, 2);
      // dy = 1 at the first position of each example: g = 2 there, mean(g) = 0.5, mean(g xhat) = 0.375.
      fill(D, 8 * c, 0);
      for (let i = 0; i < 2; i++) fill(D + ((4 * i * c) << 2), c, 1);
      group_norm_f32(2, 4, c, c, 7, X, G, G, Y, S, SCRATCH);
      group_norm_backward_f32(2, 4, c, c, X, G, S, D, D, SCRATCH); // in place
      for (let at = 0; at < 8; at++) for (let j = 0; j < c; j++) {
        const xhat: f64 = at % 2 ? -0.75 : 0.75;
        if (!close(load<f32>(D + ((at * c + j) << 2)), ((at % 4 == 0 ? 2.0 : 0.0) - 0.5 - xhat * 0.375) / 4)) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test("sums over positions and examples, alpha and beta, and norms that are added, for every number of channels 1..19", () => {
    let wrong = 0;
    for (let c = 1; c < 20; c++) {
      halves(c);
      for (let i = 0; i < 2; i++) for (let p = 0; p < 4; p++) fill(D + (((i * 4 + p) * c) << 2), c, p % 2 ? <f32>-(i + 1) : <f32>(i + 2));
      fill(G, c, 1);
      fill(DG, c + 1, NaN);
      fill(DB, c + 1, NaN);
      group_norm_f32(2, 4, c, c, 7, X, G, G, Y, S, SCRATCH);
      group_norm_gradient_f32(2, 4, c, 2, 0, X, S, D, DG, DB); // beta = 0 does not read the NaN
      // Example 0: dy = 2, -1, 2, -1: sum of dy xhat 4.5, of dy 2. Example 1: dy = 3, -2, 3, -2: 7.5 and 2.
      for (let j = 0; j < c; j++) if (load<f32>(DG + (j << 2)) != 24 || load<f32>(DB + (j << 2)) != 8) wrong++;
      if (!isNaN(load<f32>(DG + (c << 2))) || !isNaN(load<f32>(DB + (c << 2)))) wrong++;
      group_norm_gradient_f32(2, 4, c, 1, 0.5, X, S, D, DG, DB);
      for (let j = 0; j < c; j++) if (load<f32>(DG + (j << 2)) != 24 || load<f32>(DB + (j << 2)) != 8) wrong++; // 12 + 12, 4 + 4
      store<f64>(NORMS, 1);
      store<f64>(NORMS, 2, 8);
      store<f64>(NORMS, -7, 16);
      group_norm_norms_f32(2, 4, c, X, S, D, NORMS, SCRATCH);
      if (load<f64>(NORMS) != 1 + <f64>c * 24.25 || load<f64>(NORMS, 8) != 2 + <f64>c * 60.25 || load<f64>(NORMS, 16) != -7) wrong++;
    }
    expect(wrong).toBe(0);
  });
});
