// Probe, choose a build, instantiate. The only file that touches @assemblyscript/loader.
import { instantiate } from "@assemblyscript/loader";
import simd from "../generated/simd.wasm.ts";
import type { MemoryOptions } from "./arena.ts";
import { checkChoice, checkNumber, checkOptions, describe } from "./check.ts";
import { type Build, type Capabilities, Engine, type Kernels, type Numerics } from "./engine.ts";
import { ParameterError, UnsupportedError } from "./errors.ts";

/** How an engine is made. Everything has a default. */
export interface EngineOptions {
  /** "reproducible" (default): the same bits everywhere. "fast": linalg, nn and optim may use fused multiply-add where the platform has it. */
  readonly numerics?: Numerics;
  /** Forces a build instead of probing: "scalar", "simd" or "relaxed". */
  readonly build?: Build;
  /** A module to use instead of the inlined one: bytes, a compiled module or a URL to fetch. It must be one of fedlane's own builds, named by `build`. */
  readonly wasm?: BufferSource | WebAssembly.Module | URL | string;
  readonly memory?: MemoryOptions;
}

// Modules of one function that validate only where the feature exists: i32x4.splat, and f32x4.relaxed_madd.
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0];
const SIMD_PROBE = new Uint8Array([...HEAD, 10, 8, 1, 6, 0, 65, 0, 253, 17, 11]);
const RELAXED_PROBE = new Uint8Array([...HEAD, 10, 19, 1, 17, 0, 65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133, 2, 11]);

let capabilities: Capabilities | undefined;
/** What this platform runs, probed once. */
export function probe(): Capabilities {
  capabilities ??= {
    simd: WebAssembly.validate(SIMD_PROBE),
    relaxedSimd: WebAssembly.validate(RELAXED_PROBE),
  };
  return capabilities;
}

const compiled = new Map<Build, Promise<WebAssembly.Module>>();

/**
 * Makes an engine: one Wasm instance with its own memory. Works in Node, pages, module workers and worker threads; nothing to configure.
 * @throws {@link UnsupportedError} when WebAssembly is missing or forbidden by a CSP, or the forced build does not run here;
 *         {@link ParameterError} for an unknown option
 * @example
 * const engine = await createEngine();
 * engine.build; // "simd"
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  const op = "createEngine";
  checkOptions(op, options, ["numerics", "build", "wasm", "memory"]);
  const { numerics = "reproducible", memory: memoryOptions = {} } = options;
  checkChoice(op, "numerics", numerics, ["reproducible", "fast"]);
  checkOptions(op, memoryOptions, ["maximumBytes", "growOnEveryAllocation"]);
  if (memoryOptions.maximumBytes !== undefined) checkNumber(op, "memory.maximumBytes", memoryOptions.maximumBytes, { min: 65536, max: 2 ** 32, integer: true });
  if (typeof WebAssembly !== "object") throw new UnsupportedError(`${op}: expected WebAssembly on this platform, got none`);

  const features = probe();
  const build = options.build ?? (numerics === "fast" && features.relaxedSimd ? "relaxed" : features.simd ? "simd" : "scalar");
  checkChoice(op, "build", build, ["scalar", "simd", "relaxed"]);
  if ((build === "simd" && !features.simd) || (build === "relaxed" && !features.relaxedSimd)) {
    throw new UnsupportedError(
      `${op}: expected a platform with ${build === "simd" ? "SIMD" : "relaxed SIMD"} for build ${JSON.stringify(build)}, got one without`,
      { build },
    );
  }

  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = await compile(options.wasm, build);
  // The loader wraps exports in closures; the raw ones cost one call less.
  const { instance } = await instantiate<Record<string, unknown>>(module, { env: { memory } }).catch((error: unknown) => {
    throw new ParameterError(`${op}: expected wasm to be a fedlane module, got one with other imports (${String(error)})`);
  });
  const kernels = instance.exports as unknown as Kernels;
  if (typeof kernels.sgd_f32 !== "function") throw new ParameterError(`${op}: expected wasm to be a fedlane module, got one without its kernels`);
  return new Engine({ build, numerics, capabilities: features, module, kernels, memory, options: memoryOptions });
}

async function compile(source: EngineOptions["wasm"], build: Build): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source === undefined) {
    let module = compiled.get(build);
    if (!module) {
      module = inlined(build).then(compileBytes);
      compiled.set(build, module);
      module.catch(() => compiled.delete(build)); // a refusal may be temporary; the caller sees this one
    }
    return module;
  }
  if (typeof source === "string" || source instanceof URL) {
    return compileBytes(await read(source));
  }
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return compileBytes(source);
  throw new ParameterError(`createEngine: expected wasm to be bytes, a WebAssembly.Module or a URL, got ${describe(source)}`);
}

/** Bytes behind a URL. Node's fetch does not read files, so a file URL goes to its file system. */
async function read(url: URL | string): Promise<BufferSource> {
  const files = String(url).startsWith("file:") && typeof process === "object" ? process.getBuiltinModule?.("node:fs/promises") : undefined;
  try {
    if (files) return new Uint8Array(await files.readFile(new URL(url)));
    const response = await fetch(url);
    if (response.ok) return await response.arrayBuffer();
    throw new Error(`HTTP ${response.status}`);
  } catch (error) {
    throw new ParameterError(`createEngine: expected wasm at a URL that can be read, got ${String(error)} for ${url}`);
  }
}

async function compileBytes(bytes: BufferSource): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    if (/Content Security Policy|unsafe-eval|disallowed by embedder/i.test(String(error))) {
      throw new UnsupportedError(
        "createEngine: expected a page that allows WebAssembly, got a Content Security Policy without 'wasm-unsafe-eval' in script-src",
        {
          cause: String(error),
        },
      );
    }
    throw new ParameterError(`createEngine: expected a valid WebAssembly module, got bytes that do not compile (${String(error)})`);
  }
}

/** The simd build travels in this file; the others are chunks loaded when chosen. */
async function inlined(build: Build): Promise<BufferSource> {
  const text =
    build === "simd"
      ? simd
      : build === "scalar"
        ? (await import("../generated/scalar.wasm.ts")).default
        : (await import("../generated/relaxed.wasm.ts")).default;
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
