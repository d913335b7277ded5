// What this machine can do in Wasm, measured in the same run: multiply-adds, and roots with quotients, that never leave registers; copies.
import type { Build } from "fedlane";
import type { Outcome } from "./kit.ts";

/** Text of one tiny module a build, compiled by compileLimits (which the page cannot run, so it gets bytes). */
function source(build: Build): string {
  const lanes = build === "scalar" ? 1 : 4;
  const type = build === "scalar" ? "f32" : "v128";
  const splat = (v: string) => (build === "scalar" ? v : `f32x4.splat(${v})`);
  const madd = (acc: string) =>
    build === "scalar" ? `${acc} * x + y` : build === "simd" ? `f32x4.add(f32x4.mul(${acc}, x), y)` : `f32x4.relaxed_madd(${acc}, x, y)`;
  const root = (acc: string) => (build === "scalar" ? `y / (sqrt(${acc}) + x)` : `f32x4.div(y, f32x4.add(f32x4.sqrt(${acc}), x))`);
  const sum = (a: string, b: string) => (build === "scalar" ? `${a} + ${b}` : `f32x4.add(${a}, ${b})`);
  const names = Array.from({ length: ACCUMULATORS }, (_, i) => `a${i}`);
  const loop = (name: string, step: (acc: string) => string) => `
    export function ${name}(n: i32, factor: f32, term: f32): f32 {
      const x: ${type} = ${splat("factor")}, y: ${type} = ${splat("term")};
      ${names.map((a, i) => `let ${a}: ${type} = ${splat(`${i}.0`)};`).join(" ")}
      for (let i = 0; i < n; i++) { ${names.map((a) => `${a} = ${step(a)};`).join(" ")} }
      const s: ${type} = ${names.reduce(sum)};
      return ${build === "scalar" ? "s" : "f32x4.extract_lane(s, 0)"};
    }`;
  return `
    export const flops: i32 = ${2 * lanes * ACCUMULATORS};
    ${loop("madd", madd)}
    ${loop("roots", root)}
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
  /** Milliards a second of a square root and a quotient, by build: the divider is one and not pipelined. */
  readonly roots?: Partial<Record<Build, number>>;
  /**
   * GB/s read plus written by memory.copy: a vector of an update (cache), 64 MiB (memory), and by footprint, one half of so many bytes to
   * the other half: what fits in a cache is copied faster than what does not, so work on vectors is held against a copy that touches as much.
   */
  readonly copy: { readonly cache: number; readonly memory: number; readonly of?: Readonly<Record<number, number>> };
}

/**
 * Prepares the measurement. Each call of what it returns measures again and gives the best so far: a limit is not an average, and
 * calls spread over the run find a quiet moment on a machine that others use too. With a footprint, copies of that one only are measured.
 */
export async function prepareLimits(modules: Partial<Record<Build, string>>, updateBytes: number): Promise<(footprint?: number) => Limits> {
  const large = 64 * 2 ** 20;
  const often = 200;
  const rounds = 2_000_000;
  const probes = await Promise.all(
    Object.entries(modules).map(async ([build, text]) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const { instance } = await WebAssembly.instantiate(bytes, { env: { abort: () => {} } });
      return { build: build as Build, ...(instance.exports as unknown as Probe) };
    }),
  );
  const copier = probes[0]!;
  copier.memory.grow(Math.ceil((2 * large + 65536) / 65536));
  const limits = {
    madd: {} as Partial<Record<Build, number>>,
    roots: {} as Partial<Record<Build, number>>,
    copy: { cache: 0, memory: 0, of: {} as Record<number, number> },
  };
  return (footprint) => {
    if (footprint !== undefined) {
      const turns = Math.ceil(large / footprint);
      const time = best(8, () => {
        for (let i = 0; i < turns; i++) copier.copy(footprint / 2);
      });
      limits.copy.of[footprint] = Math.max(limits.copy.of[footprint] ?? 0, (footprint * turns) / time / 1e6);
      return limits;
    }
    for (const { build, flops, madd, roots } of probes) {
      const rate = (flops.value * rounds) / best(8, () => madd(rounds, 0.999, 0.001)) / 1e6;
      limits.madd[build] = Math.max(limits.madd[build] ?? 0, rate);
      const divided = (flops.value / 2) * (rounds / 20);
      limits.roots[build] = Math.max(limits.roots[build] ?? 0, divided / best(8, () => roots(rounds / 20, 0.5, 1.5)) / 1e6);
    }
    const cache = best(8, () => {
      for (let i = 0; i < often; i++) copier.copy(updateBytes);
    });
    limits.copy.cache = Math.max(limits.copy.cache, (2 * updateBytes * often) / cache / 1e6);
    limits.copy.memory = Math.max(limits.copy.memory, (2 * large) / best(4, () => copier.copy(large)) / 1e6);
    return limits;
  };
}

/** Exports of the module above. */
interface Probe {
  readonly flops: { readonly value: number };
  madd(n: number, factor: number, term: number): number;
  roots(n: number, factor: number, term: number): number;
  copy(bytes: number): void;
  readonly memory: WebAssembly.Memory;
}

/**
 * The share of the limit that an outcome reached: of multiply-adds in its build (a rival: simd); of copies within its footprint, else in
 * cache; or of roots, where they bind more than copies.
 */
export function shareOfLimit({ contender, median, rate, unit, footprint, roots }: Outcome, limits: Limits): number | undefined {
  const build = contender.startsWith("ours ") ? (contender.slice(5) as Build) : "simd";
  const limit = unit === "GB/s" ? (limits.copy.of?.[footprint ?? 0] ?? limits.copy.cache) : limits.madd[build];
  if (rate === undefined || limit === undefined) return undefined;
  const divider = limits.roots?.[build];
  const divided = roots === undefined || divider === undefined ? 0 : roots / median! / 1e6 / divider;
  return Math.max(rate / limit, divided);
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
