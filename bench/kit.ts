// What a benchmark is: plain data, one file a stem, no framework.
import type { Build, Engine } from "fedlane";
import type { Jax } from "./rivals/jax.ts";
import type { Tfjs } from "./rivals/tfjs.ts";

/** Anything that holds numbers. */
export type Numbers = ArrayLike<number>;

/** One contender, ready to run. `run` does the whole work of one iteration, the reading of its result included. */
export interface Case {
  run(): void;
  /** The result of the last run. */
  result(): Numbers;
}

/** One row of the table. */
export interface Benchmark {
  readonly name: string;
  readonly shape: string;
  /** Operations of one iteration. A row has flops or bytes, or no rate. */
  readonly flops?: number;
  /** Bytes read and written by one iteration at least. */
  readonly bytes?: number;
  /** Bytes of all it touches, each counted once: its limit is a copy within as many. Default: that of a vector of an update. */
  readonly footprint?: number;
  /** Square roots with a quotient, of one iteration. */
  readonly roots?: number;
  /** How right the answer must be, in words. */
  readonly tolerance: string;
  /** Worst error of a first run's result, as a fraction of the tolerance: 1 or less is right, NaN is wrong. */
  check(result: Numbers): number;
  readonly ours: (engine: Engine) => Case | Promise<Case>;
  readonly plain?: () => Case;
  readonly tfjs?: (tf: Tfjs) => Case;
  readonly jax?: (jax: Jax) => Case;
  readonly convnet?: () => Case;
  /** Contenders that take minutes here: they run with --slow only. */
  readonly slow?: readonly Contender[];
}

/** Who ran. */
export type Contender = `ours ${Build}` | "plain" | "tfjs-wasm" | "tfjs-cpu" | "jax-js" | "convnetjs";

/** What one contender did in one benchmark. */
export interface Outcome {
  readonly benchmark: string;
  readonly shape: string;
  readonly contender: Contender;
  /** "cannot": the rival lacks an operation that this work needs. */
  readonly status: "timed" | "right" | "wrong" | "cannot";
  /** Worst error as a fraction of the tolerance. */
  readonly error?: number;
  readonly note?: string;
  /** Milliseconds an iteration. */
  readonly median?: number;
  readonly least?: number;
  /** Relative margin of error of the mean at 95 %, in percent. Absent where one iteration was timed. */
  readonly margin?: number;
  readonly samples?: number;
  /** GFLOP/s or GB/s at the median. */
  readonly rate?: number;
  readonly unit?: "GFLOP/s" | "GB/s";
  readonly footprint?: number;
  readonly roots?: number;
}

/** Unit roundoff of f32. */
export const U32 = 2 ** -24;

/** The largest |actual - expected| / bound; NaN where a value is not a number or the lengths differ. */
export function worst(actual: Numbers, expected: Numbers, bound: number | Numbers): number {
  if (actual.length !== expected.length) return Number.NaN;
  let most = 0;
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] === expected[i]) continue;
    const error = Math.abs(actual[i]! - expected[i]!) / (typeof bound === "number" ? bound : bound[i]!);
    if (Number.isNaN(error)) return error;
    most = Math.max(most, error);
  }
  return most;
}

/** 0 if all values are equal, else NaN. */
export function same(actual: Numbers, expected: Numbers): number {
  if (actual.length !== expected.length) return Number.NaN;
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) return Number.NaN;
  return 0;
}

/** Kolmogorov-Smirnov distance to a distribution over 2.5 / sqrt(n): a right sample exceeds 1 with probability 7e-6. */
export function distance(sample: Numbers, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(sample).sort();
  const n = sorted.length;
  let most = 0;
  for (let i = 0; i < n; i++) {
    const p = cdf(sorted[i]!);
    most = Math.max(most, p - i / n, (i + 1) / n - p);
    if (Number.isNaN(p)) return Number.NaN;
  }
  return (most * Math.sqrt(n)) / 2.5;
}

/** A case whose result lies in a typed array that run fills. */
export function filling(out: Numbers, run: () => void): Case {
  return { run, result: () => out };
}

/** A case whose run gives a number. */
export function scalar(run: () => number): Case {
  let last = Number.NaN;
  return {
    run: () => {
      last = run();
    },
    result: () => [last],
  };
}

/** Computes once, when first asked. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
