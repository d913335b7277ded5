// A privacy ledger's store in a file: one line an entry, flushed to the disk before a charge resolves.
import { type FileHandle, link, open, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { PrivacyError } from "../engine/errors.ts";
import type { LedgerStore } from "../privacy/ledger_store.ts";

const OP = "openLedgerFile";

export interface LedgerFile extends LedgerStore {
  /** Gives the file back. */
  close(): Promise<void>;
}

/**
 * Opens or makes the file at `path`. `path.lock` keeps a second process out; the lock of a process that died is taken over. Should two writers get in all the
 * same, both see the file grow by more than their own line and fail, and nothing is released.
 * What a crash left of a last line is cut off and handed to the ledger, which counts it if it is whole; if it is not, the charge never resolved.
 * @throws {@link PrivacyError} while another process holds the file
 */
export async function openLedgerFile(path: string): Promise<LedgerFile> {
  const lock = `${path}.lock`;
  await takeLock(lock);
  let file: FileHandle | undefined;
  try {
    file = await open(path, "a+");
    await file.sync();
    await syncFolder(path);
    return new OpenFile(path, lock, file);
  } catch (error) {
    await file?.close();
    await rm(lock, { force: true });
    throw error;
  }
}

class OpenFile implements LedgerFile {
  readonly #path: string;
  readonly #lock: string;
  readonly #file: FileHandle;
  /** Bytes that are ours to know of. */
  #size = -1;

  constructor(path: string, lock: string, file: FileHandle) {
    this.#path = path;
    this.#lock = lock;
    this.#file = file;
  }

  async read() {
    const bytes = await readFile(this.#path);
    const end = bytes.lastIndexOf(0x0a) + 1;
    const whole = bytes.subarray(0, end).toString("utf8");
    const lines = whole === "" ? [] : whole.slice(0, -1).split("\n");
    this.#size = end;
    if (end === bytes.length) return { lines };
    await this.#file.truncate(end);
    await this.#file.sync();
    return { lines, torn: bytes.subarray(end).toString("utf8") };
  }

  async append(line: string): Promise<void> {
    const bytes = Buffer.from(`${line}\n`);
    await this.#expectSize(this.#size);
    await this.#file.appendFile(bytes);
    await this.#file.sync();
    this.#size += bytes.length;
    await this.#expectSize(this.#size);
  }

  async #expectSize(want: number): Promise<void> {
    const { size } = await this.#file.stat();
    if (size !== want) throw new PrivacyError(`${OP}: expected ${this.#path} to have ${want} bytes, got ${size}: somebody else writes it`);
  }

  async close(): Promise<void> {
    await this.#file.close();
    await rm(this.#lock, { force: true });
  }
}

/** The file's name is durable only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return; // folders cannot be opened there
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function takeLock(lock: string): Promise<void> {
  const mine = `${process.pid} ${hostname()}`;
  const draft = `${lock}.${process.pid}`;
  for (let attempt = 0; attempt < 3; attempt++) {
    await writeFile(draft, mine);
    try {
      return await link(draft, lock); // at once with its contents, or not at all
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      await rm(draft, { force: true });
    }
    const holder = await readFile(lock, "utf8").catch(() => "");
    const [pid, host] = holder.split(" ");
    const gone = host === hostname() && Number(pid) !== process.pid && !isAlive(Number(pid));
    if (!gone)
      throw new PrivacyError(`${OP}: expected a ledger nobody holds, got one held by process ${holder || "unknown"}; remove ${lock} if that process is gone`);
    await rm(lock, { force: true });
  }
  throw new PrivacyError(`${OP}: expected a ledger nobody holds, got one that others keep taking (${lock})`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
