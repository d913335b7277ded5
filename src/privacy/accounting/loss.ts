// The privacy loss of one release without sampling: how its logarithmic likelihood ratio is distributed for the worst pair of neighbours.
import { ParameterError } from "../../engine/errors.ts";
import type { Adjacency, Mechanism } from "./event.ts";
import { millsRatio, normalCdf, normalDensity } from "./special.ts";

/**
 * The loss M = log(dP/dQ) of a pair (P, Q) that dominates every pair of neighbours, and is symmetric: M under P is -M under Q. So its
 * distribution on the positive side says all. `above(m, out)`, m >= 0, puts P(M > m), Q(M > m) and e^m Q(M > m) into out, each to a
 * relative error of a few ulps; hence P(M < -m) = Q(M > m).
 */
export interface Loss {
  /** Single losses have a mass of their own. */
  readonly atoms: boolean;
  above(m: number, out: Float64Array): void;
}

/** The mechanism adds no noise: its loss is infinite. */
export const REVEALED = "revealed";
/** Neighbours give the same output. */
export const HIDDEN = "hidden";

/**
 * The loss of a mechanism between neighbours.
 * @throws ParameterError where no dominating pair of one dimension is known
 */
export function lossOf(op: string, mechanism: Mechanism, adjacency: Adjacency): Loss | typeof REVEALED | typeof HIDDEN {
  const contributions = adjacency === "replace-one" ? 2 : 1;
  switch (mechanism.type) {
    case "gaussian":
      return mechanism.noiseMultiplier === 0 ? REVEALED : gaussianLoss(contributions / mechanism.noiseMultiplier);
    case "laplace":
      return mechanism.noiseMultiplier === 0 ? REVEALED : laplaceLoss(contributions / mechanism.noiseMultiplier);
    case "discrete-gaussian": {
      const { sigma, l2, dimension } = mechanism;
      // Integers: a scalar moves by whole steps, and a vector of norm below sqrt 2 has one coordinate of +-1.
      const shift = contributions * Math.floor(l2);
      if (dimension !== 1 && !(l2 < 1 || (l2 < Math.SQRT2 && adjacency === "add-remove"))) {
        throw unknown(op, `a discrete Gaussian on vectors that can move by more than one step (l2 ${l2}, ${adjacency}; a scalar says dimension: 1)`);
      }
      return shift === 0 ? HIDDEN : sigma === 0 ? REVEALED : discreteGaussianLoss(op, sigma, shift);
    }
    default:
      throw unknown(op, `the mechanism ${JSON.stringify(mechanism.type)}`);
  }
}

const unknown = (op: string, what: string) =>
  new ParameterError(`${op}: expected a mechanism whose worst privacy loss is known, got ${what}; account for it by Rényi divergences (RDP)`, {
    argument: "mechanism",
  });

/** N(shift, 1) against N(0, 1): M is N(shift^2 / 2, shift^2) under P. */
export function gaussianLoss(shift: number): Loss {
  return {
    atoms: false,
    above(m, out) {
      // With a = m/shift - shift/2 and b = a + shift: e^m phi(b) = phi(a).
      const a = m / shift - shift / 2;
      const b = m / shift + shift / 2;
      const density = normalDensity(a);
      const ratio = millsRatio(b);
      out[0] = a < 0 ? normalCdf(-a) : density * millsRatio(a);
      out[1] = normalDensity(b) * ratio;
      out[2] = density * ratio;
    },
  };
}

/** Laplace noise of scale 1 around `shift` against 0: M is constant outside the two centres and falls linearly between them. */
export function laplaceLoss(shift: number): Loss {
  return {
    atoms: true,
    above(m, out) {
      const inside = m < shift;
      const half = inside ? 0.5 * Math.exp((m - shift) / 2) : 0;
      out[0] = inside ? 1 - half : 0;
      out[1] = inside ? 0.5 * Math.exp((-m - shift) / 2) : 0;
      out[2] = half;
    },
  };
}

const MAX_SIGMA = 1e5;

/** A discrete Gaussian of parameter sigma around the integer `shift` against 0: M = shift (2x - shift) / (2 sigma^2). */
export function discreteGaussianLoss(op: string, sigma: number, shift: number): Loss {
  if (sigma > MAX_SIGMA) throw unknown(op, `a discrete Gaussian of sigma ${sigma} (tabulated up to ${MAX_SIGMA})`);
  // tails[k] = P(X >= k), summed from the far end with the rounding carried along.
  const last = Math.ceil(40 * sigma) + 1;
  const tails = new Float64Array(last + 2);
  let [sum, carry] = [0, 0];
  for (let k = last; k >= 0; k--) {
    const term = Math.exp(-0.5 * (k / sigma) ** 2) - carry;
    const next = sum + term;
    carry = next - sum - term;
    tails[k] = sum = next;
  }
  const total = 2 * sum - 1;
  for (let k = 0; k <= last; k++) tails[k]! /= total;
  const atLeast = (k: number) => (k > last ? 0 : k >= 0 ? tails[k]! : 1 - (1 - k > last ? 0 : tails[1 - k]!));
  return {
    atoms: true,
    above(m, out) {
      const k = Math.floor((m * sigma * sigma) / shift + shift / 2) + 1;
      const q = atLeast(k);
      out[0] = atLeast(k - shift);
      out[1] = q;
      out[2] = q === 0 ? 0 : Math.exp(m + Math.log(q));
    },
  };
}
