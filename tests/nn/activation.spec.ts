import {
  gelu_backward_f32, gelu_f32, leaky_relu_backward_f32, leaky_relu_f32, sigmoid_backward_f32, sigmoid_f32, silu_backward_f32, silu_f32, tanh_backward_f32, tanh_f32,
} from "../../assembly/nn/activation";

const X: usize = heap.alloc(256);
const Y: usize = heap.alloc(256);
const D: usize = heap.alloc(256);
const KINDS = 5; // leaky ReLU, sigmoid, tanh, SiLU, GELU

function forward(kind: i32, n: usize, x: usize, y: usize): void {
  if (kind == 0) leaky_relu_f32(n, 0.5, x, y);
  else if (kind == 1) sigmoid_f32(n, x, y);
  else if (kind == 2) tanh_f32(n, x, y);
  else if (kind == 3) silu_f32(n, x, y);
  else gelu_f32(n, x, y);
}
/** v: y for the first three, x for the others. */
function backward(kind: i32, n: usize, v: usize, dy: usize, dx: usize): void {
  if (kind == 0) leaky_relu_backward_f32(n, 0.5, v, dy, dx);
  else if (kind == 1) sigmoid_backward_f32(n, v, dy, dx);
  else if (kind == 2) tanh_backward_f32(n, v, dy, dx);
  else if (kind == 3) silu_backward_f32(n, v, dy, dx);
  else gelu_backward_f32(n, v, dy, dx);
}
/** What one number gives: the scalar text. */
function one(kind: i32, x: f32): f32 {
  store<f32>(D, x);
  forward(kind, 1, D, D);
  return load<f32>(D);
}
function fill(p: usize, value: f32): void {
  for (let i = 0; i < 24; i++) store<f32>(p + (i << 2), value);
}

describe("activations", () => {
  test("every lane gives what one number gives, at every length 0..19, and touches nothing beyond; also in place", () => {
    for (let kind = 0; kind < KINDS; kind++) for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) store<f32>(X + (i << 2), <f32>(i - 9) * 0.37);
      fill(Y, -7);
      forward(kind, n, X, Y);
      for (let i = 0; i < 24; i++) expect(load<f32>(Y + (i << 2))).toBe(i < n ? one(kind, <f32>(i - 9) * 0.37) : -7);
      forward(kind, n, X, X);
      for (let i = 0; i < n; i++) expect(load<f32>(X + (i << 2))).toBe(load<f32>(Y + (i << 2)));
    }
  });

  test("gradients too", () => {
    for (let kind = 0; kind < KINDS; kind++) for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) {
        store<f32>(X + (i << 2), <f32>(i - 9) * 0.11);
        store<f32>(D + (i << 2), <f32>(i % 5) - 2);
      }
      fill(Y, -7);
      backward(kind, n, X, D, Y);
      for (let i = 0; i < 24; i++) {
        const got = load<f32>(Y + (i << 2));
        if (i >= n) expect(got).toBe(-7);
        else {
          backward(kind, 1, X + (i << 2), D + (i << 2), D + (i << 2)); // dx over dy
          expect(got).toBe(load<f32>(D + (i << 2)));
        }
      }
    }
  });

  test("values at 0 and far out", () => {
    const far: f32 = 10000, most = f32.MAX_VALUE;
    for (let kind = 0; kind < KINDS; kind++) expect(one(kind, 0)).toBe(kind == 1 ? 0.5 : 0);
    for (let kind = 1; kind < 3; kind++) {
      expect(one(kind, far)).toBe(1);
      expect(one(kind, most)).toBe(1);
      expect(one(kind, Infinity)).toBe(1);
      expect(one(kind, -far)).toBe(kind == 1 ? 0 : -1);
      expect(one(kind, -most)).toBe(kind == 1 ? 0 : -1);
      expect(one(kind, -Infinity)).toBe(kind == 1 ? 0 : -1);
    }
    for (let kind = 3; kind < 5; kind++) {
      expect(one(kind, far)).toBe(far);
      expect(one(kind, most)).toBe(most);
      expect(one(kind, Infinity)).toBe(Infinity);
      expect(abs<f32>(one(kind, -far))).toBe(0);
      expect(abs<f32>(one(kind, -most))).toBe(0);
      expect(abs<f32>(one(kind, -Infinity))).toBe(0);
    }
    expect(one(0, -most)).toBe(-0.5 * most);
    expect(one(2, 1e-40)).toBe(1e-40); // tanh of a denormal
    for (let kind = 3; kind < 5; kind++) expect(one(kind, reinterpret<f32>(0x80))).toBe(reinterpret<f32>(0x40)); // x / 2, of a denormal
  });

  test("NaN propagates in every lane, forward and through the input of SiLU and GELU", () => {
    for (let kind = 0; kind < KINDS; kind++) for (let at = 0; at < 7; at++) {
      fill(X, 1);
      fill(D, 1);
      store<f32>(X + (at << 2), NaN);
      forward(kind, 7, X, Y);
      for (let i = 0; i < 7; i++) expect(isNaN(load<f32>(Y + (i << 2)))).toBe(i == at);
      backward(kind, 7, X, D, Y);
      for (let i = 0; i < 7; i++) expect(isNaN(load<f32>(Y + (i << 2)))).toBe(i == at && kind > 0);
      fill(X, 1);
      store<f32>(D + (at << 2), NaN);
      backward(kind, 7, X, D, Y);
      for (let i = 0; i < 7; i++) expect(isNaN(load<f32>(Y + (i << 2)))).toBe(i == at);
    }
  });
});
