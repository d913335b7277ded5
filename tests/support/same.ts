// Equality of long arrays by bits: a loop first, since toEqual on 100,000 elements takes a second.
import { expect } from "vitest";
import { bits } from "./data.ts";

/** Fails, with vitest's own comparison, unless both hold the same bits. */
export function expectSameBits(got: Float32Array, want: Float32Array, message?: string): void {
  const [a, b] = [bits(got), bits(want)];
  if (a.length !== b.length || a.some((v, i) => v !== b[i])) expect(a, message).toEqual(b);
}
