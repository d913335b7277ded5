// Where windows lie, by TensorFlow's definition, cell by cell.
export type Padding = "valid" | "same";

/** For each window along an axis of n cells: the cells that it holds. `before`: cells of padding before the first. */
export function along(n: number, k: number, stride: number, padding: Padding): { before: number; cells: number[][] } {
  // tensorflow.org/api_docs/python/tf/nn, "Notes on padding"
  const count = padding === "same" ? Math.ceil(n / stride) : Math.ceil((n - k + 1) / stride);
  const total = padding === "valid" ? 0 : Math.max(n % stride === 0 ? k - stride : k - (n % stride), 0);
  const before = Math.floor(total / 2);
  const cells = Array.from({ length: Math.max(0, count) }, (_, o) =>
    Array.from({ length: k }, (_, i) => o * stride - before + i).filter((at) => at >= 0 && at < n),
  );
  return { before, cells };
}

export interface Geometry {
  readonly m: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

const known = new WeakMap<Geometry, number[][]>();
/** Every window of every image and channel, in the order of the output: offsets of its cells in x, rows before columns. */
export function cellsOf(g: Geometry): number[][] {
  const cells = known.get(g) ?? list(g);
  known.set(g, cells);
  return cells;
}
function list({ m, h, w, c, kernel, strides, padding }: Geometry): number[][] {
  const rows = along(h, kernel[0], strides[0], padding).cells;
  const columns = along(w, kernel[1], strides[1], padding).cells;
  const images = Array.from({ length: m }, (_, i) => i * h * w * c);
  const channels = Array.from({ length: c }, (_, j) => j);
  return images.flatMap((image) =>
    rows.flatMap((ys) => columns.flatMap((xs) => channels.map((j) => ys.flatMap((y) => xs.map((x) => image + (y * w + x) * c + j))))),
  );
}

/** Elements of x and of y. */
export const sizes = (g: Geometry): [x: number, y: number] => [g.m * g.h * g.w * g.c, cellsOf(g).length];

/** The counts in the order of the kernels' parameters. */
export function countsOf({ m, h, w, c, kernel: [kh, kw], strides: [sh, sw], padding }: Geometry) {
  const [rows, columns] = [along(h, kh, sh, padding), along(w, kw, sw, padding)];
  return [m, h, w, c, kh, kw, sh, sw, rows.before, columns.before, rows.cells.length, columns.cells.length] as const;
}

/** Odd shapes, windows that overlap, leave gaps, reach beyond the image or hold all of it. */
export const GEOMETRIES: readonly Geometry[] = [
  { m: 0, h: 4, w: 4, c: 3, kernel: [2, 2], strides: [2, 2], padding: "valid" },
  { m: 1, h: 1, w: 1, c: 1, kernel: [1, 1], strides: [1, 1], padding: "valid" },
  { m: 2, h: 4, w: 6, c: 8, kernel: [2, 2], strides: [2, 2], padding: "valid" },
  { m: 2, h: 5, w: 7, c: 4, kernel: [2, 2], strides: [2, 2], padding: "valid" },
  { m: 2, h: 5, w: 7, c: 5, kernel: [2, 2], strides: [2, 2], padding: "same" },
  { m: 2, h: 9, w: 8, c: 17, kernel: [3, 3], strides: [2, 2], padding: "same" },
  { m: 1, h: 9, w: 9, c: 20, kernel: [2, 3], strides: [1, 1], padding: "valid" },
  { m: 2, h: 3, w: 2, c: 33, kernel: [4, 4], strides: [3, 3], padding: "same" },
  { m: 1, h: 7, w: 5, c: 3, kernel: [1, 2], strides: [3, 1], padding: "same" },
  { m: 1, h: 9, w: 9, c: 16, kernel: [9, 9], strides: [9, 9], padding: "valid" },
];
