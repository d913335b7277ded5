// The Gaussian mechanism on a grid: what is summed and what is added to it are integers of one power-of-two spacing, which sigma alone fixes.
import { checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Mechanism } from "./accounting/event.ts";
import { type Clipped, notFinite } from "./clip.ts";

const SIGMA = { min: 2 ** -100, max: 2 ** 64 };
/** C / g at most: integers of a contribution and its noise fit an i32. */
const MAX_UNITS = 2 ** 30;
/** Samples and blocks of a chunk of assembly/privacy/grid_gaussian.ts. */
const CHUNK = 256;
const BLOCKS = 28;

/** What fixes a grid. */
export interface GaussianGridOptions {
  /** Standard deviation of the noise in the units of the vectors, 2^-100 to 2^64. */
  readonly sigma: number;
  /** L2 bound C of one contribution, in the same units: 1 to 2^30 times the spacing, so sigma / C between 2^-10 and 2^19 is always possible. */
  readonly clipNorm: number;
  /** Number of parameters d, 1 to 2^29. */
  readonly size: number;
}

/**
 * The grid of one mechanism, made by {@link gaussianGrid}: spacing g = 2^(ceil(log2 sigma) - 20), the integer bound of a contribution, and what to tell
 * the accountant. Nothing of it depends on data.
 */
export class GaussianGrid {
  readonly sigma: number;
  readonly clipNorm: number;
  readonly size: number;
  /** g: every contribution, sum and noise is a multiple of it. */
  readonly spacing: number;
  /** Effective L2 sensitivity C + g sqrt(d) / 2, rounded up: rounding to the grid moves a contribution by up to g sqrt(d) / 2. */
  readonly sensitivity: number;
  /** The event's mechanism for the accountant: sigma over the effective sensitivity, rounded down. */
  readonly mechanism: Mechanism & { readonly type: "gaussian" };
  /** @internal floor((C/g + sqrt(d)/2)^2), rounded down to an f64: no contribution's integers have a larger sum of squares. */
  readonly squaredBound: number;
  /** @internal sigma / g, in (2^19, 2^20]. */
  readonly scale: number;

  /** @internal Use gaussianGrid(). */
  constructor({ sigma, clipNorm, size }: GaussianGridOptions) {
    this.sigma = sigma;
    this.clipNorm = clipNorm;
    this.size = size;
    this.spacing = gridSpacing(sigma);
    this.scale = sigma / this.spacing;
    this.squaredBound = squaredBound(clipNorm / this.spacing, size);
    // Four roundings of 2^-53 are less than the 2^-50 added, and taken off again with those of the quotient.
    this.sensitivity = (clipNorm + (this.spacing * Math.sqrt(size)) / 2) * (1 + 2 ** -50);
    this.mechanism = { type: "gaussian", noiseMultiplier: (sigma / this.sensitivity) * (1 - 2 ** -52) };
  }
}

const bits = new DataView(new ArrayBuffer(8));
/** ceil(log2 x) of a positive normal number, from its bits: Math.log2 may be off by one at powers of two. */
function ceilLog2(x: number): number {
  bits.setFloat64(0, x);
  const word = bits.getBigUint64(0);
  return Number(word >> 52n) - 1023 + (word & 0xfffffffffffffn ? 1 : 0);
}

/** @internal g = 2^(ceil(log2 sigma) - 20). */
export function gridSpacing(sigma: number): number {
  return 2 ** (ceilLog2(sigma) - 20);
}

/** floor((b + sqrt(d)/2)^2) = floor((4 b^2 + d + sqrt(16 b^2 d)) / 4) in integers, then rounded down to an f64. */
function squaredBound(b: number, d: number): number {
  const m = BigInt(b * 2 ** 52); // an integer, as b >= 1
  const unit = 1n << 104n;
  const exact = (4n * m * m + BigInt(d) * unit + squareRoot(16n * m * m * BigInt(d) * unit)) / (4n * unit);
  const near = Number(exact);
  return BigInt(near) > exact ? near * (1 - 2 ** -53) : near;
}
/** floor(sqrt(n)), by Newton's method from above. */
function squareRoot(n: bigint): bigint {
  let x = 1n << BigInt((n.toString(2).length >> 1) + 1);
  for (let y = (x + n / x) >> 1n; y < x; y = (x + n / x) >> 1n) x = y;
  return x;
}

/**
 * The grid for Gaussian noise of standard deviation sigma on sums of vectors clipped to clipNorm.
 * @throws {@link ParameterError} when a number is out of its range, or clipNorm / spacing is not within 1 and 2^30
 * Source: docs/derivations/grid_gaussian.md; Mironov 2012 (CCS) on why floating-point noise is not private.
 * @example
 * const grid = gaussianGrid({ sigma: 1.1, clipNorm: 1, size: 199_210 });
 * grid.spacing; // 2^-19
 * grid.sensitivity; // 1.0004...
 */
export function gaussianGrid(options: GaussianGridOptions): GaussianGrid {
  const op = "gaussianGrid";
  checkOptions(op, options, ["sigma", "clipNorm", "size"]);
  checkNumber(op, "sigma", options.sigma, SIGMA);
  checkNumber(op, "size", options.size, { min: 1, max: 2 ** 29, integer: true });
  checkNumber(op, "clipNorm", options.clipNorm, { above: 0 });
  const units = options.clipNorm / gridSpacing(options.sigma);
  if (!(units >= 1 && units <= MAX_UNITS)) {
    throw new ParameterError(`${op}: expected clipNorm of 1 to 2^30 grid units, got ${units}; change clipNorm or sigma`, { argument: "clipNorm" });
  }
  return new GaussianGrid(options);
}

/** @internal */
export function checkGrid(op: string, grid: GaussianGrid): void {
  if (!(grid instanceof GaussianGrid))
    throw new ParameterError(`${op}: expected grid to be made by gaussianGrid(), got ${describe(grid)}`, { argument: "grid" });
}

/** @internal Blocks of key stream that noise for `size` values takes. */
export function noiseBlocks(size: number): number {
  return Math.ceil(size / CHUNK) * BLOCKS;
}

/**
 * out_i <- round(x_i min(1, C / |x|) / g), ties to even: a contribution as integers. Their norm is verified: sum out_i^2 never exceeds
 * floor((C/g + sqrt(d)/2)^2), so that g |out| <= grid.sensitivity.
 * @param x grid.size values, finite
 * @param out i32, grid.size values
 * @throws {@link PrivacyError} when x holds NaN or Infinity; out is unchanged
 */
export function clipToGrid(x: Tensor<"f32">, grid: GaussianGrid, out: Tensor<"i32">): Clipped {
  const op = "clipToGrid";
  checkGrid(op, grid);
  checkTensor(op, "x", x, "f32", { size: grid.size });
  checkTensor(op, "out", out, "i32", { size: grid.size });
  checkSameEngine(op, { x, out });
  return clip(op, x, grid, out.address);
}

/** @internal clipToGrid() to an address, unchecked. */
export function clip(op: string, x: Tensor<"f32">, grid: GaussianGrid, to: number): Clipped {
  const norm = x.engine.kernels.clip_grid_f32_i32(grid.size, grid.clipNorm, grid.spacing, grid.squaredBound, x.address, to);
  if (!Number.isFinite(norm)) throw notFinite(op, "x", x);
  return { norm, clipped: norm > grid.clipNorm };
}
