import { checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

/** @internal The first `used` row indices are below `count`. */
export function checkRows(op: string, rows: Tensor<"u32">, count: number, used = rows.size): void {
  const view = rows.view;
  for (let i = 0; i < used; i++) {
    if (view[i]! >= count) throw new ParameterError(`${op}: expected row indices below ${count}, got ${view[i]} at index ${i}`, { argument: "rows", index: i });
  }
}

/**
 * out_i <- scale * x_rows[i]: the rows of a mini-batch; the forward pass of an embedding, with x as its table and rows as its ids.
 * @param x [N, n], f32, or u8 (images stay bytes until their batch comes)
 * @param rows [m], indices below N
 * @param out [m, n], written
 * @param scale factor for u8 data, for instance 1/255; f32 rows are copied and take no other scale than 1
 */
export function takeRows(x: Tensor<"f32"> | Tensor<"u8">, rows: Tensor<"u32">, out: Tensor<"f32">, scale = 1): Tensor<"f32"> {
  const op = "takeRows";
  checkTensor<"f32" | "u8">(op, "x", x, ["f32", "u8"], { rank: 2 });
  checkTensor(op, "rows", rows, "u32", { rank: 1 });
  const n = x.shape[1]!;
  checkTensor(op, "out", out, "f32", { shape: [rows.size, n] });
  checkNumber(op, "scale", scale, x.dtype === "f32" ? { min: 1, max: 1 } : { f32: true });
  checkSameEngine(op, { x, rows, out });
  checkDisjoint(op, { x }, "out", out);
  checkRows(op, rows, x.shape[0]!);
  const { kernels } = x.engine;
  if (x.dtype === "f32") kernels.take_rows_f32(rows.size, n, rows.address, x.address, out.address);
  else kernels.take_rows_u8_f32(rows.size, n, scale, rows.address, x.address, out.address);
  return out;
}

export interface RowsOptions {
  /** How many of the row indices, and rows of `values`, count: the first ones. Default: all. */
  readonly count?: number;
}
export interface UpdateRowsOptions extends RowsOptions {
  /** Factor of the values, default 1. */
  readonly alpha?: number;
  /** Factor of the rows that are there, default 1; with 0 they are not read. */
  readonly beta?: number;
}

/** The checks of putRows() and updateRows(): everything that must hold before x is written. Returns the rows to write. */
function checkWrite(op: string, values: Tensor<"f32">, rows: Tensor<"u32">, x: Tensor<"f32">, count = rows.size): number {
  checkTensor(op, "rows", rows, "u32", { rank: 1 });
  checkNumber(op, "count", count, { min: 0, max: rows.size, integer: true });
  checkTensor(op, "x", x, "f32", { rank: 2 });
  checkTensor(op, "values", values, "f32", { shape: [rows.size, x.shape[1]!] });
  checkSameEngine(op, { values, rows, x });
  checkDisjoint(op, { values }, "x", x);
  checkRows(op, rows, x.shape[0]!, count);
  return count;
}

/**
 * x_rows[i] <- values_i: puts back what {@link takeRows} took. No other row of x is touched.
 * @param values [m, n]
 * @param rows [m], indices below N; where one is repeated the last value stays
 * @param x [N, n], written
 * @throws {@link ParameterError} for an index out of range; x is unchanged
 */
export function putRows(values: Tensor<"f32">, rows: Tensor<"u32">, x: Tensor<"f32">, options: RowsOptions = {}): Tensor<"f32"> {
  const op = "putRows";
  checkOptions(op, options, ["count"]);
  const count = checkWrite(op, values, rows, x, options.count);
  x.engine.kernels.put_rows_f32(count, x.shape[1]!, rows.address, values.address, x.address);
  return x;
}

/**
 * x_rows[i] <- alpha values_i + beta x_rows[i]; no other row of x is read or written.
 * With the rows and values of {@link embeddingGradient}, alpha = -learningRate and beta = 1 - learningRate * weightDecay it is the step of plain SGD on
 * the touched rows of a table; the decay of the others is left out.
 * @param values [m, n]
 * @param rows [m], indices below N; a repeated one is updated again
 * @param x [N, n], written
 * @throws {@link ParameterError} for an index out of range; x is unchanged
 */
export function updateRows(values: Tensor<"f32">, rows: Tensor<"u32">, x: Tensor<"f32">, options: UpdateRowsOptions = {}): Tensor<"f32"> {
  const op = "updateRows";
  checkOptions(op, options, ["alpha", "beta", "count"]);
  const { alpha = 1, beta = 1 } = options;
  checkNumber(op, "alpha", alpha, { f32: true });
  checkNumber(op, "beta", beta, { f32: true });
  const count = checkWrite(op, values, rows, x, options.count);
  x.engine.kernels.update_rows_f32(count, x.shape[1]!, alpha, beta, rows.address, values.address, x.address);
  return x;
}
