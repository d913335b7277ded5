// The naive twin: whole 64-bit words against whole thresholds, and the inequality that is the definition of local privacy.
import { expMinus, fraction, ONE, reader } from "../random/discrete.reference.ts";

/** Category x, or another: the others share the words below others * a in equal runs. */
export function randomise(x: ArrayLike<number>, k: number, a: bigint, words: Uint32Array): number[] {
  const next = reader(words);
  return Array.from(x, (v) => {
    const w = next();
    const others = Array.from({ length: k }, (_, c) => c).filter((c) => c !== v);
    const run = others.findIndex((_, i) => w >= BigInt(i) * a && w < BigInt(i + 1) * a);
    return run < 0 ? v : others[run]!;
  });
}

/** n rows of k bits. */
export function unary(x: ArrayLike<number>, k: number, p: bigint, q: bigint, words: Uint32Array): number[] {
  const next = reader(words);
  return Array.from(x, (v) => Array.from({ length: k }, (_, c) => (next() < (c === v ? p : q) ? 1 : 0))).flat();
}

/** yes / no <= e^epsilon, in whole numbers: yes e^-epsilon <= no, with e^-epsilon to 400 bits from below and above. */
export function within(yes: bigint, no: bigint, epsilon: number): boolean {
  const e = expMinus(...fraction(epsilon));
  const [low, high] = [yes * (e - 2n) <= no * ONE, yes * (e + 2n) <= no * ONE];
  if (low !== high) throw new Error("too close to say");
  return low;
}
