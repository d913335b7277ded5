// The update frame: what a client sends. Little-endian, 40 bytes of header, then the payload.
//
//  0  magic "FLU1"          4  bits: 1..8 quantized, 32 plain f32 (u8)      5  three zero bytes
//  8  size (u32)           12  CRC-32 of header bytes 0..11 and 16.. end (u32)
// 16  weight (f64)         24  low (f64)     32  high (f64)     40  payload: ceil(size bits / 8) bytes

import { checkQuantized, packedBytes, type Quantized } from "../compress/quantize.ts";
import { checkNumber, checkOptions, checkTensor, describe, F32_MAX } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { FrameError } from "../engine/errors.ts";
import { Tensor } from "../engine/tensor.ts";

export const FRAME_HEADER_BYTES = 40;
const MAGIC = 0x31554c46;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
function crc32(bytes: Uint8Array, from: number, to: number, crc = 0): number {
  let c = ~crc;
  for (let i = from; i < to; i++) c = CRC_TABLE[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}

/** What a frame says about its update. */
export interface Frame {
  /** A quantized update, or a plain f32 tensor. In the engine's memory: dispose of it. */
  readonly update: Quantized | Tensor<"f32">;
  /** Weight of the update, usually the number of examples. */
  readonly weight: number;
}

/** Limits a server sets before it reads a frame. A frame beyond them is refused before anything is allocated. */
export interface FrameCaps {
  /** The number of parameters the update must have. */
  readonly size: number;
  /** Largest weight accepted. */
  readonly maxWeight: number;
  /** Largest |value| accepted; default: any finite. */
  readonly maxAbs?: number;
}

/**
 * Bytes of an update, to send.
 * @param update a quantized vector or a plain f32 tensor
 * @param weight >= 0, usually the number of examples
 */
export function encodeFrame(update: Quantized | Tensor<"f32">, weight: number): Uint8Array<ArrayBuffer> {
  const op = "encodeFrame";
  checkNumber(op, "weight", weight, { min: 0 });
  let head: { size: number; bits: number; low: number; high: number };
  let payload: Uint8Array;
  if (update instanceof Tensor) {
    checkTensor(op, "update", update, "f32");
    head = { size: update.size, bits: 32, low: 0, high: 0 };
    const view = update.view;
    payload = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  } else {
    checkQuantized(op, update);
    head = update;
    payload = update.bytes.view;
  }
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, head.bits);
  view.setUint32(8, head.size, true);
  view.setFloat64(16, weight, true);
  view.setFloat64(24, head.low, true);
  view.setFloat64(32, head.high, true);
  frame.set(payload, FRAME_HEADER_BYTES);
  view.setUint32(12, checksum(frame), true);
  return frame;
}

/** @internal CRC-32 of everything but bytes 12..15, where it is kept. */
export const checksum = (frame: Uint8Array): number => crc32(frame, 16, frame.length, crc32(frame, 0, 12));

/**
 * Reads a frame from an untrusted sender: length, magic, caps and checksum are checked before anything is allocated.
 * @throws {@link FrameError} naming the field, nothing stays allocated; {@link ParameterError} for bad caps
 */
export function decodeFrame(engine: Engine, frame: Uint8Array, caps: FrameCaps): Frame {
  const op = "decodeFrame";
  checkOptions(op, caps, ["size", "maxWeight", "maxAbs"]);
  checkNumber(op, "caps.size", caps.size, { min: 0, integer: true });
  checkNumber(op, "caps.maxWeight", caps.maxWeight, { min: 0 });
  if (caps.maxAbs !== undefined) checkNumber(op, "caps.maxAbs", caps.maxAbs, { min: 0 });
  const fail = (field: string, expected: string, got: unknown): never => {
    throw new FrameError(`${op}: expected ${field} ${expected}, got ${describe(got)}`, { field });
  };
  if (!(frame instanceof Uint8Array)) fail("frame", "to be a Uint8Array", frame);
  if (frame.length < FRAME_HEADER_BYTES) fail("length", `>= ${FRAME_HEADER_BYTES} bytes`, frame.length);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== MAGIC) fail("magic", '"FLU1"', `0x${view.getUint32(0, true).toString(16)}`);
  const bits = view.getUint8(4);
  if (!((bits >= 1 && bits <= 8) || bits === 32)) fail("bits", "1 to 8 or 32", bits);
  if (frame[5] !== 0 || frame[6] !== 0 || frame[7] !== 0) fail("reserved bytes", "to be 0", `${frame[5]},${frame[6]},${frame[7]}`);
  const size = view.getUint32(8, true);
  if (size !== caps.size) fail("size", `${caps.size}`, size);
  const bytes = packedBytes(size, bits);
  if (frame.length !== FRAME_HEADER_BYTES + bytes) fail("length", `${FRAME_HEADER_BYTES + bytes} bytes`, frame.length);
  const weight = view.getFloat64(16, true);
  if (!(weight >= 0 && weight <= caps.maxWeight)) fail("weight", `in [0, ${caps.maxWeight}]`, weight);
  const low = view.getFloat64(24, true);
  const high = view.getFloat64(32, true);
  const cap = Math.min(caps.maxAbs ?? F32_MAX, F32_MAX);
  if (!(low <= high && low >= -cap && high <= cap)) fail("low and high", `in order and within ${cap}`, `${low} and ${high}`);
  if (view.getUint32(12, true) !== checksum(frame)) fail("checksum", "to match the bytes", "another");
  const payload = frame.subarray(FRAME_HEADER_BYTES);
  if (bits !== 32) return { update: { size, bits, low, high, bytes: engine.tensor("u8", bytes, payload) }, weight };

  const update = engine.tensor("f32", size);
  const target = update.view;
  new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(payload);
  const largest = engine.kernels.max_abs_f32(size, update.address);
  if (!(largest <= cap)) {
    update.dispose();
    fail("values", `finite and within ${cap}`, largest);
  }
  return { update, weight };
}
