import { chacha20_u8 } from "../../assembly/random/chacha";
import { uniform_f32, uniform_scratch_f32 } from "../../assembly/random/uniform";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(2048);
const WORDS: usize = heap.alloc(2048);
const SCRATCH: usize = heap.alloc(uniform_scratch_f32());

describe("uniform_f32", () => {
  test("is the top 24 bits of each word, for n 0..19, and touches nothing beyond", () => {
    memory.fill(KEY, 3, 32);
    memory.fill(NONCE, 5, 12);
    chacha20_u8(2, 9, KEY, NONCE, WORDS);
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) store<f32>(X + (i << 2), -7);
      uniform_f32(n, 0, 1, 9, KEY, NONCE, X, SCRATCH);
      for (let i = 0; i < 24; i++) {
        const want: f32 = i < n ? <f32>(load<u32>(WORDS + (i << 2)) >> 8) / 16777216 : -7;
        expect(load<f32>(X + (i << 2))).toBe(want);
      }
    }
  });

  test("goes on from block to block where a chunk ends", () => {
    uniform_f32(300, 0, 1, 9, KEY, NONCE, X, SCRATCH);
    chacha20_u8(1, 9 + 16, KEY, NONCE, WORDS);
    for (let i = 0; i < 16; i++) expect(load<f32>(X + ((256 + i) << 2))).toBe(<f32>(load<u32>(WORDS + (i << 2)) >> 8) / 16777216);
  });

  test("an empty interval gives its one point", () => {
    uniform_f32(9, 1.5, 1.5, 0, KEY, NONCE, X, SCRATCH);
    for (let i = 0; i < 9; i++) expect(load<f32>(X + (i << 2))).toBe(1.5);
  });
});
