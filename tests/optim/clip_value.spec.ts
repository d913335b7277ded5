import { clip_value_f32 } from "../../assembly/optim/clip_value";

const X: usize = heap.alloc(256);
const Y: usize = heap.alloc(256);

describe("clip_value_f32", () => {
  test("holds within the limit at every length 0..19, also in place, and touches nothing beyond", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<f32>(X + (i << 2), <f32>(i - 8) * 0.5);
        store<f32>(Y + (i << 2), 99);
      }
      clip_value_f32(n, 2, X, Y);
      clip_value_f32(n, 2, X, X);
      for (let i = 0; i < 24; i++) {
        const x: f32 = <f32>(i - 8) * 0.5;
        const want: f32 = x > 2 ? 2 : x < -2 ? -2 : x;
        expect(load<f32>(Y + (i << 2))).toBe(i < n ? want : 99);
        expect(load<f32>(X + (i << 2))).toBe(i < n ? want : x);
      }
    }
  });

  test("NaN stays, Infinity becomes the limit, in every lane", () => {
    for (let at = 0; at < 15; at++) {
      for (let i = 0; i < 15; i++) store<f32>(X + (i << 2), 1);
      store<f32>(X + (at << 2), NaN);
      clip_value_f32(15, 2, X, Y);
      for (let i = 0; i < 15; i++) expect(isNaN(load<f32>(Y + (i << 2)))).toBe(i == at);
      store<f32>(X + (at << 2), Infinity);
      clip_value_f32(15, 2, X, Y);
      for (let i = 0; i < 15; i++) expect(load<f32>(Y + (i << 2))).toBe(i == at ? <f32>2 : <f32>1);
      store<f32>(X + (at << 2), -Infinity);
      clip_value_f32(15, 2, X, Y);
      for (let i = 0; i < 15; i++) expect(load<f32>(Y + (i << 2))).toBe(i == at ? <f32>-2 : <f32>1);
    }
  });
});
