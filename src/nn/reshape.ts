// Layers that only name the same numbers by another shape. They have no kernel of their own.
import { checkNumber, describe } from "../engine/check.ts";
import type { Kernels } from "../engine/engine.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import { type LayerKind, type Shape, sizeOf } from "./layer.ts";

/** Description of a flattening. */
export interface FlattenLayer {
  readonly type: "flatten";
}
/** Description of a reshaping. */
export interface ReshapeLayer {
  readonly type: "reshape";
  /** Lengths of one example, without the batch. */
  readonly shape: Shape;
}

/** Any example to one row, in row-major order. */
export function flatten(): FlattenLayer {
  return Object.freeze({ type: "flatten" });
}
/**
 * An example to another shape of the same size, in row-major order.
 * @param shape lengths of one example, without the batch
 */
export function reshape(shape: Shape): ReshapeLayer {
  const layer = { type: "reshape", shape } as const;
  checkShape("reshape", layer);
  return Object.freeze({ type: "reshape", shape: Object.freeze([...shape]) });
}

function checkShape(op: string, { shape }: ReshapeLayer): void {
  if (!Array.isArray(shape)) throw new ParameterError(`${op}: expected shape to be an array of lengths, got ${describe(shape)}`, { argument: "shape" });
  for (const length of shape) checkNumber(op, "a length of shape", length, { min: 1, integer: true });
}

function move(kernels: Kernels, n: number, from: number, to: number): void {
  if (to !== from) kernels.copy_columns_f32(1, n, from, n, to, n);
}
/** What both kinds have in common: the numbers stay as they are. */
const shared: Omit<LayerKind<object>, "check" | "shape"> = {
  reads: { x: false, y: false },
  inPlace: true,
  forward: (kernels, { output, x, y }, { m }) => move(kernels, m * sizeOf(output), x[0]!, y),
  backward: (kernels, { output, dy, dx }, { m }) => move(kernels, m * sizeOf(output), dy, dx[0]!),
};
/** @internal */
export const flattenKind: LayerKind<FlattenLayer> = { ...shared, check: () => {}, shape: (_op, _layer, [x]) => [sizeOf(x!)] };
/** @internal */
export const reshapeKind: LayerKind<ReshapeLayer> = { ...shared, check: checkShape, shape: reshaped };

function reshaped(op: string, { shape }: ReshapeLayer, [x]: readonly Shape[]): Shape {
  if (sizeOf(shape) !== sizeOf(x!))
    throw new ShapeError(`${op}: expected a shape of ${sizeOf(x!)} elements to reshape [${x}], got [${shape}] of ${sizeOf(shape)}`);
  return shape;
}
