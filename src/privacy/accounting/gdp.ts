// Gaussian differential privacy by the central limit theorem (Dong, Roth, Su 2019, arXiv:1905.02383; Bu et al. 2019, arXiv:1911.11607).
import { checkNumber, checkOptions } from "../../engine/check.ts";
import { PrivacyError } from "../../engine/errors.ts";
import { type Adjacency, checkAsked, checkEvent, type PrivacyEvent, type Unit } from "./event.ts";
import { shiftDelta, shiftEpsilon } from "./gaussian.ts";

interface GdpOptions {
  readonly adjacency: Adjacency;
  readonly unit: Unit;
}

/**
 * mu of Gaussian releases together, mu^2 = sum of q^2 count (e^(1/sigma^2) - 1) over Poisson samples and of count / sigma^2 over all. The second is exact, the
 * first is the limit of many steps at small rates: AN APPROXIMATION that can say less than was spent. Never charge a budget by it.
 * @throws {@link PrivacyError} for other mechanisms and samplings, and for Poisson samples under "replace-one"
 */
export function gdpApproximateMu(events: readonly PrivacyEvent[], options: GdpOptions): number {
  const op = "gdpApproximateMu";
  checkAsked(op, events, options);
  const { adjacency } = options;
  let square = 0;
  for (const event of events) {
    checkEvent(op, event);
    const { mechanism, sampling, count = 1 } = event;
    const known = mechanism.type === "gaussian" && (sampling.type === "all" || (sampling.type === "poisson" && adjacency === "add-remove"));
    if (!known) {
      throw new PrivacyError(
        `${op}: expected Gaussian noise on all units, or on a Poisson sample with adjacency "add-remove", got ${mechanism.type} on "${sampling.type}" with "${adjacency}"`,
      );
    }
    const precision = ((adjacency === "replace-one" ? 2 : 1) / mechanism.noiseMultiplier) ** 2;
    const rate = sampling.type === "poisson" ? sampling.rate : 1;
    if (count > 0 && rate > 0) square += count * (sampling.type === "poisson" && rate < 1 ? rate * rate * Math.expm1(precision) : precision);
  }
  return Math.sqrt(square);
}

/**
 * Epsilon at delta by the central limit theorem: AN APPROXIMATION that can say less than was spent (see {@link gdpApproximateMu}); for plots and comparisons
 * with papers that used it.
 */
export function gdpApproximateEpsilon(events: readonly PrivacyEvent[], options: GdpOptions & { readonly delta: number }): number {
  const op = "gdpApproximateEpsilon";
  checkOptions(op, options, ["delta", "adjacency", "unit"]);
  checkNumber(op, "delta", options.delta, { above: 0, below: 1 });
  const mu = gdpApproximateMu(events, options);
  return mu === 0 || mu === Infinity ? mu : shiftEpsilon(options.delta, mu);
}

/** Delta at epsilon by the central limit theorem: AN APPROXIMATION, as {@link gdpApproximateEpsilon}. */
export function gdpApproximateDelta(events: readonly PrivacyEvent[], options: GdpOptions & { readonly epsilon: number }): number {
  const op = "gdpApproximateDelta";
  checkOptions(op, options, ["epsilon", "adjacency", "unit"]);
  checkNumber(op, "epsilon", options.epsilon, { min: 0 });
  const mu = gdpApproximateMu(events, options);
  return mu === 0 ? 0 : mu === Infinity ? 1 : shiftDelta(options.epsilon, mu);
}
