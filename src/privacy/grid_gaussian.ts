import { packedBytes, type Quantized } from "../compress/quantize.ts";
import { checkNumber, checkOptions, checkSameEngine, checkTensor } from "../engine/check.ts";
import { ParameterError, PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { notFinite } from "./clip.ts";
import { checkGrid, type GaussianGrid, gridSpacing, noiseBlocks } from "./grid.ts";

/**
 * integers_i <- integers_i + round(sigma z_i / g), z_i independent standard normal (Box-Muller in f64 from 64 bits of tail and 48 of angle, |z| up to 9.49).
 * The noise of one party on integers of {@link clipToGrid}; {@link GridSum.addNoise} adds the same to a sum. Its error against the ideal
 * rounded Gaussian: docs/derivations/grid_gaussian.md.
 * @param integers grid.size values whose sum of squares is within the grid's bound
 * @param stream a private stream for anything that leaves the device
 * @throws {@link PrivacyError} when the integers pass the bound, or the stream is used up; nothing is changed
 */
export function addGridNoise(integers: Tensor<"i32">, grid: GaussianGrid, stream: RandomStream): Tensor<"i32"> {
  const op = "addGridNoise";
  checkGrid(op, grid);
  checkTensor(op, "integers", integers, "i32", { size: grid.size });
  checkStream(op, stream);
  const { engine } = integers;
  if (engine.kernels.within_norm_i32(grid.size, grid.squaredBound, integers.address) === 0) {
    throw new PrivacyError(`${op}: expected a squared norm of at most ${grid.squaredBound}, got more; clip to this grid first, and add noise once`);
  }
  stream.use(engine, noiseBlocks(grid.size), engine.kernels.grid_gaussian_scratch(), (counter, key, nonce, scratch) => {
    engine.kernels.grid_gaussian_i32(grid.size, grid.scale, counter, key, nonce, integers.address, scratch);
    return undefined;
  });
  return integers;
}

/**
 * @internal x_i <- g (round(x_i / g) + round(sigma z_i / g)) / divisor on a sum that was made in f32, as DP-SGD's is: the noise is on the grid, but nothing
 * verifies the norm of a contribution. {@link dpSgdEvent} says what that costs. Checks are its caller's.
 */
export function noiseOnGrid(x: Tensor<"f32">, sigma: number, stream: RandomStream, divisor: number): void {
  const { engine, size } = x;
  const spacing = gridSpacing(sigma);
  stream.use(engine, noiseBlocks(size), engine.kernels.grid_gaussian_scratch(), (counter, key, nonce, scratch) => {
    engine.kernels.grid_gaussian_f32(size, spacing, sigma / spacing, divisor, counter, key, nonce, x.address, x.address, scratch);
    return undefined;
  });
}

/** A quantized release of one party. */
export interface QuantizedRelease extends Quantized {
  /** False where the noise came from a seed. */
  readonly private: boolean;
}

/**
 * Clips x to the grid, adds grid noise and quantizes to 8 bits, in one call that never holds the vector without noise: for an update that a device
 * releases itself. A level is the nearest of 256 between -limit and limit; what lies beyond takes the last one. After the noise, so it costs no privacy.
 * @param x grid.size finite values
 * @param limit range of the levels, > 0 and within f32: must not depend on x; several sigma beyond the largest element expected
 * @param stream a private stream for anything that leaves the device
 * @param options out: a u8 tensor of grid.size bytes to write to instead of a new one
 * @throws {@link PrivacyError} for NaN or Infinity in x; out is unchanged
 */
export function releaseQuantized(
  x: Tensor<"f32">,
  grid: GaussianGrid,
  limit: number,
  stream: RandomStream,
  options: { readonly out?: Tensor<"u8"> } = {},
): QuantizedRelease {
  const op = "releaseQuantized";
  checkGrid(op, grid);
  checkTensor(op, "x", x, "f32", { size: grid.size });
  checkNumber(op, "limit", limit, { above: 0, f32: true });
  checkStream(op, stream);
  checkOptions(op, options, ["out"]);
  const { engine, size } = x;
  const slope = (grid.spacing * 127.5) / limit;
  if (!(slope > 0 && slope <= 1))
    throw new ParameterError(`${op}: expected limit of at least 127.5 grid units, got ${limit / grid.spacing}`, { argument: "limit" });
  if (options.out) {
    checkTensor(op, "out", options.out, "u8", { size: packedBytes(size, 8) });
    checkSameEngine(op, { x, out: options.out });
  }
  const bytes = options.out ?? engine.tensor("u8", size);
  try {
    stream.use(engine, noiseBlocks(size), engine.kernels.grid_gaussian_scratch(), (counter, key, nonce, scratch) => {
      const { clipNorm, spacing, squaredBound, scale } = grid;
      const norm = engine.kernels.release_grid_f32_u8(
        size,
        clipNorm,
        spacing,
        squaredBound,
        scale,
        limit,
        counter,
        key,
        nonce,
        x.address,
        bytes.address,
        scratch,
      );
      if (!Number.isFinite(norm)) throw notFinite(op, "x", x);
      return undefined;
    });
  } catch (error) {
    if (!options.out) bytes.dispose();
    throw error;
  }
  return { size, bits: 8, low: -limit, high: limit, bytes, private: stream.private };
}
