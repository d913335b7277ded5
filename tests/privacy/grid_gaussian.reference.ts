// The naive twin: Box-Muller in float64 with the platform's Math, from the same words of key stream.

/** One pair of standard normals from a 64-bit tail variable (two words) and a 48-bit angle (a word and 16 bits). */
export function pair(low: number, high: number, angle: number, fine: number): [number, number] {
  const u = (high * 2 ** 32 + (low + 0.5)) * 2 ** -64; // in (0, 1]
  // Near 1 the logarithm needs 1 - u, which an f64 u no longer has. The kernel's u is rounded too: the same u here.
  const r = Math.sqrt(-2 * Math.log(u));
  // 46 bits say where in the eighth [-1/8, 1/8) of a turn around an axis, one bit which axis, one bit which side.
  const turn = Math.floor((angle | 0) / 4) * 2 ** -32 + (fine + 0.5) * 2 ** -48;
  const along = Math.cos(2 * Math.PI * turn) * (angle & 2 ? -1 : 1);
  const across = Math.sin(2 * Math.PI * turn);
  return angle & 1 ? [r * across, r * along] : [r * along, r * across];
}

/** Standard normals of whole chunks: 448 words (28 blocks) make 256 samples. */
export function normals(words: Uint32Array): Float64Array {
  const z = new Float64Array((words.length / 448) * 256);
  for (let chunk = 0; chunk * 448 < words.length; chunk++) {
    const w = words.slice(chunk * 448, chunk * 448 + 448);
    const fine = new Uint16Array(w.buffer, 4 * 384);
    for (let p = 0; p < 128; p++) [z[chunk * 256 + p], z[chunk * 256 + 128 + p]] = pair(w[p]!, w[128 + p]!, w[256 + p]!, fine[p]!);
  }
  return z;
}
