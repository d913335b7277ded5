// A supervised pool: comlink carries the calls, the supervisor notices what comlink cannot: a dead worker never answers.
import { type Remote, wrap } from "comlink";
import { checkNumber, checkOptions } from "../engine/check.ts";
import { deserialiseError, WorkerError } from "../engine/errors.ts";
import type { Answer, EvaluateResult, EvaluateTask, Setup, TrainResult, TrainTask, WorkerApi } from "./entry.ts";
import { type Spawned, spawn } from "./spawn.ts";

export interface PoolOptions {
  /** Workers to run, >= 1. */
  readonly workers: number;
  /** Milliseconds a task may take before its worker counts as dead and is replaced. Default 300,000. */
  readonly deadline?: number;
  /** Script of the worker, where a bundler does not find it by itself. Default: this package's own. */
  readonly workerUrl?: string | URL;
}

/** Makes the task of one attempt: called when a worker takes it, so that a long queue holds no copies. postMessage clones it. */
type MakeTask<T> = () => T;

interface Job {
  readonly run: (remote: Remote<WorkerApi>) => Promise<Answer<unknown>>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  /** Settled by an abort: nobody waits for the answer. */
  settled: boolean;
  attempts: number;
}

/** A place for one worker; the worker in it may change. */
interface Slot {
  spawned: Spawned;
  remote: Remote<WorkerApi>;
  /** Settles when start() was answered or the worker died first. */
  started: Promise<void>;
  job: Job | undefined;
  /** Ends the attempt in hand with the reason of the worker's death. */
  fail: ((reason: string) => void) | undefined;
  /** Workers in a row that died before they were ready. */
  stillborn: number;
}

const ATTEMPTS = 3;
const START_DEADLINE = 60_000;

/** Workers with one engine each, all given the same setup. Made by {@link createPool}. */
export class Pool {
  readonly size: number;
  readonly #setup: Setup;
  readonly #deadline: number;
  readonly #url: string | URL | undefined;
  readonly #slots: Slot[] = [];
  readonly #queue: Job[] = [];
  #restarts = 0;
  #closed = false;

  /** @internal Use createPool(). */
  constructor(setup: Setup, options: PoolOptions) {
    this.#setup = setup;
    this.size = options.workers;
    this.#deadline = options.deadline ?? 300_000;
    this.#url = options.workerUrl;
    for (let i = 0; i < this.size; i++) this.#slots.push({ ...this.#open(() => this.#slots[i]!), job: undefined, fail: undefined, stillborn: 0 });
  }

  /** Workers replaced so far. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when every worker is ready. @throws {@link WorkerError} when one cannot start */
  async ready(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.started));
  }

  /** One client's update, on any worker. Retried on a fresh worker if its worker dies; the bytes are the same. */
  train(make: MakeTask<TrainTask>, signal?: AbortSignal): Promise<TrainResult> {
    return this.#submit((remote) => remote.train(make()), signal);
  }
  /** A slice of an evaluation, on any worker. */
  evaluate(make: MakeTask<EvaluateTask>, signal?: AbortSignal): Promise<EvaluateResult> {
    return this.#submit((remote) => remote.evaluate(make()), signal);
  }

  /** Kills worker `index` as a crash would and lets a fresh one take its place and its task. */
  restart(index: number): void {
    checkNumber("pool.restart", "index", index, { min: 0, below: this.size, integer: true });
    this.#slots[index]!.spawned.kill();
  }

  /** Ends all workers. Tasks still open are rejected with a {@link WorkerError}. */
  close(): void {
    this.#closed = true;
    for (const slot of this.#slots) slot.spawned.kill();
    for (const job of this.#queue.splice(0)) job.reject(new WorkerError("pool: expected an open pool, got one that was closed"));
  }
  [Symbol.dispose](): void {
    this.close();
  }

  #submit<T>(run: (remote: Remote<WorkerApi>) => Promise<Answer<T>>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(new WorkerError("pool: expected an open pool, got one that was closed"));
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        job.settled = true;
        const at = this.#queue.indexOf(job);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(signal!.reason);
      };
      const settle =
        <A>(end: (value: A) => void) =>
        (value: A): void => {
          job.settled = true;
          signal?.removeEventListener("abort", abort);
          end(value);
        };
      const job: Job = { run, resolve: settle(resolve as (value: never) => void), reject: settle(reject), settled: false, attempts: 0 };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(job);
      this.#next();
    });
  }

  /** Hands queued jobs to idle workers. */
  #next(): void {
    for (const slot of this.#slots) {
      if (slot.job || this.#queue.length === 0) continue;
      const job = this.#queue.shift()!;
      slot.job = job;
      void this.#attempt(slot, job);
    }
  }

  async #attempt(slot: Slot, job: Job): Promise<void> {
    job.attempts++;
    let died = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const within = (milliseconds: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        slot.fail?.(`no answer within ${milliseconds} ms`);
        slot.spawned.kill();
      }, milliseconds);
    };
    const death = new Promise<never>((_, reject) => {
      slot.fail = (reason) => {
        died = true;
        reject(new WorkerError(`pool: expected an answer, got a dead worker (${reason})`, { reason }));
      };
    });
    try {
      within(START_DEADLINE);
      await Promise.race([slot.started, death]);
      within(this.#deadline);
      const answer = await Promise.race([job.run(slot.remote), death]);
      if ("error" in answer) job.reject(deserialiseError(answer.error));
      else job.resolve(answer.value as never);
    } catch (error) {
      // Tasks depend on their arguments only: running one again is safe.
      if (died && !this.#closed && job.attempts < ATTEMPTS) {
        if (!job.settled) this.#queue.unshift(job);
      } else job.reject(error);
    } finally {
      clearTimeout(timer);
      slot.fail = undefined;
      slot.job = undefined;
      this.#next();
    }
  }

  /** A fresh worker, told the setup. When it dies its slot gets another, and the attempt in hand fails over to any worker. */
  #open(slotOf: () => Slot): Pick<Slot, "spawned" | "remote" | "started"> {
    const spawned = spawn(this.#url);
    const remote = wrap<WorkerApi>(spawned.endpoint);
    let alive = false;
    let abandon: (error: WorkerError) => void = () => {};
    const started = new Promise<void>((resolve, reject) => {
      abandon = reject;
      remote.start(this.#setup).then((answer) => {
        if ("error" in answer) return reject(deserialiseError(answer.error));
        alive = true;
        slotOf().stillborn = 0;
        resolve();
      }, reject);
    });
    started.catch(() => {}); // ready() and the next task report it
    spawned.onDeath((reason) => {
      abandon(new WorkerError(`pool: expected a worker that starts, got one that died (${reason})`));
      const slot = slotOf();
      if (!alive) slot.stillborn++;
      if (!this.#closed && slot.stillborn < ATTEMPTS) {
        this.#restarts++;
        Object.assign(slot, this.#open(slotOf));
      }
      slot.fail?.(this.#closed ? "the pool was closed" : reason);
    });
    return { spawned, remote, started };
  }
}

/**
 * Starts workers, each with its own engine, model and copy of the data.
 * @throws {@link ParameterError} for bad options; {@link WorkerError} when a worker cannot start
 */
export async function createPool(setup: Setup, options: PoolOptions): Promise<Pool> {
  const op = "createPool";
  checkOptions(op, options, ["workers", "deadline", "workerUrl"]);
  checkNumber(op, "workers", options.workers, { min: 1, max: 256, integer: true });
  if (options.deadline !== undefined) checkNumber(op, "deadline", options.deadline, { above: 0, max: 2 ** 31 - 1 });
  const pool = new Pool(setup, options);
  try {
    await pool.ready();
  } catch (error) {
    pool.close();
    throw error;
  }
  return pool;
}
