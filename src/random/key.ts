// Keys. A job has one secret; every key stream of it is HKDF-SHA256 (RFC 5869) of that secret under who uses it and for what.
import { checkNumber, checkOptions, describe } from "../engine/check.ts";
import { DisposedError, ParameterError, PrivacyError, UnsupportedError } from "../engine/errors.ts";
import { RandomStream } from "./chacha.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const KEY_BYTES = 32;
const NO_SALT: Bytes = new Uint8Array(0);
const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

interface Seedable {
  /**
   * Makes every key repeatable and therefore NOT private: anybody with the seed can subtract the noise. For simulation and tests.
   * Absent, the secret is 32 bytes from the platform's CSPRNG.
   */
  readonly unsafeSeed?: number | string;
}

/** Where a stream's key comes from. */
export interface StreamOptions extends Seedable {
  /** What the stream is for ("noise", "shuffle", ...). Streams of different purposes are independent even under one seed. */
  readonly purpose: string;
}

/** Options of {@link createJob}. */
export interface JobOptions extends Seedable {
  /** Name of the job, part of every key. Default: 128 random bits in hexadecimal; empty with unsafeSeed. */
  readonly id?: string;
}

/** Who asks a {@link Job} for a stream, and for what. */
export interface JobStreamOptions {
  /** What the stream is for: "noise", "shuffle", ... */
  readonly role: string;
  /** Which worker or client draws from it, an integer in [0, 2^32). Default 0. */
  readonly worker?: number;
}

/**
 * One training job: a secret, and streams for its workers. Made by {@link createJob}. The secret is a WebCrypto key that cannot be exported;
 * it never leaves this object, and a stream sent to a worker does not reveal its siblings.
 */
export class Job {
  readonly id: string;
  /** False when the secret came from a seed; streams and what is drawn from them are then not private either. */
  readonly private: boolean;
  #secret: CryptoKey | undefined;
  readonly #given = new Set<string>();
  readonly #streams: RandomStream[] = [];

  /** @internal Use createJob(). */
  constructor(id: string, secret: CryptoKey, isPrivate: boolean) {
    this.id = id;
    this.private = isPrivate;
    this.#secret = secret;
  }

  /**
   * The key stream of a role and worker: key = HKDF-SHA256(secret, info = (version, role, job, worker), each with its length in front).
   * Each pair is given out once: the same key on two workers would be the same noise twice, and their difference would show the data.
   * @throws {@link PrivacyError} for a pair given out before; {@link DisposedError} after dispose(); {@link ParameterError} for a bad option
   */
  async stream(options: JobStreamOptions): Promise<RandomStream> {
    const op = "job.stream";
    checkOptions(op, options, ["role", "worker"]);
    const { role, worker = 0 } = options;
    checkName(op, "role", role);
    checkNumber(op, "worker", worker, { min: 0, below: 2 ** 32, integer: true });
    const secret = this.#alive(op);
    const pair = `${worker} ${role}`;
    if (this.#given.has(pair)) {
      throw new PrivacyError(`${op}: expected each (role, worker) once, got ${describe(role)} for worker ${worker} again: its noise would repeat`, {
        role,
        worker,
      });
    }
    this.#given.add(pair); // before the wait, so that of two calls at once one is refused
    const key = await expand(secret, NO_SALT, jobInfo(role, this.id, worker), KEY_BYTES);
    try {
      this.#alive(op);
      const stream = new RandomStream({ key, nonce: [0, 0, 0], counter: 0, private: this.private });
      this.#streams.push(stream);
      return stream;
    } finally {
      key.fill(0);
    }
  }

  /** Forgets the secret and wipes the keys of all streams given out here: neither can be used afterwards. */
  dispose(): void {
    this.#secret = undefined;
    for (const stream of this.#streams.splice(0)) stream.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(op: string): CryptoKey {
    if (!this.#secret) throw new DisposedError(`${op}: expected a live job, got one that was disposed`);
    return this.#secret;
  }
}

/**
 * A new job with a secret of its own. Dispose of it when the job is done.
 * @throws {@link UnsupportedError} where crypto.subtle is missing (a page that is not a secure context); {@link ParameterError} for a bad option
 * @example
 * const job = await createJob();
 * const noise = await job.stream({ role: "noise", worker: 3 });
 */
export async function createJob(options: JobOptions = {}): Promise<Job> {
  const op = "createJob";
  checkOptions(op, options, ["id", "unsafeSeed"]);
  const { unsafeSeed, id = unsafeSeed === undefined ? hex(crypto.getRandomValues(new Uint8Array(16))) : "" } = options;
  if (typeof id !== "string") throw new ParameterError(`${op}: expected id to be a string, got ${describe(id)}`, { argument: "id" });
  return new Job(id, await newSecret(op, unsafeSeed), unsafeSeed === undefined);
}

/**
 * A key stream with a secret of its own, for where no job is needed: key = HKDF-SHA256(secret, info = "fedlane stream " + purpose).
 * Asynchronous because WebCrypto is.
 * @throws {@link UnsupportedError} where crypto.subtle is missing (a page that is not a secure context); {@link ParameterError} for a bad option
 * @example
 * const stream = await createStream({ purpose: "noise" });
 */
export async function createStream(options: StreamOptions): Promise<RandomStream> {
  const op = "createStream";
  checkOptions(op, options, ["purpose", "unsafeSeed"]);
  const { purpose, unsafeSeed } = options;
  checkName(op, "purpose", purpose);
  const secret = await newSecret(op, unsafeSeed);
  const key = await expand(secret, NO_SALT, utf8(`fedlane stream ${purpose}`), KEY_BYTES);
  const stream = new RandomStream({ key, nonce: [0, 0, 0], counter: 0, private: unsafeSeed === undefined });
  key.fill(0);
  return stream;
}

/** Starts with a zero byte (the first length is short), so it never equals the info of createStream(). */
function jobInfo(role: string, job: string, worker: number): Bytes {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, worker);
  return lengthPrefixed([utf8("fedlane job 1"), utf8(role), utf8(job), number]);
}

/** @internal Each field after its length, 32 bits big-endian: different lists of fields give different bytes. */
export function lengthPrefixed(fields: readonly Bytes[]): Bytes {
  const out = new Uint8Array(fields.reduce((sum, field) => sum + 4 + field.length, 0));
  let at = 0;
  for (const field of fields) {
    new DataView(out.buffer).setUint32(at, field.length);
    out.set(field, at + 4);
    at += 4 + field.length;
  }
  return out;
}

/** The input key material: 32 bytes of the platform, or what a seed spells. The bytes are wiped once WebCrypto has them. */
async function newSecret(op: string, unsafeSeed: number | string | undefined): Promise<CryptoKey> {
  if (unsafeSeed !== undefined && typeof unsafeSeed !== "string") checkNumber(op, "unsafeSeed", unsafeSeed);
  const bytes = unsafeSeed === undefined ? crypto.getRandomValues(new Uint8Array(KEY_BYTES)) : utf8(`fedlane seed ${typeof unsafeSeed}:${unsafeSeed}`);
  const secret = await importSecret(op, bytes);
  bytes.fill(0);
  return secret;
}

/** @internal */
export async function importSecret(op: string, bytes: Bytes): Promise<CryptoKey> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new UnsupportedError(`${op}: expected crypto.subtle, got none; serve the page over https or from localhost`);
  return subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits"]);
}

/** @internal HKDF-SHA256, extract and expand (RFC 5869). */
export async function expand(secret: CryptoKey, salt: Bytes, info: Bytes, bytes: number): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, secret, 8 * bytes));
}

function checkName(op: string, name: string, value: string): void {
  if (typeof value !== "string" || value.length === 0) {
    throw new ParameterError(`${op}: expected ${name} to be a non-empty string, got ${describe(value)}`, { argument: name });
  }
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
