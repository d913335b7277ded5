// The naive twin: one word an element, the next integer where the word over 2^32 is below the fraction.

export function stochasticRound(x: ArrayLike<number>, words: Uint32Array): number[] {
  return Array.from(x, (v, i) => {
    const down = Math.floor(v);
    return words[i]! / 2 ** 32 < v - down ? down + 1 : down;
  });
}

/** sum x^2, exactly. */
export const squaredNorm = (x: Iterable<number>): bigint => [...x].reduce((s, v) => s + BigInt(v) ** 2n, 0n);
