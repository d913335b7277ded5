import { checkChoice, checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { ParameterError, ShapeError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { INITIALISERS, type Initialiser } from "../random/initialise.ts";
import { type LayerKind, type Parameter, type Shape, sizeOf } from "./layer.ts";

type F32 = Tensor<"f32">;
type Ids = Tensor<"u32">;

/** The id of no row: it fills bags up to one length, is not counted in their mean and has no gradient. */
export const PADDING = 0xffffffff;

function checkIds(op: string, ids: Ids, rows: number): void {
  const view = ids.view;
  for (let i = 0; i < view.length; i++) {
    const id = view[i]!;
    if (id >= rows && id !== PADDING)
      throw new ParameterError(`${op}: expected ids below ${rows}, or PADDING, got ${id} at index ${i}`, { argument: "ids", index: i });
  }
}

/**
 * out_i <- mean of the rows of the table that bag i names; 0 where it names none.
 * (The forward pass of a plain embedding is {@link takeRows}.)
 * @param ids [m, r], rows of the table or {@link PADDING}
 * @param table [rows, d]
 * @param out [m, d], written
 * @throws {@link ParameterError} for an id out of range; out is unchanged
 */
export function embeddingBagForward(ids: Ids, table: F32, out: F32): F32 {
  const op = "embeddingBagForward";
  checkTensor(op, "ids", ids, "u32", { rank: 2 });
  checkTensor(op, "table", table, "f32", { rank: 2 });
  const [m, r] = ids.shape as [number, number];
  const [rows, d] = table.shape as [number, number];
  checkTensor(op, "out", out, "f32", { shape: [m, d] });
  checkSameEngine(op, { ids, table, out });
  checkDisjoint(op, { table }, "out", out);
  checkIds(op, ids, rows);
  ids.engine.kernels.embedding_bag_f32(m, r, d, ids.address, table.address, out.address);
  return out;
}

/** m bags of r ids with the gradients dy of their means [m, d]; room for m r rows. */
function gradient(op: string, m: number, r: number, ids: Ids, dy: F32, rows: Ids, values: F32): number {
  checkTensor(op, "dy", dy, "f32", { shape: [m, -1] });
  const d = dy.shape[1]!;
  checkTensor(op, "rows", rows, "u32", { shape: [m * r] });
  checkTensor(op, "values", values, "f32", { shape: [m * r, d] });
  checkSameEngine(op, { ids, dy, rows, values });
  checkDisjoint(op, { ids }, "rows", rows);
  checkDisjoint(op, { dy }, "values", values);
  const { engine } = ids;
  const scratch = engine.scratch(engine.kernels.embedding_gradient_scratch_f32(m, r));
  return engine.kernels.embedding_gradient_f32(m, r, d, ids.address, dy.address, rows.address, values.address, scratch);
}

/**
 * The gradient of an embedding's table, by the rows that the ids touch: each row once, in the order of first appearance, with the sum of its gradients.
 * @param ids [n]; {@link PADDING} is passed over
 * @param dy [n, d], gradients of the picked rows
 * @param rows [n], the first u are written: the rows touched
 * @param values [n, d], the first u rows are written: their gradients
 * @returns u; {@link updateRows} takes it as `count`
 * @throws {@link ShapeError} when the shapes do not fit; nothing is written
 * @example
 * const ids = engine.tensor("u32", 3, [7, 2, 7]);
 * const dy = engine.tensor("f32", [3, 1], [1, 10, 100]);
 * const [rows, values] = [engine.tensor("u32", 3), engine.tensor("f32", [3, 1])];
 * embeddingGradient(ids, dy, rows, values); // 2: rows 7 and 2, values 101 and 10
 */
export function embeddingGradient(ids: Ids, dy: F32, rows: Ids, values: F32): number {
  checkTensor("embeddingGradient", "ids", ids, "u32", { rank: 1 });
  return gradient("embeddingGradient", ids.size, 1, ids, dy, rows, values);
}

/**
 * The gradient of an embedding bag's table, by the rows touched: an id of bag i adds dy_i divided by the ids of the bag. As {@link embeddingGradient} else.
 * @param ids [m, r]; {@link PADDING} is passed over and not counted
 * @param dy [m, d], gradients of the means
 * @param rows [m r], the first u are written
 * @param values [m r, d], the first u rows are written
 * @returns u, the number of rows touched
 */
export function embeddingBagGradient(ids: Ids, dy: F32, rows: Ids, values: F32): number {
  checkTensor("embeddingBagGradient", "ids", ids, "u32", { rank: 2 });
  return gradient("embeddingBagGradient", ids.shape[0]!, ids.shape[1]!, ids, dy, rows, values);
}

/** How a table starts: uniform in [-limit, limit], or a method with rows and units as its fans. */
export type EmbeddingInitialiser = Initialiser | { readonly uniform: number };
export interface EmbeddingOptions {
  /** Default { uniform: 0.05 }, as in Keras. */
  readonly initialiser?: EmbeddingInitialiser;
}

interface Table {
  /** Rows of the table: ids are below it. */
  readonly rows: number;
  /** Length of a row. */
  readonly units: number;
  readonly initialiser: EmbeddingInitialiser;
}
/** Description of an embedding: ids [...] to their rows [..., units]. */
export interface EmbeddingLayer extends Table {
  readonly type: "embedding";
}
/** Description of an embedding bag: ids [r] to the mean of their rows [units]. */
export interface EmbeddingBagLayer extends Table {
  readonly type: "embeddingBag";
}

function checkTable(op: string, { rows, units, initialiser }: Table): void {
  checkNumber(op, "rows", rows, { min: 1, max: PADDING, integer: true });
  checkNumber(op, "units", units, { min: 1, integer: true });
  if (typeof initialiser === "string") checkChoice(op, "initialiser", initialiser, INITIALISERS);
  else if (typeof initialiser !== "object" || initialiser === null)
    throw new ParameterError(`${op}: expected initialiser to be a method's name or { uniform: limit }, got ${describe(initialiser)}`, {
      argument: "initialiser",
    });
  else {
    checkOptions(op, initialiser, ["uniform"]);
    checkNumber(op, "initialiser.uniform", initialiser.uniform, { min: 0, f32: true });
  }
}
function table<T extends string>(type: T, rows: number, units: number, options: EmbeddingOptions): Table & { readonly type: T } {
  checkOptions(type, options, ["initialiser"]);
  const { initialiser = { uniform: 0.05 } } = options;
  const layer = { type, rows, units, initialiser };
  checkTable(type, layer);
  return Object.freeze({ ...layer, initialiser: typeof initialiser === "string" ? initialiser : Object.freeze({ ...initialiser }) });
}

/**
 * An embedding: u32 ids of any shape, each replaced by its row of a table [rows, units] that is learnt.
 * @param rows number of ids, >= 1
 * @param units length of a row, >= 1
 */
export function embedding(rows: number, units: number, options: EmbeddingOptions = {}): EmbeddingLayer {
  return table("embedding", rows, units, options);
}

/**
 * A mean-pooled embedding bag: u32 ids [r] give the mean of their rows, [units]. {@link PADDING} fills bags of fewer ids; an empty bag gives 0.
 * @param rows number of ids, >= 1
 * @param units length of a row, >= 1
 */
export function embeddingBag(rows: number, units: number, options: EmbeddingOptions = {}): EmbeddingBagLayer {
  return table("embeddingBag", rows, units, options);
}

function tableParameter({ rows, units, initialiser }: Table): readonly Parameter[] {
  const start = typeof initialiser === "string" ? { method: initialiser, fanIn: rows, fanOut: units } : initialiser;
  return [{ name: "embeddings", shape: [rows, units], start }];
}
/** What the two kinds have in common: ids in, a table, no gradient of the ids. */
const shared = {
  check: checkTable,
  takes: "u32",
  parameters: tableParameter,
  reads: { x: true, y: false },
} as const;

/** @internal */
export const embeddingKind: LayerKind<EmbeddingLayer> = {
  ...shared,
  shape: (_op, { units }, [ids]) => [...ids!, units],
  sparseRows: ({ layer, inputs: [ids] }, batch) => Math.min(layer.rows, batch * sizeOf(ids!)),
  scratchBytes: (kernels, { inputs: [ids] }, batch) => kernels.embedding_gradient_scratch_f32(batch * sizeOf(ids!), 1),
  forward: (kernels, { layer, inputs: [ids], x, y, at }, { m, w }) => kernels.take_rows_f32(m * sizeOf(ids!), layer.units, x[0]!, w + at[0]!, y),
  sparseGradient: (kernels, { layer, inputs: [ids], x, dy, scratch }, { m }, rows, values) =>
    kernels.embedding_gradient_f32(m * sizeOf(ids!), 1, layer.units, x[0]!, dy, rows, values, scratch),
  norms: (kernels, { layer, inputs: [ids], x, dy }, { m }, norms) => kernels.embedding_norms_f32(m, sizeOf(ids!), layer.units, x[0]!, dy, norms),
};

function bagShape(op: string, { units }: EmbeddingBagLayer, [ids]: readonly Shape[]): Shape {
  if (ids!.length !== 1) throw new ShapeError(`${op}: expected ids of shape [r] for an embedding bag, got shape [${ids}]`);
  return [units];
}
/** @internal */
export const embeddingBagKind: LayerKind<EmbeddingBagLayer> = {
  ...shared,
  shape: bagShape,
  sparseRows: ({ layer, inputs: [ids] }, batch) => Math.min(layer.rows, batch * ids![0]!),
  scratchBytes: (kernels, { inputs: [ids] }, batch) => kernels.embedding_gradient_scratch_f32(batch, ids![0]!),
  forward: (kernels, { layer, inputs: [ids], x, y, at }, { m, w }) => kernels.embedding_bag_f32(m, ids![0]!, layer.units, x[0]!, w + at[0]!, y),
  sparseGradient: (kernels, { layer, inputs: [ids], x, dy, scratch }, { m }, rows, values) =>
    kernels.embedding_gradient_f32(m, ids![0]!, layer.units, x[0]!, dy, rows, values, scratch),
  norms: (kernels, { layer, inputs: [ids], x, dy }, { m }, norms) => kernels.embedding_bag_norms_f32(m, ids![0]!, layer.units, x[0]!, dy, norms),
};
