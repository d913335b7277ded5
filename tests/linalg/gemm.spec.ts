import {
  gemm_f32_nn, gemm_f32_nt, gemm_f32_tn, gemm_packed, gemm_scratch_f32, gemm_squared_norm_f32_tn, gemm_squared_norm_scratch_f32, pack_b, packed_b_bytes,
} from "../../assembly/linalg/gemm";

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

describe("B packed once", () => {
  test("gemm_packed gives the bits of gemm and writes no more; pack_b writes no more than it says", () => {
    // Sizes on both sides of a panel of columns and of a block of k; A and B hold fractions, so that sums round.
    const sizes: i32[] = [0, 1, 4, 7, 8, 9, 17, 255, 256, 257, 520];
    const floats = 521 * 521, out = 27 * 521;
    const a = heap.alloc(floats << 2), b = heap.alloc(floats << 2), c = heap.alloc(out << 2), d = heap.alloc(out << 2);
    for (let i = 0; i < floats; i++) {
      store<f32>(a + (i << 2), <f32>((i * 37) % 101) / 7 - 6);
      store<f32>(b + (i << 2), <f32>((i * 53) % 103) / 9 - 5);
    }
    for (let x = 0; x < sizes.length; x++) for (let y = 0; y < sizes.length; y++) for (let layout = 0; layout < 3; layout++) {
      const n = sizes[x], k = sizes[y], m = n + k > 300 ? 2 : x == y ? 27 : 1 + ((x + y) % 6);
      const ta = layout == 2, tb = layout == 1;
      const lda = (ta ? m : k) + 1, ldb = (tb ? k : n) + 1;
      const beta: f32 = x % 2 ? 0.5 : 0;
      for (let i = 0; i < out; i++) {
        store<f32>(c + (i << 2), <f32>i);
        store<f32>(d + (i << 2), <f32>i);
      }
      const bytes = packed_b_bytes(n, k);
      const packed = heap.alloc(bytes + 4);
      store<u32>(packed + bytes, 0xabadcafe);
      pack_b(tb, n, k, b, ldb, packed);
      expect(load<u32>(packed + bytes)).toBe(0xabadcafe);
      gemm_packed(ta, m, n, k, 0.3, beta, a, lda, packed, d, n + 1, SCRATCH);
      if (layout == 0) gemm_f32_nn(m, n, k, 0.3, beta, a, lda, b, ldb, c, n + 1, SCRATCH);
      else if (layout == 1) gemm_f32_nt(m, n, k, 0.3, beta, a, lda, b, ldb, c, n + 1, SCRATCH);
      else gemm_f32_tn(m, n, k, 0.3, beta, a, lda, b, ldb, c, n + 1, SCRATCH);
      expect(memory.compare(c, d, out << 2)).toBe(0);
      heap.free(packed);
    }
  });
});

describe("squared norm of a product", () => {
  test("integers: the exact sum, every m and n to 9, on both sides of a block of k; scratch no larger than it says", () => {
    for (let m = 0; m < 10; m++) for (let n = 0; n < 20; n++) for (let k = 0; k < 8; k += 7) {
      matrix(A, m, k, true, 1);
      matrix(B, k, n, false, 2);
      let want: f64 = 0;
      for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) {
        let s: f64 = 0;
        for (let p = 0; p < k; p++) s += value(i, p, 1) * value(p, j, 2);
        want += s * s;
      }
      const bytes = gemm_squared_norm_scratch_f32(m, n, k);
      const scratch = heap.alloc(bytes + 8);
      store<u64>(scratch + bytes, 0xabadcafe);
      expect(gemm_squared_norm_f32_tn(m, n, k, A, LD, B, LD, scratch)).toBe(want);
      expect(load<u64>(scratch + bytes)).toBe(0xabadcafe);
      heap.free(scratch);
    }
  });
});
