// The ChaCha20 key stream: every random number of the library comes from it.
import { randomBytes } from "fedlane";
import { RandomStream } from "#dist/random/chacha.js";
import { type Benchmark, filling, once, same } from "../kit.ts";
import * as plain from "../rivals/plain.ts";
import { chacha } from "../twin.ts";

// RFC 8439, section 2.3.2.
const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const nonce = [0x09000000, 0x4a000000, 0] as const;
const VECTOR = "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e";
const blocks = 4096;
const truth = once(() => {
  const bytes = chacha(blocks, 1, key, nonce);
  const first = Array.from(bytes.subarray(0, 64), (b) => b.toString(16).padStart(2, "0")).join("");
  if (first !== VECTOR) throw new Error("the twin of ChaCha20 does not give the vector of RFC 8439");
  return bytes;
});

export default [
  {
    name: "chacha20",
    shape: "256 KiB",
    bytes: 64 * blocks,
    tolerance: "none: the bytes of RFC 8439",
    check: (bytes) => same(bytes, truth()),
    ours: (engine) => {
      const out = engine.tensor("u8", 64 * blocks);
      const first = new RandomStream({ key, nonce, counter: 1, private: false }).toState();
      return { run: () => void randomBytes(out, new RandomStream(first)), result: () => out.view };
    },
    plain: () => {
      const out = new Uint32Array(16 * blocks);
      const words = new Uint32Array(key.slice().buffer);
      return filling(new Uint8Array(out.buffer), () => plain.chacha(1, words, nonce, out));
    },
  },
] satisfies Benchmark[];
