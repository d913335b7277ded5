// What a person sees while the rounds go by: one line rewritten in place on a terminal, a plain line now and then elsewhere.
import type { RoundReport } from "../workers/index.ts";

/** The part of a stream that is written to. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Bytes in decimal units, three digits: "1.99 MB". */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "?";
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < 4) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
}

export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function formatPercent(share: number, digits = 2): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "?";
}

const EVERY = 10;

/** What a round of a simulation on images came to. */
export function imageRound(r: RoundReport, short: boolean): string {
  const bytes = r.epsilon === undefined ? `${formatBytes(r.totalBytesUp)} up ${formatBytes(r.totalBytesDown)} down` : `epsilon ${r.epsilon.toFixed(3)}`;
  return `${short ? "" : "accuracy "}${formatPercent(r.accuracy)}  loss ${r.loss.toFixed(4)}  ${bytes}`;
}

/** Progress of one run. Call round() after each, then end(). */
export class Progress<R extends { readonly round: number }> {
  readonly #sink: Sink;
  readonly #name: string;
  readonly #rounds: number;
  readonly #words: (report: R, short: boolean) => string;
  readonly #start: number;
  readonly #now: () => number;
  #width = 0;
  #last: R | undefined;
  #plain = 0;

  /**
   * @param words a round in few words, or in fewer
   * @param now milliseconds, for tests
   */
  constructor(sink: Sink, name: string, rounds: number, words: (report: R, short: boolean) => string, now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#name = name;
    this.#rounds = rounds;
    this.#words = words;
    this.#now = now;
    this.#start = now();
  }

  round(report: R): void {
    this.#last = report;
    if (this.#sink.isTTY) this.#rewrite(report);
    else if (report.round % EVERY === 0) this.#print(report);
  }

  /** Finishes the line; without a terminal, prints the last round if that has not been done. */
  end(): void {
    if (this.#sink.isTTY) {
      if (this.#width > 0) this.#sink.write("\n");
      this.#width = 0;
    } else if (this.#last && this.#plain !== this.#last.round) this.#print(this.#last);
  }

  #print(report: R): void {
    this.#plain = report.round;
    this.#sink.write(`${this.#line(report)}\n`);
  }

  #rewrite(report: R): void {
    const columns = this.#sink.columns || 80;
    const long = this.#line(report);
    const fits = (long.length < columns ? long : this.#line(report, true)).slice(0, columns - 1);
    this.#sink.write(`\r${fits.padEnd(this.#width)}`);
    this.#width = fits.length;
  }

  #line(r: R, short = false): string {
    const seconds = (this.#now() - this.#start) / 1000;
    const rate = seconds > 0 ? r.round / seconds : 0;
    const left = rate > 0 ? formatSeconds((this.#rounds - r.round) / rate) : "?";
    if (short) return `${r.round}/${this.#rounds} ${this.#words(r, true)}  ${rate.toFixed(1)}/s  <= ${left} left`;
    return `${this.#name} ${r.round}/${this.#rounds}  ${this.#words(r, false)}  ${rate.toFixed(1)} rounds/s  at most ${left} left`;
  }
}
