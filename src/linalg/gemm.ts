import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ShapeError, UnsupportedError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

type F32 = Tensor<"f32">;

export interface MatmulOptions {
  /** Factor of the product, default 1. */
  readonly alpha?: number;
  /** Factor of what `out` holds, default 0: out is not read. */
  readonly beta?: number;
  /** Read a as its transpose. */
  readonly transposeA?: boolean;
  /** Read b as its transpose. */
  readonly transposeB?: boolean;
}

/**
 * out <- alpha op(a) op(b) + beta out, row-major f32.
 * @param a [m, k], or [k, m] with transposeA
 * @param b [k, n], or [n, k] with transposeB
 * @param out [m, n], another tensor than a and b
 * @throws {@link ShapeError} when the shapes do not fit; {@link UnsupportedError} for both operands transposed (no layer needs it)
 * @example
 * const a = engine.tensor("f32", [1, 2], [1, 2]);
 * const b = engine.tensor("f32", [2, 1], [3, 4]);
 * matmul(a, b, engine.tensor("f32", [1, 1])).item(); // 11
 */
export function matmul(a: F32, b: F32, out: F32, options: MatmulOptions = {}): F32 {
  const op = "matmul";
  checkOptions(op, options, ["alpha", "beta", "transposeA", "transposeB"]);
  const { alpha = 1, beta = 0, transposeA = false, transposeB = false } = options;
  checkNumber(op, "alpha", alpha, { f32: true });
  checkNumber(op, "beta", beta, { f32: true });
  if (transposeA && transposeB) throw new UnsupportedError(`${op}: expected at most one transposed operand, got both`);
  checkTensor(op, "a", a, "f32", { rank: 2 });
  checkTensor(op, "b", b, "f32", { rank: 2 });
  const [m, k] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [kb, n] = transposeB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  if (k !== kb) {
    throw new ShapeError(
      `${op}: expected op(a) [m, k] and op(b) [k, n] with one k, got a [${a.shape}]${transposeA ? " transposed" : ""} and b [${b.shape}]${transposeB ? " transposed" : ""}`,
    );
  }
  checkTensor(op, "out", out, "f32", { shape: [m, n] });
  checkSameEngine(op, { a, b, out });
  checkDisjoint(op, { a, b }, "out", out);
  const { engine } = a;
  const scratch = engine.scratch(engine.kernels.gemm_scratch_f32());
  const { kernels } = engine;
  const gemm = transposeA ? kernels.gemm_f32_tn : transposeB ? kernels.gemm_f32_nt : kernels.gemm_f32_nn;
  gemm(m, n, k, alpha, beta, a.address, a.shape[1]!, b.address, b.shape[1]!, out.address, n, scratch);
  return out;
}

/**
 * The squared Frobenius norm of a^T b, without the product in memory: the squared norm of a layer's kernel gradient for one example.
 * Each element is summed in f32, the squares in f64; the same bits in the scalar and simd builds. NaN and Infinity propagate.
 * @param a [k, m]
 * @param b [k, n]
 * @throws {@link ShapeError} when the tensors have not the same number of rows
 * @example
 * const x = engine.tensor("f32", [1, 2], [3, 4]);
 * productSquaredNorm(x, engine.tensor("f32", [1, 1], [2])); // 6^2 + 8^2 = 100
 */
export function productSquaredNorm(a: F32, b: F32): number {
  const op = "productSquaredNorm";
  checkTensor(op, "a", a, "f32", { rank: 2 });
  checkTensor(op, "b", b, "f32", { rank: 2 });
  const [k, m] = [a.shape[0]!, a.shape[1]!];
  const n = b.shape[1]!;
  if (b.shape[0] !== k) throw new ShapeError(`${op}: expected a [k, m] and b [k, n] with one k, got a [${a.shape}] and b [${b.shape}]`);
  checkSameEngine(op, { a, b });
  const { engine } = a;
  const scratch = engine.scratch(engine.kernels.gemm_squared_norm_scratch_f32(m, n, k));
  return engine.kernels.gemm_squared_norm_f32_tn(m, n, k, a.address, m, b.address, n, scratch);
}
