import { shuffle_scratch_u32, shuffle_u32 } from "../../assembly/random/permutation";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(4096);
const SCRATCH: usize = heap.alloc(shuffle_scratch_u32());

function fill(n: i32): void {
  for (let i = 0; i < n; i++) store<u32>(X + (i << 2), <u32>i);
}

describe("shuffle_u32", () => {
  test("keeps every element once, for n 0..19, and touches nothing beyond", () => {
    memory.fill(KEY, 1, 32);
    memory.fill(NONCE, 0, 12);
    for (let n = 0; n < 20; n++) {
      fill(24);
      const used = shuffle_u32(n, <u32>n, KEY, NONCE, X, SCRATCH);
      expect(used).toBe(n < 2 ? 0 : 16);
      let seen: u32 = 0;
      for (let i = 0; i < n; i++) seen |= (<u32>1) << load<u32>(X + (i << 2));
      expect(seen).toBe(((<u32>1) << (<u32>n)) - 1);
      for (let i = n; i < 24; i++) expect(load<u32>(X + (i << 2))).toBe(<u32>i);
    }
  });

  test("moves something, and differs with the counter", () => {
    fill(1000);
    expect(shuffle_u32(1000, 0, KEY, NONCE, X, SCRATCH)).toBe(64);
    const first = load<u32>(X), second = load<u32>(X, 4);
    fill(1000);
    shuffle_u32(1000, 64, KEY, NONCE, X, SCRATCH);
    expect(first == load<u32>(X) && second == load<u32>(X, 4)).toBe(false);
  });
});
