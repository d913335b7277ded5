// Written by the compiler (npm run build -- --accept). Do not edit.
declare namespace __AdaptedExports {
  /**
   * assembly/linalg/vector/accumulate_f32_f64
   * @param n `usize`
   * @param w `f64`
   * @param x `usize`
   * @param acc `usize`
   */
  export function accumulate_f32_f64(n: number, w: number, x: number, acc: number): void;
  /**
   * assembly/linalg/vector/add_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   * @param z `usize`
   */
  export function add_f32(n: number, x: number, y: number, z: number): void;
  /**
   * assembly/linalg/vector/axpy_f32
   * @param n `usize`
   * @param a `f32`
   * @param x `usize`
   * @param y `usize`
   */
  export function axpy_f32(n: number, a: number, x: number, y: number): void;
  /**
   * assembly/linalg/vector/scale_f32
   * @param n `usize`
   * @param a `f32`
   * @param x `usize`
   * @param y `usize`
   */
  export function scale_f32(n: number, a: number, x: number, y: number): void;
  /**
   * assembly/linalg/vector/sub_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   * @param z `usize`
   */
  export function sub_f32(n: number, x: number, y: number, z: number): void;
  /**
   * assembly/linalg/hadamard/hadamard_f32
   * @param n `usize`
   * @param x `usize`
   */
  export function hadamard_f32(n: number, x: number): void;
  /**
   * assembly/linalg/hadamard/signs_f32
   * @param n `usize`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function signs_f32(n: number, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/linalg/hadamard/signs_scratch_f32
   * @returns `usize`
   */
  export function signs_scratch_f32(): number;
  /**
   * assembly/linalg/reduce/dot_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   * @returns `f64`
   */
  export function dot_f32(n: number, x: number, y: number): number;
  /**
   * assembly/linalg/reduce/max_abs_f32
   * @param n `usize`
   * @param x `usize`
   * @returns `f32`
   */
  export function max_abs_f32(n: number, x: number): number;
  /**
   * assembly/linalg/reduce/squared_norm_f32
   * @param n `usize`
   * @param x `usize`
   * @returns `f64`
   */
  export function squared_norm_f32(n: number, x: number): number;
  /**
   * assembly/linalg/reduce/sum_f32
   * @param n `usize`
   * @param x `usize`
   * @returns `f64`
   */
  export function sum_f32(n: number, x: number): number;
  /**
   * assembly/linalg/gemm/gemm_f32_nn
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param a `usize`
   * @param lda `usize`
   * @param b `usize`
   * @param ldb `usize`
   * @param c `usize`
   * @param ldc `usize`
   * @param scratch `usize`
   */
  export function gemm_f32_nn(m: number, n: number, k: number, alpha: number, beta: number, a: number, lda: number, b: number, ldb: number, c: number, ldc: number, scratch: number): void;
  /**
   * assembly/linalg/gemm/gemm_f32_nt
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param a `usize`
   * @param lda `usize`
   * @param b `usize`
   * @param ldb `usize`
   * @param c `usize`
   * @param ldc `usize`
   * @param scratch `usize`
   */
  export function gemm_f32_nt(m: number, n: number, k: number, alpha: number, beta: number, a: number, lda: number, b: number, ldb: number, c: number, ldc: number, scratch: number): void;
  /**
   * assembly/linalg/gemm/gemm_f32_tn
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param a `usize`
   * @param lda `usize`
   * @param b `usize`
   * @param ldb `usize`
   * @param c `usize`
   * @param ldc `usize`
   * @param scratch `usize`
   */
  export function gemm_f32_tn(m: number, n: number, k: number, alpha: number, beta: number, a: number, lda: number, b: number, ldb: number, c: number, ldc: number, scratch: number): void;
  /**
   * assembly/linalg/gemm/gemm_scratch_f32
   * @returns `usize`
   */
  export function gemm_scratch_f32(): number;
  /**
   * assembly/linalg/gemm/gemm_squared_norm_f32_tn
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param a `usize`
   * @param lda `usize`
   * @param b `usize`
   * @param ldb `usize`
   * @param scratch `usize`
   * @returns `f64`
   */
  export function gemm_squared_norm_f32_tn(m: number, n: number, k: number, a: number, lda: number, b: number, ldb: number, scratch: number): number;
  /**
   * assembly/linalg/gemm/gemm_squared_norm_scratch_f32
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @returns `usize`
   */
  export function gemm_squared_norm_scratch_f32(m: number, n: number, k: number): number;
  /**
   * assembly/nn/activation/gelu_backward_f32
   * @param n `usize`
   * @param x `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function gelu_backward_f32(n: number, x: number, dy: number, dx: number): void;
  /**
   * assembly/nn/activation/gelu_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function gelu_f32(n: number, x: number, y: number): void;
  /**
   * assembly/nn/activation/leaky_relu_backward_f32
   * @param n `usize`
   * @param slope `f32`
   * @param y `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function leaky_relu_backward_f32(n: number, slope: number, y: number, dy: number, dx: number): void;
  /**
   * assembly/nn/activation/leaky_relu_f32
   * @param n `usize`
   * @param slope `f32`
   * @param x `usize`
   * @param y `usize`
   */
  export function leaky_relu_f32(n: number, slope: number, x: number, y: number): void;
  /**
   * assembly/nn/activation/sigmoid_backward_f32
   * @param n `usize`
   * @param y `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function sigmoid_backward_f32(n: number, y: number, dy: number, dx: number): void;
  /**
   * assembly/nn/activation/sigmoid_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function sigmoid_f32(n: number, x: number, y: number): void;
  /**
   * assembly/nn/activation/silu_backward_f32
   * @param n `usize`
   * @param x `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function silu_backward_f32(n: number, x: number, dy: number, dx: number): void;
  /**
   * assembly/nn/activation/silu_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function silu_f32(n: number, x: number, y: number): void;
  /**
   * assembly/nn/activation/tanh_backward_f32
   * @param n `usize`
   * @param y `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function tanh_backward_f32(n: number, y: number, dy: number, dx: number): void;
  /**
   * assembly/nn/activation/tanh_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function tanh_f32(n: number, x: number, y: number): void;
  /**
   * assembly/nn/average_pool/average_pool_backward_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param top `usize`
   * @param left `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function average_pool_backward_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, sh: number, sw: number, top: number, left: number, oh: number, ow: number, dy: number, dx: number): void;
  /**
   * assembly/nn/average_pool/average_pool_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param top `usize`
   * @param left `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function average_pool_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, sh: number, sw: number, top: number, left: number, oh: number, ow: number, x: number, y: number): void;
  /**
   * assembly/nn/batch_norm/batch_norm_backward_f32
   * @param m `usize`
   * @param c `usize`
   * @param epsilon `f32`
   * @param gamma `usize`
   * @param variance `usize`
   * @param dy `usize`
   * @param dx `usize`
   * @param scratch `usize`
   */
  export function batch_norm_backward_f32(m: number, c: number, epsilon: number, gamma: number, variance: number, dy: number, dx: number, scratch: number): void;
  /**
   * assembly/nn/batch_norm/batch_norm_f32
   * @param m `usize`
   * @param c `usize`
   * @param epsilon `f32`
   * @param x `usize`
   * @param gamma `usize`
   * @param offset `usize`
   * @param mean `usize`
   * @param variance `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function batch_norm_f32(m: number, c: number, epsilon: number, x: number, gamma: number, offset: number, mean: number, variance: number, y: number, scratch: number): void;
  /**
   * assembly/nn/batch_norm/batch_norm_scratch_f32
   * @param c `usize`
   * @returns `usize`
   */
  export function batch_norm_scratch_f32(c: number): number;
  /**
   * assembly/nn/bias/bias_backward_f32
   * @param m `usize`
   * @param n `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param dy `usize`
   * @param db `usize`
   */
  export function bias_backward_f32(m: number, n: number, alpha: number, beta: number, dy: number, db: number): void;
  /**
   * assembly/nn/bias/bias_f32
   * @param m `usize`
   * @param n `usize`
   * @param b `usize`
   * @param y `usize`
   */
  export function bias_f32(m: number, n: number, b: number, y: number): void;
  /**
   * assembly/nn/embedding/embedding_bag_f32
   * @param m `usize`
   * @param r `usize`
   * @param d `usize`
   * @param ids `usize`
   * @param table `usize`
   * @param y `usize`
   */
  export function embedding_bag_f32(m: number, r: number, d: number, ids: number, table: number, y: number): void;
  /**
   * assembly/nn/embedding/embedding_bag_norms_f32
   * @param m `usize`
   * @param r `usize`
   * @param d `usize`
   * @param ids `usize`
   * @param dy `usize`
   * @param norms `usize`
   */
  export function embedding_bag_norms_f32(m: number, r: number, d: number, ids: number, dy: number, norms: number): void;
  /**
   * assembly/nn/embedding/embedding_gradient_f32
   * @param m `usize`
   * @param r `usize`
   * @param d `usize`
   * @param ids `usize`
   * @param dy `usize`
   * @param rows `usize`
   * @param values `usize`
   * @param scratch `usize`
   * @returns `usize`
   */
  export function embedding_gradient_f32(m: number, r: number, d: number, ids: number, dy: number, rows: number, values: number, scratch: number): number;
  /**
   * assembly/nn/embedding/embedding_gradient_scratch_f32
   * @param m `usize`
   * @param r `usize`
   * @returns `usize`
   */
  export function embedding_gradient_scratch_f32(m: number, r: number): number;
  /**
   * assembly/nn/embedding/embedding_norms_f32
   * @param m `usize`
   * @param r `usize`
   * @param d `usize`
   * @param ids `usize`
   * @param dy `usize`
   * @param norms `usize`
   */
  export function embedding_norms_f32(m: number, r: number, d: number, ids: number, dy: number, norms: number): void;
  /**
   * assembly/nn/conv2d/conv2d_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param x `usize`
   * @param kernel `usize`
   * @param bias `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function conv2d_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, x: number, kernel: number, bias: number, y: number, scratch: number): void;
  /**
   * assembly/nn/conv2d/conv2d_gradient_norms_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param x `usize`
   * @param dy `usize`
   * @param norms `usize`
   * @param scratch `usize`
   */
  export function conv2d_gradient_norms_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, x: number, dy: number, norms: number, scratch: number): void;
  /**
   * assembly/nn/conv2d/conv2d_input_gradient_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param dy `usize`
   * @param kernel `usize`
   * @param dx `usize`
   * @param scratch `usize`
   */
  export function conv2d_input_gradient_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, dy: number, kernel: number, dx: number, scratch: number): void;
  /**
   * assembly/nn/conv2d/conv2d_scratch_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @returns `usize`
   */
  export function conv2d_scratch_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number): number;
  /**
   * assembly/nn/conv2d/conv2d_weight_gradient_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param x `usize`
   * @param dy `usize`
   * @param dk `usize`
   * @param db `usize`
   * @param scratch `usize`
   */
  export function conv2d_weight_gradient_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, alpha: number, beta: number, x: number, dy: number, dk: number, db: number, scratch: number): void;
  /**
   * assembly/nn/dense/dense_f32
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param x `usize`
   * @param w `usize`
   * @param b `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function dense_f32(m: number, n: number, k: number, x: number, w: number, b: number, y: number, scratch: number): void;
  /**
   * assembly/nn/dense/dense_gradient_norms_f32
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param x `usize`
   * @param dy `usize`
   * @param norms `usize`
   */
  export function dense_gradient_norms_f32(m: number, n: number, k: number, x: number, dy: number, norms: number): void;
  /**
   * assembly/nn/dense/dense_input_gradient_f32
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param dy `usize`
   * @param w `usize`
   * @param dx `usize`
   * @param scratch `usize`
   */
  export function dense_input_gradient_f32(m: number, n: number, k: number, dy: number, w: number, dx: number, scratch: number): void;
  /**
   * assembly/nn/dense/dense_scratch_f32
   * @returns `usize`
   */
  export function dense_scratch_f32(): number;
  /**
   * assembly/nn/dense/dense_weight_gradient_f32
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param x `usize`
   * @param dy `usize`
   * @param dw `usize`
   * @param db `usize`
   * @param scratch `usize`
   */
  export function dense_weight_gradient_f32(m: number, n: number, k: number, alpha: number, beta: number, x: number, dy: number, dw: number, db: number, scratch: number): void;
  /**
   * assembly/nn/depthwise_conv2d/depthwise_conv2d_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param x `usize`
   * @param kernel `usize`
   * @param bias `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function depthwise_conv2d_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, x: number, kernel: number, bias: number, y: number, scratch: number): void;
  /**
   * assembly/nn/depthwise_conv2d/depthwise_conv2d_gradient_norms_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param x `usize`
   * @param dy `usize`
   * @param norms `usize`
   * @param scratch `usize`
   */
  export function depthwise_conv2d_gradient_norms_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, x: number, dy: number, norms: number, scratch: number): void;
  /**
   * assembly/nn/depthwise_conv2d/depthwise_conv2d_input_gradient_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param dy `usize`
   * @param kernel `usize`
   * @param dx `usize`
   * @param scratch `usize`
   */
  export function depthwise_conv2d_input_gradient_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, dy: number, kernel: number, dx: number, scratch: number): void;
  /**
   * assembly/nn/depthwise_conv2d/depthwise_conv2d_scratch_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @returns `usize`
   */
  export function depthwise_conv2d_scratch_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number): number;
  /**
   * assembly/nn/depthwise_conv2d/depthwise_conv2d_weight_gradient_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param n `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param ph `usize`
   * @param pw `usize`
   * @param dh `usize`
   * @param dw `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param x `usize`
   * @param dy `usize`
   * @param dk `usize`
   * @param db `usize`
   * @param scratch `usize`
   */
  export function depthwise_conv2d_weight_gradient_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, n: number, oh: number, ow: number, sh: number, sw: number, ph: number, pw: number, dh: number, dw: number, alpha: number, beta: number, x: number, dy: number, dk: number, db: number, scratch: number): void;
  /**
   * assembly/nn/dropout/dropout_f32
   * @param n `usize`
   * @param rate `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function dropout_f32(n: number, rate: number, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/nn/dropout/dropout_scratch_f32
   * @returns `usize`
   */
  export function dropout_scratch_f32(): number;
  /**
   * assembly/nn/group_norm/group_norm_backward_f32
   * @param m `usize`
   * @param p `usize`
   * @param c `usize`
   * @param groups `usize`
   * @param x `usize`
   * @param gamma `usize`
   * @param state `usize`
   * @param dy `usize`
   * @param dx `usize`
   * @param scratch `usize`
   */
  export function group_norm_backward_f32(m: number, p: number, c: number, groups: number, x: number, gamma: number, state: number, dy: number, dx: number, scratch: number): void;
  /**
   * assembly/nn/group_norm/group_norm_f32
   * @param m `usize`
   * @param p `usize`
   * @param c `usize`
   * @param groups `usize`
   * @param epsilon `f64`
   * @param x `usize`
   * @param gamma `usize`
   * @param offset `usize`
   * @param y `usize`
   * @param state `usize`
   * @param scratch `usize`
   */
  export function group_norm_f32(m: number, p: number, c: number, groups: number, epsilon: number, x: number, gamma: number, offset: number, y: number, state: number, scratch: number): void;
  /**
   * assembly/nn/group_norm/group_norm_gradient_f32
   * @param m `usize`
   * @param p `usize`
   * @param c `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param x `usize`
   * @param state `usize`
   * @param dy `usize`
   * @param dgamma `usize`
   * @param doffset `usize`
   */
  export function group_norm_gradient_f32(m: number, p: number, c: number, alpha: number, beta: number, x: number, state: number, dy: number, dgamma: number, doffset: number): void;
  /**
   * assembly/nn/group_norm/group_norm_norms_f32
   * @param m `usize`
   * @param p `usize`
   * @param c `usize`
   * @param x `usize`
   * @param state `usize`
   * @param dy `usize`
   * @param norms `usize`
   * @param scratch `usize`
   */
  export function group_norm_norms_f32(m: number, p: number, c: number, x: number, state: number, dy: number, norms: number, scratch: number): void;
  /**
   * assembly/nn/group_norm/group_norm_scratch_f32
   * @param c `usize`
   * @returns `usize`
   */
  export function group_norm_scratch_f32(c: number): number;
  /**
   * assembly/nn/layer_norm/layer_norm_backward_f32
   * @param m `usize`
   * @param n `usize`
   * @param x `usize`
   * @param gamma `usize`
   * @param state `usize`
   * @param dy `usize`
   * @param dx `usize`
   * @param scratch `usize`
   */
  export function layer_norm_backward_f32(m: number, n: number, x: number, gamma: number, state: number, dy: number, dx: number, scratch: number): void;
  /**
   * assembly/nn/layer_norm/layer_norm_f32
   * @param m `usize`
   * @param n `usize`
   * @param epsilon `f64`
   * @param x `usize`
   * @param gamma `usize`
   * @param offset `usize`
   * @param y `usize`
   * @param state `usize`
   * @param scratch `usize`
   */
  export function layer_norm_f32(m: number, n: number, epsilon: number, x: number, gamma: number, offset: number, y: number, state: number, scratch: number): void;
  /**
   * assembly/nn/layer_norm/layer_norm_gradient_f32
   * @param m `usize`
   * @param n `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param x `usize`
   * @param state `usize`
   * @param dy `usize`
   * @param dgamma `usize`
   * @param doffset `usize`
   */
  export function layer_norm_gradient_f32(m: number, n: number, alpha: number, beta: number, x: number, state: number, dy: number, dgamma: number, doffset: number): void;
  /**
   * assembly/nn/layer_norm/layer_norm_norms_f32
   * @param m `usize`
   * @param r `usize`
   * @param n `usize`
   * @param x `usize`
   * @param state `usize`
   * @param dy `usize`
   * @param norms `usize`
   * @param scratch `usize`
   */
  export function layer_norm_norms_f32(m: number, r: number, n: number, x: number, state: number, dy: number, norms: number, scratch: number): void;
  /**
   * assembly/nn/layer_norm/layer_norm_scratch_f32
   * @param n `usize`
   * @returns `usize`
   */
  export function layer_norm_scratch_f32(n: number): number;
  /**
   * assembly/nn/loss/binary_cross_entropy_f32
   * @param m `usize`
   * @param n `usize`
   * @param alpha `f64`
   * @param x `usize`
   * @param targets `usize`
   * @param dx `usize`
   * @returns `f64`
   */
  export function binary_cross_entropy_f32(m: number, n: number, alpha: number, x: number, targets: number, dx: number): number;
  /**
   * assembly/nn/loss/bpr_f32
   * @param m `usize`
   * @param n `usize`
   * @param alpha `f64`
   * @param x `usize`
   * @param dx `usize`
   * @returns `f64`
   */
  export function bpr_f32(m: number, n: number, alpha: number, x: number, dx: number): number;
  /**
   * assembly/nn/loss/huber_f32
   * @param m `usize`
   * @param n `usize`
   * @param delta `f64`
   * @param alpha `f64`
   * @param x `usize`
   * @param targets `usize`
   * @param dx `usize`
   * @returns `f64`
   */
  export function huber_f32(m: number, n: number, delta: number, alpha: number, x: number, targets: number, dx: number): number;
  /**
   * assembly/nn/loss/mean_squared_error_f32
   * @param m `usize`
   * @param n `usize`
   * @param alpha `f64`
   * @param x `usize`
   * @param targets `usize`
   * @param dx `usize`
   * @returns `f64`
   */
  export function mean_squared_error_f32(m: number, n: number, alpha: number, x: number, targets: number, dx: number): number;
  /**
   * assembly/nn/merge/copy_columns_f32
   * @param m `usize`
   * @param n `usize`
   * @param x `usize`
   * @param ldx `usize`
   * @param y `usize`
   * @param ldy `usize`
   */
  export function copy_columns_f32(m: number, n: number, x: number, ldx: number, y: number, ldy: number): void;
  /**
   * assembly/nn/merge/dot_rows_f32
   * @param m `usize`
   * @param r `usize`
   * @param n `usize`
   * @param a `usize`
   * @param b `usize`
   * @param y `usize`
   */
  export function dot_rows_f32(m: number, r: number, n: number, a: number, b: number, y: number): void;
  /**
   * assembly/nn/merge/dot_rows_first_gradient_f32
   * @param m `usize`
   * @param r `usize`
   * @param n `usize`
   * @param dy `usize`
   * @param b `usize`
   * @param da `usize`
   */
  export function dot_rows_first_gradient_f32(m: number, r: number, n: number, dy: number, b: number, da: number): void;
  /**
   * assembly/nn/merge/dot_rows_second_gradient_f32
   * @param m `usize`
   * @param r `usize`
   * @param n `usize`
   * @param dy `usize`
   * @param a `usize`
   * @param db `usize`
   */
  export function dot_rows_second_gradient_f32(m: number, r: number, n: number, dy: number, a: number, db: number): void;
  /**
   * assembly/nn/max_pool/max_pool_backward_f32
   * @param m `usize`
   * @param n `usize`
   * @param o `usize`
   * @param winner `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function max_pool_backward_f32(m: number, n: number, o: number, winner: number, dy: number, dx: number): void;
  /**
   * assembly/nn/max_pool/max_pool_f32
   * @param m `usize`
   * @param h `usize`
   * @param w `usize`
   * @param c `usize`
   * @param kh `usize`
   * @param kw `usize`
   * @param sh `usize`
   * @param sw `usize`
   * @param top `usize`
   * @param left `usize`
   * @param oh `usize`
   * @param ow `usize`
   * @param x `usize`
   * @param y `usize`
   * @param winner `usize`
   */
  export function max_pool_f32(m: number, h: number, w: number, c: number, kh: number, kw: number, sh: number, sw: number, top: number, left: number, oh: number, ow: number, x: number, y: number, winner: number): void;
  /**
   * assembly/nn/metric/squared_error_f32
   * @param n `usize`
   * @param x `usize`
   * @param t `usize`
   * @returns `f64`
   */
  export function squared_error_f32(n: number, x: number, t: number): number;
  /**
   * assembly/nn/metric/top_k_f32
   * @param m `usize`
   * @param n `usize`
   * @param k `usize`
   * @param x `usize`
   * @param labels `usize`
   * @returns `usize`
   */
  export function top_k_f32(m: number, n: number, k: number, x: number, labels: number): number;
  /**
   * assembly/nn/relu/relu_backward_f32
   * @param n `usize`
   * @param y `usize`
   * @param dy `usize`
   * @param dx `usize`
   */
  export function relu_backward_f32(n: number, y: number, dy: number, dx: number): void;
  /**
   * assembly/nn/relu/relu_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function relu_f32(n: number, x: number, y: number): void;
  /**
   * assembly/nn/rows/put_rows_f32
   * @param m `usize`
   * @param n `usize`
   * @param rows `usize`
   * @param y `usize`
   * @param x `usize`
   */
  export function put_rows_f32(m: number, n: number, rows: number, y: number, x: number): void;
  /**
   * assembly/nn/rows/take_rows_f32
   * @param m `usize`
   * @param n `usize`
   * @param rows `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function take_rows_f32(m: number, n: number, rows: number, x: number, y: number): void;
  /**
   * assembly/nn/rows/take_rows_u8_f32
   * @param m `usize`
   * @param n `usize`
   * @param scale `f32`
   * @param rows `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function take_rows_u8_f32(m: number, n: number, scale: number, rows: number, x: number, y: number): void;
  /**
   * assembly/nn/rows/update_rows_f32
   * @param m `usize`
   * @param n `usize`
   * @param alpha `f32`
   * @param beta `f32`
   * @param rows `usize`
   * @param y `usize`
   * @param x `usize`
   */
  export function update_rows_f32(m: number, n: number, alpha: number, beta: number, rows: number, y: number, x: number): void;
  /**
   * assembly/nn/softmax/accuracy_f32
   * @param m `usize`
   * @param n `usize`
   * @param x `usize`
   * @param labels `usize`
   * @returns `usize`
   */
  export function accuracy_f32(m: number, n: number, x: number, labels: number): number;
  /**
   * assembly/nn/softmax/softmax_backward_f32
   * @param m `usize`
   * @param n `usize`
   * @param p `usize`
   * @param dp `usize`
   * @param dx `usize`
   */
  export function softmax_backward_f32(m: number, n: number, p: number, dp: number, dx: number): void;
  /**
   * assembly/nn/softmax/softmax_cross_entropy_f32
   * @param m `usize`
   * @param n `usize`
   * @param alpha `f64`
   * @param x `usize`
   * @param labels `usize`
   * @param dx `usize`
   * @param scratch `usize`
   * @returns `f64`
   */
  export function softmax_cross_entropy_f32(m: number, n: number, alpha: number, x: number, labels: number, dx: number, scratch: number): number;
  /**
   * assembly/nn/softmax/softmax_f32
   * @param m `usize`
   * @param n `usize`
   * @param x `usize`
   * @param p `usize`
   * @param scratch `usize`
   */
  export function softmax_f32(m: number, n: number, x: number, p: number, scratch: number): void;
  /**
   * assembly/nn/softmax/softmax_scratch_f32
   * @param n `usize`
   * @returns `usize`
   */
  export function softmax_scratch_f32(n: number): number;
  /**
   * assembly/optim/sgd/sgd_f32
   * @param n `usize`
   * @param lr `f32`
   * @param wd `f32`
   * @param mu `f32`
   * @param g `usize`
   * @param w0 `usize`
   * @param c `usize`
   * @param w `usize`
   */
  export function sgd_f32(n: number, lr: number, wd: number, mu: number, g: number, w0: number, c: number, w: number): void;
  /**
   * assembly/optim/sgd/sgd_momentum_f32
   * @param n `usize`
   * @param lr `f32`
   * @param wd `f32`
   * @param decay `f32`
   * @param beta `f32`
   * @param mu `f32`
   * @param g `usize`
   * @param w0 `usize`
   * @param c `usize`
   * @param w `usize`
   * @param v `usize`
   */
  export function sgd_momentum_f32(n: number, lr: number, wd: number, decay: number, beta: number, mu: number, g: number, w0: number, c: number, w: number, v: number): void;
  /**
   * assembly/optim/sgd/sgd_nesterov_f32
   * @param n `usize`
   * @param lr `f32`
   * @param wd `f32`
   * @param decay `f32`
   * @param beta `f32`
   * @param mu `f32`
   * @param g `usize`
   * @param w0 `usize`
   * @param c `usize`
   * @param w `usize`
   * @param v `usize`
   */
  export function sgd_nesterov_f32(n: number, lr: number, wd: number, decay: number, beta: number, mu: number, g: number, w0: number, c: number, w: number, v: number): void;
  /**
   * assembly/optim/adam/adam_f32
   * @param n `usize`
   * @param lr `f32`
   * @param wd `f32`
   * @param decay `f32`
   * @param r1 `f32`
   * @param r2 `f32`
   * @param eps `f32`
   * @param mu `f32`
   * @param g `usize`
   * @param w0 `usize`
   * @param c `usize`
   * @param w `usize`
   * @param m `usize`
   * @param v `usize`
   */
  export function adam_f32(n: number, lr: number, wd: number, decay: number, r1: number, r2: number, eps: number, mu: number, g: number, w0: number, c: number, w: number, m: number, v: number): void;
  /**
   * assembly/optim/adam/yogi_f32
   * @param n `usize`
   * @param lr `f32`
   * @param wd `f32`
   * @param decay `f32`
   * @param r1 `f32`
   * @param r2 `f32`
   * @param eps `f32`
   * @param mu `f32`
   * @param g `usize`
   * @param w0 `usize`
   * @param c `usize`
   * @param w `usize`
   * @param m `usize`
   * @param v `usize`
   */
  export function yogi_f32(n: number, lr: number, wd: number, decay: number, r1: number, r2: number, eps: number, mu: number, g: number, w0: number, c: number, w: number, m: number, v: number): void;
  /**
   * assembly/optim/adagrad/adagrad_f32
   * @param n `usize`
   * @param lr `f32`
   * @param wd `f32`
   * @param decay `f32`
   * @param eps `f32`
   * @param mu `f32`
   * @param g `usize`
   * @param w0 `usize`
   * @param c `usize`
   * @param w `usize`
   * @param v `usize`
   */
  export function adagrad_f32(n: number, lr: number, wd: number, decay: number, eps: number, mu: number, g: number, w0: number, c: number, w: number, v: number): void;
  /**
   * assembly/optim/adagrad/rmsprop_f32
   * @param n `usize`
   * @param lr `f32`
   * @param wd `f32`
   * @param decay `f32`
   * @param r `f32`
   * @param eps `f32`
   * @param mu `f32`
   * @param g `usize`
   * @param w0 `usize`
   * @param c `usize`
   * @param w `usize`
   * @param v `usize`
   */
  export function rmsprop_f32(n: number, lr: number, wd: number, decay: number, r: number, eps: number, mu: number, g: number, w0: number, c: number, w: number, v: number): void;
  /**
   * assembly/optim/clip_value/clip_value_f32
   * @param n `usize`
   * @param limit `f32`
   * @param x `usize`
   * @param y `usize`
   */
  export function clip_value_f32(n: number, limit: number, x: number, y: number): void;
  /**
   * assembly/random/chacha/chacha20_u8
   * @param n `usize`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param out `usize`
   */
  export function chacha20_u8(n: number, counter: number, key: number, nonce: number, out: number): void;
  /**
   * assembly/random/discrete/add_i32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function add_i32(n: number, x: number, y: number): void;
  /**
   * assembly/random/discrete/discrete_i32
   * @param n `usize`
   * @param blocks `u32`
   * @param cell `i32`
   * @param shift `u32`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param law `usize`
   * @param y `usize`
   * @param scratch `usize`
   * @returns `usize`
   */
  export function discrete_i32(n: number, blocks: number, cell: number, shift: number, counter: number, key: number, nonce: number, law: number, y: number, scratch: number): number;
  /**
   * assembly/random/discrete/discrete_scratch_i32
   * @returns `usize`
   */
  export function discrete_scratch_i32(): number;
  /**
   * assembly/random/permutation/shuffle_scratch_u32
   * @returns `usize`
   */
  export function shuffle_scratch_u32(): number;
  /**
   * assembly/random/permutation/shuffle_u32
   * @param n `usize`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param scratch `usize`
   * @returns `u32`
   */
  export function shuffle_u32(n: number, counter: number, key: number, nonce: number, x: number, scratch: number): number;
  /**
   * assembly/random/poisson/poisson_sample_scratch_u32
   * @returns `usize`
   */
  export function poisson_sample_scratch_u32(): number;
  /**
   * assembly/random/poisson/poisson_sample_u32
   * @param n `usize`
   * @param rate `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param rows `usize`
   * @param scratch `usize`
   * @returns `usize`
   */
  export function poisson_sample_u32(n: number, rate: number, counter: number, key: number, nonce: number, rows: number, scratch: number): number;
  /**
   * assembly/random/uniform/uniform_f32
   * @param n `usize`
   * @param lo `f64`
   * @param hi `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param scratch `usize`
   */
  export function uniform_f32(n: number, lo: number, hi: number, counter: number, key: number, nonce: number, x: number, scratch: number): void;
  /**
   * assembly/random/uniform/uniform_scratch_f32
   * @returns `usize`
   */
  export function uniform_scratch_f32(): number;
  /**
   * assembly/privacy/clip/clip_l2_f32
   * @param n `usize`
   * @param c `f64`
   * @param x `usize`
   * @param y `usize`
   * @returns `f64`
   */
  export function clip_l2_f32(n: number, c: number, x: number, y: number): number;
  /**
   * assembly/privacy/per_example/clip_factors_f64_f32
   * @param m `usize`
   * @param c `f64`
   * @param norms `usize`
   * @param factors `usize`
   * @returns `usize`
   */
  export function clip_factors_f64_f32(m: number, c: number, norms: number, factors: number): number;
  /**
   * assembly/privacy/per_example/scale_rows_f32
   * @param m `usize`
   * @param n `usize`
   * @param factors `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function scale_rows_f32(m: number, n: number, factors: number, x: number, y: number): void;
  /**
   * assembly/privacy/gaussian/gaussian_f32
   * @param n `usize`
   * @param sigma `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function gaussian_f32(n: number, sigma: number, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/privacy/gaussian/gaussian_scratch_f32
   * @returns `usize`
   */
  export function gaussian_scratch_f32(): number;
  /**
   * assembly/privacy/randomised_response/count_columns_u8
   * @param n `usize`
   * @param k `u32`
   * @param y `usize`
   * @param counts `usize`
   * @returns `usize`
   */
  export function count_columns_u8(n: number, k: number, y: number, counts: number): number;
  /**
   * assembly/privacy/randomised_response/count_u32
   * @param n `usize`
   * @param k `u32`
   * @param x `usize`
   * @param counts `usize`
   * @returns `usize`
   */
  export function count_u32(n: number, k: number, x: number, counts: number): number;
  /**
   * assembly/privacy/randomised_response/randomise_scratch_u32
   * @returns `usize`
   */
  export function randomise_scratch_u32(): number;
  /**
   * assembly/privacy/randomised_response/randomise_u32
   * @param n `usize`
   * @param k `u32`
   * @param a `u64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function randomise_u32(n: number, k: number, a: bigint, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/privacy/randomised_response/unary_u32_u8
   * @param n `usize`
   * @param k `u32`
   * @param p `u64`
   * @param q `u64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function unary_u32_u8(n: number, k: number, p: bigint, q: bigint, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/privacy/laplace/laplace_f32
   * @param n `usize`
   * @param scale `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function laplace_f32(n: number, scale: number, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/privacy/laplace/laplace_scratch_f32
   * @returns `usize`
   */
  export function laplace_scratch_f32(): number;
  /**
   * assembly/privacy/grid/accumulate_i32_i64
   * @param n `usize`
   * @param k `usize`
   * @param acc `usize`
   */
  export function accumulate_i32_i64(n: number, k: number, acc: number): void;
  /**
   * assembly/privacy/grid/clip_grid_f32_i32
   * @param n `usize`
   * @param c `f64`
   * @param unit `f64`
   * @param bound `f64`
   * @param x `usize`
   * @param k `usize`
   * @returns `f64`
   */
  export function clip_grid_f32_i32(n: number, c: number, unit: number, bound: number, x: number, k: number): number;
  /**
   * assembly/privacy/grid/release_i64_f32
   * @param n `usize`
   * @param unit `f64`
   * @param divisor `f64`
   * @param acc `usize`
   * @param y `usize`
   */
  export function release_i64_f32(n: number, unit: number, divisor: number, acc: number, y: number): void;
  /**
   * assembly/privacy/grid/within_norm_i32
   * @param n `usize`
   * @param bound `f64`
   * @param k `usize`
   * @returns `u32`
   */
  export function within_norm_i32(n: number, bound: number, k: number): number;
  /**
   * assembly/privacy/grid_gaussian/grid_gaussian_f32
   * @param n `usize`
   * @param unit `f64`
   * @param scale `f64`
   * @param divisor `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function grid_gaussian_f32(n: number, unit: number, scale: number, divisor: number, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/privacy/grid_gaussian/grid_gaussian_i32
   * @param n `usize`
   * @param scale `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param k `usize`
   * @param scratch `usize`
   */
  export function grid_gaussian_i32(n: number, scale: number, counter: number, key: number, nonce: number, k: number, scratch: number): void;
  /**
   * assembly/privacy/grid_gaussian/grid_gaussian_i64
   * @param n `usize`
   * @param scale `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param acc `usize`
   * @param scratch `usize`
   */
  export function grid_gaussian_i64(n: number, scale: number, counter: number, key: number, nonce: number, acc: number, scratch: number): void;
  /**
   * assembly/privacy/grid_gaussian/grid_gaussian_scratch
   * @returns `usize`
   */
  export function grid_gaussian_scratch(): number;
  /**
   * assembly/privacy/grid_gaussian/release_grid_f32_u8
   * @param n `usize`
   * @param c `f64`
   * @param unit `f64`
   * @param bound `f64`
   * @param scale `f64`
   * @param limit `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param q `usize`
   * @param scratch `usize`
   * @returns `f64`
   */
  export function release_grid_f32_u8(n: number, c: number, unit: number, bound: number, scale: number, limit: number, counter: number, key: number, nonce: number, x: number, q: number, scratch: number): number;
  /**
   * assembly/compress/quantize/dequantize_u8_f32
   * @param n `usize`
   * @param bits `u32`
   * @param lo `f64`
   * @param hi `f64`
   * @param q `usize`
   * @param x `usize`
   */
  export function dequantize_u8_f32(n: number, bits: number, lo: number, hi: number, q: number, x: number): void;
  /**
   * assembly/compress/quantize/packed_bytes
   * @param n `usize`
   * @param bits `u32`
   * @returns `usize`
   */
  export function packed_bytes(n: number, bits: number): number;
  /**
   * assembly/compress/quantize/quantize_f32_u8
   * @param n `usize`
   * @param bits `u32`
   * @param lo `f64`
   * @param hi `f64`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param out `usize`
   * @param scratch `usize`
   */
  export function quantize_f32_u8(n: number, bits: number, lo: number, hi: number, counter: number, key: number, nonce: number, x: number, out: number, scratch: number): void;
  /**
   * assembly/compress/quantize/quantize_scratch_f32
   * @returns `usize`
   */
  export function quantize_scratch_f32(): number;
  /**
   * assembly/compress/quantize/range_f32
   * @param n `usize`
   * @param x `usize`
   * @param out `usize`
   * @returns `u32`
   */
  export function range_f32(n: number, x: number, out: number): number;
  /**
   * assembly/compress/stochastic_round/squared_norm_i32
   * @param n `usize`
   * @param x `usize`
   * @returns `u64`
   */
  export function squared_norm_i32(n: number, x: number): bigint;
  /**
   * assembly/compress/stochastic_round/stochastic_round_f32_i32
   * @param n `usize`
   * @param counter `u32`
   * @param key `usize`
   * @param nonce `usize`
   * @param x `usize`
   * @param y `usize`
   * @param scratch `usize`
   */
  export function stochastic_round_f32_i32(n: number, counter: number, key: number, nonce: number, x: number, y: number, scratch: number): void;
  /**
   * assembly/compress/stochastic_round/stochastic_round_scratch_f32
   * @returns `usize`
   */
  export function stochastic_round_scratch_f32(): number;
  /**
   * assembly/aggregate/mean/accumulate_f32_i64
   * @param n `usize`
   * @param w `f64`
   * @param magic `f64`
   * @param x `usize`
   * @param acc `usize`
   */
  export function accumulate_f32_i64(n: number, w: number, magic: number, x: number, acc: number): void;
  /**
   * assembly/aggregate/mean/accumulate_u8_i64
   * @param n `usize`
   * @param bits `u32`
   * @param lo `f64`
   * @param hi `f64`
   * @param w `f64`
   * @param magic `f64`
   * @param q `usize`
   * @param acc `usize`
   */
  export function accumulate_u8_i64(n: number, bits: number, lo: number, hi: number, w: number, magic: number, q: number, acc: number): void;
  /**
   * assembly/aggregate/mean/add_i64
   * @param n `usize`
   * @param other `usize`
   * @param acc `usize`
   */
  export function add_i64(n: number, other: number, acc: number): void;
  /**
   * assembly/aggregate/mean/divide_f64_f32
   * @param n `usize`
   * @param total `f64`
   * @param s `usize`
   * @param y `usize`
   */
  export function divide_f64_f32(n: number, total: number, s: number, y: number): void;
  /**
   * assembly/aggregate/mean/resolve_i64_f64
   * @param n `usize`
   * @param unit `f64`
   * @param acc `usize`
   * @param s `usize`
   */
  export function resolve_i64_f64(n: number, unit: number, acc: number, s: number): void;
  /**
   * assembly/aggregate/modular/convert_i32_f32
   * @param n `usize`
   * @param x `usize`
   * @param y `usize`
   */
  export function convert_i32_f32(n: number, x: number, y: number): void;
  /**
   * assembly/aggregate/modular/modular_clip_i32
   * @param n `usize`
   * @param lower `i32`
   * @param width `u64`
   * @param x `usize`
   * @param y `usize`
   */
  export function modular_clip_i32(n: number, lower: number, width: bigint, x: number, y: number): void;
}
/** Instantiates the compiled WebAssembly module with the given imports. */
export declare function instantiate(module: WebAssembly.Module, imports: {
}): Promise<typeof __AdaptedExports>;
