// Test data: repeatable numbers, the lengths that catch tails, and hard values.

/** Lengths around every vector width, unroll and block. */
export const LENGTHS = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1000, 4095, 4096, 4097] as const;

/** Repeatable uniform numbers in [0, 1): splitmix32. Test data only. */
export function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** n roughly normal f32 numbers with the given scale. */
export function normals(n: number, seed: number, scale = 1): Float32Array {
  const r = random(seed);
  return Float32Array.from({ length: n }, () => scale * Math.sqrt(-2 * Math.log(1 - r())) * Math.cos(2 * Math.PI * r()));
}

/** Finite f32 values at the edges: zeros of both signs, denormals, the least normal, one, the largest. */
export const EXTREMES = Float32Array.of(0, -0, 1.4e-45, -1.4e-45, 1.17549435e-38, 1e-20, 1, -1, 16777217, 1e20, 3.4028234663852886e38, -3.4028234663852886e38);

/** n extreme values in a repeatable order. */
export function extremes(n: number, seed: number): Float32Array {
  const r = random(seed);
  return Float32Array.from({ length: n }, () => EXTREMES[Math.floor(r() * EXTREMES.length)]!);
}

/** Unit roundoff of f32 and f64. */
export const EPS32 = 2 ** -24;
export const EPS64 = 2 ** -53;

/** The bits of f32 numbers, so that NaN, zeros and every last bit compare. */
export function bits(x: Float32Array): Uint32Array {
  return new Uint32Array(x.buffer, x.byteOffset, x.length).slice();
}
