// The sets of group normalisation; the rest of the twin is that of layer normalisation.
import type { Sets } from "./layer_norm.reference.ts";

/** m examples of p positions of c channels: the elements of an example in one group of channels are a set. */
export function groups(m: number, p: number, c: number, count: number, epsilon = 1e-3): Sets {
  const size = m * p * c;
  const setOf = (i: number) => Math.floor(i / (p * c)) * count + Math.floor((i % c) / (c / count));
  const sets: number[][] = Array.from({ length: m * count }, () => []);
  for (let i = 0; i < size; i++) sets[setOf(i)]!.push(i);
  return { size, sets, weights: c, weightOf: (i) => i % c, examples: m, exampleOf: (i) => Math.floor(i / (p * c)), epsilon };
}
