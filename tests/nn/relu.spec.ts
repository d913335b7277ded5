import { relu_backward_f32, relu_f32 } from "../../assembly/nn/relu";

const X: usize = heap.alloc(256);
const Y: usize = heap.alloc(256);
const D: usize = heap.alloc(256);

describe("relu", () => {
  test("keeps what is positive, at every length 0..19, and touches nothing beyond; also in place", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<f32>(X + (i << 2), i % 2 ? <f32>i : <f32>-i);
        store<f32>(Y + (i << 2), -7);
      }
      relu_f32(n, X, Y);
      relu_f32(n, X, X);
      for (let i = 0; i < 24; i++) {
        const want: f32 = i % 2 ? <f32>i : 0;
        expect(load<f32>(Y + (i << 2))).toBe(i < n ? want : -7);
        expect(load<f32>(X + (i << 2))).toBe(i < n || i % 2 ? want : <f32>-i);
      }
    }
  });

  test("the gradient passes where y > 0, is +0 at 0, and a NaN in y gives 0", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<f32>(Y + (i << 2), i % 3 == 0 ? f32.MIN_VALUE : i % 3 == 1 ? 0 : NaN);
        store<f32>(D + (i << 2), -5);
        store<f32>(X + (i << 2), 9);
      }
      relu_backward_f32(n, Y, D, X);
      for (let i = 0; i < 24; i++) {
        expect(load<u32>(X + (i << 2))).toBe(reinterpret<u32>(i >= n ? <f32>9 : i % 3 == 0 ? <f32>-5 : <f32>0));
      }
    }
  });

  test("NaN and both zeros, in every lane", () => {
    for (let at = 0; at < 7; at++) {
      for (let i = 0; i < 7; i++) store<f32>(X + (i << 2), -0.0);
      store<f32>(X + (at << 2), NaN);
      relu_f32(7, X, Y);
      for (let i = 0; i < 7; i++) {
        if (i == at) expect(isNaN(load<f32>(Y + (i << 2)))).toBe(true);
        else expect(load<u32>(Y + (i << 2))).toBe(0); // -0 gives +0
      }
    }
  });
});
