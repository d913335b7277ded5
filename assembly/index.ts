// The ABI: named re-exports and nothing else. The order of the rooms is the order of the table in DESIGN.md.
export { accumulate_f32_f64, add_f32, axpy_f32, scale_f32, sub_f32 } from "./linalg/vector";
export { dot_f32, max_abs_f32, squared_norm_f32, sum_f32 } from "./linalg/reduce";
export { gemm_f32_nn, gemm_f32_nt, gemm_f32_tn, gemm_scratch_f32, gemm_squared_norm_f32_tn, gemm_squared_norm_scratch_f32 } from "./linalg/gemm";
export { bias_backward_f32, bias_f32 } from "./nn/bias";
export { dense_f32, dense_input_gradient_f32, dense_scratch_f32, dense_weight_gradient_f32 } from "./nn/dense";
export { embedding_bag_f32, embedding_bag_norms_f32, embedding_gradient_f32, embedding_gradient_scratch_f32, embedding_norms_f32 } from "./nn/embedding";
export { relu_backward_f32, relu_f32 } from "./nn/relu";
export { put_rows_f32, take_rows_f32, take_rows_u8_f32, update_rows_f32 } from "./nn/rows";
export { accuracy_f32, softmax_cross_entropy_f32, softmax_f32, softmax_scratch_f32 } from "./nn/softmax";
export { sgd_f32, sgd_momentum_f32 } from "./optim/sgd";
export { chacha20_u8 } from "./random/chacha";
export { shuffle_scratch_u32, shuffle_u32 } from "./random/permutation";
export { uniform_f32, uniform_scratch_f32 } from "./random/uniform";
export { clip_l2_f32 } from "./privacy/clip";
export { gaussian_f32, gaussian_scratch_f32 } from "./privacy/gaussian";
export { dequantize_u8_f32, packed_bytes, quantize_f32_u8, quantize_scratch_f32, range_f32 } from "./compress/quantize";
export { accumulate_f32_i64, accumulate_u8_i64, add_i64, divide_f64_f32, resolve_i64_f64 } from "./aggregate/mean";
