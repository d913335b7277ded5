import { checkDisjoint, checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";

/** @internal Every row index is below `count`. */
export function checkRows(op: string, rows: Tensor<"u32">, count: number): void {
  const view = rows.view;
  for (let i = 0; i < view.length; i++) {
    if (view[i]! >= count) throw new ParameterError(`${op}: expected row indices below ${count}, got ${view[i]} at index ${i}`, { argument: "rows", index: i });
  }
}

/**
 * out_i <- scale * x_rows[i]: the rows of a mini-batch.
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
