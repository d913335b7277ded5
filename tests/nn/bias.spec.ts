import { bias_backward_f32, bias_f32 } from "../../assembly/nn/bias";

const B: usize = heap.alloc(256);
const Y: usize = heap.alloc(1024);

describe("bias", () => {
  test("bias_f32 copies b to m rows of every length 0..19 and touches nothing beyond", () => {
    for (let m = 0; m < 4; m++) for (let n = 0; n < 20; n++) {
      for (let j = 0; j < 20; j++) store<f32>(B + (j << 2), <f32>j - 3);
      for (let i = 0; i < 80; i++) store<f32>(Y + (i << 2), 99);
      bias_f32(m, n, B, Y);
      for (let i = 0; i < 80; i++) expect(load<f32>(Y + (i << 2))).toBe(i < m * n ? <f32>(i % n) - 3 : 99);
    }
  });

  test("bias_backward_f32 adds the rows; beta = 0 does not read db", () => {
    for (let m = 0; m < 4; m++) for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 80; i++) store<f32>(Y + (i << 2), <f32>i);
      for (let j = 0; j < 24; j++) store<f32>(B + (j << 2), NaN);
      bias_backward_f32(m, n, 0.5, 0, Y, B);
      for (let j = 0; j < n; j++) {
        let s: f32 = 0;
        for (let i = 0; i < m; i++) s += <f32>(i * n + j);
        expect(load<f32>(B + (j << 2))).toBe(0.5 * s);
      }
      expect(isNaN(load<f32>(B + (n << 2)))).toBe(true);
    }
  });

  test("beta keeps its share of db", () => {
    for (let n = 1; n < 20; n++) {
      for (let i = 0; i < 60; i++) store<f32>(Y + (i << 2), 1);
      for (let j = 0; j < n; j++) store<f32>(B + (j << 2), <f32>j);
      bias_backward_f32(3, n, -2, 0.5, Y, B);
      for (let j = 0; j < n; j++) expect(load<f32>(B + (j << 2))).toBe(-6 + 0.5 * <f32>j);
    }
  });
});
