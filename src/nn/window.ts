// Windows that slide over an image: how many there are and where the first begins, as TensorFlow places them.
import { checkNumber, describe } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";

/** Rows and columns. */
export type Pair = readonly [rows: number, columns: number];

/** "valid": windows inside the image only. "same": one window for every stride begun, over cells of padding where they reach beyond. */
export type Padding = "valid" | "same";
export const PADDINGS: readonly Padding[] = ["valid", "same"];

/** A pair of integers >= 1, frozen; a number stands for both. */
export function checkPair(op: string, name: string, value: number | Pair): Pair {
  if (typeof value === "object" && (!Array.isArray(value) || value.length !== 2))
    throw new ParameterError(`${op}: expected ${name} to be a number or a pair of numbers, got ${describe(value)}`, { argument: name });
  const [rows, columns] = typeof value === "object" ? value : [value, value];
  checkNumber(op, name, rows, { min: 1, integer: true });
  checkNumber(op, name, columns, { min: 1, integer: true });
  return Object.freeze([rows, columns] as const);
}

/** Windows of k cells along n cells; 0 or less where "valid" has room for none. */
export function windows(n: number, k: number, stride: number, padding: Padding): number {
  return padding === "same" ? Math.ceil(n / stride) : Math.floor((n - k) / stride) + 1;
}

/** Cells of padding before the first of n cells. Of an odd number TensorFlow puts the greater half after the last. */
export function paddingBefore(n: number, k: number, stride: number, padding: Padding): number {
  return padding === "same" ? Math.max(0, (Math.ceil(n / stride) - 1) * stride + k - n) >> 1 : 0;
}
