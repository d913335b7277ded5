// The naive twin: ChaCha20 as RFC 8439 section 2 writes it, and HKDF-SHA256 as RFC 5869 section 2 does.

const rotl = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0;

/** RFC 8439, 2.1. */
export function quarterRound(s: Uint32Array, a: number, b: number, c: number, d: number): void {
  s[a] = s[a]! + s[b]!;
  s[d] = rotl(s[d]! ^ s[a]!, 16);
  s[c] = s[c]! + s[d]!;
  s[b] = rotl(s[b]! ^ s[c]!, 12);
  s[a] = s[a]! + s[b]!;
  s[d] = rotl(s[d]! ^ s[a]!, 8);
  s[c] = s[c]! + s[d]!;
  s[b] = rotl(s[b]! ^ s[c]!, 7);
}

/** RFC 8439, 2.3: one block as 16 words. key: 32 bytes, nonce: 12 bytes. */
export function block(key: Uint8Array, counter: number, nonce: Uint8Array): Uint32Array {
  const word = (bytes: Uint8Array, i: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * i, true);
  const start = Uint32Array.of(
    ...[0x61707865, 0x3320646e, 0x79622d32, 0x6b206574],
    ...Array.from({ length: 8 }, (_, i) => word(key, i)),
    counter,
    ...Array.from({ length: 3 }, (_, i) => word(nonce, i)),
  );
  const s = start.slice();
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarterRound(s, i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; i++) quarterRound(s, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
  }
  return s.map((v, i) => v + start[i]!);
}

/** `blocks` blocks from `counter` on, as words. */
export function keyWords(key: Uint8Array, counter: number, nonce: Uint8Array, blocks: number): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(16 * blocks);
  for (let i = 0; i < blocks; i++) out.set(block(key, counter + i, nonce), 16 * i);
  return out;
}

/** The same as bytes, little-endian. */
export function keyBytes(key: Uint8Array, counter: number, nonce: Uint8Array, blocks: number): Uint8Array<ArrayBuffer> {
  const words = keyWords(key, counter, nonce, blocks);
  const view = new DataView(new ArrayBuffer(4 * words.length));
  for (const [i, w] of words.entries()) view.setUint32(4 * i, w, true);
  return new Uint8Array(view.buffer);
}

async function hmac(key: Uint8Array, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key.slice(), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

/** RFC 5869: extract, then expand. */
export async function hkdf(secret: Uint8Array<ArrayBuffer>, salt: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array> {
  const prk = await hmac(salt.length > 0 ? salt : new Uint8Array(32), secret);
  let out: number[] = [];
  let last = new Uint8Array(0) as Uint8Array;
  for (let i = 1; out.length < length; i++) {
    last = await hmac(prk, Uint8Array.of(...last, ...info, i));
    out = [...out, ...last];
  }
  return Uint8Array.from(out.slice(0, length));
}
