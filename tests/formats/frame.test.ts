import fc from "fast-check";
import {
  createStream,
  DisposedError,
  decodeFrame,
  dequantize,
  type Engine,
  encodeFrame,
  FrameError,
  ParameterError,
  type Quantized,
  quantize,
  type RandomStream,
  type Tensor,
} from "fedlane";
import { beforeAll, describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { LENGTHS, normals } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { expectSameBits } from "../support/same.ts";

const HEADER = 40;
const CAPS = { size: 3, maxWeight: 100 };

/** CRC-32 of a frame, bit by bit (ISO 3309): over all bytes but the checksum's own. */
function seal(frame: Uint8Array): Uint8Array {
  let c = 0xffffffff;
  for (const [i, byte] of frame.entries()) {
    if (i >= 12 && i < 16) continue;
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  new DataView(frame.buffer, frame.byteOffset).setUint32(12, ~c >>> 0, true);
  return frame;
}

/** A copy with some fields changed and the checksum made right again: what a sender who lies would send. */
function forge(frame: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = frame.slice();
  change(new DataView(copy.buffer));
  return seal(copy);
}

const isQuantized = (update: Quantized | Tensor<"f32">): update is Quantized => "bits" in update;

function valuesOf(engine: Engine, update: Quantized | Tensor<"f32">): Float32Array {
  return isQuantized(update) ? dequantize(update, engine.tensor("f32", update.size)).toArray() : update.toArray();
}

forEachBuild("formats/frame", (engine) => {
  let stream: RandomStream;
  let plain: Uint8Array;
  let packed: Uint8Array;
  beforeAll(async () => {
    stream = await createStream({ purpose: "frame", unsafeSeed: 1 });
    engine().scope(() => {
      plain = encodeFrame(engine().tensor("f32", 3, [1, -2, 0.5]), 10);
      packed = encodeFrame(quantize(engine().tensor("f32", 3, [1, -2, 0.5]), 5, stream), 10);
    });
  });

  /** Must be refused as a FrameError about the field, with nothing allocated. */
  function refuse(frame: Uint8Array, field: string | RegExp, caps: { size: number; maxWeight: number; maxAbs?: number } = CAPS): void {
    const live = engine().stats().liveBlocks;
    let error: unknown;
    try {
      decodeFrame(engine(), frame, caps);
    } catch (e) {
      error = e;
    }
    expect(error, `a frame with a bad ${field}`).toBeInstanceOf(FrameError);
    expect((error as FrameError).details["field"]).toMatch(field);
    expect(engine().stats().liveBlocks, "blocks left behind").toBe(live);
  }

  describe("round trip", () => {
    const ran = countCases(9 * LENGTHS.length);
    test.each(LENGTHS)("n = %i", (n) => {
      const content = normals(n, 1);
      for (const bits of [1, 2, 3, 4, 5, 6, 7, 8, 32]) {
        engine().scope(() => {
          ran();
          const x = engine().copy(content);
          const update = bits === 32 ? x : quantize(x, bits, stream);
          const frame = encodeFrame(update, 0.25 * n);
          expect(frame.length).toBe(HEADER + Math.ceil((n * bits) / 8));
          expect(seal(frame.slice())).toEqual(frame);
          const got = decodeFrame(engine(), frame, { size: n, maxWeight: 1e6 });
          expect(got.weight).toBe(0.25 * n);
          expectSameBits(valuesOf(engine(), got.update), valuesOf(engine(), update), `bits ${bits}`);
          if (isQuantized(got.update)) expect({ ...got.update, bytes: 0 }).toEqual({ ...update, bytes: 0 });
          expect(encodeFrame(got.update, got.weight)).toEqual(frame);
        });
      }
    });
  });

  test("a frame inside a larger buffer, at an odd offset", () => {
    const larger = new Uint8Array(plain.length + 9).fill(255);
    larger.set(plain, 5);
    const { update } = decodeFrame(engine(), larger.subarray(5, 5 + plain.length), CAPS);
    expect([...(update as Tensor<"f32">).toArray()]).toEqual([1, -2, 0.5]);
    (update as Tensor<"f32">).dispose();
  });

  test("every change of any single byte is refused", () => {
    let ran = 0;
    for (const frame of [plain, packed]) {
      for (let at = 0; at < frame.length; at++) {
        for (let flip = 1; flip < 256; flip++) {
          const broken = frame.slice();
          broken[at]! ^= flip;
          try {
            decodeFrame(engine(), broken, CAPS);
            expect.fail(`accepted byte ${at} changed by ${flip}`);
          } catch (error) {
            if (!(error instanceof FrameError)) throw error;
          }
          ran++;
        }
      }
    }
    expect(ran).toBe(255 * (HEADER + 12 + HEADER + 2));
  });

  test("every truncation and extension is refused", () => {
    for (const frame of [plain, packed]) {
      for (let length = 0; length < frame.length; length++) refuse(frame.slice(0, length), "length");
      for (const more of [1, 4, 1000]) refuse(Uint8Array.of(...frame, ...new Uint8Array(more)), "length");
      refuse([...frame] as never, "frame");
    }
  });

  test("a liar's fields, checksum right: each is refused by name", () => {
    for (const size of [0, 2, 4, 2 ** 32 - 1])
      refuse(
        forge(plain, (v) => v.setUint32(8, size, true)),
        "size",
      );
    for (const bits of [0, 9, 16, 31, 33, 255])
      refuse(
        forge(packed, (v) => v.setUint8(4, bits)),
        "bits",
      );
    for (const bits of [1, 8, 32])
      refuse(
        forge(packed, (v) => v.setUint8(4, bits)),
        /length/,
      );
    for (const at of [5, 6, 7])
      refuse(
        forge(packed, (v) => v.setUint8(at, 1)),
        "reserved bytes",
      );
    for (const w of [-1, 100.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      refuse(
        forge(plain, (v) => v.setFloat64(16, w, true)),
        "weight",
      );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e39, -1e39]) {
      refuse(
        forge(packed, (v) => v.setFloat64(24, bad, true)),
        "low and high",
      );
      refuse(
        forge(packed, (v) => v.setFloat64(32, bad, true)),
        "low and high",
      );
    }
    refuse(
      forge(packed, (v) => v.setFloat64(24, 1.5, true)),
      "low and high",
    ); // low > high
    refuse(
      forge(plain, (v) => v.setUint32(0, 0, true)),
      "magic",
    );
    for (let lane = 0; lane < 3; lane++) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        refuse(
          forge(plain, (v) => v.setFloat32(HEADER + 4 * lane, bad, true)),
          "values",
        );
    }
  });

  test("caps: size, weight and magnitude at the limit pass, beyond it do not", () => {
    for (const frame of [plain, packed]) {
      refuse(frame, "size", { size: 4, maxWeight: 100 });
      refuse(frame, "weight", { size: 3, maxWeight: 9.99 });
      refuse(frame, /values|low and high/, { size: 3, maxWeight: 10, maxAbs: 1.99 });
      const { update } = decodeFrame(engine(), frame, { size: 3, maxWeight: 10, maxAbs: 2 });
      (isQuantized(update) ? update.bytes : update).dispose();
      for (const caps of [{ size: -1, maxWeight: 1 }, { size: 3 }, { size: 3, maxWeight: Number.NaN }, { ...CAPS, maxAbs: Number.NaN }, { ...CAPS, max: 1 }])
        expect(() => decodeFrame(engine(), frame, caps as never)).toThrow(ParameterError);
    }
  });

  test("random bytes never pass (fast-check)", () => {
    const property = fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, dressed) => {
      // Dressed: a right magic and checksum around random fields.
      const frame = dressed && bytes.length >= HEADER ? forge(bytes, (v) => v.setUint32(0, 0x31554c46, true)) : bytes;
      expect(() => decodeFrame(engine(), frame, CAPS)).toThrow(FrameError);
    });
    fc.assert(property, { seed: 5, numRuns: 500 });
  });

  test("what cannot be sent is refused", () => {
    const x = engine().tensor("f32", 2, [1, 2]);
    for (const w of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => encodeFrame(x, w)).toThrow(ParameterError);
    for (const bad of [undefined, null, 3, {}]) expect(() => encodeFrame(bad as never, 1)).toThrow(ParameterError);
    x.dispose();
    expect(() => encodeFrame(x, 1)).toThrow(DisposedError);
  });
});

test("every build writes the same frame", async () => {
  const stream = await createStream({ purpose: "frame", unsafeSeed: 2 });
  const frames = Object.values(await allEngines()).map((engine) => encodeFrame(quantize(engine.copy(normals(1001, 4)), 3, stream.fork(1, 1)), 5));
  for (const frame of frames) expect(frame).toEqual(frames[0]);
});
