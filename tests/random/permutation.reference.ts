// The naive twin: Fisher-Yates from the end, each bounded draw by rejection in big integers.

/** Shuffles a copy of x; `words` is the key stream. */
export function shuffle(x: ArrayLike<number>, words: Uint32Array): Uint32Array {
  const out = Uint32Array.from(x);
  let at = 0;
  for (let i = out.length; i > 1; i--) {
    let product: bigint;
    // Accept when the low half is not among the 2^32 mod i least: then every quotient has floor(2^32 / i) words.
    do product = BigInt(words[at++]!) * BigInt(i);
    while ((product & 0xffffffffn) < 2n ** 32n % BigInt(i));
    const j = Number(product >> 32n);
    [out[i - 1], out[j]] = [out[j]!, out[i - 1]!];
  }
  return out;
}
