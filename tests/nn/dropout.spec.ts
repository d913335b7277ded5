import { dropout_f32, dropout_scratch_f32 } from "../../assembly/nn/dropout";
import { chacha20_u8 } from "../../assembly/random/chacha";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(2048);
const Y: usize = heap.alloc(2048);
const WORDS: usize = heap.alloc(2048);
const SCRATCH: usize = heap.alloc(dropout_scratch_f32());

describe("dropout_f32", () => {
  test("keeps and scales where the word of the stream is at least rate 2^32, for n 0..19, and touches nothing beyond", () => {
    memory.fill(KEY, 3, 32);
    memory.fill(NONCE, 5, 12);
    chacha20_u8(2, 21, KEY, NONCE, WORDS);
    let kept = 0;
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<f32>(X + (i << 2), <f32>(i + 1));
        store<f32>(Y + (i << 2), -7);
      }
      dropout_f32(n, 0.75, 21, KEY, NONCE, X, Y, SCRATCH);
      for (let i = 0; i < 24; i++) {
        const keep = load<u32>(WORDS + (i << 2)) >= 0xc0000000;
        if (i < n && keep) kept++;
        expect(load<f32>(Y + (i << 2))).toBe(i >= n ? <f32>-7 : keep ? <f32>4 * <f32>(i + 1) : 0);
      }
      dropout_f32(n, 0.75, 21, KEY, NONCE, X, X, SCRATCH);
      for (let i = 0; i < n; i++) expect(load<f32>(X + (i << 2))).toBe(load<f32>(Y + (i << 2)));
    }
    expect(kept).toBeGreaterThan(10);
  });

  test("goes on from block to block where a chunk ends; a longer array has the same start", () => {
    for (let i = 0; i < 300; i++) store<f32>(X + (i << 2), 1);
    dropout_f32(300, 0.5, 9, KEY, NONCE, X, Y, SCRATCH);
    chacha20_u8(1, 9 + 16, KEY, NONCE, WORDS);
    for (let i = 0; i < 16; i++) expect(load<f32>(Y + ((256 + i) << 2))).toBe(load<u32>(WORDS + (i << 2)) >= 0x80000000 ? 2 : 0);
    dropout_f32(19, 0.5, 9, KEY, NONCE, X, X, SCRATCH);
    for (let i = 0; i < 19; i++) expect(load<f32>(X + (i << 2))).toBe(load<f32>(Y + (i << 2)));
  });

  test("rate 0 keeps every bit; a rate next to 1 keeps nearly nothing; a dropped NaN is 0", () => {
    for (let i = 0; i < 19; i++) store<u32>(X + (i << 2), i == 3 ? 0x80000000 : i == 4 ? 1 : 0x40490fdb + i);
    dropout_f32(19, 0, 0, KEY, NONCE, X, Y, SCRATCH);
    for (let i = 0; i < 19; i++) expect(load<u32>(Y + (i << 2))).toBe(load<u32>(X + (i << 2)));
    for (let i = 0; i < 19; i++) store<f32>(X + (i << 2), i % 2 ? NaN : Infinity);
    dropout_f32(19, 1.0 - 2.220446049250313e-16, 0, KEY, NONCE, X, Y, SCRATCH);
    for (let i = 0; i < 19; i++) expect(load<u32>(Y + (i << 2))).toBe(0);
  });
});
