// A suite says how many cases it must run; an empty range cannot pass.
import { afterAll, expect } from "vitest";

/** Call the result in every case. After the enclosing describe exactly `expected` calls must have been made. */
export function countCases(expected: number): () => void {
  let ran = 0;
  afterAll(() => expect(ran, "cases that ran").toBe(expected));
  return () => {
    ran++;
  };
}
