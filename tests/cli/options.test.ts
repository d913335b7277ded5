// The command line as data: defaults, and a sentence for everything that is wrong.

import { describe, expect, test } from "vitest";
import { UsageError } from "#dist/cli/arguments.js";
import { HELP, type MovielensOptions, parseCommand, reproduceCommand, reproduceFilms, type SimulateOptions } from "#dist/cli/options.js";

function options(...args: string[]): SimulateOptions {
  return parsed("simulate", "mnist", ...args);
}
function parsed(...args: string[]): SimulateOptions {
  const command = parseCommand(args);
  if (command.name !== "simulate") throw new Error(command.name);
  return command.options;
}
function films(...args: string[]): MovielensOptions {
  const command = parseCommand(["simulate", "movielens", ...args]);
  if (command.name !== "movielens") throw new Error(command.name);
  return command.options;
}

describe("options", () => {
  test("without arguments, and with --help or --version anywhere", () => {
    expect(parseCommand([])).toEqual({ name: "help" });
    expect(parseCommand(["simulate", "--help"])).toEqual({ name: "help" });
    expect(parseCommand(["--version"])).toEqual({ name: "version" });
  });

  test("defaults", () => {
    const { workers, ...rest } = options();
    expect(rest).toEqual({
      dataset: "mnist",
      model: "2nn",
      partition: "iid",
      alpha: undefined,
      clients: 100,
      fraction: 0.1,
      epochs: 1,
      batch: 10,
      learningRate: 0.2,
      learningRateDecay: 1,
      rounds: 150,
      target: 0.97,
      bits: 8,
      algorithm: "fedavg",
      strength: undefined,
      clip: undefined,
      exampleClip: undefined,
      noiseMultiplier: undefined,
      dp: undefined,
      seed: 1,
      data: undefined,
      out: "fedlane-report.html",
      compare: true,
      json: false,
    });
    expect(workers).toBeGreaterThanOrEqual(1);
    expect(workers).toBeLessThanOrEqual(4);
  });

  test("Fashion-MNIST differs by its name and target only", () => {
    const fashion = parsed("simulate", "fashion-mnist");
    expect(fashion).toEqual({ ...options(), dataset: "fashion-mnist", target: 0.86 });
    expect(parsed("simulate", "fashion-mnist", "--target", "0.9").target).toBe(0.9);
    expect(reproduceCommand(fashion)).toMatch(/^npx fedlane simulate fashion-mnist .* --target 0.86 /);
    expect(parsed(...reproduceCommand(fashion).split(" ").slice(2))).toEqual(fashion);
  });

  test("defaults follow the experiment: the CNN and label shards of McMahan et al. 2017", () => {
    expect(options("--model", "cnn")).toMatchObject({ epochs: 5, learningRate: 0.15, target: 0.99, compare: false });
    expect(options("--partition", "shards")).toMatchObject({ epochs: 1, learningRate: 0.1, target: 0.97, rounds: 800, compare: false });
    expect(options("--model", "cnn", "--compare").compare).toBe(true);
  });

  test("algorithms with their strength travel in the reproduce command", () => {
    for (const [line, algorithm, strength] of [
      ["--algorithm fedprox", "fedprox", 0.01],
      ["--algorithm fedprox --strength 0", "fedprox", 0],
      ["--algorithm scaffold", "scaffold", undefined],
      ["--algorithm feddyn --strength 0.1 --example-clip 2", "feddyn", 0.1],
    ] as const) {
      const given = options(...line.split(" "));
      expect(given).toMatchObject({ algorithm, strength });
      expect(parsed(...reproduceCommand(given).split(" ").slice(2))).toEqual(given);
    }
  });

  test("--dp: a budget, other defaults by mode, and the command that reproduces it", () => {
    expect(options("--dp", "central", "--epsilon", "8")).toMatchObject({
      dp: { mode: "central", epsilon: 8, delta: 1e-5 },
      model: "logistic",
      clients: 6000,
      clip: 1,
      noiseMultiplier: undefined,
      bits: 32,
      compare: false,
    });
    const given = options(..."--dp dp-sgd --epsilon 3 --delta 1e-6 --noise-multiplier 1.1 --clients 1 --out /a.html".split(" "));
    expect(given).toMatchObject({ dp: { mode: "dp-sgd", epsilon: 3, delta: 1e-6 }, model: "cnn-small", batch: 256, noiseMultiplier: 1.1, clients: 1 });
    const again = parsed(...reproduceCommand(given).split(" ").slice(2));
    expect({ ...again, out: given.out }).toEqual(given);
  });

  test("films: defaults, and the command that reproduces a run", () => {
    expect(films("--data", "d")).toEqual({
      objective: "both",
      factors: 16,
      fraction: 0.1,
      epochs: 5,
      batch: 10,
      learningRate: undefined,
      regularisation: undefined,
      negatives: 4,
      rounds: 100,
      seed: 1,
      data: "d",
      out: "fedlane-report.html",
      compare: true,
      json: false,
    });
    for (const line of ["", "--objective ranking --learning-rate 0.3 --regularisation 0 --negatives 2 --seed 4 --no-compare"]) {
      const given = films("--data", "/a/b", "--out", "/c/d.html", ...line.split(" ").filter(Boolean));
      const command = reproduceFilms(given);
      expect(command).not.toMatch(/\/[abcd]/);
      expect(films(...command.split(" ").slice(4))).toEqual({ ...given, data: "FOLDER", out: "fedlane-report.html" });
    }
  });

  test("values, in both spellings and in any place", () => {
    expect(options("--bits=32", "--clip", "1.5", "--noise-multiplier", "0", "--no-compare", "--json")).toMatchObject({
      bits: 32,
      clip: 1.5,
      noiseMultiplier: 0,
      compare: false,
      json: true,
    });
    expect(parseCommand(["--seed", "7", "simulate", "--partition", "dirichlet", "mnist"])).toMatchObject({ options: { seed: 7, alpha: 0.5 } });
    expect(options("--learning-rate", "1e-3").learningRate).toBe(0.001);
  });

  const wrong: [string, RegExp][] = [
    ["simulate mnist --rouns 3", /option of the list.*got --rouns/],
    ["simulate mnist -x", /got -x/],
    ["simulate mnist --rounds", /a value after --rounds, got none/],
    ["simulate mnist --out --json", /a value after --out, got --json/],
    ["simulate mnist --data=", /a value after --data, got none/],
    ["simulate mnist --json=yes", /--json without a value, got "yes"/],
    ["train mnist", /the command simulate, got train/],
    ["--seed 1", /the command simulate, got none/],
    ["simulate", /the data set mnist or fashion-mnist or movielens, got none/],
    ["simulate cifar", /the data set mnist or fashion-mnist or movielens, got cifar/],
    ["simulate mnist twice", /options only, got twice/],
    ["simulate fashion-mnist mnist", /^fedlane simulate fashion-mnist: expected options only, got mnist/],
    ["simulate mnist --model vgg", /--model to be 2nn or cnn or cnn-small or logistic, got "vgg"/],
    ["simulate mnist --algorithm fedsgd", /--algorithm to be fedavg or fedprox or scaffold or feddyn, got "fedsgd"/],
    ["simulate mnist --strength 1", /--strength only with --algorithm fedprox or feddyn, got it with --algorithm fedavg/],
    ["simulate mnist --algorithm feddyn --strength 0", /--strength to be a number above 0, got "0"/],
    ["simulate mnist --example-clip 0", /--example-clip to be a number above 0, got "0"/],
    ["simulate mnist --compare --no-compare", /--compare or --no-compare, got both/],
    ["simulate mnist --partition random", /--partition to be iid or shards or dirichlet, got "random"/],
    ["simulate mnist --alpha 1", /--alpha only with --partition dirichlet, got it with --partition iid/],
    ["simulate mnist --partition dirichlet --alpha 0", /--alpha to be a number above 0, got "0"/],
    ["simulate mnist --clients 0", /--clients to be an integer at least 1 .*got "0"/],
    ["simulate mnist --clients 1.5", /--clients to be an integer .*got "1.5"/],
    ["simulate mnist --fraction 2", /--fraction to be a number above 0 and at most 1, got "2"/],
    ["simulate mnist --epochs -1", /--epochs .*got "-1"/],
    ["simulate mnist --batch ten", /--batch .*got "ten"/],
    ["simulate mnist --learning-rate 0", /--learning-rate to be a number above 0, got "0"/],
    ["simulate mnist --learning-rate Infinity", /--learning-rate .*got "Infinity"/],
    ["simulate mnist --learning-rate-decay 1.1", /--learning-rate-decay to be a number above 0 and at most 1, got "1.1"/],
    ["simulate mnist --rounds NaN", /--rounds .*got "NaN"/],
    ["simulate mnist --target 97", /--target to be a number above 0 and at most 1, got "97"/],
    ["simulate mnist --bits 0", /--bits to be an integer at least 1.*got "0"/],
    ["simulate mnist --bits 16", /--bits to be 1 to 8, or 32 for plain f32, got "16"/],
    ["simulate mnist --clip 0", /--clip to be a number above 0, got "0"/],
    ["simulate mnist --noise-multiplier 1", /--clip with --noise-multiplier.*got none/],
    ["simulate mnist --clip 1 --noise-multiplier -1", /--noise-multiplier to be a number at least 0, got "-1"/],
    ["simulate mnist --dp shuffle --epsilon 1", /--dp to be central or local or distributed or dp-sgd, got "shuffle"/],
    ["simulate mnist --dp central", /--epsilon, the budget, with --dp central, got none/],
    ["simulate mnist --dp central --epsilon 0", /--epsilon to be a number above 0, got "0"/],
    ["simulate mnist --dp central --epsilon 1 --delta 1", /--delta to be a number above 0 and below 1, got "1"/],
    ["simulate mnist --epsilon 1", /--dp MODE with --epsilon, got none/],
    ["simulate mnist --dp dp-sgd --epsilon 1 --example-clip 1", /--clip with --dp dp-sgd, got --example-clip/],
    ["simulate mnist --dp central --epsilon 1 --bits 8", /no --bits with --dp/],
    ["simulate mnist --dp central --epsilon 1 --compare", /no --compare with --dp/],
    ["simulate mnist --dp central --epsilon 1 --algorithm scaffold", /--algorithm fedavg or fedprox with --dp, got scaffold/],
    ["simulate mnist --seed -1", /--seed .*got "-1"/],
    ["simulate mnist --workers 0", /--workers .*got "0"/],
    ["simulate mnist --factors 3", /^fedlane simulate mnist: expected an option that fedlane --help lists for it, got --factors$/],
    ["simulate movielens --data d --workers 2", /^fedlane simulate movielens: expected an option .* got --workers$/],
    ["simulate movielens", /expected --data FOLDER with ratings\.csv, got none; get ml-latest-small\.zip from https:\/\/grouplens\.org/],
    ["simulate movielens --data d --objective stars", /--objective to be both or ratings or ranking, got "stars"/],
    ["simulate movielens --data d --factors 0", /--factors to be an integer at least 1 and at most 1024, got "0"/],
    ["simulate movielens --data d --regularisation -1", /--regularisation to be a number at least 0, got "-1"/],
    ["simulate movielens --data d --negatives 0", /--negatives .*got "0"/],
    ["simulate movielens --data d --fraction 0", /--fraction .*got "0"/],
  ];
  test.each(wrong)("%s", (line, sentence) => {
    const parse = () => parseCommand(line.split(" "));
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(sentence);
    expect(parse).not.toThrow(/\n/);
  });

  test("every option is in the help and has a wrong use above", () => {
    const names = [...HELP.matchAll(/^ {2}--([a-z-]+)/gm)].map((m) => m[1]!);
    expect(names.length).toBeGreaterThan(18);
    const tried = wrong.map(([line]) => line).join(" ");
    for (const name of names.filter((n) => !["no-compare", "help"].includes(n))) expect(tried, name).toContain(`--${name}`);
  });

  test("the command that reproduces a run gives the same options, without paths", () => {
    const given = options(
      ..."--partition dirichlet --alpha 0.3 --bits 4 --clip 2 --noise-multiplier 0.5 --learning-rate-decay 0.9 --seed 9 --no-compare --data /a/b --out /c/d.html".split(
        " ",
      ),
    );
    const command = reproduceCommand(given);
    expect(command).not.toContain("/");
    const again = parsed(...command.split(" ").slice(2));
    expect({ ...again, data: given.data, out: given.out }).toEqual(given);
  });
});
