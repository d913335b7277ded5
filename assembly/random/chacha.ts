// ChaCha20 (RFC 8439): the only source of randomness. Key, nonce and counter are arguments; nothing is kept.
import { add, rotl, splat, xor } from "../lanes/u32";

/**
 * One block per lane. The state is 16 words in 16 locals; word 12 (the counter) differs between lanes.
 * st(word) stores word i of every lane; lanes are transposed to blocks by the caller.
 */
// @ts-ignore: decorator
@inline
function core<T>(c12: T, key: usize, nonce: usize, out: usize): void {
  const k0 = splat<T>(load<u32>(key)), k1 = splat<T>(load<u32>(key, 4)), k2 = splat<T>(load<u32>(key, 8)), k3 = splat<T>(load<u32>(key, 12));
  const k4 = splat<T>(load<u32>(key, 16)), k5 = splat<T>(load<u32>(key, 20)), k6 = splat<T>(load<u32>(key, 24)), k7 = splat<T>(load<u32>(key, 28));
  const n0 = splat<T>(load<u32>(nonce)), n1 = splat<T>(load<u32>(nonce, 4)), n2 = splat<T>(load<u32>(nonce, 8));
  const s0 = splat<T>(0x61707865), s1 = splat<T>(0x3320646e), s2 = splat<T>(0x79622d32), s3 = splat<T>(0x6b206574);
  let a0 = s0, a1 = s1, a2 = s2, a3 = s3, b0 = k0, b1 = k1, b2 = k2, b3 = k3;
  let c0 = k4, c1 = k5, c2 = k6, c3 = k7, d0 = c12, d1 = n0, d2 = n1, d3 = n2;
  for (let i = 0; i < 10; i++) {
    // Column round: (a b c d) in the same column.
    a0 = add<T>(a0, b0); a1 = add<T>(a1, b1); a2 = add<T>(a2, b2); a3 = add<T>(a3, b3);
    d0 = rotl<T>(xor<T>(d0, a0), 16); d1 = rotl<T>(xor<T>(d1, a1), 16); d2 = rotl<T>(xor<T>(d2, a2), 16); d3 = rotl<T>(xor<T>(d3, a3), 16);
    c0 = add<T>(c0, d0); c1 = add<T>(c1, d1); c2 = add<T>(c2, d2); c3 = add<T>(c3, d3);
    b0 = rotl<T>(xor<T>(b0, c0), 12); b1 = rotl<T>(xor<T>(b1, c1), 12); b2 = rotl<T>(xor<T>(b2, c2), 12); b3 = rotl<T>(xor<T>(b3, c3), 12);
    a0 = add<T>(a0, b0); a1 = add<T>(a1, b1); a2 = add<T>(a2, b2); a3 = add<T>(a3, b3);
    d0 = rotl<T>(xor<T>(d0, a0), 8); d1 = rotl<T>(xor<T>(d1, a1), 8); d2 = rotl<T>(xor<T>(d2, a2), 8); d3 = rotl<T>(xor<T>(d3, a3), 8);
    c0 = add<T>(c0, d0); c1 = add<T>(c1, d1); c2 = add<T>(c2, d2); c3 = add<T>(c3, d3);
    b0 = rotl<T>(xor<T>(b0, c0), 7); b1 = rotl<T>(xor<T>(b1, c1), 7); b2 = rotl<T>(xor<T>(b2, c2), 7); b3 = rotl<T>(xor<T>(b3, c3), 7);
    // Diagonal round: column j takes b of j+1, c of j+2, d of j+3.
    a0 = add<T>(a0, b1); a1 = add<T>(a1, b2); a2 = add<T>(a2, b3); a3 = add<T>(a3, b0);
    d3 = rotl<T>(xor<T>(d3, a0), 16); d0 = rotl<T>(xor<T>(d0, a1), 16); d1 = rotl<T>(xor<T>(d1, a2), 16); d2 = rotl<T>(xor<T>(d2, a3), 16);
    c2 = add<T>(c2, d3); c3 = add<T>(c3, d0); c0 = add<T>(c0, d1); c1 = add<T>(c1, d2);
    b1 = rotl<T>(xor<T>(b1, c2), 12); b2 = rotl<T>(xor<T>(b2, c3), 12); b3 = rotl<T>(xor<T>(b3, c0), 12); b0 = rotl<T>(xor<T>(b0, c1), 12);
    a0 = add<T>(a0, b1); a1 = add<T>(a1, b2); a2 = add<T>(a2, b3); a3 = add<T>(a3, b0);
    d3 = rotl<T>(xor<T>(d3, a0), 8); d0 = rotl<T>(xor<T>(d0, a1), 8); d1 = rotl<T>(xor<T>(d1, a2), 8); d2 = rotl<T>(xor<T>(d2, a3), 8);
    c2 = add<T>(c2, d3); c3 = add<T>(c3, d0); c0 = add<T>(c0, d1); c1 = add<T>(c1, d2);
    b1 = rotl<T>(xor<T>(b1, c2), 7); b2 = rotl<T>(xor<T>(b2, c3), 7); b3 = rotl<T>(xor<T>(b3, c0), 7); b0 = rotl<T>(xor<T>(b0, c1), 7);
  }
  store_words<T>(out, add<T>(a0, s0), add<T>(a1, s1), add<T>(a2, s2), add<T>(a3, s3));
  store_words<T>(out + 16, add<T>(b0, k0), add<T>(b1, k1), add<T>(b2, k2), add<T>(b3, k3));
  store_words<T>(out + 32, add<T>(c0, k4), add<T>(c1, k5), add<T>(c2, k6), add<T>(c3, k7));
  store_words<T>(out + 48, add<T>(d0, c12), add<T>(d1, n0), add<T>(d2, n1), add<T>(d3, n2));
}

/** Four consecutive words of each lane's block; lane l writes at out + 64 l. */
// @ts-ignore: decorator
@inline
function store_words<T>(out: usize, w0: T, w1: T, w2: T, w3: T): void {
  if (isVector<T>()) {
    const x0 = v128.shuffle<i32>(w0, w1, 0, 4, 1, 5), x1 = v128.shuffle<i32>(w0, w1, 2, 6, 3, 7);
    const x2 = v128.shuffle<i32>(w2, w3, 0, 4, 1, 5), x3 = v128.shuffle<i32>(w2, w3, 2, 6, 3, 7);
    v128.store(out, v128.shuffle<i32>(x0, x2, 0, 1, 4, 5));
    v128.store(out, v128.shuffle<i32>(x0, x2, 2, 3, 6, 7), 64);
    v128.store(out, v128.shuffle<i32>(x1, x3, 0, 1, 4, 5), 128);
    v128.store(out, v128.shuffle<i32>(x1, x3, 2, 3, 6, 7), 192);
  } else {
    store<T>(out, w0);
    store<T>(out, w1, 4);
    store<T>(out, w2, 8);
    store<T>(out, w3, 12);
  }
}

/**
 * out <- the ChaCha20 key stream of blocks counter .. counter + n - 1, 64 bytes each.
 *
 * n  blocks, 0 is a no-op; counter + n <= 2^32 (the wrapper refuses a wrap)    key: 32 bytes    nonce: 12 bytes    out: 64 n bytes
 * Numerics: integer, the same bytes in every build. Source: RFC 8439, section 2.3.
 */
export function chacha20_u8(n: usize, counter: u32, key: usize, nonce: usize, out: usize): void {
  assert(<u64>counter + <u64>n <= 0x100000000, "counter");
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) for (const e = n & ~3; i < e; i += 4) {
    core<v128>(i32x4.add(i32x4.splat(counter + <u32>i), i32x4(0, 1, 2, 3)), key, nonce, out + (i << 6));
  }
  for (; i < n; i++) core<u32>(counter + <u32>i, key, nonce, out + (i << 6));
}
