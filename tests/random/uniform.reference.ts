// The naive twin: the top 24 bits of a word of key stream, scaled.
export function uniform(words: Uint32Array, n: number, low: number, high: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => low + ((words[i]! >>> 8) / 2 ** 24) * (high - low));
}
