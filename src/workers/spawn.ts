// One worker of either platform: a worker thread in Node, a module worker in a browser, behind the same few words.
import type { Endpoint } from "comlink";
// @ts-expect-error comlink types this file for .js only
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";

/** A Node port or worker in the form comlink speaks to. */
export const asEndpoint: (port: import("node:worker_threads").Worker | import("node:worker_threads").MessagePort) => Endpoint = nodeEndpoint;

/** A running worker. */
export interface Spawned {
  readonly endpoint: Endpoint;
  /** Calls back once when the worker is gone or broken, with the reason. A browser reports its own terminate() to nobody: see kill(). */
  onDeath(callback: (reason: string) => void): void;
  kill(): void;
}

/** worker_threads in Node, undefined elsewhere; without an import that bundlers would have to resolve. */
export const threads: typeof import("node:worker_threads") | undefined =
  typeof process === "object" && process.versions?.node !== undefined ? process.getBuiltinModule?.("node:worker_threads") : undefined;

/** Starts a worker from `url`, or from this package's own entry. */
export function spawn(url?: string | URL): Spawned {
  let died: ((reason: string) => void) | undefined;
  let reason: string | undefined;
  const die = (why: string): void => {
    if (reason !== undefined) return;
    reason = why;
    died?.(why);
  };
  const onDeath = (callback: (why: string) => void): void => {
    died = callback;
    if (reason !== undefined) callback(reason);
  };

  if (threads) {
    const worker = new threads.Worker(url ? new URL(url) : new URL(/* @vite-ignore */ "./entry.js", import.meta.url));
    worker.unref(); // a forgotten pool does not keep the process alive; a running task does, by its timer
    worker.on("error", (error) => die(`error: ${String(error)}`));
    worker.on("messageerror", (error) => die(`messageerror: ${String(error)}`));
    worker.on("exit", (code) => die(`exit ${code}`));
    return {
      endpoint: asEndpoint(worker),
      onDeath,
      kill: () => {
        void worker.terminate();
        die("terminated"); // the exit event comes later
      },
    };
  }
  const worker = url ? new Worker(url, { type: "module" }) : new Worker(new URL("./entry.js", import.meta.url), { type: "module" });
  worker.addEventListener("error", (event) => die(`error: ${event.message ?? "the worker script could not be loaded"}`));
  worker.addEventListener("messageerror", () => die("messageerror"));
  return {
    endpoint: worker,
    onDeath,
    kill: () => {
      worker.terminate();
      die("terminated"); // no event tells
    },
  };
}
