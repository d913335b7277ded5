// Zero-concentrated differential privacy: one number, rho, that adds up (Bun and Steinke 2016, arXiv:1605.02065).
import { checkChoice, checkNumber, checkOptions } from "../../engine/check.ts";
import { PrivacyError } from "../../engine/errors.ts";
import { type Adjacency, checkAsked, checkEvent, type PrivacyEvent, type Unit } from "./event.ts";
import type { Conversion } from "./rdp.ts";

/**
 * rho of Gaussian and discrete Gaussian releases together: sum of count (distance / sigma)^2 / 2, where "replace-one" doubles the distance.
 * @returns Infinity without noise, 0 without events
 * @throws {@link ParameterError} for a bad event, adjacency or unit; {@link PrivacyError} for other mechanisms, and for samples, whose rho is no better than without
 */
export function zcdpRho(events: readonly PrivacyEvent[], options: { readonly adjacency: Adjacency; readonly unit: Unit }): number {
  const op = "zcdpRho";
  checkAsked(op, events, options);
  checkOptions(op, options, ["adjacency", "unit"]);
  const reach = options.adjacency === "add-remove" ? 1 : 2;
  let rho = 0;
  for (const event of events) {
    checkEvent(op, event);
    const { mechanism, sampling, count = 1 } = event;
    if (sampling.type !== "all")
      throw new PrivacyError(`${op}: expected sampling "all", got "${sampling.type}": zCDP gains nothing from sampling; use the accountants "pld" or "rdp"`);
    if (mechanism.type !== "gaussian" && mechanism.type !== "discrete-gaussian") {
      throw new PrivacyError(`${op}: expected mechanism "gaussian" or "discrete-gaussian", got "${mechanism.type}"; use the accountants "pld" or "rdp"`);
    }
    const distance = mechanism.type === "gaussian" ? 1 / mechanism.noiseMultiplier : mechanism.l2 / mechanism.sigma;
    if (count > 0) rho += (count * (reach * distance) ** 2) / 2;
  }
  return rho;
}

/**
 * Epsilon at delta of rho-zCDP.
 * "classic": rho + 2 sqrt(rho log(1/delta)), proposition 1.3. "tight" (default): the least over orders a of a rho + log((a-1)/a) - log(a delta)/(a-1)
 * (Canonne, Kamath, Steinke 2020, arXiv:2004.00010, proposition 12), searched, so that it lies at most 1e-9 relative above the least.
 * @param rho >= 0
 */
export function zcdpEpsilon(rho: number, options: { readonly delta: number; readonly conversion?: Conversion }): number {
  const op = "zcdpEpsilon";
  checkOptions(op, options, ["delta", "conversion"]);
  const { delta, conversion = "tight" } = options;
  checkRho(op, rho, conversion);
  checkNumber(op, "delta", delta, { above: 0, below: 1 });
  if (rho === 0 || rho === Infinity) return rho;
  const classic = rho + 2 * Math.sqrt(-rho * Math.log(delta));
  if (conversion === "classic") return classic;
  return Math.max(
    0,
    Math.min(
      classic,
      leastOver(rho, (a) => a * rho + Math.log1p(-1 / a) - Math.log(delta * a) / (a - 1)),
    ),
  );
}

/** Delta at epsilon of rho-zCDP; "classic" is exp(-(epsilon - rho)^2 / (4 rho)), lemma 3.6. Otherwise as {@link zcdpEpsilon}. */
export function zcdpDelta(rho: number, options: { readonly epsilon: number; readonly conversion?: Conversion }): number {
  const op = "zcdpDelta";
  checkOptions(op, options, ["epsilon", "conversion"]);
  const { epsilon, conversion = "tight" } = options;
  checkRho(op, rho, conversion);
  checkNumber(op, "epsilon", epsilon, { min: 0 });
  if (rho === 0) return 0;
  if (rho === Infinity) return 1;
  const classic = epsilon <= rho ? 1 : Math.exp(-((epsilon - rho) ** 2) / (4 * rho));
  if (conversion === "classic") return classic;
  const logDelta = leastOver(rho, (a) => (a - 1) * (a * rho - epsilon + Math.log1p(-1 / a)) - Math.log(a));
  return Math.min(classic, Math.exp(logDelta));
}

function checkRho(op: string, rho: number, conversion: Conversion): void {
  if (rho !== Infinity) checkNumber(op, "rho", rho, { min: 0 });
  checkChoice(op, "conversion", conversion, ["tight", "classic"]);
}

/** The least value over orders a = 1 + e^t, by golden sections: every value is a bound, so what is missed costs tightness, never truth. */
function leastOver(rho: number, at: (order: number) => number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [-30, Math.max(8, 8 - Math.log(rho))];
  let [t1, t2] = [high - ratio * (high - low), low + ratio * (high - low)];
  const value = (t: number) => at(1 + Math.exp(t));
  let [v1, v2] = [value(t1), value(t2)];
  for (let i = 0; i < 80; i++) {
    if (v1 <= v2) {
      [high, t2, v2] = [t2, t1, v1];
      v1 = value((t1 = high - ratio * (high - low)));
    } else {
      [low, t1, v1] = [t1, t2, v2];
      v2 = value((t2 = low + ratio * (high - low)));
    }
  }
  return Math.min(v1, v2);
}
