// Which accountant answers: the tight one where it knows the event, Renyi bounds elsewhere.
import { ParameterError } from "../../engine/errors.ts";
import type { Adjacency, PrivacyEvent, Unit } from "./event.ts";
import { pldEpsilon } from "./pld.ts";
import { rdpEpsilon } from "./rdp.ts";

/** "pld": privacy loss distributions, tight; "rdp": Renyi bounds, looser, for every mechanism and sampling. */
export type AccountantName = "pld" | "rdp";
export const ACCOUNTANTS = ["pld", "rdp"] as const satisfies readonly AccountantName[];

export interface Question {
  readonly delta: number;
  readonly adjacency: Adjacency;
  readonly unit: Unit;
}

/**
 * @internal Epsilon of the events together, and who said so: asked for "pld", events it has no tight answer for (and delta 0) are all left to "rdp".
 * @throws {@link ParameterError} for a bad event or question; {@link PrivacyError} where no bound is known
 */
export function epsilonOf(events: readonly PrivacyEvent[], question: Question, asked: AccountantName): { epsilon: number; accountant: AccountantName } {
  if (asked === "pld") {
    try {
      return { epsilon: pldEpsilon(events, question), accountant: "pld" };
    } catch (error) {
      if (!(error instanceof ParameterError)) throw error; // what neither knows, the other refuses
    }
  }
  return { epsilon: rdpEpsilon(events, question).epsilon, accountant: "rdp" };
}
