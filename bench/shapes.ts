// The sizes of the benchmarks, as data. Those of McMahan et al. 2017 (arXiv:1602.05629): the 2NN on MNIST, 199,210 parameters.

/** Units of the 2NN. */
export const UNITS = [784, 200, 200, 10] as const;
/** Parameters of the 2NN: the length of an update. */
export const UPDATE = 199_210;
/** Batch sizes of a step. */
export const BATCHES = [10, 32] as const;
/** Updates in a mean. */
export const CLIENTS = 10;
/** Rows for the operations of one layer. */
export const ROWS = 128;
/** Examples to shuffle: MNIST. */
export const EXAMPLES = 60_000;

/** Users and items of MovieLens 100K, factors: the table of matrix factorisation. */
export const TABLE = [943 + 1682, 16] as const;

/** m, n, k of out[m, n] = a[m, k] b[k, n]. */
export const PRODUCTS = [
  [32, 200, 784],
  [256, 256, 256],
  [512, 512, 512],
] as const;
/** Which operand is stored transposed. */
export const LAYOUTS = ["nn", "nt", "tn"] as const;

export const LEARNING_RATE = 0.05;
export const CLIP_NORM = 1;
export const SIGMA = 0.01;

/** 199210 as "199,210". */
export const count = (n: number): string => n.toLocaleString("en-US");
