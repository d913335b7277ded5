// The naive twin, in big integers.

export function modularClip(x: number, lower: number, upper: number): number {
  const [v, a, w] = [BigInt(x), BigInt(lower), BigInt(upper) - BigInt(lower)];
  return Number(((((v - a) % w) + w) % w) + a);
}
