import { squared_norm_i32, stochastic_round_f32_i32, stochastic_round_scratch_f32 } from "../../assembly/compress/stochastic_round";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const X: usize = heap.alloc(4096);
const Y: usize = heap.alloc(4096);
const Z: usize = heap.alloc(4096);
const SCRATCH: usize = heap.alloc(stochastic_round_scratch_f32());

describe("stochastic_round_f32_i32", () => {
  test("gives the integer below or above, the same whatever n is, for n 0..19, and touches nothing beyond", () => {
    memory.fill(KEY, 7, 32);
    memory.fill(NONCE, 7, 12);
    for (let i = 0; i < 400; i++) store<f32>(X + (i << 2), <f32>(i - 200) * 0.37);
    stochastic_round_f32_i32(400, 3, KEY, NONCE, X, Z, SCRATCH);
    for (let i = 0; i < 400; i++) {
      const v = load<f32>(X + (i << 2)), q = load<i32>(Z + (i << 2));
      expect(<f32>q == floor<f32>(v) || <f32>q == ceil<f32>(v)).toBe(true);
    }
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) store<i32>(Y + (i << 2), 77);
      stochastic_round_f32_i32(n, 3, KEY, NONCE, X, Y, SCRATCH);
      for (let i = 0; i < 24; i++) expect(load<i32>(Y + (i << 2))).toBe(i < n ? load<i32>(Z + (i << 2)) : 77);
    }
  });

  test("integers stay, to the largest", () => {
    for (let i = 0; i < 19; i++) store<f32>(X + (i << 2), i & 1 ? 2147483520 : i & 2 ? -2147483520 : <f32>i);
    stochastic_round_f32_i32(19, 0, KEY, NONCE, X, Y, SCRATCH);
    for (let i = 0; i < 19; i++) expect(load<i32>(Y + (i << 2))).toBe(i & 1 ? 2147483520 : i & 2 ? -2147483520 : i);
  });
});

describe("squared_norm_i32", () => {
  test("is exact for n 0..19, the extremes included", () => {
    for (let n = 0; n < 20; n++) {
      let want: u64 = 0;
      for (let i = 0; i < n; i++) {
        const v: i32 = i == 3 ? i32.MIN_VALUE : i == 4 ? i32.MAX_VALUE : i * 1234567 - 3;
        store<i32>(X + (i << 2), v);
        want += <u64>(<i64>v * <i64>v);
      }
      expect(squared_norm_i32(n, X)).toBe(want);
    }
  });
});
