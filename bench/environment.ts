// What a record says about where it was made.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import v8 from "node:v8";

export interface Environment {
  readonly cpu: string;
  readonly cores: number;
  /** "node 20.1.0" or "chromium 140.0.0.0". */
  readonly engine: string;
  readonly v8: string;
  readonly flags: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly date: string;
}

const root = new URL("../", import.meta.url);
const version = (name: string): string => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, root), "utf8")).version;

export function environment(engine: string, v8: string, flags: readonly string[]): Environment {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  let commit = "unknown";
  try {
    commit = git("rev-parse", "HEAD") + (git("status", "--porcelain", "--", "src", "assembly", "bench", ":!bench/records") ? " with changes" : "");
  } catch {
    // not a checkout: the record says so
  }
  const packages = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", "@jax-js/jax", "convnetjs", "assemblyscript", "tinybench"];
  return {
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.cpus().length,
    engine,
    v8,
    flags,
    versions: Object.fromEntries(packages.map((name) => [name, version(name)])),
    commit,
    date: new Date().toISOString(),
  };
}

/** Node before 22 has relaxed SIMD behind a flag: call this before the first probe. Returns the flags set. */
export function allowRelaxedSimd(): string[] {
  const flags = Number(process.versions.node.split(".")[0]) < 22 ? ["--experimental-wasm-relaxed-simd"] : [];
  for (const flag of flags) v8.setFlagsFromString(flag);
  return flags;
}

/** The options of the command line. */
export function options(args: readonly string[]): { mode: "full" | "quick" | "check"; only: string; slow: boolean } {
  let mode: "full" | "quick" | "check" = "full";
  let only = "";
  let slow = false;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--quick") mode = "quick";
    else if (args[i] === "--check") mode = "check";
    else if (args[i] === "--only" && args[i + 1]) only = args[++i]!;
    else if (args[i] === "--slow") slow = true;
    else throw new Error(`expected --only <text>, --quick, --check or --slow, got ${args[i]}`);
  }
  return { mode, only, slow };
}
