import { chacha20_u8 } from "../../assembly/random/chacha";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const OUT: usize = heap.alloc(64 * 22);
const ONE: usize = heap.alloc(64);

function zero(): void {
  memory.fill(KEY, 0, 32);
  memory.fill(NONCE, 0, 12);
}

describe("chacha20_u8", () => {
  test("gives the first words of RFC 8439 2.3.2 and A.1 #1", () => {
    for (let i = 0; i < 32; i++) store<u8>(KEY + i, <u8>i);
    memory.fill(NONCE, 0, 12);
    store<u8>(NONCE, 9, 3);
    store<u8>(NONCE, 0x4a, 7);
    chacha20_u8(1, 1, KEY, NONCE, OUT);
    expect(bswap(load<u32>(OUT))).toBe(0x10f1e7e4);
    expect(bswap(load<u32>(OUT, 60))).toBe(0xa2503c4e);
    zero();
    chacha20_u8(1, 0, KEY, NONCE, OUT);
    expect(bswap(load<u32>(OUT))).toBe(0x76b8e0ad);
    expect(bswap(load<u32>(OUT, 60))).toBe(0xb2ee6586);
  });

  test("writes n blocks, one after the other, for n 0..19, and nothing beyond", () => {
    zero();
    for (let n = 0; n < 20; n++) {
      memory.fill(OUT, 0xa5, 64 * 22);
      const counter: u32 = 0xffffffff - <u32>n + 1; // the run ends with the last block there is
      chacha20_u8(n, n == 0 ? 0 : counter, KEY, NONCE, OUT);
      for (let i = 0; i < n; i++) {
        chacha20_u8(1, counter + <u32>i, KEY, NONCE, ONE);
        expect(memory.compare(ONE, OUT + (i << 6), 64)).toBe(0);
      }
      let written = 0;
      for (let i = 64 * n; i < 64 * 22; i++) written += i32(load<u8>(OUT + i) != 0xa5);
      expect(written).toBe(0);
    }
  });

  test("refuses a counter that wraps, in a debug build", () => {
    expect(() => {
      chacha20_u8(2, 0xffffffff, KEY, NONCE, OUT);
    }).toThrow();
  });
});
