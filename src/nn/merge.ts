// Where branches meet: sums, concatenations and dot products, as calls on matrices and as layers of several inputs.
import { checkDisjoint, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type LayerKind, type Shape, sizeOf } from "./layer.ts";

type F32 = Tensor<"f32">;

/** Parts [m, n_i] of a whole [m, sum of n_i], all in one engine, none of them the whole. Returns n_i. */
function checkParts(op: string, names: readonly [whole: string, part: string], whole: F32, parts: readonly F32[]): number[] {
  checkTensor(op, names[0], whole, "f32", { rank: 2 });
  if (!Array.isArray(parts)) throw new ParameterError(`${op}: expected an array of ${names[1]}s, got ${describe(parts)}`);
  const [m, n] = whole.shape as [number, number];
  parts.forEach((part, i) => {
    checkTensor(op, `${names[1]} ${i}`, part, "f32", { shape: [m, -1] });
    checkSameEngine(op, { [names[0]]: whole, [`${names[1]} ${i}`]: part });
    checkDisjoint(op, { [`${names[1]} ${i}`]: part }, names[0], whole);
  });
  const widths = parts.map((part) => part.shape[1]!);
  const total = widths.reduce((a, b) => a + b, 0);
  if (total !== n) throw new ShapeError(`${op}: expected ${names[0]} of shape [${m},${total}], the ${names[1]}s side by side, got [${whole.shape}]`);
  return widths;
}

/**
 * out <- the inputs side by side.
 * @param inputs [m, n_i] each
 * @param out [m, sum of n_i], written
 */
export function concatenateColumns(inputs: readonly F32[], out: F32): F32 {
  let at = out.address;
  checkParts("concatenateColumns", ["out", "input"], out, inputs).forEach((n, i) => {
    out.engine.kernels.copy_columns_f32(out.shape[0]!, n, inputs[i]!.address, n, at, out.shape[1]!);
    at += 4 * n;
  });
  return out;
}
/**
 * The columns of x to the outputs, from left to right: the inverse of {@link concatenateColumns}, and its gradient.
 * @param x [m, sum of n_i]
 * @param outs [m, n_i] each, written
 */
export function splitColumns(x: F32, outs: readonly F32[]): void {
  let at = x.address;
  checkParts("splitColumns", ["x", "output"], x, outs).forEach((n, i) => {
    x.engine.kernels.copy_columns_f32(x.shape[0]!, n, at, x.shape[1]!, outs[i]!.address, n);
    at += 4 * n;
  });
}

function checkDotRows(op: string, a: F32, b: F32): [m: number, r: number, n: number] {
  checkTensor(op, "a", a, "f32", { rank: 2 });
  const [m, n] = a.shape as [number, number];
  checkTensor(op, "b", b, "f32", { shape: [m, -1, n] });
  return [m, b.shape[1]!, n];
}
/**
 * out_ij <- sum_k a_ik b_ijk: each row of a with its r rows of b, added in f64.
 * @param a [m, n]
 * @param b [m, r, n]
 * @param out [m, r], written
 */
export function dotRows(a: F32, b: F32, out: F32): F32 {
  const op = "dotRows";
  const [m, r, n] = checkDotRows(op, a, b);
  checkTensor(op, "out", out, "f32", { shape: [m, r] });
  checkSameEngine(op, { a, b, out });
  checkDisjoint(op, { a, b }, "out", out);
  a.engine.kernels.dot_rows_f32(m, r, n, a.address, b.address, out.address);
  return out;
}
/**
 * da_ik <- sum_j dy_ij b_ijk, db_ijk <- dy_ij a_ik: the gradients of {@link dotRows}.
 * @param a [m, n]
 * @param b [m, r, n]
 * @param dy [m, r]
 * @param da [m, n], written
 * @param db [m, r, n], written
 */
export function dotRowsBackward(a: F32, b: F32, dy: F32, da: F32, db: F32): void {
  const op = "dotRowsBackward";
  const [m, r, n] = checkDotRows(op, a, b);
  checkTensor(op, "dy", dy, "f32", { shape: [m, r] });
  checkTensor(op, "da", da, "f32", { shape: [m, n] });
  checkTensor(op, "db", db, "f32", { shape: [m, r, n] });
  checkSameEngine(op, { a, b, dy, da, db });
  checkDisjoint(op, { a, b, dy }, "da", da);
  checkDisjoint(op, { a, b, dy, da }, "db", db);
  const { kernels } = a.engine;
  kernels.dot_rows_first_gradient_f32(m, r, n, dy.address, b.address, da.address);
  kernels.dot_rows_second_gradient_f32(m, r, n, dy.address, a.address, db.address);
}

/** Description of a sum of its inputs. */
export interface ResidualLayer {
  readonly type: "residual";
}
/** Description of a concatenation along the last axis. */
export interface ConcatenateLayer {
  readonly type: "concatenate";
}
/** Description of the dot products of two towers. */
export interface DotProductLayer {
  readonly type: "dotProduct";
}
/** The sum of two or more inputs of one shape. */
export function residual(): ResidualLayer {
  return Object.freeze({ type: "residual" });
}
/** Two or more inputs side by side along the last axis; their other lengths are equal. */
export function concatenate(): ConcatenateLayer {
  return Object.freeze({ type: "concatenate" });
}
/** Rows of the first input, [r, n] or one row [n] for all, with the rows of the second, [r, n] or [n]: their dot products, [r]. */
export function dotProduct(): DotProductLayer {
  return Object.freeze({ type: "dotProduct" });
}

const same = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((length, i) => length === b[i]);
const listed = (shapes: readonly Shape[]): string => shapes.map((shape) => `[${shape}]`).join(" and ");
const lastOf = (shape: Shape): number => shape.at(-1)!;

function sumShape(op: string, _layer: object, inputs: readonly Shape[]): Shape {
  if (!inputs.every((shape) => same(shape, inputs[0]!))) throw new ShapeError(`${op}: expected inputs of one shape to add, got ${listed(inputs)}`);
  return inputs[0]!;
}
/** @internal */
export const residualKind: LayerKind<ResidualLayer> = {
  check: () => {},
  shape: sumShape,
  arity: "many",
  reads: { x: false, y: false },
  inPlace: true,
  forward(kernels, { output, x, y }, { m }) {
    const n = m * sizeOf(output);
    kernels.add_f32(n, x[0]!, x[1]!, y);
    for (let i = 2; i < x.length; i++) kernels.add_f32(n, y, x[i]!, y);
  },
  backward(kernels, { output, dy, dx }, { m }) {
    const n = m * sizeOf(output);
    for (let i = 0; i < dx.length; i++) if (dx[i] !== 0 && dx[i] !== dy) kernels.copy_columns_f32(1, n, dy, n, dx[i]!, n);
  },
};

function joinedShape(op: string, _layer: object, inputs: readonly Shape[]): Shape {
  const head = inputs[0]!.slice(0, -1);
  if (!inputs.every((shape) => shape.length > 0 && same(shape.slice(0, -1), head)))
    throw new ShapeError(`${op}: expected inputs that differ in the last length only, got ${listed(inputs)}`);
  return [...head, inputs.reduce((n, shape) => n + lastOf(shape), 0)];
}
/** @internal */
export const concatenateKind: LayerKind<ConcatenateLayer> = {
  check: () => {},
  shape: joinedShape,
  arity: "many",
  reads: { x: false, y: false },
  forward(kernels, { inputs, output, x, y }, { m }) {
    const n = lastOf(output);
    for (let i = 0, at = y; i < x.length; at += 4 * lastOf(inputs[i++]!))
      kernels.copy_columns_f32((m * sizeOf(output)) / n, lastOf(inputs[i]!), x[i]!, lastOf(inputs[i]!), at, n);
  },
  backward(kernels, { inputs, output, dy, dx }, { m }) {
    const n = lastOf(output);
    for (let i = 0, at = dy; i < dx.length; at += 4 * lastOf(inputs[i++]!))
      if (dx[i] !== 0) kernels.copy_columns_f32((m * sizeOf(output)) / n, lastOf(inputs[i]!), at, n, dx[i]!, lastOf(inputs[i]!));
  },
};

/** Rows of an input of dotProduct: [n] is one. */
const rowsOf = (shape: Shape): number => (shape.length === 1 ? 1 : shape[0]!);
function dotShape(op: string, _layer: object, inputs: readonly Shape[]): Shape {
  const [a, b] = inputs as [Shape, Shape];
  const ranks = [a, b].every(({ length }) => length === 1 || length === 2);
  if (!ranks || lastOf(a) !== lastOf(b) || (rowsOf(a) !== 1 && rowsOf(a) !== rowsOf(b)))
    throw new ShapeError(`${op}: expected a dot product of [r,n] or [n] with [r,n], got ${listed(inputs)}`);
  return [rowsOf(b)];
}
/** Rows of the second input against one of the first; where each has its own, they are as many examples of one row. */
const rowsAgainst = ([a, b]: readonly Shape[]): number => (rowsOf(a!) === 1 ? rowsOf(b!) : 1);
/** @internal */
export const dotProductKind: LayerKind<DotProductLayer> = {
  check: () => {},
  shape: dotShape,
  arity: 2,
  reads: { x: true, y: false },
  forward(kernels, { inputs, output, x, y }, { m }) {
    const r = rowsAgainst(inputs);
    kernels.dot_rows_f32((m * output[0]!) / r, r, lastOf(inputs[0]!), x[0]!, x[1]!, y);
  },
  backward(kernels, { inputs, output, x, dy, dx }, { m }) {
    const r = rowsAgainst(inputs);
    const n = lastOf(inputs[0]!);
    if (dx[0] !== 0) kernels.dot_rows_first_gradient_f32((m * output[0]!) / r, r, n, dy, x[1]!, dx[0]!);
    if (dx[1] !== 0) kernels.dot_rows_second_gradient_f32((m * output[0]!) / r, r, n, dy, x[0]!, dx[1]!);
  },
};
