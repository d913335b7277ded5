// The naive twin: every element a sum over all with its sign, and signs bit by bit.

/** Ones of a number below 2^32, modulo 2. */
function parity(x: number): number {
  let v = x ^ (x >>> 16);
  v ^= v >>> 8;
  v ^= v >>> 4;
  return (0x6996 >>> (v & 15)) & 1;
}

/** H x, H_ij = (-1)^(bits in common). */
export function hadamard(x: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: x.length }, (_, i) => {
    let s = 0;
    for (let j = 0; j < x.length; j++) s += parity(i & j) ? -x[j]! : x[j]!;
    return s;
  });
}

/** Row k of H. */
export const row = (k: number, n: number): number[] => Array.from({ length: n }, (_, i) => (parity(i & k) ? -1 : 1));

/** -1 where bit i of the words is 1, else 1. */
export function signs(words: Uint32Array, n: number): number[] {
  return Array.from({ length: n }, (_, i) => ((words[i >> 5]! >>> (i & 31)) & 1 ? -1 : 1));
}
