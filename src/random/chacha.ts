// Key streams. A stream is (key, nonce, counter): what was used once is never used again. Keys come from key.ts.
import { checkBoolean, checkNumber, checkTensor, describe } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError, ParameterError, PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

const BLOCKS_PER_NONCE = 2 ** 32;
const BLOCK_BYTES = 64;
const WORD = { min: 0, max: 2 ** 32 - 1, integer: true };

/** A stream as plain data, to send to a worker. It holds the key: treat it as a secret. */
export interface StreamState {
  readonly key: Uint8Array;
  readonly nonce: readonly [number, number, number];
  readonly counter: number;
  /** False when the key came from a seed: anybody with the seed can subtract the noise. */
  readonly private: boolean;
}

/**
 * A ChaCha20 key stream with its position. Each use advances the position, so no random byte serves twice.
 * Made by {@link createStream} and by a {@link Job}; `fork(a, b)` gives an independent stream for a sub-task without asynchronous work.
 */
export class RandomStream {
  /** False when the key came from a seed: anybody with the seed can subtract the noise. */
  readonly private: boolean;
  /** Shared by a stream and its forks, so that one dispose() wipes it for all. */
  readonly #secret: { key: Uint8Array | undefined };
  readonly #nonce: readonly [number, number, number];
  #counter: number;

  /** @internal Use createStream() or job.stream(). */
  constructor(state: StreamState, secret?: { key: Uint8Array | undefined }) {
    if (!(state.key instanceof Uint8Array) || state.key.length !== 32) {
      throw new ParameterError(
        `RandomStream: expected a key of 32 bytes, got ${state.key instanceof Uint8Array ? `${state.key.length} bytes` : describe(state.key)}`,
      );
    }
    checkBoolean("RandomStream", "private", state.private);
    if (!Array.isArray(state.nonce) || state.nonce.length !== 3)
      throw new ParameterError(`RandomStream: expected nonce to be three words, got ${describe(state.nonce)}`, { argument: "nonce" });
    for (const word of state.nonce) checkNumber("RandomStream", "nonce", word, WORD);
    // A counter that is not a number would stay one, and every use would draw the same bytes.
    checkNumber("RandomStream", "counter", state.counter, { min: 0, max: BLOCKS_PER_NONCE, integer: true });
    this.private = state.private;
    this.#secret = secret ?? { key: state.key.slice() };
    this.#nonce = state.nonce;
    this.#counter = state.counter;
  }

  get #key(): Uint8Array {
    if (!this.#secret.key) throw new DisposedError("random: expected a live stream, got one whose key was wiped by dispose()");
    return this.#secret.key;
  }

  /** Blocks of 64 bytes used so far under this nonce. */
  get counter(): number {
    return this.#counter;
  }

  /**
   * An independent stream: same key, nonce (1, a, b), counter 0. Forks with different (a, b) never overlap with each other or with this stream.
   * @param a integer in [0, 2^32), for instance the round
   * @param b integer in [0, 2^32), for instance the client
   * @throws {@link PrivacyError} on a fork: forks of forks would collide
   */
  fork(a: number, b: number): RandomStream {
    checkNumber("fork", "a", a, WORD);
    checkNumber("fork", "b", b, WORD);
    if (this.#nonce[0] !== 0)
      throw new PrivacyError("fork: expected a stream made by createStream(), got a fork; its forks would repeat those of its siblings");
    return new RandomStream({ key: this.#key, nonce: [1, a, b], counter: 0, private: this.private }, this.#secret);
  }

  /** Plain data for another thread. After handing it over do not use this object: both would produce the same bytes. */
  toState(): StreamState {
    return { key: this.#key.slice(), nonce: this.#nonce, counter: this.#counter, private: this.private };
  }

  /** Wipes the key, which a stream shares with its forks: none of them can be used afterwards. Copies made by toState() are their holders' to wipe. */
  dispose(): void {
    this.#secret.key?.fill(0);
    this.#secret.key = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * @internal Runs `body` with the key and nonce in the engine's scratch, then wipes what lay there.
   * @param blocks upper bound of blocks the body uses
   * @param scratchBytes the kernel's own scratch
   * @param body gets the counter and addresses; returns the blocks used, or nothing for all of `blocks`
   * @throws {@link PrivacyError} when the counter would wrap, {@link DisposedError} after dispose(); nothing was used
   */
  use(engine: Engine, blocks: number, scratchBytes: number, body: (counter: number, key: number, nonce: number, scratch: number) => number | undefined): void {
    if (this.#counter + blocks > BLOCKS_PER_NONCE) {
      throw new PrivacyError(
        `random: expected at most ${BLOCKS_PER_NONCE} blocks under one nonce, got ${this.#counter} used and ${blocks} asked for; fork or create another stream`,
      );
    }
    this.#lend(engine, scratchBytes, (key, nonce, scratch) => {
      const from = this.#counter;
      this.#counter = from + blocks; // first, so that what a body used before it threw is not used again
      this.#counter = from + (body(from, key, nonce, scratch) ?? blocks);
    });
  }

  /** @internal As use(), but draws again from a position that was used: for a mask that two passes need. The caller checks that all of it was. The stream's own position stays. */
  replay(engine: Engine, position: number, scratchBytes: number, body: (counter: number, key: number, nonce: number, scratch: number) => void): void {
    this.#lend(engine, scratchBytes, (key, nonce, scratch) => body(position, key, nonce, scratch));
  }

  /** Key and nonce in the engine's scratch, with room for a kernel, wiped afterwards. */
  #lend(engine: Engine, scratchBytes: number, body: (key: number, nonce: number, scratch: number) => void): void {
    const secret = this.#key;
    const bytes = scratchBytes + 64;
    const at = engine.scratch(bytes);
    const memory = engine.arena.memory.buffer;
    new Uint8Array(memory, at, 32).set(secret);
    new Uint32Array(memory, at + 32, 3).set(this.#nonce);
    try {
      body(at, at + 32, at + 64);
    } finally {
      engine.wipeScratch(bytes);
    }
  }
}

/** Fills a u8 tensor with the next bytes of the stream; a part of a block left over is discarded. */
export function randomBytes(out: Tensor<"u8">, stream: RandomStream): Tensor<"u8"> {
  const op = "randomBytes";
  checkTensor(op, "out", out, "u8");
  checkStream(op, stream);
  const { engine } = out;
  const blocks = Math.ceil(out.size / BLOCK_BYTES);
  const room = engine.arena.allocate(blocks * BLOCK_BYTES);
  try {
    stream.use(engine, blocks, 0, (counter, key, nonce) => {
      engine.kernels.chacha20_u8(blocks, counter, key, nonce, room);
      return undefined;
    });
    out.view.set(new Uint8Array(engine.arena.memory.buffer, room, out.size));
  } finally {
    engine.arena.free(room, { wipe: true });
  }
  return out;
}

/** @internal */
export function checkStream(op: string, stream: RandomStream): void {
  if (!(stream instanceof RandomStream))
    throw new ParameterError(`${op}: expected stream to be made by createStream(), got ${describe(stream)}`, { argument: "stream" });
}
