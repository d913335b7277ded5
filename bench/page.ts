// What runs inside the page of bench/browser.ts.
import type { Benchmark, Outcome } from "./kit.ts";
import { type Limits, prepareLimits } from "./limits.ts";
import { builds, measure, type Plan } from "./measure.ts";
import { UPDATE } from "./shapes.ts";

type Modules = Record<string, () => Promise<{ default: Benchmark[] }>>;
const files = (import.meta as unknown as { glob(pattern: string): Modules }).glob("./*/*.bench.ts");

export interface Page {
  builds: typeof builds;
  run(plan: Plan, only: string, limits: Record<string, string>): Promise<{ limits: Limits | undefined; outcomes: Outcome[] }>;
}

/** Resolved by bench/browser.ts, which prints each outcome as it comes. */
declare const report: (outcome: Outcome) => Promise<void>;

(globalThis as unknown as { bench: Page }).bench = {
  builds,
  async run(plan, only, modules) {
    const limits = plan.mode === "check" ? undefined : await prepareLimits(modules, UPDATE * 4);
    const outcomes: Outcome[] = [];
    for (const [file, load] of Object.entries(files)) {
      limits?.();
      for (const benchmark of (await load()).default) {
        if (!`${file} ${benchmark.name} ${benchmark.shape}`.includes(only)) continue;
        const found: Outcome[] = [];
        if (benchmark.footprint !== undefined) limits?.(benchmark.footprint);
        await measure(benchmark, plan, (outcome) => found.push(outcome));
        if (benchmark.footprint !== undefined) limits?.(benchmark.footprint);
        for (const outcome of found) await report(outcome);
        outcomes.push(...found);
      }
    }
    return { limits: limits?.(), outcomes };
  },
};
