import { count_columns_u8, count_u32, randomise_scratch_u32, randomise_u32, unary_u32_u8 } from "../../assembly/privacy/randomised_response";
import { chacha20_u8 } from "../../assembly/random/chacha";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(4096);
const Y: usize = heap.alloc(4096);
const STREAM: usize = heap.alloc(8192);
const SCRATCH: usize = heap.alloc(randomise_scratch_u32());

describe("randomise_u32", () => {
  test("tells the truth above 2 a, the first other below a, the second between, for n 0..19 and beyond a chunk", () => {
    memory.fill(KEY, 3, 32);
    memory.fill(NONCE, 1, 12);
    chacha20_u8(64, 9, KEY, NONCE, STREAM);
    const a: u64 = 0x5000000000000000;
    for (let k = 0; k < 22; k++) {
      const n = k < 20 ? k : 128 * (k - 19) + 5;
      for (let i = 0; i < n + 3; i++) {
        store<u32>(X + (i << 2), i % 3);
        store<u32>(Y + (i << 2), 77);
      }
      randomise_u32(n, 3, a, 9, KEY, NONCE, X, Y, SCRATCH);
      for (let i = 0; i < n; i++) {
        const w = load<u64>(STREAM + (i << 3)), v = <u32>(i % 3);
        expect(load<u32>(Y + (i << 2))).toBe(w >= 2 * a ? v : w < a ? (v == 0 ? 1 : 0) : v == 2 ? 1 : 2);
      }
      for (let i = n; i < n + 3; i++) expect(load<u32>(Y + (i << 2))).toBe(77);
    }
  });
});

describe("unary_u32_u8", () => {
  test("compares word k i + c with p at the truth, q elsewhere, and touches nothing beyond", () => {
    const p: u64 = 0xc000000000000000, q: u64 = 0x3000000000000000;
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < n; i++) store<u32>(X + (i << 2), (i * 5) % 11);
      memory.fill(Y, 99, 300);
      unary_u32_u8(n, 11, p, q, 9, KEY, NONCE, X, Y, SCRATCH);
      let wrong = 0;
      for (let j = 0; j < 11 * n; j++) {
        const w = load<u64>(STREAM + (j << 3));
        const want: u8 = <u8>(w < (j % 11 == ((j / 11) * 5) % 11 ? p : q));
        if (load<u8>(Y + j) != want) wrong++;
      }
      expect(wrong).toBe(0);
      expect(load<u8>(Y + 11 * n)).toBe(99);
    }
  });
});

describe("counts", () => {
  test("count what is in range and tell of the rest", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < n; i++) store<u32>(X + (i << 2), i == 7 ? 4 : i == 8 ? u32.MAX_VALUE : i % 4);
      store<u32>(Y + 16, 77);
      expect(count_u32(n, 4, X, Y)).toBe(n > 8 ? 2 : n > 7 ? 1 : 0);
      let sum: u32 = 0;
      for (let c = 0; c < 4; c++) sum += load<u32>(Y + (c << 2));
      expect(sum).toBe(<u32>n - (n > 8 ? 2 : n > 7 ? 1 : 0));
      expect(load<u32>(Y + 16)).toBe(77);
    }
  });

  test("count the ones of columns", () => {
    for (let i = 0; i < 60; i++) store<u8>(X + i, <u8>(i % 3 == 0));
    store<u8>(X + 4, 2);
    store<u8>(X + 5, 255);
    expect(count_columns_u8(20, 3, X, Y)).toBe(2);
    expect(load<u32>(Y)).toBe(20);
    expect(load<u32>(Y, 4)).toBe(0);
    expect(load<u32>(Y, 8)).toBe(0);
    expect(count_columns_u8(0, 3, X, Y)).toBe(0);
    expect(load<u32>(Y)).toBe(0);
  });
});
