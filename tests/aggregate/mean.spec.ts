import { accumulate_f32_i64, accumulate_u8_i64, add_i64, divide_f64_f32, resolve_i64_f64 } from "../../assembly/aggregate/mean";

const X: usize = heap.alloc(256);
const ACC: usize = heap.alloc(256);
const OTHER: usize = heap.alloc(256);
const Q: usize = heap.alloc(64);
const UNIT: f64 = 0.0009765625; // 2^-10
const MAGIC: f64 = 6755399441055744.0 * 0.0009765625;

describe("accumulate_f32_i64", () => {
  test("adds w x in units, for n 0..19, and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<f32>(X + (i << 2), <f32>i - 7.5);
        store<i64>(ACC + (i << 3), 100);
      }
      accumulate_f32_i64(n, 3, MAGIC, X, ACC);
      for (let i = 0; i < 24; i++) expect(load<i64>(ACC + (i << 3))).toBe(i < n ? 100 + <i64>(3072.0 * (<f64>i - 7.5)) : 100);
    }
  });

  test("rounds to the nearest unit, ties to even, on both sides of zero", () => {
    const x: f32[] = [0.5, 1.5, 2.5, 0.25, 0.75, -0.5, -1.5, -0.75];
    const want: i64[] = [0, 2, 2, 0, 1, 0, -2, -1];
    for (let i = 0; i < 8; i++) {
      store<f32>(X + (i << 2), x[i] * 0.0009765625);
      store<i64>(ACC + (i << 3), 0);
    }
    accumulate_f32_i64(8, 1, MAGIC, X, ACC);
    for (let i = 0; i < 8; i++) expect(load<i64>(ACC + (i << 3))).toBe(want[i]);
  });
});

describe("accumulate_u8_i64", () => {
  test("adds the values of the levels, for n 0..19", () => {
    for (let i = 0; i < 24; i++) store<u8>(Q + i, <u8>(i * 11));
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) store<i64>(ACC + (i << 3), -5);
      accumulate_u8_i64(n, 8, -10, 245, 2, MAGIC, Q, ACC);
      for (let i = 0; i < 24; i++) expect(load<i64>(ACC + (i << 3))).toBe(i < n ? -5 + 2048 * (<i64>(i * 11) - 10) : -5);
    }
  });
});

describe("add_i64, resolve_i64_f64, divide_f64_f32", () => {
  test("add, scale and divide, for n 0..19", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<i64>(ACC + (i << 3), <i64>i << 40);
        store<i64>(OTHER + (i << 3), -<i64>i);
      }
      add_i64(n, OTHER, ACC);
      for (let i = 0; i < 24; i++) expect(load<i64>(ACC + (i << 3))).toBe(i < n ? (<i64>i << 40) - <i64>i : <i64>i << 40);
      for (let i = 0; i < 24; i++) {
        store<i64>(ACC + (i << 3), <i64>i * 1024);
        store<f64>(OTHER + (i << 3), 1);
        store<f32>(X + (i << 2), -7);
      }
      resolve_i64_f64(n, UNIT, ACC, OTHER);
      divide_f64_f32(n, 4, OTHER, X);
      for (let i = 0; i < 24; i++) {
        expect(load<f64>(OTHER + (i << 3))).toBe(i < n ? 1 + <f64>i : 1);
        expect(load<f32>(X + (i << 2))).toBe(i < n ? <f32>(1 + <f64>i) / 4 : -7);
      }
    }
  });
});
