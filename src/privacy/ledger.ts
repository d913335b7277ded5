// The privacy ledger: what was spent, written down before anything is released.
import { checkBoolean, checkChoice, checkNumber, checkOptions, describe } from "../engine/check.ts";
import { ParameterError, PrivacyError } from "../engine/errors.ts";
import { checkStream, type RandomStream } from "../random/chacha.ts";
import { ACCOUNTANTS, type AccountantName, epsilonOf } from "./accounting/accountant.ts";
import { largestCount } from "./accounting/calibrate.ts";
import { ADJACENCIES, type Adjacency, checkEvent, type PrivacyEvent, UNITS, type Unit } from "./accounting/event.ts";
import type { LedgerStore } from "./ledger_store.ts";

export interface PrivacyBudget {
  readonly epsilon: number;
  readonly delta: number;
}

export interface LedgerOptions {
  /** What may be spent in all; a charge beyond it is refused. */
  readonly budget: PrivacyBudget;
  /** Whose data is protected: all of a client's, or one example. */
  readonly unit: Unit;
  readonly adjacency: Adjacency;
  readonly store: LedgerStore;
  /** Default "pld"; where it has no tight answer "rdp" answers, and the report says so. */
  readonly accountant?: AccountantName;
  /** Accept noise from seeded streams, which protects nobody. Every report of such a ledger says `private: false`, also after it is opened again. */
  readonly unsafeSimulation?: boolean;
  /** The head that `ledger.head` showed when last seen, kept elsewhere: a store cut back or rewritten since then is refused. */
  readonly head?: LedgerHead;
}

/** The end of the hash chain. */
export interface LedgerHead {
  readonly entries: number;
  readonly hash: string;
}

/** Proof that a release was charged. */
export interface PrivacyReceipt {
  /** 1 for the first charge. */
  readonly sequence: number;
  readonly event: PrivacyEvent;
  readonly unit: Unit;
  /** False when the noise can be subtracted by whoever knows the seed. */
  readonly private: boolean;
}

export interface LedgerReport {
  readonly epsilon: number;
  readonly delta: number;
  readonly budget: PrivacyBudget;
  readonly unit: Unit;
  readonly adjacency: Adjacency;
  /** Who computed epsilon. */
  readonly accountant: AccountantName;
  readonly private: boolean;
  readonly entries: number;
}

interface Rules {
  readonly budget: PrivacyBudget;
  readonly unit: Unit;
  readonly adjacency: Adjacency;
  readonly private: boolean;
}

const OPEN = "PrivacyLedger.open";
const CHARGE = "PrivacyLedger.charge";

/**
 * An append-only account of a budget. A charge is durable in the store before `charge` resolves, and noise is released after it: whatever crashes, what was
 * spent is at least what was released. Each line carries the hash of all before it, so an edited, reordered or missing line in the middle is found;
 * lines missing at the end are found when `head` is kept elsewhere.
 * @example
 * const ledger = await PrivacyLedger.open({ budget: { epsilon: 8, delta: 1e-5 }, unit: "client", adjacency: "add-remove", store: memoryLedgerStore() });
 * const event = { mechanism: { type: "gaussian", noiseMultiplier: 1 }, sampling: { type: "poisson", rate: 0.01 } } as const;
 * await ledger.charge(event, await createStream({ purpose: "noise" })); // then add the noise, then release
 */
export class PrivacyLedger {
  readonly #rules: Rules;
  readonly #accountant: AccountantName;
  readonly #store: LedgerStore;
  readonly #entries: PrivacyEvent[] = [];
  /** Equal events together, for the accountants. */
  readonly #totals = new Map<string, { event: PrivacyEvent; count: number }>();
  #hash: string;
  #lines: number;
  #turn: Promise<unknown> = Promise.resolve();
  #broken = false;
  /** So many further charges of `key` are known to fit. */
  #grant = { key: "", size: 0, left: 0 };

  private constructor(rules: Rules, accountant: AccountantName, store: LedgerStore, hash: string) {
    this.#rules = rules;
    this.#accountant = accountant;
    this.#store = store;
    this.#hash = hash;
    this.#lines = 1;
  }

  /**
   * Opens the ledger a store holds, or begins one in an empty store.
   * @throws {@link ParameterError} for a bad option; {@link PrivacyError} when the store's lines do not form one chain, fall short of `head`, or were begun
   * with another budget, unit, adjacency or `unsafeSimulation`
   */
  static async open(options: LedgerOptions): Promise<PrivacyLedger> {
    checkLedgerOptions(options);
    const { budget, unit, adjacency, store, accountant = "pld", unsafeSimulation = false, head } = options;
    const rules: Rules = { budget: { epsilon: budget.epsilon, delta: budget.delta }, unit, adjacency, private: !unsafeSimulation };
    const { lines, torn } = await store.read();
    const first = JSON.stringify({ ledger: 1, ...rules });
    if (lines.length === 0) {
      if (head) throw new PrivacyError(`${OPEN}: expected a store with at least ${head.entries} entries, got an empty one`);
      const hash = await chain("", first);
      await store.append(`${hash} ${first}`);
      return new PrivacyLedger(rules, accountant, store, hash);
    }
    const start = await verified("", lines[0]!);
    if (start === undefined) throw new PrivacyError(`${OPEN}: expected a ledger, got a store whose first line is none or was edited`);
    if (start.body !== first) throw new PrivacyError(`${OPEN}: expected the rules the ledger was begun with, ${start.body}, got ${first}`);
    const ledger = new PrivacyLedger(rules, accountant, store, start.hash);
    await ledger.#replay(lines, head);
    // A whole record that lacks only its line break was perhaps durable: it counts.
    if (torn !== undefined && (await ledger.#enter(torn))) await store.append(torn);
    return ledger;
  }

  async #replay(lines: readonly string[], head: LedgerHead | undefined): Promise<void> {
    let met = head === undefined || (head.entries === 0 && head.hash === this.#hash);
    for (let i = 1; i < lines.length; i++) {
      if (!(await this.#enter(lines[i]!))) {
        throw new PrivacyError(
          `${OPEN}: expected line ${i + 1} to continue the chain, got one that was edited, moved, or written by a second ledger on the same store`,
          { line: i + 1 },
        );
      }
      if (head && this.#entries.length === head.entries && this.#hash === head.hash) met = true;
    }
    if (!met)
      throw new PrivacyError(
        `${OPEN}: expected a chain through entry ${head!.entries} with its hash, got one of ${this.#entries.length} entries that was cut or rewritten`,
      );
  }

  /** Takes in a line that continues the chain; false when it does not. */
  async #enter(line: string): Promise<boolean> {
    const found = await verified(this.#hash, line);
    if (found === undefined) return false;
    const { sequence, event } = JSON.parse(found.body) as { sequence: number; event: PrivacyEvent };
    if (sequence !== this.#lines) return false;
    checkEvent(OPEN, event);
    this.#add(event, found.hash);
    return true;
  }

  #add(event: PrivacyEvent, hash: string): void {
    const { count = 1 } = event;
    const total = this.#totals.get(keyOf(event));
    if (total) total.count += count;
    else this.#totals.set(keyOf(event), { event, count });
    this.#entries.push(deepFreeze(event));
    this.#hash = hash;
    this.#lines++;
  }

  /** Every event charged, oldest first. */
  get entries(): readonly PrivacyEvent[] {
    return [...this.#entries];
  }

  /** The end of the chain: kept elsewhere, it shows that a store was cut back. */
  get head(): LedgerHead {
    return { entries: this.#entries.length, hash: this.#hash };
  }

  /**
   * Charges an event, to be called before its noise is released. Charges asked for at once are taken one after the other.
   * @param stream where the noise of this release comes from
   * @returns when the charge is durable, its receipt
   * @throws {@link PrivacyError} when the budget would be exceeded (nothing is charged), for a stream made from a seed, or when the store failed (nothing may
   * be released, and the ledger must be opened anew); {@link ParameterError} for a bad event
   */
  async charge(event: PrivacyEvent, stream: RandomStream): Promise<PrivacyReceipt> {
    checkEvent(CHARGE, event);
    checkNumber(CHARGE, "count", event.count ?? 1, { min: 1, integer: true }); // a receipt for nothing would pass for one
    checkStream(CHARGE, stream);
    if (!stream.private && this.#rules.private) {
      throw new PrivacyError(
        `${CHARGE}: expected a stream with a key from the platform, got one made from a seed: whoever knows it can subtract the noise; open the ledger with unsafeSimulation to simulate`,
      );
    }
    const copy = JSON.parse(JSON.stringify(event)) as PrivacyEvent; // what is charged is what was asked, whatever the caller does with its object
    const turn = this.#turn.then(() => this.#charge(copy));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #charge(event: PrivacyEvent): Promise<PrivacyReceipt> {
    if (this.#broken) throw new PrivacyError(`${CHARGE}: expected a working store, got one that failed in an earlier charge; open the ledger anew`);
    this.#admit(event);
    const body = JSON.stringify({ sequence: this.#lines, event });
    try {
      const hash = await chain(this.#hash, body);
      await this.#store.append(`${hash} ${body}`);
      this.#add(event, hash);
    } catch (error) {
      this.#broken = true; // the line may or may not be in the store
      throw new PrivacyError(
        `${CHARGE}: expected a durable charge, got a store that failed (${error instanceof Error ? error.message : describe(error)}); release nothing, and open the ledger anew`,
      );
    }
    return Object.freeze({ sequence: this.#entries.length, event, unit: this.#rules.unit, private: this.#rules.private });
  }

  /** Throws unless the event fits. Where n events fit so do fewer: asking for twice as many each time, a run of n charges asks the accountant about log n times. */
  #admit(event: PrivacyEvent): void {
    const key = JSON.stringify(event);
    const grant = this.#grant;
    if (grant.key === key && grant.left > 0) {
      grant.left--;
      return;
    }
    const { epsilon: budget } = this.#rules.budget;
    let epsilon = 0;
    for (let size = grant.key === key ? 2 * grant.size : 1; size >= 1; size = Math.floor(size / 2)) {
      epsilon = this.#epsilon([{ ...event, count: size * (event.count ?? 1) }]).epsilon;
      if (epsilon <= budget) {
        this.#grant = { key, size, left: size - 1 };
        return;
      }
    }
    const spent = this.#epsilon([]).epsilon;
    throw new PrivacyError(
      `${CHARGE}: expected a charge within the budget of epsilon ${budget} at delta ${this.#rules.budget.delta}, got one that brings epsilon from ${spent} to ${epsilon}; nothing was charged`,
      { spent, asked: epsilon, budget },
    );
  }

  #epsilon(more: readonly PrivacyEvent[]) {
    const { budget, unit, adjacency } = this.#rules;
    return epsilonOf([...this.#spentEvents(), ...more], { delta: budget.delta, unit, adjacency }, this.#accountant);
  }

  #spentEvents(): PrivacyEvent[] {
    return Array.from(this.#totals.values(), ({ event, count }) => ({ ...event, count }));
  }

  /** What was spent so far, at the budget's delta. */
  spent(): LedgerReport {
    const { budget, unit, adjacency } = this.#rules;
    const { epsilon, accountant } = this.#epsilon([]);
    return { epsilon, delta: budget.delta, budget, unit, adjacency, accountant, private: this.#rules.private, entries: this.#entries.length };
  }

  /** How many more charges of this event fit; at most 1e12. @throws {@link ParameterError} for a bad event; {@link PrivacyError} where no bound is known */
  remaining(event: PrivacyEvent): number {
    checkEvent("PrivacyLedger.remaining", event);
    const { budget, unit, adjacency } = this.#rules;
    return largestCount(this.#spentEvents(), event, { ...budget, unit, adjacency, accountant: this.#accountant });
  }
}

function checkLedgerOptions(options: LedgerOptions): void {
  checkOptions(OPEN, options, ["budget", "unit", "adjacency", "store", "accountant", "unsafeSimulation", "head"]);
  const { budget, unit, adjacency, store, accountant = "pld", unsafeSimulation = false, head } = options;
  checkOptions(OPEN, budget, ["epsilon", "delta"]);
  checkNumber(OPEN, "budget.epsilon", budget.epsilon, { above: 0 });
  checkNumber(OPEN, "budget.delta", budget.delta, { min: 0, below: 1 });
  checkChoice(OPEN, "unit", unit, UNITS);
  checkChoice(OPEN, "adjacency", adjacency, ADJACENCIES);
  checkChoice(OPEN, "accountant", accountant, ACCOUNTANTS);
  checkBoolean(OPEN, "unsafeSimulation", unsafeSimulation);
  if (typeof store?.read !== "function" || typeof store.append !== "function") {
    throw new ParameterError(`${OPEN}: expected store to have read() and append(line), got ${describe(store)}`, { argument: "store" });
  }
  if (head === undefined) return;
  checkOptions(OPEN, head, ["entries", "hash"]);
  checkNumber(OPEN, "head.entries", head.entries, { min: 0, integer: true });
  if (typeof head.hash !== "string")
    throw new ParameterError(`${OPEN}: expected head.hash to be a string, got ${describe(head.hash)}`, { argument: "head.hash" });
}

const keyOf = (event: PrivacyEvent): string => JSON.stringify([event.mechanism, event.sampling]);

function deepFreeze(event: PrivacyEvent): PrivacyEvent {
  Object.freeze(event.mechanism);
  Object.freeze(event.sampling);
  return Object.freeze(event);
}

/** SHA-256 of the hash before and the body, in hexadecimal. */
async function chain(before: string, body: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${before} ${body}`));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The parts of a line that continues the chain. */
async function verified(before: string, line: string): Promise<{ hash: string; body: string } | undefined> {
  const [hash, body] = [line.slice(0, 64), line.slice(65)];
  return line[64] === " " && (await chain(before, body)) === hash ? { hash, body } : undefined;
}
