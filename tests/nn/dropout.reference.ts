// The naive twin: a word of key stream an element, compared with the rate.

/** Words below it drop; at most 2^32 - 1, so that one word always keeps. */
export const threshold = (rate: number): number => Math.min(2 ** 32 - 1, Math.round(rate * 2 ** 32));

/** x_i / (1 - rate) where word i is at least rate 2^32, else 0; the factor is that of the rounded threshold, in f32. */
export function dropout(words: Uint32Array, rate: number, x: Float32Array): Float32Array {
  const t = threshold(rate);
  const factor = Math.fround(2 ** 32 / (2 ** 32 - t));
  return x.map((v, i) => (words[i]! >= t ? factor * v : 0));
}
