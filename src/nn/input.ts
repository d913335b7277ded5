// An input of a model: what a data set must bring. It has no kernel.
import { checkChoice, checkNumber, describe } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import type { LayerKind, Shape, ValueType } from "./layer.ts";

/** Description of an input. */
export interface InputLayer {
  readonly type: "input";
  /** Lengths of one example, without the batch. */
  readonly shape: Shape;
  /** "f32": numbers (a data set may bring them as scaled bytes); "u32": ids for an embedding. */
  readonly values: ValueType;
}

/**
 * An input of a model. A model of one input may leave it out when its first layer is dense.
 * @param shape lengths of one example, each >= 1: [28, 28, 1] is an image, height, width, channels
 * @param values "f32" (default), or "u32" for ids
 */
export function input(shape: Shape, values: ValueType = "f32"): InputLayer {
  const layer = { type: "input", shape, values } as const;
  inputKind.check("input", layer);
  return Object.freeze({ ...layer, shape: Object.freeze([...shape]) });
}

export const inputKind: LayerKind<InputLayer> = {
  arity: 0,
  reads: { x: false, y: false },
  check(op, { shape, values }) {
    if (!Array.isArray(shape) || shape.length === 0)
      throw new ParameterError(`${op}: expected shape to be an array of one or more lengths, got ${describe(shape)}`);
    for (const length of shape) checkNumber(op, "every length of shape", length, { min: 1, integer: true });
    checkChoice(op, "values", values, ["f32", "u32"]);
  },
  shape(op, { shape }, inputs) {
    if (inputs.length !== 0) throw new ShapeError(`${op}: expected an input to take no other layer, got ${inputs.length}`);
    return shape;
  },
  forward() {
    // The plan loads it.
  },
};
