// The page: complete, self-contained, escaped; and the sentences about the run.

import type { RoundReport } from "fedlane/worker";
import { describe, expect, test } from "vitest";
import { parseCommand, type SimulateOptions } from "#dist/cli/options.js";
import { formatBytes, formatPercent, formatSeconds, imageRound, Progress } from "#dist/cli/progress.js";
import { publishedRounds, type ReportContent, type Run, renderReport, verdict } from "#dist/cli/report.js";
import { checkNesting } from "../support/html.ts";

function options(line = ""): SimulateOptions {
  const command = parseCommand(["simulate", "mnist", ...line.split(" ").filter(Boolean)]);
  if (command.name !== "simulate") throw new Error(command.name);
  return command.options;
}

function rounds(n: number, top: number, bytes = 2e6): RoundReport[] {
  return Array.from({ length: n }, (_, i) => ({
    round: i + 1,
    accuracy: (top * (i + 1)) / n,
    loss: 1 / (i + 1),
    trainLoss: 2 / (i + 1),
    clients: 10,
    bytesUp: bytes,
    bytesDown: 8e6,
    totalBytesUp: bytes * (i + 1),
    totalBytesDown: 8e6 * (i + 1),
    milliseconds: 100,
  }));
}

function run(more: Partial<Run> = {}): Run {
  return {
    rounds: rounds(40, 0.98),
    reason: "target",
    profile: { nn: { milliseconds: 5000, calls: 10 }, optim: { milliseconds: 0, calls: 0 } },
    build: "simd",
    workers: 2,
    workerRestarts: 0,
    private: false,
    bits: 8,
    milliseconds: 4000,
    ...more,
  };
}

function content(more: Partial<ReportContent> = {}): ReportContent {
  return {
    version: "1.2.3",
    options: options(),
    main: run(),
    plain: run({ bits: 32, rounds: rounds(40, 0.98, 8e6) }),
    parameters: 199210,
    examples: { train: 60000, test: 10000 },
    clientExamples: [600, 600],
    ...more,
  };
}

describe("page", () => {
  const html = renderReport(content());

  test("needs nothing from outside", () => {
    expect(html).not.toMatch(/https?:|src=|href=|<script|@import|url\(|<link/);
  });

  test("is well formed and has every part", () => {
    checkNesting(html);
    expect(html.match(/<svg /g)).toHaveLength(4);
    expect(html).toContain("<title>2NN (784-200-200-10, relu) on MNIST, federated averaging over 100 clients</title>");
    for (const part of ["1.2.3, build simd", "target 97 %", "outside kernels", "quantized, 8 bits", "without quantization (f32)", "--seed 1", "199210"])
      expect(html).toContain(part);
    expect(html).toContain("80&nbsp;MB against 320&nbsp;MB to 97&nbsp;%");
    expect(html).toContain("3000 ms, 37.5 %"); // 4000 ms on 2 workers less 5000 ms in kernels
    expect(html).not.toContain("optim");
    expect(html).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  test("names the data set, in words and in the command", () => {
    const page = renderReport(content({ options: { ...options(), dataset: "fashion-mnist" } }));
    expect(page).toContain("on Fashion-MNIST, federated averaging");
    expect(page).toContain("Fashion-MNIST, 60000 training and 10000 test images");
    expect(page).toContain("npx fedlane simulate fashion-mnist ");
    expect(page).not.toMatch(/[^-]MNIST/);
  });

  test("names no folder of the machine", () => {
    expect(renderReport(content({ options: options("--data /secret/place --out /other/place.html") }))).not.toMatch(/secret|other\/place/);
  });

  test("escapes what it is given", () => {
    const nasty = '<img src=x onerror="a">&';
    const page = renderReport(content({ version: nasty, main: run({ build: nasty as "simd", profile: { [nasty]: { milliseconds: 1, calls: 1 } } }) }));
    expect(page).not.toContain("<img");
    checkNesting(page);
  });

  test("says that noise is not privacy, only where there is clipping or noise", () => {
    expect(html).not.toContain("privacy");
    expect(renderReport(content({ options: options("--clip 1 --noise-multiplier 1") }))).toContain("No privacy guarantee");
  });

  test.each([0, 1])("%i rounds done", (n) => {
    const page = renderReport(content({ main: run({ rounds: rounds(n, 0.5), reason: "aborted", milliseconds: 0 }), plain: undefined }));
    checkNesting(page);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
    expect(page).toContain(`Stopped by hand after ${n} rounds`);
  });

  test("loss that is not finite", () => {
    const page = renderReport(content({ main: run({ rounds: rounds(5, 0.1).map((r) => ({ ...r, loss: Number.NaN })) }) }));
    checkNesting(page);
    expect(page.replace(/<td>NaN<\/td>/g, "")).not.toMatch(/NaN/);
  });
});

describe("sentences", () => {
  test("reached and not reached", () => {
    expect(verdict(content())).toBe("Reached 97 % test accuracy in 40 rounds (McMahan et al. 2017 report 87 for this setting) in 4.0 s.");
    expect(verdict(content({ options: options("--clients 50"), main: run({ rounds: rounds(3, 0.5), reason: "rounds" }) }))).toBe(
      "Stopped after 3 rounds in 4.0 s without reaching 97 %; best test accuracy 50.00 %.",
    );
  });

  test("the paper is cited for its settings alone", () => {
    expect(publishedRounds(options())).toBe(87);
    expect(publishedRounds(options("--partition shards"))).toBe(664);
    for (const other of ["--partition dirichlet", "--model logistic", "--batch 20", "--epochs 2", "--fraction 0.2", "--target 0.98", "--clip 1"])
      expect(publishedRounds(options(other)), other).toBeUndefined();
    expect(publishedRounds({ ...options(), dataset: "fashion-mnist" })).toBeUndefined();
  });

  test("units", () => {
    expect([0, 999, 1000, 1994000, 999.6e3, 1e9, 3.2e15, Number.NaN].map(formatBytes)).toEqual("0 B,999 B,1 kB,1.99 MB,1 MB,1 GB,3200 TB,?".split(","));
    expect([0, 9.94, 9.96, 119.4, 125, Number.POSITIVE_INFINITY].map(formatSeconds)).toEqual("0.0 s,9.9 s,10 s,119 s,2 min 5 s,?".split(","));
    expect([0.97, 1, Number.NaN].map((p) => formatPercent(p))).toEqual(["97.00 %", "100.00 %", "?"]);
  });
});

describe("progress", () => {
  function watch(columns: number | undefined, n: number): string {
    let text = "";
    let now = 0;
    const sink = { isTTY: columns !== undefined, ...(columns ? { columns } : {}), write: (t: string) => (text += t) };
    const progress = new Progress(sink, "round", 40, imageRound, () => now);
    for (const r of rounds(n, 0.98)) {
      now += 500;
      progress.round(r);
    }
    progress.end();
    return text;
  }

  test("without a terminal: every tenth round and the last, once", () => {
    const lines = (n: number) => watch(undefined, n).trimEnd().split("\n");
    expect(lines(25).map((l) => l.split("  ")[0])).toEqual(["round 10/40", "round 20/40", "round 25/40"]);
    expect(lines(20)).toHaveLength(2);
    expect(lines(20)[1]).toBe("round 20/40  accuracy 98.00 %  loss 0.0500  40 MB up 160 MB down  2.0 rounds/s  at most 10 s left");
    expect(watch(undefined, 0)).toBe("");
  });

  test.each([40, 80, 200])("on a terminal of %i columns: one line, never wrapped", (columns) => {
    const text = watch(columns, 25);
    expect(text.match(/\n/g)).toHaveLength(1);
    const shown = text.trimEnd().split("\r").slice(1);
    expect(shown).toHaveLength(25);
    for (const line of shown) expect(line.length).toBeLessThan(columns);
    if (columns >= 80) expect(shown.at(-1)).toMatch(/left/);
  });
});
