// Clipping of a whole update layer by layer, by the layout of its model.
import { checkNumber, checkOptions, checkSameEngine, checkTensor, describe } from "../engine/check.ts";
import { ParameterError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { LayoutEntry } from "../nn/graph.ts";
import { notFinite } from "./clip.ts";

/** What clipping found in one layer. */
export interface ClippedLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Its bound. */
  readonly maxNorm: number;
  /** L2 norm of its part of the update before, in f64. */
  readonly norm: number;
  readonly clipped: boolean;
}

/** What clipping by layers found. */
export interface ClippedByLayer {
  /** Bound of the whole update, sqrt(sum of squares of the layers' bounds): what noise is scaled to. */
  readonly maxNorm: number;
  readonly layers: readonly ClippedLayer[];
}

/** A run of the flat vector that belongs to one layer. */
interface Part {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/**
 * Clips each layer of a client's update to a bound of its own: out_l <- x_l min(1, C_l / |x_l|). All arrays of a layer (kernel and bias)
 * count as one vector; arrays that training does not change (running statistics) are clipped too, since they leave the device as well.
 * @param x flat update, as the layout has it
 * @param layout of the model: `model.layout`
 * @param maxNorm bound C of the whole, of which each of L layers gets C / sqrt(L); or a bound for every layer by name. All > 0
 * @param out as long as x, defaults to x
 * @returns norms and the bound of the whole, which holds up to the rounding of f64 (relative 1e-15 for a million parameters)
 * @throws {@link PrivacyError} when x holds NaN or Infinity; out is unchanged
 * Source: McMahan et al. 2018 (arXiv:1710.06963), section 3, per-layer clipping.
 * @example
 * clipByLayer(update, model.layout, 1); // C / sqrt(L) each
 * clipByLayer(update, model.layout, { dense0: 0.9, dense1: 0.4 });
 */
export function clipByLayer(
  x: Tensor<"f32">,
  layout: readonly LayoutEntry[],
  maxNorm: number | Readonly<Record<string, number>>,
  out: Tensor<"f32"> = x,
): ClippedByLayer {
  const op = "clipByLayer";
  const parts = partsOf(op, layout);
  checkTensor(op, "x", x, "f32", { size: parts.reduce((sum, { size }) => sum + size, 0) });
  const bounds = boundsOf(op, parts, maxNorm);
  checkTensor(op, "out", out, "f32", { size: x.size });
  checkSameEngine(op, { x, out });
  const { kernels } = x.engine;
  // All norms first: a layer that is not finite must leave the ones before it as they were.
  if (parts.some(({ size, offset }) => !Number.isFinite(kernels.squared_norm_f32(size, x.address + 4 * offset)))) throw notFinite(op, "x", x);
  const layers = parts.map(({ name, offset, size }, i): ClippedLayer => {
    const bound = bounds[i]!;
    const norm = kernels.clip_l2_f32(size, bound, x.address + 4 * offset, out.address + 4 * offset);
    return { name, maxNorm: bound, norm, clipped: norm > bound };
  });
  return { maxNorm: typeof maxNorm === "number" ? maxNorm : Math.hypot(...bounds), layers };
}

/** One part a layer: entries of a layer follow each other, and the layout has no gap. */
function partsOf(op: string, layout: readonly LayoutEntry[]): readonly Part[] {
  if (!Array.isArray(layout)) throw new ParameterError(`${op}: expected layout to be that of a model, got ${describe(layout)}`, { argument: "layout" });
  const parts: Part[] = [];
  let end = 0;
  for (const { name, offset, size } of layout) {
    if (typeof name !== "string" || offset !== end || !(size >= 0)) {
      throw new ParameterError(`${op}: expected layout to be that of a model, got ${describe(name)} at ${offset} where ${end} is free`, { argument: "layout" });
    }
    end += size;
    const layer = name.slice(0, name.lastIndexOf("/"));
    const last = parts.at(-1);
    if (last?.name === layer) parts[parts.length - 1] = { ...last, size: last.size + size };
    else parts.push({ name: layer, offset, size });
  }
  return parts;
}

function boundsOf(op: string, parts: readonly Part[], maxNorm: number | Readonly<Record<string, number>>): readonly number[] {
  if (typeof maxNorm !== "object" || maxNorm === null) {
    checkNumber(op, "maxNorm", maxNorm, { above: 0 });
    return parts.map(() => maxNorm / Math.sqrt(parts.length));
  }
  checkOptions(
    op,
    maxNorm,
    parts.map(({ name }) => name),
  );
  return parts.map(({ name }) => {
    checkNumber(op, `maxNorm of ${name}`, maxNorm[name]!, { above: 0 });
    return maxNorm[name]!;
  });
}
