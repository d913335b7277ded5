import { checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { notFinite } from "../privacy/clip.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";

/** A quantized vector: value i is low + q_i (high - low) / (2^bits - 1), q_i packed little-endian in `bytes`. */
export interface Quantized {
  /** Number of values. */
  readonly size: number;
  /** 1 to 8. */
  readonly bits: number;
  readonly low: number;
  readonly high: number;
  /** ceil(size bits / 8) bytes in the engine's memory. */
  readonly bytes: Tensor<"u8">;
}

/** Bytes that `size` values of `bits` bits take. */
export function packedBytes(size: number, bits: number): number {
  return Math.ceil((size * bits) / 8);
}

/**
 * Uniform stochastic quantization between the least and the largest element: each value goes to one of its two neighbouring levels
 * with the probability that makes the expectation exact (within 2^-32 of a step). All-equal input comes back exactly.
 * @param x flat f32 vector, finite
 * @param bits 1 to 8 per value
 * @param stream randomness of the rounding
 * @param options out: a u8 tensor of packedBytes(x.size, bits) to write to instead of a new one
 * @throws {@link PrivacyError} for NaN or Infinity in x; {@link ParameterError} for bits outside 1..8; out is unchanged
 * Source: Suresh et al. 2017 (arXiv:1611.00429), section 2.2; MSE <= n (high - low)^2 / (4 (2^bits - 1)^2).
 */
export function quantize(x: Tensor<"f32">, bits: number, stream: RandomStream, options: { readonly out?: Tensor<"u8"> } = {}): Quantized {
  const op = "quantize";
  checkTensor(op, "x", x, "f32");
  checkNumber(op, "bits", bits, { min: 1, max: 8, integer: true });
  checkStream(op, stream);
  checkOptions(op, options, ["out"]);
  const { engine, size } = x;
  const length = packedBytes(size, bits);
  if (options.out) {
    checkTensor(op, "out", options.out, "u8", { size: length });
    checkSameEngine(op, { x, out: options.out });
  }
  const [low, high] = range(op, x);
  const bytes = options.out ?? engine.tensor("u8", length);
  try {
    stream.use(engine, Math.ceil(size / 16), engine.kernels.quantize_scratch_f32(), (counter, key, nonce, scratch) => {
      engine.kernels.quantize_f32_u8(size, bits, low, high, counter, key, nonce, x.address, bytes.address, scratch);
      return undefined;
    });
  } catch (error) {
    if (!options.out) bytes.dispose();
    throw error;
  }
  return { size, bits, low, high, bytes };
}

/** Least and largest element. @throws {@link PrivacyError} for NaN or Infinity */
function range(op: string, x: Tensor<"f32">): [number, number] {
  const { engine } = x;
  const at = engine.scratch(8);
  if (engine.kernels.range_f32(x.size, x.address, at) === 0) throw notFinite(op, "x", x);
  const view = new Float32Array(engine.arena.memory.buffer, at, 2);
  return [view[0]!, view[1]!];
}

/** out_i <- f32(low + q_i (high - low)/(2^bits - 1)). @param out as many elements as q.size */
export function dequantize(q: Quantized, out: Tensor<"f32">): Tensor<"f32"> {
  const op = "dequantize";
  checkQuantized(op, q);
  checkTensor(op, "out", out, "f32", { size: q.size });
  checkSameEngine(op, { bytes: q.bytes, out });
  out.engine.kernels.dequantize_u8_f32(q.size, q.bits, q.low, q.high, q.bytes.address, out.address);
  return out;
}

/** @internal A quantized vector is what its fields say, whoever made it. */
export function checkQuantized(op: string, q: Quantized, engine?: Engine): void {
  if (typeof q !== "object" || q === null) throw new ParameterError(`${op}: expected a quantized vector, got ${describe(q)}`);
  checkNumber(op, "size", q.size, { min: 0, integer: true });
  checkNumber(op, "bits", q.bits, { min: 1, max: 8, integer: true });
  checkNumber(op, "low", q.low);
  checkNumber(op, "high", q.high, { min: q.low });
  checkTensor(op, "bytes", q.bytes, "u8", { size: packedBytes(q.size, q.bits) });
  if (engine && q.bytes.engine !== engine) checkSameEngine(op, { accumulator: engine.tensor("u8", 0), bytes: q.bytes });
}
