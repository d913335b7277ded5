// Arguments as typed: words and options found, values read one by one. What each command makes of them is in options.ts.
import { parseArgs } from "node:util";
import { ParameterError } from "../engine/errors.ts";

/** The command line is wrong: one sentence for the person who typed it, exit code 2. */
export class UsageError extends ParameterError {}

/** Options by name: whether a value follows. */
export type Known = Readonly<Record<string, "value" | "flag">>;

export interface Range {
  readonly above?: number;
  readonly min?: number;
  readonly below?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

export class Arguments {
  /** What is no option, in order. */
  readonly words: readonly string[];
  readonly #given: ReadonlyMap<string, string>;

  /**
   * @param known every option of any command
   * @throws {@link UsageError} for an option that is not known, a value where none belongs, or none where one does
   */
  constructor(args: readonly string[], known: Known) {
    const options = Object.fromEntries(Object.entries(known).map(([name, kind]) => [name, { type: kind === "flag" ? "boolean" : "string" } as const]));
    // Not strict: the same refusals follow here, in sentences of our own.
    const { tokens } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true });
    const given = new Map<string, string>();
    const words: string[] = [];
    for (const token of tokens) {
      if (token.kind === "positional") words.push(token.value);
      if (token.kind !== "option") continue;
      const { name, rawName, value } = token;
      const kind = Object.hasOwn(known, name) ? known[name] : undefined;
      if (kind === "flag") {
        if (value !== undefined) throw new UsageError(`fedlane: expected --${name} without a value, got ${JSON.stringify(value)}`);
      } else if (kind === undefined) {
        throw new UsageError(`fedlane: expected an option of the list in fedlane --help, got ${rawName}`);
      } else if (value === undefined || value === "" || (!token.inlineValue && value.startsWith("--"))) {
        throw new UsageError(`fedlane: expected a value after --${name}, got ${value ? value : "none"}`);
      }
      given.set(name, value ?? "");
    }
    this.words = words;
    this.#given = given;
  }

  /** Nothing was typed. */
  get empty(): boolean {
    return this.words.length === 0 && this.#given.size === 0;
  }
  has(name: string): boolean {
    return this.#given.has(name);
  }
  text(name: string): string | undefined {
    return this.#given.get(name);
  }

  /** @throws {@link UsageError} for an option that is none of the command's */
  checkOnly(command: string, names: readonly string[]): void {
    const stranger = [...this.#given.keys()].find((name) => !names.includes(name));
    if (stranger) throw new UsageError(`${command}: expected an option that fedlane --help lists for it, got --${stranger}`);
  }

  number(name: string, range: Range): number | undefined {
    const text = this.#given.get(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    const { above, min, below, max, integer } = range;
    const fits =
      text.trim() !== "" &&
      Number.isFinite(value) &&
      (above === undefined || value > above) &&
      (min === undefined || value >= min) &&
      (below === undefined || value < below) &&
      (max === undefined || value <= max) &&
      (!integer || Number.isSafeInteger(value));
    if (fits) return value;
    const limits = [
      above !== undefined && `above ${above}`,
      min !== undefined && `at least ${min}`,
      below !== undefined && `below ${below}`,
      max !== undefined && `at most ${max}`,
    ];
    throw new UsageError(
      `fedlane simulate: expected --${name} to be ${integer ? "an integer" : "a number"} ${limits.filter(Boolean).join(" and ")}, got ${JSON.stringify(text)}`,
    );
  }

  /** The first choice is the default. */
  choice<T extends string>(name: string, choices: readonly T[]): T {
    const text = (this.#given.get(name) ?? choices[0]) as T;
    if (!choices.includes(text)) throw new UsageError(`fedlane simulate: expected --${name} to be ${choices.join(" or ")}, got ${JSON.stringify(text)}`);
    return text;
  }
}
