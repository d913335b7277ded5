import { take_rows_f32, take_rows_u8_f32 } from "../../assembly/nn/rows";

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

  test("no rows: nothing is read or written", () => {
    store<f32>(Y, -1);
    take_rows_f32(0, 5, 0, 0, Y);
    take_rows_u8_f32(0, 5, 1, 0, 0, Y);
    expect(load<f32>(Y)).toBe(-1);
  });
});
