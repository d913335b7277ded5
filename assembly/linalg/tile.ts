// Part of linalg/gemm: the micro-kernel. A tile of A B stays in registers while k steps of A and B pass by, and is then added to C.
//
// B is a panel of 16 columns, 64 bytes a step. Four rows of A take one half of it at a time: of 16 registers, 8 are accumulators (4 rows x 2
// vectors), 2 hold B, 4 broadcast A. The last one to three rows take the whole panel, 2 rows x 4 vectors or 1 x 4, and 9 to 12 columns take
// 2 x 3. The scalar build is the same text with vectors of one number, a panel in four passes.
//
// A step is 8 multiplications and 8 additions, 4 cycles of a processor that issues 6 instructions a cycle: 24, loads and all. So the loop is
// unrolled (scripts/unroll.mjs) and loads take constant offsets. The exit in every copy costs one instruction, serves any k, and keeps V8 11
// from loading several steps ahead, which would spill registers; a call behind the loop would spill them too. Measured in docs/adr/0006-gemm.md.
import { add, ld, lanes, madd, mul, splat, st, unroll } from "../lanes/f32";

/** Columns of a panel of B. */
export const PANEL: usize = 16;
const STEP: usize = PANEL << 2; // bytes of a packed panel that a step reads

/** c <- alpha x + c for two neighbours of a tile. */
// @ts-ignore: decorator
@inline
function settle<T>(alpha: T, x0: T, x1: T, c: usize): void {
  const d = c + (lanes<T>() << 2);
  st<T>(c, madd<T>(alpha, x0, ld<T>(c)));
  st<T>(d, madd<T>(alpha, x1, ld<T>(d)));
}
/** The same where only n columns exist, none if n <= 0. */
// @ts-ignore: decorator
@inline
function settle_edge<T>(alpha: T, x0: T, x1: T, c: usize, n: isize): void {
  settle_first<T>(alpha, x0, c, n);
  settle_first<T>(alpha, x1, c + (lanes<T>() << 2), n - lanes<T>());
}
// @ts-ignore: decorator
@inline
function settle_first<T>(alpha: T, x: T, c: usize, n: isize): void {
  if (n >= <isize>lanes<T>()) {
    st<T>(c, madd<T>(alpha, x, ld<T>(c)));
  } else if (isVector<T>() && n > 0) {
    let y = n == 1 ? v128.load32_zero(c) : v128.load64_zero(c);
    if (n == 3) y = v128.load32_lane(c + 8, y, 2);
    y = madd<v128>(alpha, x, y);
    if (n == 1) v128.store32_lane(c, y, 0);
    else v128.store64_lane(c, y, 0);
    if (n == 3) v128.store32_lane(c + 8, y, 2);
  }
}

/**
 * x b + c, computed beside the product x other that the next call wants: two multiplications, then two additions. Where they alternate, a Zen 4
 * loses up to a quarter of its speed, as if all multiplications queued at one of its two schedulers. The shuffle is the identity: it only
 * orders, and no instruction comes of it.
 */
// @ts-ignore: decorator
@inline
export function madd_beside<T>(x: T, b: T, other: T, c: T): T {
  if (!isVector<T>() || ASC_FEATURE_RELAXED_SIMD) return madd<T>(x, b, c);
  return add<T>(v128.shuffle<i64>(mul<T>(x, b), mul<T>(x, other), 0, 1), c);
}

/**
 * C <- alpha A B + C for 4 rows x 2 vectors of C, of which n columns exist, and k steps. A and C: rows of rsa and rsc bytes; b: half of a packed
 * panel, or in place with rsb bytes a step. packed is a constant at every call: what a shape does not use vanishes in compilation.
 */
// @ts-ignore: decorator
@inline
function tile_4<T>(packed: bool, n: usize, k: usize, alpha: T, a: usize, rsa: usize, b: usize, rsb: usize, c: usize, rsc: usize): void {
  let c00 = splat<T>(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  let a1 = a + rsa, a2 = a1 + rsa, a3 = a2 + rsa;
  while (true) {
    for (let u: usize = 0; u < unroll(16); u++) {
      if (k == u) break;
      const b0 = packed ? load<T>(b + (u * STEP)) : load<T>(b);
      const b1 = packed ? load<T>(b + (u * STEP + sizeof<T>())) : load<T>(b + (sizeof<T>()));
      let x: T = isVector<T>() ? v128.load32_splat(a + (u * 4)) : load<f32>(a + (u * 4));
      c00 = madd_beside<T>(x, b0, b1, c00);
      c01 = madd_beside<T>(x, b1, b0, c01);
      x = isVector<T>() ? v128.load32_splat(a1 + (u * 4)) : load<f32>(a1 + (u * 4));
      c10 = madd_beside<T>(x, b0, b1, c10);
      c11 = madd_beside<T>(x, b1, b0, c11);
      x = isVector<T>() ? v128.load32_splat(a2 + (u * 4)) : load<f32>(a2 + (u * 4));
      c20 = madd_beside<T>(x, b0, b1, c20);
      c21 = madd_beside<T>(x, b1, b0, c21);
      x = isVector<T>() ? v128.load32_splat(a3 + (u * 4)) : load<f32>(a3 + (u * 4));
      c30 = madd_beside<T>(x, b0, b1, c30);
      c31 = madd_beside<T>(x, b1, b0, c31);
      if (!packed) b += rsb;
    }
    if (k < 16) break;
    k -= 16;
    a += 64;
    a1 += 64;
    a2 += 64;
    a3 += 64;
    if (packed) b += 16 * STEP;
  }
  if (n >= lanes<T>() * 2) {
    settle<T>(alpha, c00, c01, c);
    settle<T>(alpha, c10, c11, c + rsc);
    settle<T>(alpha, c20, c21, c + rsc * 2);
    settle<T>(alpha, c30, c31, c + rsc * 3);
  } else {
    settle_edge<T>(alpha, c00, c01, c, n);
    settle_edge<T>(alpha, c10, c11, c + rsc, n);
    settle_edge<T>(alpha, c20, c21, c + rsc * 2, n);
    settle_edge<T>(alpha, c30, c31, c + rsc * 3, n);
  }
}

/** The same for 1 or 2 rows x 3 or 4 vectors, constants at every call, from the start of a panel. */
// @ts-ignore: decorator
@inline
function tile_2<T>(
  packed: bool, rows: i32, vectors: i32, n: usize, k: usize, alpha: T, a: usize, rsa: usize, b: usize, rsb: usize, c: usize, rsc: usize,
): void {
  let c00 = splat<T>(0), c01 = c00, c02 = c00, c03 = c00, c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  let a1 = a + rsa;
  while (true) {
    for (let u: usize = 0; u < unroll(8); u++) {
      if (k == u) break;
      const b0 = packed ? load<T>(b + (u * STEP)) : load<T>(b);
      const b1 = packed ? load<T>(b + (u * STEP + sizeof<T>())) : load<T>(b + (sizeof<T>()));
      const b2 = packed ? load<T>(b + (u * STEP + sizeof<T>() * 2)) : load<T>(b + (sizeof<T>() * 2));
      const b3 = vectors < 4 ? b0 : packed ? load<T>(b + (u * STEP + sizeof<T>() * 3)) : load<T>(b + (sizeof<T>() * 3));
      let x: T = isVector<T>() ? v128.load32_splat(a + (u * 4)) : load<f32>(a + (u * 4));
      c00 = madd<T>(x, b0, c00);
      c01 = madd<T>(x, b1, c01);
      c02 = madd<T>(x, b2, c02);
      if (vectors > 3) c03 = madd<T>(x, b3, c03);
      if (rows > 1) {
        x = isVector<T>() ? v128.load32_splat(a1 + (u * 4)) : load<f32>(a1 + (u * 4));
        c10 = madd<T>(x, b0, c10);
        c11 = madd<T>(x, b1, c11);
        c12 = madd<T>(x, b2, c12);
        if (vectors > 3) c13 = madd<T>(x, b3, c13);
      }
      if (!packed) b += rsb;
    }
    if (k < 8) break;
    k -= 8;
    a += 32;
    a1 += 32;
    if (packed) b += 8 * STEP;
  }
  const d = c + (lanes<T>() << 3);
  if (vectors == 4 && n >= lanes<T>() * 4) {
    settle<T>(alpha, c00, c01, c);
    settle<T>(alpha, c02, c03, d);
    if (rows > 1) settle<T>(alpha, c10, c11, c + rsc);
    if (rows > 1) settle<T>(alpha, c12, c13, d + rsc);
  } else {
    const right = <isize>(n - lanes<T>() * 2);
    settle_edge<T>(alpha, c00, c01, c, n);
    settle_edge<T>(alpha, c02, c03, d, right);
    if (rows > 1) settle_edge<T>(alpha, c10, c11, c + rsc, n);
    if (rows > 1) settle_edge<T>(alpha, c12, c13, d + rsc, right);
  }
}

// The shapes, down the rows; not inlined, so that the code of each exists once. Both halves of a panel come before the next rows: they share
// lines of C.
function rows_4x2<T>(m: usize, n: usize, k: usize, alpha: T, a: usize, rsa: usize, b: usize, c: usize, rsc: usize): void {
  for (; m >= 4; m -= 4, a += rsa * 4, c += rsc * 4) {
    for (let j: usize = 0; j < n; j += lanes<T>() * 2) tile_4<T>(true, n - j, k, alpha, a, rsa, b + (j << 2), 0, c + (j << 2), rsc);
  }
}
function rows_4x2_in_place<T>(m: usize, k: usize, alpha: T, a: usize, rsa: usize, b: usize, rsb: usize, c: usize, rsc: usize): void {
  for (; m >= 4; m -= 4, a += rsa * 4, c += rsc * 4) {
    for (let j: usize = 0; j < lanes<T>() * 4; j += lanes<T>() * 2) tile_4<T>(false, PANEL, k, alpha, a, rsa, b + (j << 2), rsb, c + (j << 2), rsc);
  }
}
function rows_2x3<T>(m: usize, n: usize, k: usize, alpha: T, a: usize, rsa: usize, b: usize, c: usize, rsc: usize): void {
  for (; m >= 2; m -= 2, a += rsa * 2, c += rsc * 2) tile_2<T>(true, 2, 3, n, k, alpha, a, rsa, b, 0, c, rsc);
}
function tile_2x4<T>(n: usize, k: usize, alpha: T, a: usize, rsa: usize, b: usize, c: usize, rsc: usize): void {
  tile_2<T>(true, 2, 4, n, k, alpha, a, rsa, b, 0, c, rsc);
}
function tile_2x4_in_place<T>(k: usize, alpha: T, a: usize, rsa: usize, b: usize, rsb: usize, c: usize, rsc: usize): void {
  tile_2<T>(false, 2, 4, PANEL, k, alpha, a, rsa, b, rsb, c, rsc);
}
function tile_1x4<T>(n: usize, k: usize, alpha: T, a: usize, b: usize, c: usize): void {
  tile_2<T>(true, 1, 4, n, k, alpha, a, 0, b, 0, c, 0);
}
function tile_1x4_in_place<T>(k: usize, alpha: T, a: usize, b: usize, rsb: usize, c: usize): void {
  tile_2<T>(false, 1, 4, PANEL, k, alpha, a, 0, b, rsb, c, 0);
}
// @ts-ignore: decorator
@inline
function rows<T>(m: usize, n: usize, k: usize, alpha: T, a: usize, rsa: usize, b: usize, rsb: usize, c: usize, rsc: usize): void {
  const w = lanes<T>();
  const i2 = m & ~3, i1 = m & ~1; // first of the last two rows, the last row
  if (rsb != 0) {
    rows_4x2_in_place<T>(m, k, alpha, a, rsa, b, rsb, c, rsc);
    if (m & 2) tile_2x4_in_place<T>(k, alpha, a + i2 * rsa, rsa, b, rsb, c + i2 * rsc, rsc);
    if (m & 1) tile_1x4_in_place<T>(k, alpha, a + i1 * rsa, b, rsb, c + i1 * rsc);
    return;
  }
  if (n > w * 2 && n <= w * 3) {
    rows_2x3<T>(m, n, k, alpha, a, rsa, b, c, rsc);
  } else {
    rows_4x2<T>(m, n, k, alpha, a, rsa, b, c, rsc);
    if (m & 2) tile_2x4<T>(n, k, alpha, a + i2 * rsa, rsa, b, c + i2 * rsc, rsc);
  }
  if (m & 1) tile_1x4<T>(n, k, alpha, a + i1 * rsa, b, c + i1 * rsc);
}

/**
 * C <- alpha A B + C for m rows, the first n <= 16 columns of a panel, and k steps. A and C: rows of rsa and rsc bytes; B: a packed panel
 * (rsb = 0), or 16 columns in place with rows of rsb bytes.
 */
export function panel(m: usize, n: usize, k: usize, alpha: f32, a: usize, rsa: usize, b: usize, rsb: usize, c: usize, rsc: usize): void {
  if (ASC_FEATURE_SIMD) rows<v128>(m, n, k, splat<v128>(alpha), a, rsa, b, rsb, c, rsc);
  else for (let j: usize = 0; j < n; j += 4) rows<f32>(m, min<usize>(4, n - j), k, alpha, a, rsa, b + (j << 2), rsb, c + (j << 2), rsc);
}
