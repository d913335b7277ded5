// Dense layer Y = X W + b with kernel W [in, out], as Keras and tfjs store it. Derivation: docs/derivations/dense.md.
import { gemm_f32_nn, gemm_f32_nt, gemm_f32_tn, gemm_scratch_f32 } from "../linalg/gemm";
import { squared_norm_f32 } from "../linalg/reduce";
import { bias_backward_f32, bias_f32 } from "./bias";

/** Bytes of scratch for every dense kernel here. */
export function dense_scratch_f32(): usize {
  return gemm_scratch_f32();
}

/** Y <- X W + b. m rows, k inputs, n outputs; x: m x k, w: k x n, b: n, y: m x n, all f32, y disjoint. */
export function dense_f32(m: usize, n: usize, k: usize, x: usize, w: usize, b: usize, y: usize, scratch: usize): void {
  bias_f32(m, n, b, y);
  gemm_f32_nn(m, n, k, 1, 1, x, k, w, n, y, n, scratch);
}

/** dX <- dY W^T. m rows, k inputs, n outputs; dy: m x n, w: k x n, dx: m x k, disjoint. */
export function dense_input_gradient_f32(m: usize, n: usize, k: usize, dy: usize, w: usize, dx: usize, scratch: usize): void {
  gemm_f32_nt(m, k, n, 1, 0, dy, n, w, n, dx, k, scratch);
}

/**
 * dW <- alpha X^T dY + beta dW, db <- alpha sum_rows dY + beta db.
 * alpha = 1, beta = 0 gives the gradient; alpha = -lr, beta = 1 - lr wd on the weights is the SGD step without a gradient in memory.
 * m rows, k inputs, n outputs; x: m x k, dy: m x n, dw: k x n, db: n, disjoint; dw and db are not read where beta is 0.
 */
export function dense_weight_gradient_f32(
  m: usize, n: usize, k: usize, alpha: f32, beta: f32, x: usize, dy: usize, dw: usize, db: usize, scratch: usize,
): void {
  gemm_f32_tn(k, n, m, alpha, beta, x, k, dy, n, dw, n, scratch);
  bias_backward_f32(m, n, alpha, beta, dy, db);
}

/**
 * norms_i <- norms_i + (|x_i|^2 + 1) |dy_i|^2: the squared norm of example i's gradient of w and b, whose outer product x_i dy_i is never formed.
 * m rows, k inputs, n outputs; x: m x k, dy: m x n, f32; norms: m x f64, added to. NaN and Inf propagate to their row.
 * Source: Goodfellow 2015 (arXiv:1510.01799), equation 4.
 */
export function dense_gradient_norms_f32(m: usize, n: usize, k: usize, x: usize, dy: usize, norms: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const p = norms + (i << 3);
    store<f64>(p, load<f64>(p) + (squared_norm_f32(k, x + ((i * k) << 2)) + 1.0) * squared_norm_f32(n, dy + ((i * n) << 2)));
  }
}
