#!/usr/bin/env node
// The `fedlane` command: parse, run, exit code. 0 done, 1 failed, 2 bad command line, 130 stopped by Ctrl-C.
import { FedlaneError } from "../engine/errors.ts";
import { UsageError } from "./arguments.ts";
import { HELP, parseCommand } from "./options.ts";
import { VERSION } from "./output.ts";
import { runMovielens } from "./recommend.ts";
import { runSimulate } from "./simulate.ts";

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommand(args);
  if (command.name === "help") process.stdout.write(HELP);
  if (command.name === "version") process.stdout.write(`${VERSION}\n`);
  if (command.name === "help" || command.name === "version") return 0;

  const stop = new AbortController();
  const interrupted = () => {
    if (stop.signal.aborted) process.exit(130);
    process.stderr.write("\nfedlane: stopping after the current work; Ctrl-C again exits at once\n");
    stop.abort();
  };
  process.on("SIGINT", interrupted);
  try {
    if (command.name === "movielens") return await runMovielens(command.options, process, stop.signal);
    return await runSimulate(command.options, process, stop.signal);
  } finally {
    process.off("SIGINT", interrupted);
  }
}

// The reader of a pipe may leave, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // What fedlane refuses is a sentence; anything else is a fault of ours, and its stack helps.
  process.stderr.write(`${error instanceof FedlaneError ? error.message : ((error as Error)?.stack ?? error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
