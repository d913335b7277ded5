import { hadamard_f32, signs_f32, signs_scratch_f32 } from "../../assembly/linalg/hadamard";
import { chacha20_u8 } from "../../assembly/random/chacha";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(65536);
const Y: usize = heap.alloc(65536);
const SCRATCH: usize = heap.alloc(signs_scratch_f32());

describe("hadamard_f32", () => {
  test("takes the one-hot vector k to the signs of row k, for every k, n = 1 .. 64; touches nothing beyond", () => {
    for (let n: usize = 1; n <= 64; n <<= 1) {
      for (let k: usize = 0; k < n; k++) {
        for (let i: usize = 0; i < n + 4; i++) store<f32>(X + (i << 2), i == k ? 1 : i < n ? 0 : 7);
        hadamard_f32(n, X);
        for (let i: usize = 0; i < n; i++) expect(load<f32>(X + (i << 2))).toBe(popcnt<usize>(i & k) & 1 ? -1 : 1);
        for (let i: usize = n; i < n + 4; i++) expect(load<f32>(X + (i << 2))).toBe(7);
      }
    }
  });

  test("twice is n times the identity, beyond a block of 4096 too", () => {
    for (let n: usize = 4096; n <= 16384; n <<= 1) {
      for (let i: usize = 0; i < n; i++) store<f32>(X + (i << 2), <f32>((i * 37) % 11) - 5);
      hadamard_f32(n, X);
      hadamard_f32(n, X);
      let wrong = 0;
      for (let i: usize = 0; i < n; i++) if (load<f32>(X + (i << 2)) != <f32>n * (<f32>((i * 37) % 11) - 5)) wrong++;
      expect(wrong).toBe(0);
    }
  });

  test("length 0 does nothing", () => {
    store<f32>(X, 3);
    hadamard_f32(0, X);
    expect(load<f32>(X)).toBe(3);
  });
});

describe("signs_f32", () => {
  test("flips where the bit is 1, for n 0..19 and across chunks, zeros of both signs included; twice is nothing", () => {
    memory.fill(KEY, 3, 32);
    memory.fill(NONCE, 1, 12);
    chacha20_u8(32, 4, KEY, NONCE, Y);
    for (let k: usize = 0; k < 22; k++) {
      const n: usize = k < 20 ? k : 8190 + k - 20 + (k & 1) * 1000;
      for (let i: usize = 0; i < n + 4; i++) store<f32>(X + (i << 2), i & 1 ? 0 : <f32>i);
      signs_f32(n, 4, KEY, NONCE, X, X, SCRATCH);
      let wrong = 0;
      for (let i: usize = 0; i < n + 4; i++) {
        const bit = i < n ? (load<u8>(Y + (i >> 3)) >> <u8>(i & 7)) & 1 : 0;
        const want: f32 = i & 1 ? 0 : <f32>i;
        if (load<u32>(X + (i << 2)) != (reinterpret<u32>(want) ^ (<u32>bit << 31))) wrong++;
      }
      expect(wrong).toBe(0);
      signs_f32(n, 4, KEY, NONCE, X, X, SCRATCH);
      for (let i: usize = 0; i < n; i++) if (reinterpret<u32>(load<f32>(X + (i << 2))) >> 31) wrong++;
      expect(wrong).toBe(0);
    }
  });
});
