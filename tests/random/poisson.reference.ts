// The naive twin: one 64-bit word an index, compared in big integers.

/** floor(2^64 q), exactly: q is m 2^e with integers m and e. */
export function threshold(q: number): bigint {
  let [m, e] = [q, 0];
  while (!Number.isInteger(m)) {
    m *= 2;
    e--;
  }
  return e < -64 ? BigInt(m) >> BigInt(-64 - e) : BigInt(m) << BigInt(64 + e);
}

/** Indices below n whose word is below the threshold; `words` is the key stream. */
export function sample(n: number, q: number, words: Uint32Array): number[] {
  const limit = threshold(q);
  return Array.from({ length: n }, (_, i) => i).filter((i) => ((BigInt(words[2 * i + 1]!) << 32n) | BigInt(words[2 * i]!)) < limit);
}
