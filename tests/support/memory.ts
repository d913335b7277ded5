// Blocks with guard bands, for tests that call raw kernels.
import type { Engine } from "fedlane";
import { expect } from "vitest";

const GUARD = 64;
const PATTERN = 0xa5;

/** A block of bytes between two guard bands. */
export interface Guarded {
  readonly address: number;
  /** A copy of the block's bytes from now. */
  bytes(): Uint8Array<ArrayBuffer>;
  f32(): Float32Array<ArrayBuffer>;
  /** Fails if a band was written, then frees. */
  release(): void;
}

/** Allocates `bytes` bytes plus an offset (to test unaligned addresses), with bands before and after. */
export function guarded(engine: Engine, content: Uint8Array | Float32Array | Float64Array | Int32Array | Uint32Array, offset = 0): Guarded {
  const bytes = content.byteLength;
  const total = bytes + 2 * GUARD + offset;
  const base = engine.arena.allocate(total);
  const all = () => new Uint8Array(engine.arena.memory.buffer as ArrayBuffer, base, total);
  all().fill(PATTERN);
  const from = GUARD + offset;
  all().set(new Uint8Array(content.buffer, content.byteOffset, bytes), from);
  return {
    address: base + from,
    bytes: () => all().slice(from, from + bytes),
    f32: () => new Float32Array(all().slice(from, from + bytes).buffer),
    release: () => {
      const now = all();
      expect(
        now.subarray(0, from).every((b) => b === PATTERN),
        "guard band before the block",
      ).toBe(true);
      expect(
        now.subarray(from + bytes).every((b) => b === PATTERN),
        "guard band after the block",
      ).toBe(true);
      engine.arena.free(base);
    },
  };
}
