import { convert_i32_f32, modular_clip_i32 } from "../../assembly/aggregate/modular";

const X: usize = heap.alloc(4096);
const Y: usize = heap.alloc(4096);

function clipOne(x: i32, lower: i32, width: u64): i32 {
  store<i32>(X, x);
  modular_clip_i32(1, lower, width, X, X);
  return load<i32>(X);
}

describe("modular_clip_i32", () => {
  test("wraps at the edges", () => {
    expect(clipOne(-15, -5, 15)).toBe(0);
    expect(clipOne(20, -5, 15)).toBe(5);
    expect(clipOne(10, -5, 15)).toBe(-5);
    expect(clipOne(-25, -20, 10)).toBe(-15);
    expect(clipOne(128, -128, 256)).toBe(-128);
    expect(clipOne(-129, -128, 256)).toBe(127);
    expect(clipOne(i32.MIN_VALUE, i32.MIN_VALUE, 0x100000000)).toBe(i32.MIN_VALUE);
    expect(clipOne(i32.MAX_VALUE, -1, 3)).toBe(1);
    expect(clipOne(12345, 7, 1)).toBe(7);
  });

  test("every lane alike, for n 0..19, in place and not, and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      for (let k = 0; k < 2; k++) {
        for (let i = 0; i < 24; i++) {
          store<i32>(X + (i << 2), i * 5 - 50);
          store<i32>(Y + (i << 2), 99);
        }
        modular_clip_i32(n, -4, k ? 8 : 7, X, Y);
        for (let i = 0; i < 24; i++) {
          let want = i * 5 - 50;
          while (want < -4) want += k ? 8 : 7;
          while (want >= (k ? 4 : 3)) want -= k ? 8 : 7;
          expect(load<i32>(Y + (i << 2))).toBe(i < n ? want : 99);
        }
      }
    }
  });
});

describe("convert_i32_f32", () => {
  test("converts, in place too, for n 0..19", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) store<i32>(X + (i << 2), i == 5 ? i32.MIN_VALUE : i == 6 ? 16777217 : i - 9);
      convert_i32_f32(n, X, X);
      for (let i = 0; i < n; i++) expect(load<f32>(X + (i << 2))).toBe(i == 5 ? -2147483648 : i == 6 ? 16777216 : <f32>(i - 9));
      expect(load<i32>(X + (n << 2))).toBe(n == 5 ? i32.MIN_VALUE : n == 6 ? 16777217 : n - 9);
    }
  });
});
