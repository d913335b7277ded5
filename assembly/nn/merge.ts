// Where branches of a model meet: columns of a concatenation, and the dot products of two towers. (A sum is linalg/vector's add_f32.)
import { dot_f32 } from "../linalg/reduce";
import { ld, madd, mul, splat, st } from "../lanes/f32";

/**
 * Y_ij <- X_ij: n columns of m rows, row strides ldx and ldy. With y inside a wider matrix this concatenates, with x inside one it takes apart;
 * columns of Y beyond the n are not touched. x, y: f32, disjoint. Bits are kept.
 */
export function copy_columns_f32(m: usize, n: usize, x: usize, ldx: usize, y: usize, ldy: usize): void {
  if (ldx == n && ldy == n) {
    memory.copy(y, x, (m * n) << 2);
    return;
  }
  for (let i: usize = 0; i < m; i++) memory.copy(y + ((i * ldy) << 2), x + ((i * ldx) << 2), n << 2);
}

/**
 * y_ij <- sum_k a_ik b_ijk: r rows of b against one of a, for m examples. One row against one is r = 1.
 *
 * m examples, r rows, length n, 0 gives 0    a: m x n    b: m x r x n    y: m x r, disjoint; all f32
 * Numerics: dot_f32, f64 in eight stripes, one rounding to f32: same bits in every build. NaN and Inf propagate.
 */
export function dot_rows_f32(m: usize, r: usize, n: usize, a: usize, b: usize, y: usize): void {
  for (let i: usize = 0; i < m; i++) {
    for (let j: usize = 0; j < r; j++) {
      const row = i * r + j;
      store<f32>(y + (row << 2), <f32>dot_f32(n, a + ((i * n) << 2), b + ((row * n) << 2)));
    }
  }
}

// @ts-ignore: decorator
@inline
function weigh_body<T>(r: usize, n: usize, dy: usize, b: usize, da: usize): void {
  let s = splat<T>(0);
  for (let j: usize = 0; j < r; j++) s = madd<T>(splat<T>(load<f32>(dy + (j << 2))), ld<T>(b + ((j * n) << 2)), s);
  st<T>(da, s);
}
/** da_ik <- sum_j dy_ij b_ijk: the gradient of dot_rows_f32 for a; shapes as there, da: m x n, disjoint. Rows are added in rising j. */
export function dot_rows_first_gradient_f32(m: usize, r: usize, n: usize, dy: usize, b: usize, da: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const g = dy + ((i * r) << 2), bi = b + ((i * r * n) << 2), ai = da + ((i * n) << 2);
    let k: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = n & ~3; k < e; k += 4) weigh_body<v128>(r, n, g, bi + (k << 2), ai + (k << 2));
    for (; k < n; k++) weigh_body<f32>(r, n, g, bi + (k << 2), ai + (k << 2));
  }
}

// @ts-ignore: decorator
@inline
function spread_body<T>(g: f32, a: usize, db: usize): void {
  st<T>(db, mul<T>(splat<T>(g), ld<T>(a)));
}
/** db_ijk <- dy_ij a_ik: the gradient of dot_rows_f32 for b; shapes as there, db: m x r x n, disjoint. One rounding. */
export function dot_rows_second_gradient_f32(m: usize, r: usize, n: usize, dy: usize, a: usize, db: usize): void {
  for (let row: usize = 0; row < m * r; row++) {
    const g = load<f32>(dy + (row << 2)), ai = a + ((row / r * n) << 2), bi = db + ((row * n) << 2);
    let k: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = n & ~3; k < e; k += 4) spread_body<v128>(g, ai + (k << 2), bi + (k << 2));
    for (; k < n; k++) spread_body<f32>(g, ai + (k << 2), bi + (k << 2));
  }
}
