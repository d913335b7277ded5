import { dequantize_u8_f32, packed_bytes, quantize_f32_u8, quantize_scratch_f32, range_f32 } from "../../assembly/compress/quantize";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(256);
const Y: usize = heap.alloc(256);
const OUT: usize = heap.alloc(64);
const SCRATCH: usize = heap.alloc(quantize_scratch_f32());

describe("range_f32", () => {
  test("finds the ends at every place, for n 1..19", () => {
    for (let n = 1; n < 20; n++) {
      for (let at = 0; at < n; at++) {
        for (let i = 0; i < n; i++) store<f32>(X + (i << 2), 1);
        store<f32>(X + (at << 2), -3);
        expect(range_f32(n, X, OUT)).toBe(1);
        expect(load<f32>(OUT)).toBe(-3);
        expect(load<f32>(OUT, 4)).toBe(n == 1 ? -3 : 1);
        store<f32>(X + (at << 2), at & 1 ? NaN : Infinity);
        expect(range_f32(n, X, OUT)).toBe(0);
        expect(load<f32>(OUT)).toBe(-3);
      }
    }
    expect(range_f32(0, X, OUT)).toBe(1);
    expect(load<f32>(OUT)).toBe(0);
  });
});

describe("quantize_f32_u8 and dequantize_u8_f32", () => {
  test("values on the grid come back exactly, for n 0..19 and all bits, and nothing is touched beyond", () => {
    memory.fill(KEY, 2, 32);
    memory.fill(NONCE, 2, 12);
    for (let bits = 1; bits <= 8; bits++) {
      const top = (1 << bits) - 1;
      for (let n = 0; n < 20; n++) {
        for (let i = 0; i < 24; i++) {
          store<f32>(X + (i << 2), <f32>((i * 37) & top) - 1);
          store<f32>(Y + (i << 2), -77);
        }
        memory.fill(OUT, 0xa5, 64);
        quantize_f32_u8(n, bits, -1, <f64>(top - 1), 0, KEY, NONCE, X, OUT, SCRATCH);
        const bytes = packed_bytes(n, bits);
        let wrong = 0;
        expect(bytes).toBe((n * bits + 7) / 8);
        for (let i = 0; i < n * bits; i++) {
          const level = ((i / bits) * 37) & top;
          wrong += i32(((<i32>load<u8>(OUT + (i >> 3)) >> (i & 7)) & 1) != ((level >> i % bits) & 1));
        }
        for (let i = bytes; i < 64; i++) wrong += i32(load<u8>(OUT + i) != 0xa5);
        dequantize_u8_f32(n, bits, -1, <f64>(top - 1), OUT, Y);
        for (let i = 0; i < 24; i++) wrong += i32(load<f32>(Y + (i << 2)) != (i < n ? load<f32>(X + (i << 2)) : -77));
        expect(wrong).toBe(0);
      }
    }
  });

  test("an empty range gives level 0", () => {
    for (let i = 0; i < 9; i++) store<f32>(X + (i << 2), 2.5);
    quantize_f32_u8(9, 3, 2.5, 2.5, 0, KEY, NONCE, X, OUT, SCRATCH);
    for (let i = 0; i < 4; i++) expect(load<u8>(OUT + i)).toBe(0);
    dequantize_u8_f32(9, 3, 2.5, 2.5, OUT, Y);
    for (let i = 0; i < 9; i++) expect(load<f32>(Y + (i << 2))).toBe(2.5);
  });
});
