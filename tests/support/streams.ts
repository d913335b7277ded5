// Repeatable streams for tests.
import { createStream, type RandomStream } from "fedlane";

/** A fresh stream at position 0; equal seeds give equal bytes. */
export function noise(seed: number, purpose = "test"): Promise<RandomStream> {
  return createStream({ purpose, unsafeSeed: seed });
}
