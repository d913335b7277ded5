import fc from "fast-check";
import { createEngine, OutOfMemoryError } from "fedlane";
import { describe, expect, test } from "vitest";
import { Arena, type MemoryOptions, sizeClass } from "#dist/engine/arena.js";
import { countCases } from "../support/count.ts";

const PAGE = 65536;

function arenaOf(options: MemoryOptions = {}): Arena {
  return new Arena(new WebAssembly.Memory({ initial: 1 }), options);
}
function bytesAt(arena: Arena, address: number, bytes: number): Uint8Array {
  return new Uint8Array(arena.memory.buffer, address, bytes);
}

describe("size classes", () => {
  test("hold the request, are multiples of 64, never fall, and waste less than a quarter above 1 KiB", () => {
    let before = 0;
    const sizes = [...Array.from({ length: 5000 }, (_, i) => i + 1), 65535, 65536, 65537, 2 ** 24 - 1, 2 ** 31 + 1, 2 ** 32];
    for (const bytes of sizes) {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 64).toBe(0);
      expect(size).toBeGreaterThanOrEqual(before);
      if (bytes > 1024) expect((size - bytes) / size).toBeLessThan(0.25);
      before = size;
    }
    expect(sizes.length).toBe(5006);
  });

  test.each([
    [1, 64],
    [64, 64],
    [65, 128],
    [1024, 1024],
    [1025, 1280],
    [1281, 1536],
    [2048, 2048],
    [2049, 2560],
  ])("%i bytes take %i", (bytes, size) => expect(sizeClass(bytes)).toBe(size));
});

describe("allocate and free", () => {
  test("addresses are multiples of 64 and never 0", () => {
    const arena = arenaOf();
    for (const bytes of [1, 63, 64, 65, 1000, 1025, 4097, 100_000]) {
      const address = arena.allocate(bytes);
      expect(address).toBeGreaterThan(0);
      expect(address % 64).toBe(0);
    }
    expect(arena.stats().liveBlocks).toBe(8);
  });

  test("address 0 means empty: no block, and freeing it does nothing", () => {
    const arena = arenaOf();
    const before = arena.stats();
    expect(arena.allocate(0)).toBe(0);
    arena.free(0);
    arena.free(0);
    expect(arena.stats()).toEqual(before);
  });

  test("a freed block serves the next request of its class", () => {
    const arena = arenaOf();
    const a = arena.allocate(1000);
    const b = arena.allocate(1000);
    arena.free(a);
    expect(arena.allocate(2000)).not.toBe(a);
    expect(arena.allocate(961)).toBe(a); // 961..1024 share a class
    expect(arena.allocate(1000)).not.toBe(b);
    expect(arena.stats()).toMatchObject({ liveBlocks: 4, liveBytes: 3 * 1024 + 2048, peakBytes: 3 * 1024 + 2048 });
  });

  test("a second free and a free of a foreign address are refused and change nothing", () => {
    const arena = arenaOf();
    const a = arena.allocate(100);
    arena.free(a);
    const before = arena.stats();
    expect(() => arena.free(a)).toThrow(/expected a live address/);
    expect(() => arena.free(a + 64)).toThrow(/expected a live address/);
    expect(arena.stats()).toEqual(before);
    expect(arena.allocate(100)).toBe(a);
    expect(arena.allocate(100)).not.toBe(a); // not handed out twice
  });

  test("peak keeps the most that was live", () => {
    const arena = arenaOf();
    const a = arena.allocate(640);
    arena.free(a);
    arena.allocate(64);
    expect(arena.stats()).toMatchObject({ liveBytes: 64, peakBytes: 640, liveBlocks: 1 });
  });

  test("wipe zeroes the whole block and no other byte", () => {
    const arena = arenaOf();
    const [a, b, c] = [arena.allocate(100), arena.allocate(100), arena.allocate(100)];
    for (const address of [a, b, c]) bytesAt(arena, address, 128).fill(7);
    arena.free(b, { wipe: true });
    expect(bytesAt(arena, b, 128).every((x) => x === 0)).toBe(true);
    expect(bytesAt(arena, a, 128).every((x) => x === 7)).toBe(true);
    expect(bytesAt(arena, c, 128).every((x) => x === 7)).toBe(true);
    arena.free(a);
    expect(bytesAt(arena, a, 128).every((x) => x === 7)).toBe(true);
  });
});

describe("growth and limit", () => {
  test("growth keeps the data, raises the generation and detaches old views", () => {
    const arena = arenaOf();
    const a = arena.allocate(4096);
    const old = bytesAt(arena, a, 4096);
    for (let i = 0; i < old.length; i++) old[i] = i % 251;
    const generation = arena.generation;
    const b = arena.allocate(4 * PAGE);
    expect(arena.generation).toBeGreaterThan(generation);
    expect(arena.stats().grows).toBe(1);
    expect(old.length).toBe(0);
    expect(bytesAt(arena, a, 4096).every((x, i) => x === i % 251)).toBe(true);
    expect(b + 4 * PAGE).toBeLessThanOrEqual(arena.stats().memoryBytes);
  });

  test("the test switch grows on every allocation, reused blocks too", () => {
    const arena = arenaOf({ growOnEveryAllocation: true });
    for (let i = 1; i <= 5; i++) {
      arena.free(arena.allocate(64));
      expect(arena.stats().grows).toBe(i);
    }
  });

  test.each([4 * PAGE, 4 * PAGE + 1000])("the limit of %i bytes is kept, state is unchanged, smaller requests still succeed", (maximumBytes) => {
    const arena = arenaOf({ maximumBytes });
    arena.allocate(PAGE);
    const before = arena.stats();
    const generation = arena.generation;
    expect(() => arena.allocate(4 * PAGE)).toThrow(OutOfMemoryError);
    expect(() => arena.allocate(2 ** 33)).toThrow(OutOfMemoryError);
    expect(arena.stats()).toEqual(before);
    expect(arena.generation).toBe(generation);
    const next = arena.allocate(2 * PAGE);
    expect(next + 2 * PAGE).toBeLessThanOrEqual(arena.stats().memoryBytes);
    expect(arena.stats().memoryBytes).toBeLessThanOrEqual(maximumBytes);
  });

  test.each([Number.POSITIVE_INFINITY, Number.NaN])("a size of %d, from a product that overflowed, does not harm the arena", (bytes) => {
    const arena = arenaOf();
    const before = arena.stats();
    expect(() => arena.allocate(bytes)).toThrow(OutOfMemoryError);
    expect(arena.stats()).toEqual(before);
    expect(arena.allocate(64)).toBe(64);
  });

  test("the platform's own refusal becomes the same error", () => {
    const arena = new Arena(new WebAssembly.Memory({ initial: 1, maximum: 2 }), {});
    const before = arena.stats();
    expect(() => arena.allocate(3 * PAGE)).toThrow(OutOfMemoryError);
    expect(arena.stats()).toEqual(before);
    expect(arena.allocate(PAGE)).toBe(64);
  });

  test("an engine at its limit: the error carries figures, its tensors live on", async () => {
    const engine = await createEngine({ memory: { maximumBytes: 4 * PAGE } });
    const kept = engine.tensor("f32", 4, [1, 2, 3, 4]);
    const before = engine.stats();
    let error: unknown;
    try {
      engine.tensor("f32", 10 * PAGE);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect((error as OutOfMemoryError).details).toMatchObject({ bytes: 40 * PAGE, limit: 4 * PAGE, liveBytes: 64 });
    expect(engine.stats()).toEqual(before);
    expect(engine.tensor("f32", PAGE / 4).size).toBe(PAGE / 4);
    expect([...kept.toArray()]).toEqual([1, 2, 3, 4]);
  });
});

describe("any order of allocations and frees", () => {
  const ran = countCases(200);
  const operation = fc.oneof(
    fc.record({ bytes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1000, max: 20_000 })) }),
    fc.record({ free: fc.nat(), wipe: fc.boolean() }),
  );

  test("keeps blocks apart, their contents, and the account", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.boolean(), (operations, growOnEveryAllocation) => {
        ran();
        const arena = arenaOf({ growOnEveryAllocation });
        const live: { address: number; bytes: number; mark: number }[] = [];
        const intact = ({ address, bytes, mark }: (typeof live)[number]) => bytesAt(arena, address, bytes).every((x) => x === mark);
        operations.forEach((op, step) => {
          if ("bytes" in op) {
            const address = arena.allocate(op.bytes);
            if (op.bytes === 0) return;
            const end = address + sizeClass(op.bytes);
            for (const other of live) expect(end <= other.address || other.address + sizeClass(other.bytes) <= address).toBe(true);
            expect(end).toBeLessThanOrEqual(arena.memory.buffer.byteLength);
            const mark = (step % 255) + 1;
            bytesAt(arena, address, op.bytes).fill(mark);
            live.push({ address, bytes: op.bytes, mark });
          } else if (live.length > 0) {
            const [block] = live.splice(op.free % live.length, 1);
            expect(intact(block!)).toBe(true);
            arena.free(block!.address, { wipe: op.wipe });
          }
          const { liveBytes, liveBlocks, peakBytes } = arena.stats();
          expect(liveBlocks).toBe(live.length);
          expect(liveBytes).toBe(live.reduce((sum, block) => sum + sizeClass(block.bytes), 0));
          expect(peakBytes).toBeGreaterThanOrEqual(liveBytes);
        });
        expect(live.every(intact)).toBe(true);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
