// The naive twin: inversion in float64 with the platform's Math, from the same words of key stream.

/** A standard Laplace sample: a sign bit and 63 bits of magnitude. */
export function sample(low: number, high: number): number {
  const u = (high * 2 ** 31 + ((low >>> 1) + 0.5)) * 2 ** -63; // in (0, 1]
  return (low & 1 ? -1 : 1) * -Math.log(u);
}

/** Samples of whole chunks: 256 words (16 blocks) make 128. */
export function laplace(words: Uint32Array): Float64Array {
  return Float64Array.from({ length: words.length / 2 }, (_, i) => {
    const at = (i >> 7) * 256 + (i & 127);
    return sample(words[at]!, words[at + 128]!);
  });
}

/** The distribution function. */
export function cdf(x: number): number {
  return x < 0 ? Math.exp(x) / 2 : 1 - Math.exp(-x) / 2;
}
