import { addGaussianNoise, createStream, type Engine, ParameterError, PrivacyError, permutation, quantize, randomBytes, uniform } from "fedlane";
import { describe, expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { countCases } from "../support/count.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import * as reference from "./chacha.reference.ts";

const fromHex = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(hex.match(/../g) ?? [], (h) => Number.parseInt(h, 16));
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const NONCE = fromHex("000000090000004a00000000");
const ZERO_KEY = new Uint8Array(32);
const ZERO_NONCE = new Uint8Array(12);
const LAST = 2 ** 32 - 1;

/** NUMERICS 3.1, from RFC 8439. */
const VECTORS = [
  {
    name: "2.3.2",
    ...{ key: KEY, nonce: NONCE, counter: 1 },
    want: "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
  },
  {
    name: "A.1 #1",
    ...{ key: ZERO_KEY, nonce: ZERO_NONCE, counter: 0 },
    want: "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
  },
  {
    name: "A.1 #2",
    ...{ key: ZERO_KEY, nonce: ZERO_NONCE, counter: 1 },
    want: "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
  },
];

function run(engine: Engine, key: Uint8Array, nonce: Uint8Array, counter: number, blocks: number, offset = 0): Uint8Array {
  const [pk, pn, out] = [guarded(engine, key, offset), guarded(engine, nonce, offset), guarded(engine, new Uint8Array(64 * blocks), offset)];
  engine.kernels.chacha20_u8(blocks, counter, pk.address, pn.address, out.address);
  const bytes = out.bytes();
  for (const p of [pk, pn, out]) p.release();
  return bytes;
}

test("the twin: quarter round of RFC 8439 2.1.1, and the block vectors", () => {
  const s = Uint32Array.of(0x11111111, 0x01020304, 0x9b8d6f43, 0x01234567);
  reference.quarterRound(s, 0, 1, 2, 3);
  expect([...s]).toEqual([0xea2a92f4, 0xcb1cf8ce, 0x4581472e, 0x5881c4bb]);
  for (const v of VECTORS) expect(reference.keyBytes(v.key, v.counter, v.nonce, 1)).toEqual(fromHex(v.want));
});

forEachBuild("random/chacha", (engine) => {
  test.each(VECTORS)("RFC 8439 $name", ({ key, nonce, counter, want }) => {
    for (const offset of [0, 1]) expect(run(engine(), key, nonce, counter, 1, offset)).toEqual(fromHex(want));
  });

  describe("block counts 0 to 9 from any counter", () => {
    const counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    const ran = countCases(4 * counts.length);
    test.each(counts)("%i blocks", (n) => {
      for (const counter of [0, 7, 2 ** 31 - 3, 2 ** 32 - n]) {
        ran();
        expect(run(engine(), KEY, NONCE, counter, n)).toEqual(reference.keyBytes(KEY, counter, NONCE, n));
      }
    });
  });

  test("the last block works once; a wrap is refused and nothing moves", () => {
    engine().scope(() => {
      const stream = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: LAST, isPrivate: false });
      const out = engine().tensor("u8", 65, new Uint8Array(65).fill(7));
      expect(() => randomBytes(out, stream)).toThrow(PrivacyError);
      expect(stream.counter).toBe(LAST);
      expect(out.toArray()).toEqual(new Uint8Array(65).fill(7));
      const one = engine().tensor("u8", 64);
      expect(randomBytes(one, stream).toArray()).toEqual(reference.keyBytes(KEY, LAST, ZERO_NONCE, 1));
      expect(stream.counter).toBe(2 ** 32);
      expect(() => randomBytes(engine().tensor("u8", 1), stream)).toThrow(PrivacyError);
      randomBytes(engine().tensor("u8", 0), stream);
      const kept = engine().tensor("u32", 3, [5, 6, 7]);
      expect(() => permutation(kept, stream)).toThrow(PrivacyError);
      expect([...kept.toArray()]).toEqual([5, 6, 7]);
    });
  });

  test("uses follow each other without a byte served twice", () => {
    engine().scope(() => {
      const stream = new RandomStream({ key: KEY, nonce: [3, 2, 1], counter: 5, isPrivate: false });
      const nonce = new Uint8Array(Uint32Array.of(3, 2, 1).buffer);
      const want = reference.keyBytes(KEY, 5, nonce, 4);
      const got = [65, 0, 1, 64].map((n) => randomBytes(engine().tensor("u8", n), stream).toArray());
      expect(got).toEqual([want.slice(0, 65), new Uint8Array(0), want.slice(128, 129), want.slice(192)]);
      expect(stream.counter).toBe(9);
    });
  });

  test("no key byte stays in the engine's memory", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 37 * i + 101);
    const holdsKey = () => {
      const all = new Uint8Array(engine().arena.memory.buffer);
      // Any aligned 8 bytes of the key, the first of which must match.
      for (let i = 0; i + 8 <= all.length; i += 8) {
        for (let k = 0; k < 32; k += 8) if (all[i] === key[k] && key.subarray(k, k + 8).every((b, j) => all[i + j] === b)) return true;
      }
      return false;
    };
    const stream = new RandomStream({ key, nonce: [0, 0, 0], counter: 0, isPrivate: false });
    stream.use(engine(), 0, 0, () => {
      expect(holdsKey(), "the search finds the key while it is there").toBe(true);
      return 0;
    });
    expect(() =>
      stream.use(engine(), 3, 0, () => {
        throw new Error("body");
      }),
    ).toThrow("body");
    expect(stream.counter, "what a failed body may have used is not served again").toBe(3);
    engine().scope(() => {
      const x = engine().tensor("f32", 300);
      uniform(x, stream);
      addGaussianNoise(x, 1, stream);
      quantize(x, 3, stream);
      permutation(engine().tensor("u32", 300), stream);
      randomBytes(engine().tensor("u8", 300), stream);
      expect(holdsKey()).toBe(false);
    });
  });
});

test("every build gives the same bytes", async () => {
  const got = Object.values(await allEngines()).map((engine) => run(engine, KEY, NONCE, 2 ** 31 - 5, 23));
  expect(got.length).toBeGreaterThan(1);
  for (const bytes of got) expect(bytes).toEqual(got[0]);
});

describe("streams", () => {
  const hex = (b: Uint8Array) => [...b].map((v) => v.toString(16).padStart(2, "0")).join("");

  test("HKDF twin: RFC 5869 case 1; a seeded key is HKDF of the seed under the purpose", async () => {
    const okm = await reference.hkdf(new Uint8Array(22).fill(0x0b), fromHex("000102030405060708090a0b0c"), fromHex("f0f1f2f3f4f5f6f7f8f9"), 42);
    expect(hex(okm)).toBe("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    const { key, isPrivate } = (await createStream({ purpose: "noise", notPrivateSeed: 7 })).toState();
    const utf8 = (s: string) => new TextEncoder().encode(s);
    expect(key).toEqual(await reference.hkdf(utf8("fedlane seed number:7"), new Uint8Array(0), utf8("fedlane stream noise"), 32));
    expect(isPrivate).toBe(false);
  });

  test("a seed repeats; another seed, type or purpose does not; without a seed nothing repeats", async () => {
    const key = async (o: { purpose: string; notPrivateSeed?: number | string }) => hex((await createStream(o)).toState().key);
    expect(await key({ purpose: "a", notPrivateSeed: 1 })).toBe(await key({ purpose: "a", notPrivateSeed: 1 }));
    const all = [
      await key({ purpose: "a", notPrivateSeed: 1 }),
      await key({ purpose: "a", notPrivateSeed: "1" }),
      await key({ purpose: "a", notPrivateSeed: 2 }),
      await key({ purpose: "b", notPrivateSeed: 1 }),
      await key({ purpose: "a" }),
      await key({ purpose: "a" }),
    ];
    expect(new Set(all).size).toBe(6);
    expect((await createStream({ purpose: "a" })).isPrivate).toBe(true);
  });

  // Parties and releases must agree on these bytes. Key recomputed with OpenSSL's HKDF-SHA256.
  test("the derivation is fixed: key by HKDF, nonce (0, 0, 0), forks (1, a, b)", async () => {
    const stream = await createStream({ purpose: "golden", notPrivateSeed: 1 });
    const key = fromHex("c441842fd804e835302e7847f4f3253a0e28d14431027eebcf0efa25b40e5391");
    expect(stream.toState()).toEqual({ key, nonce: [0, 0, 0], counter: 0, isPrivate: false });
    expect(stream.fork(3, 7).toState()).toEqual({ key, nonce: [1, 3, 7], counter: 0, isPrivate: false });
  });

  test("forks: other bytes, own counter, any order; a fork of a fork is refused", async () => {
    const stream = await createStream({ purpose: "fork", notPrivateSeed: 1 });
    const states = [stream, stream.fork(0, 0), stream.fork(0, 1), stream.fork(1, 0), stream.fork(LAST, LAST)].map((s) => s.toState());
    expect(new Set(states.map((s) => s.nonce.join())).size).toBe(5);
    expect(stream.fork(1, 0).toState()).toEqual(states[3]);
    expect(() => stream.fork(0, 0).fork(0, 1)).toThrow(PrivacyError);
    for (const bad of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => stream.fork(0, bad)).toThrow(ParameterError);
  });

  test("bad options are refused", async () => {
    await expect(createStream({ purpose: "" })).rejects.toThrow(ParameterError);
    await expect(createStream({ purpose: "a", notPrivateSeed: Number.NaN })).rejects.toThrow(ParameterError);
    await expect(createStream({ purpose: "a", seed: 1 } as never)).rejects.toThrow(ParameterError);
    expect(() => new RandomStream({ key: new Uint8Array(16), nonce: [0, 0, 0], counter: 0, isPrivate: true })).toThrow(ParameterError);
  });
});
