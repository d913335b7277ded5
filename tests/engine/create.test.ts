import { type Build, createEngine, dense, type Engine, localUpdate, matmul, ParameterError, probe, UnsupportedError } from "fedlane";
import { describe, expect, test, vi } from "vitest";
import relaxed from "#dist/generated/relaxed.wasm.js";
import scalar from "#dist/generated/scalar.wasm.js";
import simd from "#dist/generated/simd.wasm.js";
import { countCases } from "../support/count.ts";
import { BUILDS, makeEngine } from "../support/engines.ts";
import { noise } from "../support/streams.ts";

const BYTES: Record<Build, string> = { scalar, simd, relaxed };
const bytesOf = (build: Build) => Uint8Array.from(atob(BYTES[build]), (c) => c.charCodeAt(0));
const dataUrl = (build: Build) => `data:application/wasm;base64,${BYTES[build]}`;

/** [1 2; 3 4] times its transpose: the engine computes. */
function computes(engine: Engine): boolean {
  return engine.scope(() => {
    const x = engine.tensor("f32", [2, 2], [1, 2, 3, 4]);
    const out = engine.tensor("f32", [2, 2]);
    matmul(x, x, out, { transposeB: true });
    return [...out.toArray()].join() === "5,11,11,25";
  });
}

describe("choice of the build", () => {
  const ran = countCases(BUILDS.length);
  test.each(BUILDS)("%s, forced", async (build) => {
    ran();
    const engine = await makeEngine({ build });
    expect(engine.build).toBe(build);
    expect(computes(engine)).toBe(true);
  });

  test("by default SIMD where it validates, reproducible", async () => {
    const engine = await createEngine();
    expect([engine.build, engine.numerics]).toEqual([probe().simd ? "simd" : "scalar", "reproducible"]);
    expect(engine.capabilities).toEqual(probe());
    expect(probe()).toBe(probe());
  });

  test("fast takes the relaxed build where it validates, and only then", async () => {
    const engine = await makeEngine({ numerics: "fast" });
    expect([engine.build, engine.numerics]).toEqual([probe().relaxedSimd ? "relaxed" : probe().simd ? "simd" : "scalar", "fast"]);
    expect((await createEngine({ numerics: "fast", build: "scalar" })).build).toBe("scalar");
  });

  // A browser keeps its modules, so only Node can load a second copy.
  test.runIf(typeof document === "undefined")("without SIMD the scalar build is chosen and a forced one is refused", async () => {
    vi.resetModules(); // the probe runs once a module: a fresh copy of it meets a platform that validates nothing
    const validate = vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    try {
      const fresh = await import("fedlane");
      expect((await fresh.createEngine({ numerics: "fast" })).build).toBe("scalar");
      await expect(fresh.createEngine({ build: "simd" })).rejects.toThrow(fresh.UnsupportedError);
      await expect(fresh.createEngine({ build: "relaxed" })).rejects.toThrow(/relaxed SIMD/);
    } finally {
      validate.mockRestore();
    }
  });

  test("without WebAssembly the error says so", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    try {
      await expect(createEngine()).rejects.toThrow(UnsupportedError);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe("a module of one's own", () => {
  const ran = countCases(4 * BUILDS.length);
  describe.each(BUILDS)("%s", (build) => {
    test.each([
      ["bytes", () => bytesOf(build)],
      ["a module", () => new WebAssembly.Module(bytesOf(build))],
      ["a URL", () => new URL(dataUrl(build))],
      ["a string", () => dataUrl(build)],
    ])("as %s", async (_, wasm) => {
      ran();
      const engine = await makeEngine({ build, wasm: wasm() });
      expect(engine.build).toBe(build);
      expect(computes(engine)).toBe(true);
    });
  });

  test("engine.module makes another engine, with its own memory", async () => {
    const first = await makeEngine();
    const second = await makeEngine({ wasm: first.module, build: first.build });
    expect(second.module).toBe(first.module);
    expect(second.arena.memory).not.toBe(first.arena.memory);
    first.tensor("f32", 1);
    expect(second.stats().liveBlocks).toBe(0);
  });

  const header = [0, 97, 115, 109, 1, 0, 0, 0];
  test.each<[string, unknown]>([
    ["garbage", new Uint8Array(100).fill(7)],
    ["no bytes", new Uint8Array()],
    ["half a module", bytesOf("simd").slice(0, 1000)],
    ["an empty module", Uint8Array.from(header)],
    ["a module with other imports", Uint8Array.from([...header, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 97, 1, 98, 0, 0])],
    ["a number", 5],
    ["null", null],
    ["an object", {}],
    ["a URL that is none", "data:broken"],
    ["a URL with another thing", "data:text/plain,hello"],
  ])("%s is refused", async (_, wasm) => {
    await expect(createEngine({ wasm: wasm as Uint8Array<ArrayBuffer> })).rejects.toThrow(ParameterError);
  });
});

describe("options", () => {
  test.each<[string, object]>([
    ["unknown", { thread: 4 }],
    ["unknown memory", { memory: { maximum: 1 } }],
    ["numerics", { numerics: "sloppy" }],
    ["build", { build: "threads" }],
    ["too little memory", { memory: { maximumBytes: 1000 } }],
    ["too much memory", { memory: { maximumBytes: 2 ** 32 + 1 } }],
    ["fractional memory", { memory: { maximumBytes: 1e6 + 0.5 } }],
    ["memory that is null", { memory: null }],
  ])("%s is refused", async (_, options) => {
    await expect(createEngine(options)).rejects.toThrow(ParameterError);
  });
  test("options that are no object are refused", async () => {
    await expect(createEngine(null as never)).rejects.toThrow(ParameterError);
    await expect(createEngine("simd" as never)).rejects.toThrow(ParameterError);
  });
});

describe("profile", () => {
  test("counts calls by room until it is stopped, and changes no bit", async () => {
    const engine = await makeEngine();
    const model = engine.model([dense(4, 3, "relu"), dense(3, 2)]);
    const weights = engine.tensor("f32", model.size, new Float32Array(model.size).fill(0.1));
    const data = { x: engine.tensor("f32", [3, 4], new Float32Array(12).fill(1)), labels: engine.tensor("i32", 3, [0, 1, 0]) };
    const stream = await noise(1);
    const train = () => localUpdate(model, weights, data, { epochs: 1, batchSize: 3, learningRate: 0.1, shuffle: stream.fork(0, 0) });
    const plain = train();
    const profile = engine.startProfile();
    const timed = train();
    engine.stopProfile();
    const calls = Object.fromEntries(Object.entries(profile).map(([room, { calls }]) => [room, calls]));
    // nn: scratch sizes 3, rows 2, dense 2, relu 1, loss 1, backward 1 + 1 + 2; random: scratch size and shuffle; linalg: subtract.
    expect(calls).toMatchObject({ nn: 13, random: 2, linalg: 1, optim: 0, privacy: 0, compress: 0, aggregate: 0 });
    expect(calls["other"]).toBeUndefined();
    for (const { milliseconds } of Object.values(profile)) expect(milliseconds).toBeGreaterThanOrEqual(0);
    train();
    expect(profile["nn"]!.calls).toBe(13);
    expect([...timed.delta.toArray()]).toEqual([...plain.delta.toArray()]);
  });
});
