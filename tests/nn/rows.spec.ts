import { put_rows_f32, take_rows_f32, take_rows_u8_f32, update_rows_f32 } from "../../assembly/nn/rows";

const R: usize = heap.alloc(64);
const X: usize = heap.alloc(1024);
const Y: usize = heap.alloc(1024);

function rows(): void {
  store<u32>(R, 2);
  store<u32>(R, 0, 4);
  store<u32>(R, 2, 8);
}

describe("rows", () => {
  test("f32 rows of every length 0..19 in any order and again; nothing beyond is written", () => {
    rows();
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 60; i++) store<f32>(X + (i << 2), <f32>i);
      for (let i = 0; i < 80; i++) store<f32>(Y + (i << 2), -1);
      take_rows_f32(3, n, R, X, Y);
      for (let i = 0; i < 80; i++) {
        if (i < 3 * n) expect(load<f32>(Y + (i << 2))).toBe(<f32>(<i32>load<u32>(R + ((i / n) << 2)) * n + (i % n)));
        else expect(load<f32>(Y + (i << 2))).toBe(-1);
      }
    }
  });

  test("bytes are unsigned, widened and scaled", () => {
    rows();
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 60; i++) store<u8>(X + i, <u8>(255 - i));
      for (let i = 0; i < 80; i++) store<f32>(Y + (i << 2), -1);
      take_rows_u8_f32(3, n, 0.5, R, X, Y);
      for (let i = 0; i < 80; i++) {
        if (i < 3 * n) {
          const byte: i32 = 255 - (<i32>load<u32>(R + ((i / n) << 2)) * n + (i % n));
          expect(load<f32>(Y + (i << 2))).toBe(<f32>0.5 * <f32>byte);
        } else expect(load<f32>(Y + (i << 2))).toBe(-1);
      }
    }
  });

  test("rows are put back and updated where they belong; the others keep their bits", () => {
    for (let n = 0; n < 20; n++) {
      for (let beta: i32 = 0; beta < 2; beta++) for (let put: i32 = 0; put < 2; put++) {
        rows();
        store<u32>(R, 3, 4); // 2, 3, 2
        for (let i = 0; i < 80; i++) store<f32>(Y + (i << 2), <f32>i);
        for (let i = 0; i < 120; i++) store<f32>(X + (i << 2), i < 2 * n || i >= 4 * n ? NaN : 7);
        if (put) put_rows_f32(3, n, R, Y, X);
        else update_rows_f32(3, n, -2, <f32>beta, R, Y, X);
        for (let i = 0; i < 120; i++) {
          const x = load<f32>(X + (i << 2));
          const j: i32 = i - 2 * n;
          const once: i32 = put ? j : -2 * j + 7 * beta; // row 2 <- Y_0
          const again: i32 = put ? 2 * n + j : -2 * (2 * n + j) + beta * once; // and then Y_2
          if (j < 0 || j >= 2 * n) expect(isNaN(x)).toBe(true);
          else expect(x).toBe(<f32>(j >= n ? once : again)); // row 3 <- Y_1: j counts on from n
        }
      }
    }
  });

  test("no rows: nothing is read or written", () => {
    store<f32>(Y, -1);
    take_rows_f32(0, 5, 0, 0, Y);
    take_rows_u8_f32(0, 5, 1, 0, 0, Y);
    put_rows_f32(0, 5, 0, 0, Y);
    update_rows_f32(0, 5, 1, 1, 0, 0, Y);
    expect(load<f32>(Y)).toBe(-1);
  });
});
