// One body, every build that this platform runs; each block of tests ends with a check that nothing leaked.
import { type Build, createEngine, type Engine, type EngineOptions, probe } from "fedlane";
import { afterAll, beforeAll, describe, expect } from "vitest";

declare const __GROW__: boolean;

/** Builds this platform runs. */
export const BUILDS: readonly Build[] = probe().relaxedSimd ? ["scalar", "simd", "relaxed"] : ["scalar", "simd"];

/** createEngine() under the suite's growth switch. Use it instead of createEngine wherever a test does not set memory itself. */
export function makeEngine(options: EngineOptions = {}): Promise<Engine> {
  return createEngine({ memory: { growOnEveryAllocation: __GROW__ }, ...options });
}

/** Runs the body once per build with an engine (call the getter inside tests); afterwards no block is live that was not before. */
export function forEachBuild(title: string, body: (engine: () => Engine, build: Build) => void): void {
  for (const build of BUILDS) {
    describe(`${title} [${build}]`, () => {
      let engine: Engine;
      let before: number;
      beforeAll(async () => {
        engine = await makeEngine({ build });
        engine.scratch(1 << 20); // the one block that stays
        before = engine.stats().liveBlocks;
      });
      body(() => engine, build);
      afterAll(() => expect(engine.stats().liveBlocks, "live blocks at the end").toBe(before));
    });
  }
}

/** An engine of every build, for tests that compare bits between builds. */
export async function allEngines(): Promise<Record<string, Engine>> {
  return Object.fromEntries(await Promise.all(BUILDS.map(async (build) => [build, await makeEngine({ build })] as const)));
}
