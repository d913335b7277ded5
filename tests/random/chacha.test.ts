import {
  addResearchGaussianNoise,
  DisposedError,
  type Engine,
  ParameterError,
  PrivacyError,
  permutation,
  poissonSample,
  quantize,
  randomBytes,
  uniform,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { RandomStream } from "#dist/random/chacha.js";
import { countCases } from "../support/count.ts";
import { normals } from "../support/data.ts";
import { allEngines, forEachBuild, makeEngine } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { noise } from "../support/streams.ts";
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
      const stream = new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: LAST, private: false });
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
      const stream = new RandomStream({ key: KEY, nonce: [3, 2, 1], counter: 5, private: false });
      const nonce = new Uint8Array(Uint32Array.of(3, 2, 1).buffer);
      const want = reference.keyBytes(KEY, 5, nonce, 4);
      const got = [65, 0, 1, 64].map((n) => randomBytes(engine().tensor("u8", n), stream).toArray());
      expect(got).toEqual([want.slice(0, 65), new Uint8Array(0), want.slice(128, 129), want.slice(192)]);
      expect(stream.counter).toBe(9);
    });
  });

  describe("no key byte, key stream or noise stays in the engine's memory", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 37 * i + 101);
    const secret = () => new RandomStream({ key, nonce: [0, 0, 0], counter: 0, private: false });
    /** How often one of these words (8 bytes, other than zero) lies in the memory. */
    const found = (bytes: Uint8Array): number => {
      const words = new Set(new BigUint64Array(bytes.slice().buffer));
      words.delete(0n);
      return new BigUint64Array(engine().arena.memory.buffer).reduce((count, word) => count + Number(words.has(word)), 0);
    };
    /** Runs body and returns what its kernel left in the block that body asked of engine.scratch(); with `fail`, the kernel then throws. */
    const draw = (body: () => void, fail: boolean): Uint8Array => {
      const { kernels, scratch } = engine();
      let [at, bytes, seen] = [0, 0, new Uint8Array(0)];
      engine().scratch = (size) => (at = scratch.call(engine(), (bytes = size)));
      const spying = Object.entries(kernels as unknown as Record<string, (...args: number[]) => number>).map(([name, kernel]) => [
        name,
        (...args: number[]) => {
          const result = kernel(...args);
          if (bytes > 8 && args.includes(at)) seen = new Uint8Array(engine().arena.memory.buffer, at, bytes).slice();
          if (seen.length > 0) expect(found(seen), "the search finds what is there").toBeGreaterThanOrEqual(4);
          if (seen.length > 0 && fail) throw new Error("after the draw");
          return result;
        },
      ]);
      engine().kernels = Object.fromEntries(spying);
      try {
        if (fail) expect(body).toThrow("after the draw");
        else body();
      } finally {
        engine().kernels = kernels;
        delete (engine() as Partial<Engine>).scratch; // the method of the class again
      }
      return seen;
    };
    const draws: [name: string, words: number, draw: (stream: RandomStream) => void][] = [
      ["addResearchGaussianNoise", 4 + 96 + 128, (stream) => addResearchGaussianNoise(engine().tensor("f32", 300), 1, stream)],
      ["uniform", 4 + 8, (stream) => uniform(engine().tensor("f32", 300), stream)],
      ["quantize", 4 + 8, (stream) => quantize(engine().tensor("f32", 300, normals(300, 1)), 3, stream)],
      ["permutation", 4 + 8, (stream) => permutation(engine().tensor("u32", 300), stream)],
      ["poissonSample", 4 + 8, (stream) => poissonSample(engine(), 300, 0.3, stream)],
      ["randomBytes", 4, (stream) => randomBytes(engine().tensor("u8", 300), stream).dispose({ wipe: true })],
    ];
    test.each(draws)("%s", (_, words, body) => {
      for (const fail of [false, true]) {
        engine().scope(() => {
          const stream = secret();
          const seen = draw(() => body(stream), fail);
          expect(new Set(new BigUint64Array(seen.buffer)).size).toBeGreaterThanOrEqual(words);
          expect(found(seen), "what lay in scratch").toBe(0);
          expect(found(reference.keyBytes(key, 0, ZERO_NONCE, 12)), "key stream").toBe(0);
          expect(stream.counter, "what a failed body may have used is not served again").toBeGreaterThan(0);
        });
      }
    });
  });
});

test("every build gives the same bytes", async () => {
  const got = Object.values(await allEngines()).map((engine) => run(engine, KEY, NONCE, 2 ** 31 - 5, 23));
  expect(got.length).toBeGreaterThan(1);
  for (const bytes of got) expect(bytes).toEqual(got[0]);
});

describe("streams", () => {
  test("forks: other bytes, own counter, any order; a fork of a fork is refused", async () => {
    const stream = await noise(1);
    const states = [stream, stream.fork(0, 0), stream.fork(0, 1), stream.fork(1, 0), stream.fork(LAST, LAST)].map((s) => s.toState());
    expect(new Set(states.map((s) => s.nonce.join())).size).toBe(5);
    expect(stream.fork(1, 0).toState()).toEqual(states[3]);
    expect(() => stream.fork(0, 0).fork(0, 1)).toThrow(PrivacyError);
    for (const bad of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => stream.fork(0, bad)).toThrow(ParameterError);
  });

  test("dispose() wipes the key for a stream and its forks, and for nobody else", async () => {
    const engine = await makeEngine();
    const out = () => engine.tensor("u8", 64, new Uint8Array(64).fill(7));
    for (const disposeFork of [false, true]) {
      const stream = await noise(1);
      const [fork, copy] = [stream.fork(1, 2), new RandomStream(stream.toState())];
      (disposeFork ? fork : stream).dispose();
      for (const dead of [stream, fork]) {
        const x = out();
        expect(() => randomBytes(x, dead)).toThrow(DisposedError);
        expect(x.toArray()).toEqual(new Uint8Array(64).fill(7));
        expect(dead.counter).toBe(0);
        expect(() => dead.toState()).toThrow(DisposedError);
      }
      expect(() => stream.fork(3, 4)).toThrow(DisposedError);
      expect(randomBytes(out(), copy).toArray()).toEqual(randomBytes(out(), await noise(1)).toArray());
      stream.dispose();
    }
  });

  test("a bad state is refused", () => {
    expect(() => new RandomStream({ key: new Uint8Array(16), nonce: [0, 0, 0], counter: 0, private: true })).toThrow(ParameterError);
    expect(() => new RandomStream({ key: KEY, nonce: [0, 0, 0], counter: 0 } as never)).toThrow(ParameterError);
    const state = { key: KEY, nonce: [0, 0, 0], counter: 0, private: true } as const;
    for (const counter of [undefined, Number.NaN, -1, 0.5, 2 ** 32 + 1]) expect(() => new RandomStream({ ...state, counter } as never)).toThrow("counter");
    for (const nonce of [undefined, [0, 0], [0, 0, Number.NaN], [0, 0, 2 ** 32]]) expect(() => new RandomStream({ ...state, nonce } as never)).toThrow("nonce");
    expect(new RandomStream({ ...state, counter: 2 ** 32 }).counter).toBe(2 ** 32); // used up, and still no error
  });
});
