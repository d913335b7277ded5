// Where a command writes.
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { UsageError } from "./arguments.ts";
import type { Sink } from "./progress.ts";

export const VERSION: string = createRequire(import.meta.url)("../../package.json").version;

export interface Output {
  readonly stdout: Sink;
  readonly stderr: Sink;
}

/** A place that cannot be written is known before the training, not after. */
export async function checkOut(out: string): Promise<void> {
  const before = await stat(out).catch(() => undefined);
  if (before?.isDirectory()) throw new UsageError(`fedlane simulate: expected --out to be a file, got the folder ${out}`);
  try {
    await mkdir(dirname(out), { recursive: true });
    await writeFile(out, "", { flag: "a" });
    if (!before) await rm(out);
  } catch (error) {
    throw new UsageError(`fedlane simulate: expected --out to be a file that can be written, got ${out} (${(error as NodeJS.ErrnoException).code})`);
  }
}
