// The naive twin of embedding and embedding bag: float64, plain loops. A gradient here is the whole table's, rows and all.
type Numbers = ArrayLike<number>;
export const PADDING = 0xffffffff;
/** m bags of r ids, d columns, a table of `rows` rows. An embedding is bags of one. */
export interface Bags {
  readonly m: number;
  readonly r: number;
  readonly d: number;
  readonly rows: number;
  readonly ids: Numbers;
}

/** The ids of bag i that are no padding. */
export const bag = ({ r, ids }: Bags, i: number): number[] => Array.from({ length: r }, (_, s) => ids[i * r + s]!).filter((id) => id !== PADDING);

/** Y_i = mean of T_s over the ids s of bag i, 0 if there are none. */
export function forward(b: Bags, table: Numbers): Float64Array {
  const y = new Float64Array(b.m * b.d);
  for (let i = 0; i < b.m; i++) {
    const ids = bag(b, i);
    for (const id of ids) for (let j = 0; j < b.d; j++) y[i * b.d + j]! += table[id * b.d + j]! / ids.length;
  }
  return y;
}

/** dT = sum over bags i and their ids s of dY_i / count_i, in row s; [rows, d]. `only` takes one bag alone. */
export function gradient(b: Bags, dy: Numbers, only?: number): Float64Array {
  const dt = new Float64Array(b.rows * b.d);
  for (let i = 0; i < b.m; i++) {
    if (only !== undefined && i !== only) continue;
    const ids = bag(b, i);
    for (const id of ids) for (let j = 0; j < b.d; j++) dt[id * b.d + j]! += dy[i * b.d + j]! / ids.length;
  }
  return dt;
}

/** The rows that the ids name, each once, in the order of first appearance. */
export const touched = (b: Bags): number[] => [...new Set(Array.from(b.ids).filter((id) => id !== PADDING))];

/** |gradient of example i|^2, an example being `group` bags in a row (1 for a bag layer, r for an embedding of r ids). */
export function norms(b: Bags, dy: Numbers, group: number): Float64Array {
  return Float64Array.from({ length: b.m / group }, (_, i) => {
    const whole = new Float64Array(b.rows * b.d);
    for (let s = 0; s < group; s++) {
      const one = gradient(b, dy, i * group + s);
      for (let at = 0; at < one.length; at++) whole[at]! += one[at]!;
    }
    return whole.reduce((sum, g) => sum + g * g, 0);
  });
}

/** A scalar loss whose gradient with respect to Y is dY: <dY, Y>. */
export const loss = (b: Bags, table: Numbers, dy: Numbers): number => forward(b, table).reduce((sum, y, i) => sum + y * dy[i]!, 0);
