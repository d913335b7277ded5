// What a ledger needs of the place its lines are kept in.

/** Where a ledger's lines live. One ledger at a time may hold a store. */
export interface LedgerStore {
  /** All whole lines, in order; `torn` is what a crash left of a last one. */
  read(): Promise<{ readonly lines: readonly string[]; readonly torn?: string }>;
  /** Adds a line (without line breaks). Resolves when a crash can no longer lose it. */
  append(line: string): Promise<void>;
}

/** A store that lives as long as the page or process: for simulations, and where another place keeps `ledger.entries`. */
export function memoryLedgerStore(lines: readonly string[] = []): LedgerStore & { readonly lines: readonly string[] } {
  const kept = [...lines];
  return { lines: kept, read: async () => ({ lines: [...kept] }), append: async (line) => void kept.push(line) };
}
