// The naive twin: stochastic levels one by one, bits one by one.

/** Levels of x between low and high: t = (x - low) / step, up with probability frac(t) by the fraction word / 2^32. */
export function levels(words: Uint32Array, bits: number, low: number, high: number, x: ArrayLike<number>): number[] {
  const top = 2 ** bits - 1;
  return Array.from({ length: x.length }, (_, i) => {
    const t = high > low ? ((x[i]! - low) * top) / (high - low) : 0;
    return Math.min(top, Math.floor(t + words[i]! / 2 ** 32));
  });
}

/** Bit b of level i is bit i bits + b of the stream; bit s of the stream is bit s mod 8 of byte floor(s / 8). */
export function pack(levels: readonly number[], bits: number): Uint8Array {
  const out = new Uint8Array(Math.ceil((levels.length * bits) / 8));
  for (const [i, level] of levels.entries()) {
    for (let b = 0; b < bits; b++) {
      const s = i * bits + b;
      out[s >> 3] = out[s >> 3]! | (((level >> b) & 1) << (s & 7));
    }
  }
  return out;
}

export function unpack(n: number, bits: number, bytes: Uint8Array): number[] {
  return Array.from({ length: n }, (_, i) => {
    let level = 0;
    for (let b = 0; b < bits; b++) level += ((bytes[(i * bits + b) >> 3]! >> ((i * bits + b) & 7)) & 1) * 2 ** b;
    return level;
  });
}

export function dequantize(levels: readonly number[], bits: number, low: number, high: number): Float32Array {
  return Float32Array.from(levels, (q) => low + q * ((high - low) / (2 ** bits - 1)));
}
