import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Kernels } from "../engine/engine.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { type LayerKind, type Pass, type Placed, sizeOf } from "./layer.ts";

type F32 = Tensor<"f32">;

/** Blocks of key stream for n elements: a word each. */
const blocksOf = (n: number): number => Math.ceil(n / 16);
const checkRate = (op: string, rate: number): void => checkNumber(op, "rate", rate, { min: 0, below: 1 });

function check(op: string, name: string, x: F32, rate: number, stream: RandomStream, outName: string, out: F32): void {
  checkTensor(op, name, x, "f32");
  checkRate(op, rate);
  checkStream(op, stream);
  checkTensor(op, outName, out, "f32", { size: x.size });
  checkSameEngine(op, { [name]: x, [outName]: out });
}

/**
 * out <- x with each element set to 0 with probability `rate` and the others divided by 1 - rate, so that the mean stays. A dropped NaN gives 0.
 * @param rate in [0, 1)
 * @param stream where the mask comes from: one word an element
 * @param out as long as x, defaults to x
 * @returns the position in the stream, with which {@link dropoutBackward} draws the same mask again
 * @example
 * const position = dropoutForward(x, 0.5, stream);
 * dropoutBackward(dy, 0.5, stream, position); // dy now is the gradient of x
 */
export function dropoutForward(x: F32, rate: number, stream: RandomStream, out: F32 = x): number {
  check("dropoutForward", "x", x, rate, stream, "out", out);
  const { engine } = x;
  const position = stream.counter;
  stream.use(engine, blocksOf(x.size), engine.kernels.dropout_scratch_f32(), (counter, key, nonce, scratch) => {
    engine.kernels.dropout_f32(x.size, rate, counter, key, nonce, x.address, out.address, scratch);
    return undefined;
  });
  return position;
}

/**
 * dx <- dy under the mask that {@link dropoutForward} drew: nothing was stored, it is drawn again.
 * @param dy as long as x was
 * @param rate the same as before
 * @param stream the same as before; its position stays
 * @param position what dropoutForward returned
 * @param dx defaults to dy
 * @throws {@link ParameterError} for a position from which the stream has not drawn that much
 */
export function dropoutBackward(dy: F32, rate: number, stream: RandomStream, position: number, dx: F32 = dy): F32 {
  const op = "dropoutBackward";
  check(op, "dy", dy, rate, stream, "dx", dx);
  const blocks = blocksOf(dy.size);
  checkNumber(op, "position", position, { min: 0, max: stream.counter - blocks, integer: true });
  const { engine } = dy;
  stream.replay(engine, position, engine.kernels.dropout_scratch_f32(), (counter, key, nonce, scratch) =>
    engine.kernels.dropout_f32(dy.size, rate, counter, key, nonce, dy.address, dx.address, scratch),
  );
  return dx;
}

/** Description of dropout. */
export interface DropoutLayer {
  readonly type: "dropout";
  readonly rate: number;
}

/**
 * Dropout: in training each element is 0 with probability `rate`, else divided by 1 - rate; elsewhere nothing happens.
 * @param rate in [0, 1)
 */
export function dropout(rate: number): DropoutLayer {
  checkRate("dropout", rate);
  return Object.freeze({ type: "dropout", rate });
}

function mask(kernels: Kernels, { layer, output, scratch }: Placed<DropoutLayer>, { m, training, counter, key, nonce }: Pass, from: number, to: number): void {
  const n = m * sizeOf(output);
  if (training) kernels.dropout_f32(n, layer.rate, counter, key, nonce, from, to, scratch);
  else if (to !== from) kernels.copy_columns_f32(1, n, from, n, to, n);
}
/** @internal The mask of an element depends on key, nonce, counter and its place in the batch: backward draws it again. */
export const dropoutKind: LayerKind<DropoutLayer> = {
  check: (op, { rate }) => checkRate(op, rate),
  shape: (_op, _layer, [x]) => x!,
  reads: { x: false, y: false },
  inPlace: true,
  scratchBytes: (kernels) => kernels.dropout_scratch_f32(),
  randomBlocks: ({ output }, batch) => blocksOf(batch * sizeOf(output)),
  forward: (kernels, p, pass) => mask(kernels, p, pass, p.x[0]!, p.y),
  backward: (kernels, p, pass) => mask(kernels, p, pass, p.dy, p.dx[0]!),
};
