// The naive twin: Box-Muller in float64 with the platform's Math, from the same words of key stream.

/** One pair of standard normals from a 64-bit tail variable (two words) and an angle word. */
export function pair(low: number, high: number, angle: number): [number, number] {
  const u = (high * 2 ** 32 + (low + 0.5)) * 2 ** -64; // in (0, 1]
  const r = Math.sqrt(-2 * Math.log(u));
  // 30 bits say where in the eighth [-1/8, 1/8) of a turn around an axis, one bit which axis, one bit which side.
  const turn = (Math.floor((angle | 0) / 4) + 0.5) * 2 ** -32;
  const along = Math.cos(2 * Math.PI * turn) * (angle & 2 ? -1 : 1);
  const across = Math.sin(2 * Math.PI * turn);
  return angle & 1 ? [r * across, r * along] : [r * along, r * across];
}

/** Standard normals of whole chunks: 192 words (12 blocks) make 128 samples. */
export function normals(words: Uint32Array): Float64Array {
  const z = new Float64Array((words.length / 192) * 128);
  for (let chunk = 0; chunk * 192 < words.length; chunk++) {
    const w = words.subarray(chunk * 192, chunk * 192 + 192);
    for (let p = 0; p < 64; p++) [z[chunk * 128 + p], z[chunk * 128 + 64 + p]] = pair(w[p]!, w[64 + p]!, w[128 + p]!);
  }
  return z;
}
