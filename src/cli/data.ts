// What every reader of a data set needs.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { FedlaneError } from "../engine/errors.ts";

/** A data file is missing or is not what its name says. */
export class DataError extends FedlaneError {
  constructor(message: string, details?: Readonly<Record<string, unknown>>) {
    super("DATA", message, details);
  }
}

/** The bytes of a file; undefined where there is none. @throws {@link DataError} for one that cannot be read */
export async function tryRead(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new DataError(`${basename(path)}: expected a file to read, got ${message}`);
  }
}
