import { checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type LayerKind, type Shape, sizeOf } from "./layer.ts";

type F32 = Tensor<"f32">;

/** @internal Labels are class indices in [0, classes). */
export function checkLabels(op: string, labels: Tensor<"i32">, classes: number): void {
  const view = labels.view;
  for (let i = 0; i < view.length; i++) {
    const y = view[i]!;
    if (y < 0 || y >= classes)
      throw new ParameterError(`${op}: expected labels in [0, ${classes}), got ${y} at index ${i}`, { argument: "labels", index: i, value: y });
  }
}

/** @internal Logits [m, n], n >= 1, with a label in [0, n) a row. */
export function checkLogits(op: string, logits: F32, labels: Tensor<"i32">): [number, number] {
  checkTensor(op, "logits", logits, "f32", { rank: 2 });
  const [m, n] = logits.shape as [number, number];
  checkNumber(op, "number of classes", n, { min: 1 });
  checkTensor(op, "labels", labels, "i32", { shape: [m] });
  checkSameEngine(op, { logits, labels });
  checkLabels(op, labels, n);
  return [m, n];
}

/** out <- softmax of each row, computed in f64. @param logits [m, n], n >= 1 @param out defaults to logits */
export function softmax(logits: F32, out: F32 = logits): F32 {
  const op = "softmax";
  checkTensor(op, "logits", logits, "f32", { rank: 2 });
  const [m, n] = logits.shape as [number, number];
  checkNumber(op, "number of classes", n, { min: 1 });
  checkTensor(op, "out", out, "f32", { shape: [m, n] });
  checkSameEngine(op, { logits, out });
  const { engine } = logits;
  const scratch = engine.scratch(engine.kernels.softmax_scratch_f32(n));
  engine.kernels.softmax_f32(m, n, logits.address, out.address, scratch);
  return out;
}

/**
 * dx <- y (dy - sum of dy y over the row): the gradient of {@link softmax} from its output.
 * @param y [m, n], the output of softmax
 * @param dy [m, n]
 * @param dx [m, n], written; defaults to dy
 */
export function softmaxBackward(y: F32, dy: F32, dx: F32 = dy): F32 {
  const op = "softmaxBackward";
  checkTensor(op, "y", y, "f32", { rank: 2 });
  checkTensor(op, "dy", dy, "f32", { shape: y.shape });
  checkTensor(op, "dx", dx, "f32", { shape: y.shape });
  checkSameEngine(op, { y, dy, dx });
  y.engine.kernels.softmax_backward_f32(y.shape[0]!, y.shape[1]!, y.address, dy.address, dx.address);
  return dx;
}

/**
 * Mean cross-entropy of softmax(logits) against integer labels, and its gradient.
 * Stable for any finite logits. NaN in a row makes the loss NaN.
 * @param logits [m, n]
 * @param labels [m], each in [0, n)
 * @param gradient [m, n], written: (softmax - onehot) / m; may be logits
 * @returns the mean loss in nats; 0 for m = 0
 * @throws {@link ParameterError} for a label out of range; gradient is unchanged
 */
export function softmaxCrossEntropy(logits: F32, labels: Tensor<"i32">, gradient: F32): number {
  const op = "softmaxCrossEntropy";
  const [m, n] = checkLogits(op, logits, labels);
  checkTensor(op, "gradient", gradient, "f32", { shape: [m, n] });
  checkSameEngine(op, { logits, gradient });
  if (m === 0) return 0;
  const { engine } = logits;
  const scratch = engine.scratch(engine.kernels.softmax_scratch_f32(n));
  return engine.kernels.softmax_cross_entropy_f32(m, n, 1 / m, logits.address, labels.address, gradient.address, scratch) / m;
}

/** Share of rows whose largest logit stands at the label; the first of equal logits wins, a row with NaN is wrong. 0 for m = 0. */
export function accuracy(logits: F32, labels: Tensor<"i32">): number {
  const [m, n] = checkLogits("accuracy", logits, labels);
  if (m === 0) return 0;
  return logits.engine.kernels.accuracy_f32(m, n, logits.address, labels.address) / m;
}

const lastOf = (shape: Shape): number => shape.at(-1)!;
function rowShape(op: string, _layer: object, [x]: readonly Shape[]): Shape {
  if (x!.length === 0 || lastOf(x!) < 1) throw new ShapeError(`${op}: expected softmax over a last axis of length >= 1, got shape [${x}]`);
  return x!;
}
/** @internal Softmax along the last axis. Described by activation("softmax"); its description is checked there. */
export const softmaxKind: LayerKind<object> = {
  check: () => {},
  shape: rowShape,
  reads: { x: false, y: true },
  inPlace: true,
  scratchBytes: (kernels, { output }) => kernels.softmax_scratch_f32(lastOf(output)),
  forward: (kernels, { output, x, y, scratch }, { m }) => kernels.softmax_f32((m * sizeOf(output)) / lastOf(output), lastOf(output), x[0]!, y, scratch),
  backward: (kernels, { output, y, dy, dx }, { m }) => kernels.softmax_backward_f32((m * sizeOf(output)) / lastOf(output), lastOf(output), y, dy, dx[0]!),
};
