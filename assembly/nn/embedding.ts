// Embedding and mean-pooled embedding bag: rows of a table [rows, d] picked by u32 ids. The forward pass of an embedding is take_rows_f32.
//
// Both gradients are sparse: a batch touches few rows of the table, and only those are named and summed.
// An embedding is a bag of one id with nothing to divide, so one kernel serves both. Derivation: docs/derivations/embedding.md.
import { add, div, ld, madd, splat, st } from "../lanes/f32";
import { dot_f32, squared_norm_f32 } from "../linalg/reduce";

/** The id of no row: pads bags to one length, is not counted and has no gradient. */
const PADDING: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline
function id_at(ids: usize, s: usize): u32 {
  return load<u32>(ids + (s << 2));
}
/** Ids of a bag that are no padding. */
// @ts-ignore: decorator
@inline
function present(r: usize, ids: usize): usize {
  let count: usize = 0;
  for (let s: usize = 0; s < r; s++) count += <usize>(id_at(ids, s) != PADDING);
  return count;
}

// @ts-ignore: decorator
@inline
function mean_body<T>(r: usize, d: usize, count: usize, ids: usize, column: usize, y: usize): void {
  let sum = splat<T>(0);
  for (let s: usize = 0; s < r; s++) {
    const id = id_at(ids, s);
    if (id != PADDING) sum = add<T>(sum, ld<T>(column + ((<usize>id * d) << 2)));
  }
  st<T>(y, count == 0 ? sum : div<T>(sum, splat<T>(<f32>count)));
}
/**
 * Y_i <- mean over the ids s of bag i, padding left out, of T_s; 0 for a bag of nothing but padding.
 *
 * m bags of r ids, d columns; ids: m x r u32, each a row of the table or padding (0xffffffff); table: row stride d; y: m x d, disjoint.
 * Rows are added in the order of the ids. |error| <= count 2^-24 mean |T_s|. NaN and Inf of picked rows propagate; no other row is read.
 */
export function embedding_bag_f32(m: usize, r: usize, d: usize, ids: usize, table: usize, y: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const bag = ids + ((i * r) << 2), yi = y + ((i * d) << 2);
    const count = present(r, bag);
    let j: usize = 0;
    if (ASC_FEATURE_SIMD) for (const e = d & ~3; j < e; j += 4) mean_body<v128>(r, d, count, bag, table + (j << 2), yi + (j << 2));
    for (; j < d; j++) mean_body<f32>(r, d, count, bag, table + (j << 2), yi + (j << 2));
  }
}

/** Slots of the hash table: a power of two and at least twice the ids, so that a search is short and ends. */
function slots(count: usize): usize {
  let n: usize = 2;
  while (n < count << 1) n <<= 1;
  return n;
}
/** Bytes of scratch for the gradient of m bags of r ids. */
export function embedding_gradient_scratch_f32(m: usize, r: usize): usize {
  return slots(m * r) << 2;
}
/**
 * Slot of an id: its own, or the empty one where it belongs. A slot holds 1 + the place in `rows`, 0 while empty.
 * Fibonacci hashing and linear probing: Knuth, The Art of Computer Programming 3, section 6.4.
 */
// @ts-ignore: decorator
@inline
function find(size: usize, id: u32, rows: usize, table: usize): usize {
  let at = <usize>((id * 0x9e3779b1) >> (32 - ctz<u32>(<u32>size)));
  let place = load<u32>(table + (at << 2));
  while (place != 0 && id_at(rows, <usize>place - 1) != id) {
    at = (at + 1) & (size - 1);
    place = load<u32>(table + (at << 2));
  }
  return table + (at << 2);
}

// @ts-ignore: decorator
@inline
function spread_body<T>(scale: f32, dy: usize, value: usize): void {
  st<T>(value, madd<T>(splat<T>(scale), ld<T>(dy), ld<T>(value)));
}
/**
 * Rows that the ids touch, each once, in the order of their first appearance, and the sums of their gradients:
 * values_u = sum over bags i and ids s of i with s = rows_u of dY_i / count_i. Returns the number of rows. An embedding is bags of one (r = 1).
 *
 * m bags of r ids, d columns; ids: m x r u32, padding (0xffffffff) has no gradient; dy: m x d;
 * rows: room for m r u32; values: room for m r x d f32; scratch: embedding_gradient_scratch_f32(m, r); all disjoint.
 * Contributions are added in the order of the ids, so the bits do not depend on the hash. NaN and Inf propagate to the rows of their bag.
 */
export function embedding_gradient_f32(m: usize, r: usize, d: usize, ids: usize, dy: usize, rows: usize, values: usize, scratch: usize): usize {
  const size = slots(m * r);
  memory.fill(scratch, 0, size << 2);
  let touched: usize = 0;
  for (let i: usize = 0; i < m; i++) {
    const bag = ids + ((i * r) << 2), gi = dy + ((i * d) << 2);
    const scale = <f32>1 / <f32>present(r, bag); // not used where the bag is empty
    for (let s: usize = 0; s < r; s++) {
      const id = id_at(bag, s);
      if (id == PADDING) continue;
      const slot = find(size, id, rows, scratch);
      if (load<u32>(slot) == 0) {
        store<u32>(rows + (touched << 2), id);
        memory.fill(values + ((touched * d) << 2), 0, d << 2);
        store<u32>(slot, <u32>++touched);
      }
      const value = values + (((<usize>load<u32>(slot) - 1) * d) << 2);
      let j: usize = 0;
      if (ASC_FEATURE_SIMD) for (const e = d & ~3; j < e; j += 4) spread_body<v128>(scale, gi + (j << 2), value + (j << 2));
      for (; j < d; j++) spread_body<f32>(scale, gi + (j << 2), value + (j << 2));
    }
  }
  return touched;
}

/**
 * norms_i <- norms_i + |gradient of the table from example i|^2 = sum over ids s, t of i with s = t of dY_is . dY_it.
 *
 * m examples of r ids, d columns; ids: m x r u32; dy: m x r x d f32; norms: m x f64, never lowered.
 * r^2 / 2 ids are compared an example; only equal ones cost a dot product. In f64 (linalg/reduce).
 */
export function embedding_norms_f32(m: usize, r: usize, d: usize, ids: usize, dy: usize, norms: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const id = ids + ((i * r) << 2), g = dy + ((i * r * d) << 2);
    let sum: f64 = 0;
    for (let s: usize = 0; s < r; s++) {
      const gs = g + ((s * d) << 2);
      let others: f64 = 0;
      for (let t = s + 1; t < r; t++) if (id_at(id, t) == id_at(id, s)) others += dot_f32(d, gs, g + ((t * d) << 2));
      sum += squared_norm_f32(d, gs) + 2 * others;
    }
    const p = norms + (i << 3);
    store<f64>(p, load<f64>(p) + max<f64>(sum, 0)); // gradients that cancel may leave a rounding error below 0
  }
}

/**
 * norms_i <- norms_i + |gradient of the table from bag i|^2 = |dY_i|^2 sum over its different ids of (multiplicity / count)^2.
 *
 * m bags of r ids, d columns; ids: m x r u32, padding not counted; dy: m x d f32; norms: m x f64. An empty bag adds 0. r^2 / 2 ids are compared a bag.
 */
export function embedding_bag_norms_f32(m: usize, r: usize, d: usize, ids: usize, dy: usize, norms: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const bag = ids + ((i * r) << 2), p = norms + (i << 3);
    const count = present(r, bag);
    if (count == 0) continue;
    let pairs = count; // sum of multiplicity^2: an id pairs with itself and, both ways, with each equal one
    for (let s: usize = 0; s < r; s++) {
      if (id_at(bag, s) == PADDING) continue;
      for (let t = s + 1; t < r; t++) if (id_at(bag, t) == id_at(bag, s)) pairs += 2;
    }
    store<f64>(p, load<f64>(p) + (squared_norm_f32(d, dy + ((i * d) << 2)) * <f64>pairs) / (<f64>count * <f64>count));
  }
}
