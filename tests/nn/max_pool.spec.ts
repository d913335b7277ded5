import { max_pool_backward_f32, max_pool_f32 } from "../../assembly/nn/max_pool";

const X: usize = heap.alloc(4096);
const Y: usize = heap.alloc(2048);
const W: usize = heap.alloc(2048);
const D: usize = heap.alloc(4096);

function fill(p: usize, n: i32, value: f32): void { for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value); }

describe("max_pool_f32", () => {
  // Cell (y, x) of a 4 x 4 image holds 10 y + x in every channel, channel j adds 100 j: the maximum is the last cell.
  test("2x2 at every number of channels 0..19; nothing beyond is written", () => {
    let wrong = 0;
    for (let c = 0; c < 20; c++) {
      for (let i = 0; i < 16; i++) for (let j = 0; j < c; j++) store<f32>(X + ((i * c + j) << 2), <f32>((i / 4) * 10 + (i % 4) + 100 * j));
      fill(Y, 4 * c + 8, -1);
      fill(W, 4 * c + 8, -1);
      max_pool_f32(1, 4, 4, c, 2, 2, 2, 2, 0, 0, 2, 2, X, Y, W);
      for (let o = 0; o < 4; o++) for (let j = 0; j < c; j++) {
        const cell = (2 * (o / 2) + 1) * 4 + 2 * (o % 2) + 1;
        if (load<f32>(Y + ((o * c + j) << 2)) != <f32>((cell / 4) * 10 + (cell % 4) + 100 * j)) wrong++;
        if (load<u32>(W + ((o * c + j) << 2)) != cell * c + j) wrong++;
      }
      for (let i = 4 * c; i < 4 * c + 8; i++) {
        if (load<f32>(Y + (i << 2)) != -1) wrong++;
        if (load<f32>(W + (i << 2)) != -1) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test("3x3 over the border, at every number of channels 0..19", () => {
    let wrong = 0;
    for (let c = 0; c < 20; c++) {
      for (let i = 0; i < 16; i++) for (let j = 0; j < c; j++) store<f32>(X + ((i * c + j) << 2), <f32>-(i + j + 100)); // the first cell is largest
      max_pool_f32(1, 4, 4, c, 3, 3, 2, 2, 1, 1, 2, 2, X, Y, W);
      for (let o = 0; o < 4; o++) for (let j = 0; j < c; j++) {
        const cell = (o / 2) * 4 + (o % 2); // window 1 begins at cell 2 - 1
        if (load<f32>(Y + ((o * c + j) << 2)) != <f32>-(cell + j + 100)) wrong++; // padding, were it 0, would win
        if (load<u32>(W + ((o * c + j) << 2)) != cell * c + j) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test("the first of equals wins, -Infinity too, and the first NaN over all, in every lane", () => {
    let wrong = 0;
    for (let size = 2; size < 4; size++) for (let c = 1; c < 20; c++) for (let at = 0; at < size * size; at++) {
      fill(X, size * size * c, -Infinity);
      max_pool_f32(1, size, size, c, size, size, 1, 1, 0, 0, 1, 1, X, Y, W);
      for (let j = 0; j < c; j++) {
        if (load<u32>(W + (j << 2)) != j) wrong++;
        if (load<f32>(Y + (j << 2)) != -Infinity) wrong++;
      }
      for (let cell = at; cell < size * size; cell++) for (let j = 0; j < c; j++) store<f32>(X + ((cell * c + j) << 2), j % 2 ? NaN : 5);
      max_pool_f32(1, size, size, c, size, size, 1, 1, 0, 0, 1, 1, X, Y, W);
      for (let j = 0; j < c; j++) {
        if (load<u32>(W + (j << 2)) != at * c + j) wrong++;
        const v = load<f32>(Y + (j << 2));
        if (j % 2 ? !isNaN(v) : v != 5) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test("without winners none is written; no images are a no-op", () => {
    let wrong = 0;
    fill(X, 64, 3);
    fill(W, 64, -1);
    max_pool_f32(1, 4, 4, 3, 2, 2, 2, 2, 0, 0, 2, 2, X, Y, 0);
    for (let i = 0; i < 12; i++) if (load<f32>(Y + (i << 2)) != 3) wrong++;
    for (let i = 0; i < 64; i++) if (load<f32>(W + (i << 2)) != -1) wrong++;
    fill(X, 64, 4);
    max_pool_f32(0, 4, 4, 3, 2, 2, 2, 2, 0, 0, 2, 2, X, Y, W);
    for (let i = 0; i < 12; i++) if (load<f32>(Y + (i << 2)) != 3 || load<f32>(W + (i << 2)) != -1) wrong++;
    expect(wrong).toBe(0);
  });
});

describe("max_pool_backward_f32", () => {
  test("adds at the winners of each image, in every lane, and clears the rest", () => {
    let wrong = 0;
    for (let n = 1; n < 20; n++) {
      for (let o = 0; o < 20; o++) {
        for (let i = 0; i < 2 * o; i++) {
          store<u32>(W + (i << 2), (i * 7) % n);
          store<f32>(Y + (i << 2), <f32>(i + 1));
        }
        fill(D, 2 * n + 4, NaN);
        max_pool_backward_f32(2, n, o, W, Y, D);
        for (let image = 0; image < 2; image++) for (let at = 0; at < n; at++) {
          let sum: f32 = 0;
          for (let i = image * o; i < (image + 1) * o; i++) if ((i * 7) % n == at) sum += <f32>(i + 1);
          if (load<f32>(D + ((image * n + at) << 2)) != sum) wrong++;
        }
        for (let i = 2 * n; i < 2 * n + 4; i++) if (!isNaN(load<f32>(D + (i << 2)))) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });
});
