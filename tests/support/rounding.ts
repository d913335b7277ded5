// f32 arithmetic with a running error bound: the exact value in f64, and how far f32 may be from it.
// A fused multiply-add rounds less often, so a bound covers it too.
import { EPS32 } from "./data.ts";

export interface Rounded {
  readonly value: number;
  readonly error: number;
}
/** Half the least denormal: what underflow may add to any rounding. */
const TINY = 2 ** -150;

/** A number that f32 holds exactly. */
export const exact = (value: number): Rounded => ({ value, error: 0 });
/** `value` with the error it inherits, and one rounding of whatever was computed. */
const rounded = (value: number, error: number): Rounded => ({ value, error: error + EPS32 * (Math.abs(value) + error) + TINY });

export const add = (a: Rounded, b: Rounded): Rounded => rounded(a.value + b.value, a.error + b.error);
export const sub = (a: Rounded, b: Rounded): Rounded => rounded(a.value - b.value, a.error + b.error);
export const mul = (a: Rounded, b: Rounded): Rounded =>
  rounded(a.value * b.value, Math.abs(a.value) * b.error + Math.abs(b.value) * a.error + a.error * b.error);
/** a b + c */
export const madd = (a: Rounded, b: Rounded, c: Rounded): Rounded => add(mul(a, b), c);
export function div(a: Rounded, b: Rounded): Rounded {
  const least = Math.abs(b.value) - b.error;
  if (!(least > 0)) throw new RangeError("rounding: a divisor that may be 0; choose other data");
  const value = a.value / b.value;
  return rounded(value, (a.error + Math.abs(value) * b.error) / least);
}
export function sqrt(a: Rounded): Rounded {
  const value = Math.sqrt(a.value);
  return rounded(value, Math.max(Math.sqrt(a.value + a.error) - value, value - Math.sqrt(Math.max(0, a.value - a.error))));
}
