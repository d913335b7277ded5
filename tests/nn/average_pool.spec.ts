import { average_pool_backward_f32, average_pool_f32 } from "../../assembly/nn/average_pool";

const X: usize = heap.alloc(4096);
const Y: usize = heap.alloc(4096);

function fill(p: usize, n: i32, value: f32): void { for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value); }
function cell(i: i32, j: i32): f32 { return <f32>((i * 5) % 7 - 3 + 4 * j); }
function images(c: i32): void { for (let i = 0; i < 32; i++) for (let j = 0; j < c; j++) store<f32>(X + ((i * c + j) << 2), cell(i, j)); }

describe("average_pool_f32, integers and divisors of two: exact", () => {
  test("2x2 of two 4x4 images at every number of channels 0..19; nothing beyond is written", () => {
    let wrong = 0;
    for (let c = 0; c < 20; c++) {
      images(c);
      fill(Y, 8 * c + 8, -99);
      average_pool_f32(2, 4, 4, c, 2, 2, 2, 2, 0, 0, 2, 2, X, Y);
      for (let o = 0; o < 8; o++) for (let j = 0; j < c; j++) {
        const first = (o / 4) * 16 + ((o % 4) / 2) * 8 + (o % 2) * 2;
        const sum = cell(first, j) + cell(first + 1, j) + cell(first + 4, j) + cell(first + 5, j);
        if (load<f32>(Y + ((o * c + j) << 2)) != sum / 4) wrong++;
      }
      for (let i = 8 * c; i < 8 * c + 8; i++) if (load<f32>(Y + (i << 2)) != -99) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test("over the border only the cells inside count", () => {
    let wrong = 0;
    for (let c = 1; c < 20; c++) {
      images(c);
      average_pool_f32(1, 4, 4, c, 3, 3, 3, 3, 1, 1, 2, 2, X, Y); // windows of 2x2, 2x2, 2x2 and 2x2 cells inside
      for (let o = 0; o < 4; o++) for (let j = 0; j < c; j++) {
        const first = (o / 2) * 8 + (o % 2) * 2;
        const sum = cell(first, j) + cell(first + 1, j) + cell(first + 4, j) + cell(first + 5, j);
        if (load<f32>(Y + ((o * c + j) << 2)) != sum / 4) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test("no images are a no-op", () => {
    let wrong = 0;
    fill(X, 64, 5);
    fill(Y, 64, 6);
    average_pool_f32(0, 4, 4, 3, 2, 2, 2, 2, 0, 0, 2, 2, X, Y);
    average_pool_backward_f32(0, 4, 4, 3, 2, 2, 2, 2, 0, 0, 2, 2, Y, X);
    for (let i = 0; i < 64; i++) if (load<f32>(X + (i << 2)) != 5 || load<f32>(Y + (i << 2)) != 6) wrong++;
    expect(wrong).toBe(0);
  });
});

describe("average_pool_backward_f32", () => {
  test("shares 4 among the cells of 2x2, adds where windows overlap, clears what no window holds", () => {
    let wrong = 0;
    for (let c = 0; c < 20; c++) for (let stride = 1; stride < 4; stride++) {
      const count = stride == 1 ? 3 : stride == 2 ? 2 : 1;
      for (let i = 0; i < count * count * c; i++) store<f32>(Y + (i << 2), <f32>((i + 1) * 4));
      fill(X, 16 * c + 8, NaN);
      average_pool_backward_f32(1, 4, 4, c, 2, 2, stride, stride, 0, 0, count, count, Y, X);
      for (let i = 0; i < 16; i++) for (let j = 0; j < c; j++) {
        let sum: f32 = 0;
        for (let o = 0; o < count * count; o++) {
          const y = i / 4 - (o / count) * stride, x = (i % 4) - (o % count) * stride;
          if (y >= 0 && y < 2 && x >= 0 && x < 2) sum += <f32>(o * c + j + 1);
        }
        if (load<f32>(X + ((i * c + j) << 2)) != sum) wrong++;
      }
      for (let i = 16 * c; i < 16 * c + 8; i++) if (!isNaN(load<f32>(X + (i << 2)))) wrong++;
    }
    expect(wrong).toBe(0);
  });
});
