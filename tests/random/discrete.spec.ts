import { add_i32, discrete_i32, discrete_scratch_i32, draw } from "../../assembly/random/discrete";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const Y: usize = heap.alloc(4096);
const Z: usize = heap.alloc(4096);
const WORDS: usize = heap.alloc(8192);
const LAW: usize = heap.alloc(8224 + 64);
const SCRATCH: usize = heap.alloc(discrete_scratch_i32());

/** Four cells alike, two integers wide: 0..7, kept with probability exp(-(4 j + 1) / 32768) where odd. */
function makeLaw(): void {
  store<u64>(LAW, 32768);
  store<u64>(LAW, 4, 8);
  store<u64>(LAW, 1, 16);
  store<u64>(LAW, 0, 24);
  for (let k: usize = 0; k < 4096; k++) store<u16>(LAW + 32 + (k << 1), <u16>(k >> 10));
  for (let j: usize = 0; j < 5; j++) store<u64>(LAW + 8224 + (j << 3), <u64>j << 61);
}
/** draw() from 512 equal words and nothing after them. */
function drawFrom(word: u64, n: usize, shift: u32): usize {
  makeLaw();
  for (let i: usize = 0; i < 512; i++) store<u64>(WORDS + (i << 3), word);
  memory.fill(SCRATCH, 0, 64);
  store<usize>(SCRATCH, WORDS);
  store<usize>(SCRATCH, WORDS + 4096, 4);
  memory.fill(Y, 0, 4096);
  return draw(n, -1, shift, LAW, Y, SCRATCH);
}

describe("draw", () => {
  test("all-zero bits give zeros", () => {
    for (let shift: u32 = 0; shift < 2; shift++) {
      expect(drawFrom(0, 100, shift)).toBe(100);
      for (let i = 0; i < 101; i++) expect(load<i32>(Y + (i << 2))).toBe(0);
    }
  });

  test("all-one bits give the last integer of the last cell, negative", () => {
    for (let shift: u32 = 0; shift < 2; shift++) {
      expect(drawFrom(u64.MAX_VALUE, 100, shift)).toBe(100);
      for (let i = 0; i < 101; i++) expect(load<i32>(Y + (i << 2))).toBe(i < 100 ? (shift ? -7 : -3) : 0);
    }
  });

  test("bits on which the coin of exp never fails end with the words, not before, and write nothing", () => {
    expect(drawFrom(0x9000000000000000, 100, 1)).toBe(0);
    expect(load<u32>(SCRATCH, 24)).toBe(1);
    for (let i = 0; i < 101; i++) expect(load<i32>(Y + (i << 2))).toBe(0);
  });

  test("bits on a threshold stop for the host, except on the first", () => {
    expect(drawFrom(0x4000000000000000, 100, 1)).toBe(0);
    expect(load<u32>(SCRATCH, 24)).toBe(0);
    expect(load<u64>(SCRATCH, 32)).toBe(0x2000000000000000);
    expect(drawFrom(0x4000000000000002, 1, 0)).toBe(1);
    expect(load<i32>(Y)).toBe(1);
    expect(drawFrom(0x3fffffffffffffff, 1, 0)).toBe(1);
    expect(load<i32>(Y)).toBe(0);
  });
});

describe("discrete_i32", () => {
  test("adds the same samples whatever n is, for n 0..19, and touches nothing beyond", () => {
    makeLaw();
    memory.fill(KEY, 7, 32);
    memory.fill(NONCE, 7, 12);
    for (let shift: u32 = 0; shift < 2; shift++) {
      memory.fill(Z, 0, 4096);
      expect(discrete_i32(1000, 1000, -1, shift, 3, KEY, NONCE, LAW, Z, SCRATCH)).toBe(1000);
      for (let n = 0; n < 20; n++) {
        for (let i = 0; i < 24; i++) store<i32>(Y + (i << 2), i32.MAX_VALUE);
        expect(discrete_i32(n, 1000, -1, shift, 3, KEY, NONCE, LAW, Y, SCRATCH)).toBe(n);
        for (let i = 0; i < 24; i++) expect(load<i32>(Y + (i << 2))).toBe(i < n ? i32.MAX_VALUE + load<i32>(Z + (i << 2)) : i32.MAX_VALUE);
      }
    }
  });

  test("counts the blocks it takes and takes no more than it may", () => {
    makeLaw();
    expect(discrete_i32(200, 100, -1, 0, 0, KEY, NONCE, LAW, Z, SCRATCH)).toBe(200);
    expect(load<u32>(SCRATCH, 28)).toBe(32); // 8 samples a block, 16 blocks at a time
    expect(load<u32>(SCRATCH, 24)).toBe(0);
    expect(discrete_i32(200, 24, -1, 0, 0, KEY, NONCE, LAW, Z, SCRATCH)).toBe(192);
    expect(load<u32>(SCRATCH, 28)).toBe(24);
    expect(load<u32>(SCRATCH, 24)).toBe(1);
  });

  test("a cell that is given is that of the first sample only", () => {
    makeLaw();
    memory.fill(Y, 0, 400);
    expect(discrete_i32(100, 100, 3, 0, 5, KEY, NONCE, LAW, Y, SCRATCH)).toBe(100);
    expect(abs<i32>(load<i32>(Y))).toBe(3);
    let others = 0;
    for (let i = 1; i < 100; i++) if (abs<i32>(load<i32>(Y + (i << 2))) != 3) others++;
    expect(others > 50).toBe(true);
  });
});

describe("add_i32", () => {
  test("adds modulo 2^32 for n 0..19", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<i32>(Y + (i << 2), i32.MAX_VALUE);
        store<i32>(Z + (i << 2), i);
      }
      add_i32(n, Z, Y);
      for (let i = 0; i < 24; i++) expect(load<i32>(Y + (i << 2))).toBe(i < n ? i32.MAX_VALUE + i : i32.MAX_VALUE);
    }
  });
});
