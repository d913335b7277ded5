import { copy_columns_f32, dot_rows_f32, dot_rows_first_gradient_f32, dot_rows_second_gradient_f32 } from "../../assembly/nn/merge";

const A: usize = heap.alloc(1024);
const B: usize = heap.alloc(2048);
const Y: usize = heap.alloc(2048);
const G: usize = heap.alloc(256);

function a(i: i32, k: i32): f32 { return <f32>((i * 5 + k * 3) % 7 - 3); }
function b(row: i32, k: i32): f32 { return <f32>((row * 4 + k * 5) % 9 - 4); }
function g(row: i32): f32 { return <f32>((row * 2) % 5 - 2); }
function fill(p: usize, n: i32, value: f32): void { for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value); }

/** 1 where element i at p is another than `want`: one expectation a case is enough. */
function differs(p: usize, i: i32, want: f32): i32 { return <i32>(load<f32>(p + (i << 2)) != want); }

describe("copy_columns_f32", () => {
  test("moves n of every row's columns, 0..19, and no other, into and out of a wider matrix", () => {
    for (let n = 0; n < 20; n++) for (let m = 0; m < 4; m++) for (let wide = n; wide < n + 3; wide++) {
      for (let i = 0; i < m * n; i++) store<f32>(A + (i << 2), <f32>(i + 1));
      fill(Y, 80, -7);
      copy_columns_f32(m, n, A, n, Y + 4, wide);
      let wrong = 0;
      for (let i = 0; i < m; i++) for (let j = 0; j < wide; j++) wrong += differs(Y, 1 + i * wide + j, j < n ? <f32>(i * n + j + 1) : -7);
      wrong += differs(Y, 0, -7) + differs(Y, 1 + m * wide, -7);
      fill(B, 80, -9);
      copy_columns_f32(m, n, Y + 4, wide, B, n);
      for (let i = 0; i < 80; i++) wrong += differs(B, i, i < m * n ? <f32>(i + 1) : -9);
      expect(wrong).toBe(0);
    }
  });
});

describe("dot_rows, integers: exact", () => {
  test("products and both gradients, length 0..19, 0..3 rows against one", () => {
    for (let m = 0; m < 4; m++) for (let r = 0; r < 4; r++) for (let n = 0; n < 20; n++) {
      fill(A, 256, NaN); // what lies beyond must not be read
      fill(B, 512, NaN);
      fill(G, 64, NaN);
      for (let i = 0; i < m; i++) for (let k = 0; k < n; k++) store<f32>(A + ((i * n + k) << 2), a(i, k));
      for (let row = 0; row < m * r; row++) {
        store<f32>(G + (row << 2), g(row));
        for (let k = 0; k < n; k++) store<f32>(B + ((row * n + k) << 2), b(row, k));
      }
      let wrong = 0;
      fill(Y, 300, -99);
      dot_rows_f32(m, r, n, A, B, Y);
      for (let row = 0; row < m * r; row++) {
        let s: f32 = 0;
        for (let k = 0; k < n; k++) s += a(row / r, k) * b(row, k);
        wrong += differs(Y, row, s);
      }
      wrong += differs(Y, m * r, -99);
      fill(Y, 300, -99);
      dot_rows_first_gradient_f32(m, r, n, G, B, Y);
      for (let i = 0; i < m; i++) for (let k = 0; k < n; k++) {
        let s: f32 = 0;
        for (let j = 0; j < r; j++) s += g(i * r + j) * b(i * r + j, k);
        wrong += differs(Y, i * n + k, s);
      }
      wrong += differs(Y, m * n, -99);
      fill(Y, 300, -99);
      dot_rows_second_gradient_f32(m, r, n, G, A, Y);
      for (let row = 0; row < m * r; row++) for (let k = 0; k < n; k++) wrong += differs(Y, row * n + k, g(row) * a(row / r, k));
      wrong += differs(Y, m * r * n, -99);
      expect(wrong).toBe(0);
    }
  });
});
