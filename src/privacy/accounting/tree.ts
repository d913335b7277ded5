// Accounting of tree aggregation (DP-FTRL: Kairouz et al. 2021, arXiv:2103.00039, theorem 4.1 and appendix D).
import { checkNumber, checkOptions, describe } from "../../engine/check.ts";
import { ParameterError } from "../../engine/errors.ts";
import type { PrivacyEvent } from "./event.ts";

export interface TreeOptions {
  /** Standard deviation of a node's noise over the L2 bound of one contribution. */
  readonly noiseMultiplier: number;
  /** Steps (leaves) of each tree; one number for a single tree, several when the tree is restarted. */
  readonly leaves: number | readonly number[];
  /** A unit takes part in at most so many leaves of one tree (1: one epoch a tree). */
  readonly participations: number;
  /** At least so many leaves from one participation of a unit to its next. Default 1: any. */
  readonly separation?: number;
}

const COUNT = { min: 1, max: 2 ** 40, integer: true };

/**
 * How far the nodes of a tree move together when a unit comes or goes, squared, in units of one contribution: a bound on the sum over complete nodes of
 * (participations below)^2. A node of 2^j leaves holds at most m = min(participations, ceil(2^j / separation)), and the sum of squares of parts of k, each at
 * most m, is largest with as many parts of m as there are. One participation gives exactly floor(log2(leaves)) + 1, the depth.
 */
export function treeSensitivitySquared(leaves: number, participations: number, separation = 1): number {
  const op = "treeSensitivitySquared";
  checkNumber(op, "leaves", leaves, COUNT);
  checkNumber(op, "participations", participations, COUNT);
  checkNumber(op, "separation", separation, COUNT);
  const total = Math.min(participations, Math.ceil(leaves / separation));
  let sum = 0;
  for (let width = 1; width <= leaves; width *= 2) {
    const most = Math.min(total, Math.ceil(width / separation));
    const below = Math.min(total, Math.floor(leaves / width) * most); // leaves beyond the last complete node are in none of this level
    sum += Math.floor(below / most) * most ** 2 + (below % most) ** 2;
  }
  return sum;
}

/**
 * Tree aggregation as events for any accountant: each tree, with all prefix sums read from it, is one Gaussian release of its nodes, however its contributions
 * depend on earlier output; the variance-reduced estimator (Honaker) is post-processing. Sampling is "all": the order of the data may be arbitrary.
 * @throws {@link ParameterError} for a bad option
 * @example
 * rdpEpsilon(treeEvents({ noiseMultiplier: 8, leaves: [100, 100], participations: 1 }), { delta: 1e-5, adjacency: "add-remove", unit: "client" });
 */
export function treeEvents(options: TreeOptions): PrivacyEvent[] {
  const op = "treeEvents";
  checkOptions(op, options, ["noiseMultiplier", "leaves", "participations", "separation"]);
  const { noiseMultiplier, leaves, participations, separation = 1 } = options;
  checkNumber(op, "noiseMultiplier", noiseMultiplier, { min: 0 });
  const trees = typeof leaves === "number" ? [leaves] : leaves;
  if (!Array.isArray(trees))
    throw new ParameterError(`${op}: expected leaves to be a number or an array of numbers, got ${describe(leaves)}`, { argument: "leaves" });
  return (trees as readonly number[]).map((n) => ({
    mechanism: { type: "gaussian", noiseMultiplier: noiseMultiplier / Math.sqrt(treeSensitivitySquared(n, participations, separation)) },
    sampling: { type: "all" },
  }));
}
