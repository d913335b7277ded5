// Comparison with a computed error bound, one assertion for a whole array.
import { expect } from "vitest";

/**
 * Every |got_i - want_i| <= bound_i, NaN exactly where NaN is wanted, and every bound below `signal`,
 * the smallest change that a wrong kernel would make: a bound above it could not fail.
 */
export function expectWithin(got: ArrayLike<number>, want: ArrayLike<number>, bound: (i: number) => number, signal: number): void {
  expect(got.length, "length").toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    const [g, w, b] = [got[i]!, want[i]!, bound(i)];
    const close = Number.isNaN(w) ? Number.isNaN(g) : g === w || Math.abs(g - w) <= b;
    if (!close || !(b < signal)) expect.fail(`index ${i}: expected ${w} within ${b} (below a signal of ${signal}), got ${g}`);
  }
}
