import { gemm_f32_nn, gemm_f32_nt, gemm_f32_tn, gemm_scratch_f32 } from "../../assembly/linalg/gemm";

const ROOM: i32 = 24 * 24;
const A: usize = heap.alloc(ROOM << 2);
const B: usize = heap.alloc(ROOM << 2);
const C: usize = heap.alloc(ROOM << 2);
const SCRATCH: usize = heap.alloc(gemm_scratch_f32());
const LD: i32 = 23; // larger than any size here

function value(r: i32, c: i32, salt: i32): f32 {
  return <f32>(((r * 7 + c * 5 + salt) % 9) - 4); // integers: every sum is exact
}
function blank(p: usize): void {
  for (let i = 0; i < ROOM; i++) store<f32>(p + (i << 2), NaN);
}
function matrix(p: usize, rows: i32, cols: i32, transposed: bool, salt: i32): void {
  blank(p); // padding and what lies beyond is NaN: a stray read shows in the result
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) {
    store<f32>(p + ((transposed ? c * LD + r : r * LD + c) << 2), value(r, c, salt));
  }
}
function run(layout: i32, m: i32, n: i32, k: i32, alpha: f32, beta: f32): void {
  matrix(A, m, k, layout == 2, 1);
  matrix(B, k, n, layout == 1, 2);
  if (layout == 0) gemm_f32_nn(m, n, k, alpha, beta, A, LD, B, LD, C, LD, SCRATCH);
  else if (layout == 1) gemm_f32_nt(m, n, k, alpha, beta, A, LD, B, LD, C, LD, SCRATCH);
  else gemm_f32_tn(m, n, k, alpha, beta, A, LD, B, LD, C, LD, SCRATCH);
}
function check(m: i32, n: i32, k: i32, alpha: f32, beta: f32): i32 {
  let wrong = 0;
  for (let i = 0; i < 24; i++) for (let j = 0; j < LD; j++) {
    const got = load<f32>(C + ((i * LD + j) << 2));
    if (i >= m || j >= n) {
      if (got == got) wrong++; // still NaN
      continue;
    }
    let s: f32 = 0;
    for (let p = 0; p < k; p++) s += value(i, p, 1) * value(p, j, 2);
    const want: f32 = alpha * s + (beta == 0 ? 0 : beta * value(i, j, 3));
    if (!(got == want)) wrong++;
  }
  return wrong;
}

describe("gemm, all layouts, leading dimensions larger than needed", () => {
  test("beta = 0 never reads C, and only m x n elements are written", () => {
    for (let layout = 0; layout < 3; layout++) for (let m = 0; m < 7; m++) for (let n = 0; n < 12; n++) for (let k = 0; k < 4; k++) {
      blank(C);
      run(layout, m, n, k, 2, 0);
      expect(check(m, n, k, 2, 0)).toBe(0);
    }
  });

  test("beta = 1 and another beta add C", () => {
    for (let layout = 0; layout < 3; layout++) for (let n = 1; n < 20; n += 3) for (let k = 0; k < 8; k += 7) {
      matrix(C, 5, n, false, 3);
      run(layout, 5, n, k, 1, 1);
      expect(check(5, n, k, 1, 1)).toBe(0);
      matrix(C, 5, n, false, 3);
      run(layout, 5, n, k, -1, 0.5);
      expect(check(5, n, k, -1, 0.5)).toBe(0);
    }
  });

  test("every row count, on both sides of packing and of a sweep", () => {
    for (let layout = 0; layout < 3; layout++) for (let m = 1; m < 24; m++) {
      blank(C);
      run(layout, m, 9, 5, 1, 0);
      expect(check(m, 9, 5, 1, 0)).toBe(0);
    }
  });
});
