import { chacha20_u8 } from "../../assembly/random/chacha";
import { poisson_sample_scratch_u32, poisson_sample_u32 } from "../../assembly/random/poisson";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const ROWS: usize = heap.alloc(4096);
const STREAM: usize = heap.alloc(8192);
const SCRATCH: usize = heap.alloc(poisson_sample_scratch_u32());

describe("poisson_sample_u32", () => {
  test("takes the indices whose words are below the threshold, for n 0..19 and across chunks", () => {
    memory.fill(KEY, 3, 32);
    memory.fill(NONCE, 1, 12);
    chacha20_u8(38, 9, KEY, NONCE, STREAM);
    for (let k = 0; k < 24; k++) {
      const n = k < 20 ? k : 100 + 50 * (k - 19);
      for (let i = n; i < n + 4; i++) store<u32>(ROWS + (i << 2), 77);
      const count = poisson_sample_u32(n, 0.375, 9, KEY, NONCE, ROWS, SCRATCH);
      let at: usize = 0;
      for (let i = 0; i < n; i++) {
        if (load<u64>(STREAM + (i << 3)) >= 0x6000000000000000) continue;
        expect(load<u32>(ROWS + (at << 2))).toBe(<u32>i);
        at++;
      }
      expect(count).toBe(at);
      for (let i = n; i < n + 4; i++) expect(load<u32>(ROWS + (i << 2))).toBe(77);
    }
  });

  test("rate 1 takes all, 0 none, and what is below 2^-64 too", () => {
    for (let n = 0; n < 20; n++) {
      expect(poisson_sample_u32(n, 1, 0, KEY, NONCE, ROWS, SCRATCH)).toBe(n);
      for (let i = 0; i < n; i++) expect(load<u32>(ROWS + (i << 2))).toBe(<u32>i);
      expect(poisson_sample_u32(n, 0, 0, KEY, NONCE, ROWS, SCRATCH)).toBe(0);
      expect(poisson_sample_u32(n, 5e-324, 0, KEY, NONCE, ROWS, SCRATCH)).toBe(0);
    }
  });
});
