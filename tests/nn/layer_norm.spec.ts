import { layer_norm_backward_f32, layer_norm_f32, layer_norm_gradient_f32, layer_norm_norms_f32, layer_norm_scratch_f32 } from "../../assembly/nn/layer_norm";

const X: usize = heap.alloc(1024);
const Y: usize = heap.alloc(1024);
const D: usize = heap.alloc(1024);
const G: usize = heap.alloc(256);
const B: usize = heap.alloc(256);
const S: usize = heap.alloc(64);
const DG: usize = heap.alloc(256);
const DB: usize = heap.alloc(256);
const NORMS: usize = heap.alloc(64);
const SCRATCH: usize = heap.alloc(layer_norm_scratch_f32(40));

function fill(p: usize, n: i32, value: f32): void { for (let i = 0; i < n; i++) store<f32>(p + (i << 2), value); }
function close(got: f32, want: f64): bool { return abs<f64>(<f64>got - want) <= 1e-6; }

/** Rows of n = 2 h: half of them mean + 3, half mean - 3. The variance is 9, with epsilon 7 the divisor is 4: xhat is +-0.75 exactly. */
function halves(m: i32, n: i32): void {
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) store<f32>(X + ((i * n + j) << 2), <f32>(j < n / 2 ? i + 3 : i - 3));
}

describe("layer_norm", () => {
  test("is exact on rows of two values, at every even length 2..38; nothing beyond is written", () => {
    let wrong = 0;
    for (let n = 2; n < 40; n += 2) {
      halves(3, n);
      for (let j = 0; j < n; j++) {
        store<f32>(G + (j << 2), <f32>(j * 4));
        store<f32>(B + (j << 2), <f32>j);
      }
      fill(Y, 3 * n + 4, -99);
      layer_norm_f32(3, n, 7, X, G, B, Y, S, SCRATCH);
      for (let i = 0; i < 3; i++) for (let j = 0; j < n; j++) {
        if (load<f32>(Y + ((i * n + j) << 2)) != <f32>(j < n / 2 ? j * 4 : j * -2)) wrong++; // 4 j 0.75 + j
      }
      for (let i = 3 * n; i < 3 * n + 4; i++) if (load<f32>(Y + (i << 2)) != -99) wrong++;
      for (let i = 0; i < 3; i++) {
        if (load<f32>(S + i * 12) != <f32>i || load<f32>(S + i * 12, 4) != 0 || load<f32>(S + i * 12, 8) != 0.25) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test("equal elements give the offset, at every length 1..19, and no gradient of gamma", () => {
    let wrong = 0;
    for (let n = 1; n < 20; n++) {
      fill(X, n, 0.1);
      fill(D, n, 3);
      fill(G, n, 5);
      for (let j = 0; j < n; j++) store<f32>(B + (j << 2), <f32>(j + 1));
      fill(DG, n + 1, NaN);
      fill(DB, n + 1, NaN);
      layer_norm_f32(1, n, 0.001, X, G, B, Y, S, SCRATCH);
      layer_norm_gradient_f32(1, n, 2, 0, X, S, D, DG, DB); // beta = 0 does not read the NaN
      for (let j = 0; j < n; j++) {
        if (load<f32>(Y + (j << 2)) != <f32>(j + 1)) wrong++;
        if (load<f32>(DG + (j << 2)) != 0 || load<f32>(DB + (j << 2)) != 6) wrong++;
      }
      if (!isNaN(load<f32>(DG + (n << 2))) || !isNaN(load<f32>(DB + (n << 2)))) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test("the input gradient of rows of two values, at every even length 2..38", () => {
    let wrong = 0;
    for (let n = 2; n < 40; n += 2) {
      halves(3, n);
      fill(G, n, 2);
      // dy = 1 at the first element of each row: g = 2 there, mean(g) = 2/n, mean(g xhat) = 1.5/n.
      fill(D, 3 * n, 0);
      for (let i = 0; i < 3; i++) store<f32>(D + ((i * n) << 2), 1);
      layer_norm_f32(3, n, 7, X, G, G, Y, S, SCRATCH);
      layer_norm_backward_f32(3, n, X, G, S, D, D, SCRATCH); // in place
      for (let i = 0; i < 3; i++) for (let j = 0; j < n; j++) {
        const xhat: f64 = j < n / 2 ? 0.75 : -0.75;
        if (!close(load<f32>(D + ((i * n + j) << 2)), ((j == 0 ? 2.0 : 0.0) - 2.0 / <f64>n - (xhat * 1.5) / <f64>n) / 4)) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test("sums over rows, alpha and beta, and norms that are added, at every even length 2..38", () => {
    let wrong = 0;
    for (let n = 2; n < 40; n += 2) {
      halves(4, n);
      for (let i = 0; i < 4; i++) fill(D + ((i * n) << 2), n, <f32>(i + 1)); // dy = 1, 2, 3, 4
      fill(G, n, 1);
      fill(DG, n, 8);
      fill(DB, n, 8);
      layer_norm_f32(4, n, 7, X, G, G, Y, S, SCRATCH);
      layer_norm_gradient_f32(4, n, 2, 0.5, X, S, D, DG, DB);
      for (let j = 0; j < n; j++) {
        if (load<f32>(DG + (j << 2)) != <f32>(j < n / 2 ? 19 : -11)) wrong++; // 2 (10 * +-0.75) + 4
        if (load<f32>(DB + (j << 2)) != 24) wrong++;
      }
      // Two examples of two rows: sums 3 and 7, in every column with |xhat| = 0.75.
      store<f64>(NORMS, 1);
      store<f64>(NORMS, 2, 8);
      store<f64>(NORMS, -7, 16);
      layer_norm_norms_f32(2, 2, n, X, S, D, NORMS, SCRATCH);
      if (load<f64>(NORMS) != 1 + <f64>n * 9 * 1.5625 || load<f64>(NORMS, 8) != 2 + <f64>n * 49 * 1.5625 || load<f64>(NORMS, 16) != -7) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test("no rows are a no-op", () => {
    fill(Y, 8, 5);
    layer_norm_f32(0, 4, 7, X, G, B, Y, 0, SCRATCH);
    layer_norm_backward_f32(0, 4, X, G, S, D, Y, SCRATCH);
    for (let i = 0; i < 8; i++) expect(load<f32>(Y + (i << 2))).toBe(5);
  });
});
