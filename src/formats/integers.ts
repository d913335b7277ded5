// Integers of a secure sum as bytes: little-endian two's complement of 8, 16 or 32 bits, nothing else.
import { checkNumber, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { FrameError, ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

const ARRAYS = { 8: Int8Array, 16: Int16Array, 32: Int32Array } as const;
export type IntegerBits = keyof typeof ARRAYS;

function checkBits(op: string, bits: IntegerBits): void {
  if (ARRAYS[bits] === undefined) throw new ParameterError(`${op}: expected bits to be 8, 16 or 32, got ${describe(bits)}`, { argument: "bits" });
}

/**
 * Bytes of integers in [-2^(bits - 1), 2^(bits - 1)).
 * @throws {@link FrameError} when a value is out of that range
 */
export function encodeIntegers(integers: Tensor<"i32">, bits: IntegerBits): Uint8Array<ArrayBuffer> {
  const op = "encodeIntegers";
  checkTensor(op, "integers", integers, "i32");
  checkBits(op, bits);
  const { view } = integers;
  const out = new ARRAYS[bits](view.length);
  for (let i = 0; i < view.length; i++) {
    out[i] = view[i]!;
    if (out[i] !== view[i]) throw new FrameError(`${op}: expected integers of ${bits} bits, got ${view[i]} at index ${i}`, { index: i });
  }
  return new Uint8Array(out.buffer as ArrayBuffer);
}

/**
 * What {@link encodeIntegers} wrote.
 * @param size how many there must be
 * @returns i32, a new tensor: dispose of it
 * @throws {@link FrameError} for any other number of bytes, before anything is allocated
 */
export function decodeIntegers(engine: Engine, bytes: Uint8Array, size: number, bits: IntegerBits): Tensor<"i32"> {
  const op = "decodeIntegers";
  checkNumber(op, "size", size, { min: 0, integer: true });
  checkBits(op, bits);
  if (!(bytes instanceof Uint8Array) || bytes.length !== (size * bits) / 8)
    throw new FrameError(`${op}: expected ${(size * bits) / 8} bytes, got ${bytes instanceof Uint8Array ? bytes.length : typeof bytes}`, { argument: "bytes" });
  const aligned = bytes.slice();
  return engine.tensor("i32", size, Int32Array.from(new ARRAYS[bits](aligned.buffer)));
}
