import { checkTensor } from "../engine/check.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "./chacha.ts";

/** Puts the elements of x in a uniformly random order, in place. Every order is equally likely. */
export function shuffle(x: Tensor<"u32">, stream: RandomStream): Tensor<"u32"> {
  checkTensor("shuffle", "x", x, "u32");
  checkStream("shuffle", stream);
  return draw(x, stream, () => {});
}

/** @param prepare runs once the stream has granted its blocks: a refusal leaves x unchanged */
function draw(x: Tensor<"u32">, stream: RandomStream, prepare: () => void): Tensor<"u32"> {
  const { engine } = x;
  // One word a draw; rejections (probability below n / 2^32 each) are covered by the slack.
  const bound = Math.ceil(x.size / 8) + 64;
  stream.use(engine, bound, engine.kernels.shuffle_scratch_u32(), (counter, key, nonce, scratch) => {
    prepare();
    return engine.kernels.shuffle_u32(x.size, counter, key, nonce, x.address, scratch);
  });
  return x;
}

/** Fills out with a random permutation of 0 .. n-1. */
export function permutation(out: Tensor<"u32">, stream: RandomStream): Tensor<"u32"> {
  checkTensor("permutation", "out", out, "u32");
  checkStream("permutation", stream);
  return draw(out, stream, () => {
    const view = out.view;
    for (let i = 0; i < view.length; i++) view[i] = i;
  });
}
