// The sizes of the benchmarks, as data. The 2NN and the large CNN are those of McMahan et al. 2017 (arXiv:1602.05629) on MNIST.

/** A classifier of 28 x 28 images: convolutions (same padding, relu), a 2 x 2 max pooling after each, then dense layers with relu between. */
export interface Network {
  readonly name: string;
  /** Filters of each convolution, and the side of their kernels. */
  readonly filters: readonly number[];
  readonly kernel: number;
  /** Units of each dense layer; the last one gives the logits of the classes. */
  readonly units: readonly number[];
}
export const LOGISTIC: Network = { name: "logistic", filters: [], kernel: 0, units: [10] };
/** 199,210 parameters. */
export const TWO_NN: Network = { name: "2NN", filters: [], kernel: 0, units: [200, 200, 10] };
export const SMALL_CNN: Network = { name: "small CNN", filters: [8, 16], kernel: 3, units: [10] };
/** 1,663,370 parameters. */
export const MCMAHAN_CNN: Network = { name: "McMahan CNN", filters: [32, 64], kernel: 5, units: [512, 10] };

/** Matrix factorisation of MovieLens 100k: users and items with vectors of so many factors. */
export const RATINGS = { users: 943, items: 1682, factors: 16 } as const;

/** Units of the 2NN. */
export const UNITS = [784, 200, 200, 10] as const;
/** Parameters of the 2NN: the length of an update. */
export const UPDATE = 199_210;
/** Parameters of the large CNN. */
export const CNN_UPDATE = 1_663_370;
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

/** m, n, k of out[m, n] = a[m, k] b[k, n]: squares, in every layout. */
export const SQUARES = [
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
