// What this machine can do in Wasm, measured in the same run: multiply-adds that never leave registers, and copies.
import type { Build } from "fedlane";

/** Text of one tiny module a build, compiled by compileLimits (which the page cannot run, so it gets bytes). */
function source(build: Build): string {
  const lanes = build === "scalar" ? 1 : 4;
  const type = build === "scalar" ? "f32" : "v128";
  const splat = (v: string) => (build === "scalar" ? v : `f32x4.splat(${v})`);
  const madd = (acc: string) =>
    build === "scalar" ? `${acc} * x + y` : build === "simd" ? `f32x4.add(f32x4.mul(${acc}, x), y)` : `f32x4.relaxed_madd(${acc}, x, y)`;
  const sum = (a: string, b: string) => (build === "scalar" ? `${a} + ${b}` : `f32x4.add(${a}, ${b})`);
  const names = Array.from({ length: ACCUMULATORS }, (_, i) => `a${i}`);
  return `
    export const flops: i32 = ${2 * lanes * ACCUMULATORS};
    export function madd(n: i32, factor: f32, term: f32): f32 {
      const x: ${type} = ${splat("factor")}, y: ${type} = ${splat("term")};
      ${names.map((a, i) => `let ${a}: ${type} = ${splat(`${i}.0`)};`).join(" ")}
      for (let i = 0; i < n; i++) { ${names.map((a) => `${a} = ${madd(a)};`).join(" ")} }
      const s: ${type} = ${names.reduce(sum)};
      return ${build === "scalar" ? "s" : "f32x4.extract_lane(s, 0)"};
    }
    export function copy(bytes: i32): void { memory.copy(65536 + bytes, 65536, bytes); }`;
}
const ACCUMULATORS = 12;

/** Node only. */
export async function compileLimits(builds: readonly Build[]): Promise<Partial<Record<Build, string>>> {
  const { default: asc } = await import("assemblyscript/asc");
  const all: Partial<Record<Build, string>> = {};
  for (const build of builds) {
    const { error, stderr, binary } = await asc.compileString(source(build), {
      optimizeLevel: 3,
      runtime: "stub",
      enable: build === "scalar" ? [] : build === "simd" ? ["simd"] : ["simd", "relaxed-simd"],
    });
    if (error || !binary) throw new Error(`limits: ${build} does not compile: ${stderr}`);
    all[build] = Buffer.from(binary).toString("base64");
  }
  return all;
}

export interface Limits {
  /** GFLOP/s of multiply-adds in registers, by build. */
  readonly madd: Partial<Record<Build, number>>;
  /** GB/s read plus written by memory.copy: a vector of an update (cache), and 64 MiB (memory). */
  readonly copy: { readonly cache: number; readonly memory: number };
}

/** The best of several runs: a limit is not an average. */
export async function measureLimits(modules: Partial<Record<Build, string>>, updateBytes: number): Promise<Limits> {
  const madd: Partial<Record<Build, number>> = {};
  let copy = { cache: 0, memory: 0 };
  for (const [build, text] of Object.entries(modules)) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const imports = { env: { abort: () => {} } };
    const exports = (await WebAssembly.instantiate(bytes, imports)).instance.exports as {
      flops: WebAssembly.Global;
      madd(n: number, factor: number, term: number): number;
      copy(bytes: number): void;
      memory: WebAssembly.Memory;
    };
    const rounds = 2_000_000;
    madd[build as Build] = (exports.flops.value * rounds) / best(8, () => exports.madd(rounds, 0.999, 0.001)) / 1e6;
    const large = 64 * 2 ** 20;
    exports.memory.grow(Math.ceil((2 * large + 65536) / 65536));
    const often = 200;
    const cache = best(8, () => {
      for (let i = 0; i < often; i++) exports.copy(updateBytes);
    });
    copy = {
      cache: Math.max(copy.cache, (2 * updateBytes * often) / cache / 1e6),
      memory: Math.max(copy.memory, (2 * large) / best(4, () => exports.copy(large)) / 1e6),
    };
  }
  return { madd, copy };
}

/** Least milliseconds of `times` runs after one to warm up. */
function best(times: number, body: () => void): number {
  body();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    body();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}
