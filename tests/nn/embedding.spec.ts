import {
  embedding_bag_f32, embedding_bag_norms_f32, embedding_gradient_f32, embedding_gradient_scratch_f32, embedding_norms_f32,
} from "../../assembly/nn/embedding";

const NONE: u32 = 0xffffffff;
const IDS: usize = heap.alloc(512);
const T: usize = heap.alloc(2048);
const Y: usize = heap.alloc(2048);
const DY: usize = heap.alloc(2048);
const ROWS: usize = heap.alloc(512);
const V: usize = heap.alloc(4096);
const NORMS: usize = heap.alloc(64);
const SCRATCH: usize = heap.alloc(4096);

function fill(p: usize, n: i32, value: f32): void { for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value); }
function put_ids(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32): void {
  store<u32>(IDS, a); store<u32>(IDS, b, 4); store<u32>(IDS, c, 8);
  store<u32>(IDS, d, 12); store<u32>(IDS, e, 16); store<u32>(IDS, f, 20);
}
/** Row s, column j of the table; gradient of bag i, column j: small integers. */
function t(s: i32, j: i32): f32 { return <f32>((s * 5 + j * 3) % 7 * 2 - 6); }
function g(i: i32, j: i32): f32 { return <f32>((i * 4 + j * 5) % 9 * 2 - 8); }
function put(p: usize, m: i32, d: i32, table: bool): void {
  fill(p, 512, NaN); // what lies beyond must not be read
  for (let i = 0; i < m; i++) for (let j = 0; j < d; j++) store<f32>(p + ((i * d + j) << 2), table ? t(i, j) : g(i, j));
}

describe("embedding, integers: exact", () => {
  test("a bag is the mean of its rows, padding apart, and 0 where it is empty", () => {
    for (let d = 0; d < 20; d++) {
      put(T, 5, d, true);
      fill(Y, 80, -99);
      put_ids(3, NONE, NONE, NONE, 4, 0); // r = 2: {3}, {}, {4, 0}
      embedding_bag_f32(3, 2, d, IDS, T, Y);
      for (let j = 0; j < d; j++) {
        expect(load<f32>(Y + (j << 2))).toBe(t(3, j));
        expect(load<f32>(Y + ((d + j) << 2))).toBe(0);
        expect(load<f32>(Y + ((2 * d + j) << 2))).toBe((t(4, j) + t(0, j)) / 2);
      }
      expect(load<f32>(Y + ((3 * d) << 2))).toBe(-99);
    }
  });

  test("rows of a gradient come once, in the order of first appearance, with their sums", () => {
    for (let d = 0; d < 20; d++) {
      put(DY, 3, d, false);
      fill(V, 512, NaN);
      put_ids(7, 2, 2, NONE, 9, 7); // r = 2: {7, 2}, {2}, {9, 7}
      const u = embedding_gradient_f32(3, 2, d, IDS, DY, ROWS, V, SCRATCH);
      expect(u).toBe(3);
      expect(load<u32>(ROWS)).toBe(7);
      expect(load<u32>(ROWS, 4)).toBe(2);
      expect(load<u32>(ROWS, 8)).toBe(9);
      for (let j = 0; j < d; j++) {
        expect(load<f32>(V + (j << 2))).toBe(g(0, j) / 2 + g(2, j) / 2);
        expect(load<f32>(V + ((d + j) << 2))).toBe(g(0, j) / 2 + g(1, j));
        expect(load<f32>(V + ((2 * d + j) << 2))).toBe(g(2, j) / 2);
      }
      expect(isNaN(load<f32>(V + ((3 * d) << 2)))).toBe(true);
    }
  });

  test("ids that meet in the hash stay apart: 64 ids a power of two apart, the largest included", () => {
    for (let i = 0; i < 64; i++) {
      store<u32>(IDS + (i << 2), <u32>i * 0x4000000 - <u32>(i == 63) * 2);
      store<f32>(DY + (i << 2), <f32>i);
    }
    expect(embedding_gradient_scratch_f32(64, 1)).toBe(512);
    expect(embedding_gradient_f32(64, 1, 1, IDS, DY, ROWS, V, SCRATCH)).toBe(64);
    for (let i = 0; i < 64; i++) {
      expect(load<u32>(ROWS + (i << 2))).toBe(load<u32>(IDS + (i << 2)));
      expect(load<f32>(V + (i << 2))).toBe(<f32>i);
    }
    for (let i = 0; i < 64; i++) store<u32>(IDS + (i << 2), 0xfffffffe);
    expect(embedding_gradient_f32(64, 1, 1, IDS, DY, ROWS, V, SCRATCH)).toBe(1);
    expect(load<f32>(V)).toBe(2016);
  });

  test("norms: a repeated id counts with the square of its sum", () => {
    for (let d = 0; d < 20; d++) {
      put(DY, 6, d, false);
      put_ids(7, 2, 7, 1, 1, NONE);
      store<f64>(NORMS, 1);
      store<f64>(NORMS, 2, 8);
      embedding_norms_f32(1, 3, d, IDS, DY, NORMS);
      let same: f64 = 1, bag: f64 = 2;
      for (let j = 0; j < d; j++) {
        same += <f64>(g(0, j) + g(2, j)) * <f64>(g(0, j) + g(2, j)) + <f64>g(1, j) * <f64>g(1, j);
        bag += <f64>g(0, j) * <f64>g(0, j); // {1, 1}: (2/2)^2
      }
      expect(load<f64>(NORMS)).toBe(same);
      embedding_bag_norms_f32(1, 3, d, IDS + 12, DY, NORMS + 8);
      expect(load<f64>(NORMS, 8)).toBe(bag);
    }
  });

  test("nothing of nothing", () => {
    store<f32>(Y, -1);
    store<f64>(NORMS, -1);
    put_ids(NONE, NONE, NONE, NONE, NONE, NONE);
    embedding_bag_f32(0, 3, 5, 0, 0, Y);
    expect(embedding_gradient_f32(0, 3, 5, 0, 0, 0, Y, SCRATCH)).toBe(0);
    expect(embedding_gradient_f32(2, 3, 5, IDS, DY, ROWS, Y, SCRATCH)).toBe(0);
    expect(embedding_gradient_f32(4, 0, 5, IDS, DY, ROWS, Y, SCRATCH)).toBe(0);
    embedding_norms_f32(0, 3, 5, 0, 0, NORMS);
    embedding_bag_norms_f32(2, 3, 5, IDS, DY, NORMS);
    expect(load<f32>(Y)).toBe(-1);
    expect(load<f64>(NORMS)).toBe(-1);
    embedding_bag_f32(1, 0, 1, IDS, T, Y); // a bag without places
    expect(load<f32>(Y)).toBe(0);
  });
});
