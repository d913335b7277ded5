// The command as it is typed: exit codes, streams, a small real run on MNIST, Ctrl-C.
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findMovielens } from "../support/movielens.ts";
import { plantedRatings, ratingsCsv } from "../support/ratings.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fedlane-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function fedlane(args: readonly string[], onText?: (child: ChildProcess, stdout: string) => void): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args]);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      onText?.(child, stdout);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const typed = (line: string) => fedlane(line.split(" ").filter(Boolean));

describe("without a run", () => {
  test("help and version", async () => {
    const [bare, help, version] = await Promise.all([typed(""), typed("simulate --help"), typed("--version")]);
    expect(bare.stdout).toContain("fedlane simulate mnist [options]");
    expect(help).toEqual(bare);
    expect(version).toEqual({
      code: 0,
      stdout: `${JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")).version}\n`,
      stderr: "",
    });
  });

  test.each([
    ["simulate mnist --bits 9", 'fedlane simulate: expected --bits to be 1 to 8, or 32 for plain f32, got "9"\n'],
    ["simulate mnist --rouns 1", "fedlane: expected an option of the list in fedlane --help, got --rouns\n"],
    ["simulate cifar", "fedlane simulate: expected the data set mnist or fashion-mnist or movielens, got cifar\n"],
    ["simulate mnist --clients 60001", "fedlane simulate: expected --clients at most 60000 for 60000 training images, got 60001\n"],
  ])("%s: exit 2 and one sentence", async (line, stderr) => {
    expect(await typed(`${line} --out ${folder}/never.html`)).toEqual({ code: 2, stdout: "", stderr });
    await expect(readFile(join(folder, "never.html"))).rejects.toThrow();
  });

  test("a report that cannot be written is refused before the training", async () => {
    const { code, stderr } = await fedlane(["simulate", "mnist", "--out", folder]);
    expect([code, stderr]).toEqual([2, `fedlane simulate: expected --out to be a file, got the folder ${folder}\n`]);
    const file = join(folder, "file");
    await writeFile(file, "");
    await chmod(file, 0o644);
    const under = await fedlane(["simulate", "mnist", "--out", join(file, "report.html")]);
    expect(under.code).toBe(2);
    expect(under.stderr).toMatch(/^fedlane simulate: expected --out to be a file that can be written, got .*\n$/);
  });

  test("data that is not there, or not sound: exit 1 and one sentence", async () => {
    const missing = await fedlane(["simulate", "mnist", "--data", folder, "--out", join(folder, "a.html")]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^\S+-ubyte: expected it, or it with \.gz, in .*, got no such file\n$/);
    await writeFile(join(folder, "train-images-idx3-ubyte"), "nonsense");
    await writeFile(join(folder, "train-labels-idx1-ubyte"), "nonsense");
    await writeFile(join(folder, "t10k-images-idx3-ubyte"), "nonsense");
    await writeFile(join(folder, "t10k-labels-idx1-ubyte"), "nonsense");
    const broken = await fedlane(["simulate", "mnist", "--data", folder, "--out", join(folder, "a.html")]);
    expect(broken.code).toBe(1);
    expect(broken.stderr).toMatch(/^\S+: expected .*, got .*\n$/);
  });
});

describe("runs", () => {
  test("two rounds on MNIST as JSON, the same numbers for any number of workers", async () => {
    const out = join(folder, "deep", "report.html");
    const line = `simulate mnist --rounds 2 --no-compare --clients 100 --json --seed 5 --out ${out}`;
    const { code, stdout, stderr } = await typed(`${line} --workers 2`);
    expect([code, stderr.includes("Error")]).toEqual([0, false]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((l) => JSON.parse(l));
    expect(lines.map((l) => l.type)).toEqual(["round", "round", "result"]);
    const [first, second, result] = lines;
    expect(second.accuracy).toBeGreaterThan(0.7);
    expect(first).toMatchObject({ run: "main", round: 1, clients: 10, bytesUp: 10 * (199210 + 40), bytesDown: 10 * 4 * 199210 });
    expect(result).toMatchObject({
      config: { bits: 8, seed: 5, parameters: 199210 },
      main: { rounds: 2, reason: "rounds", workers: 2 },
      plain: null,
      report: out,
    });
    const html = await readFile(out, "utf8");
    expect(html).toContain("--rounds 2 --target 0.97 --bits 8 --seed 5 --no-compare");
    expect(html).toContain("<svg ");

    const other = JSON.parse((await typed(`${line} --workers 1`)).stdout.split("\n")[1]!);
    expect({ ...other, milliseconds: 0 }).toEqual({ ...second, milliseconds: 0 });
  });

  test("compares with plain f32 and sums up in a few lines", async () => {
    const out = join(folder, "compare.html");
    const { code, stdout } = await typed(`simulate mnist --model logistic --rounds 3 --target 0.5 --bits 4 --partition dirichlet --alpha 0.3 --out ${out}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\nReached 50 % test accuracy in \d rounds in .*\nSent .* up and .* down, quantized, 4 bits\.\nWithout quantization it reached .* up\.\nReport: .*\n$/,
    );
    expect(await readFile(out, "utf8")).toContain("both runs were made and measured");
  });

  test("Fashion-MNIST by name, from a folder", async () => {
    const data = await mkdtemp(join(folder, "fashion-"));
    const idx = (header: readonly number[], payload: Uint8Array) => Buffer.concat([Uint8Array.from(header), payload]);
    for (const [part, n] of [
      ["train", 200],
      ["t10k", 100],
    ] as const) {
      const pixels = Uint8Array.from({ length: n * 784 }, (_, i) => (i * 31) % 251);
      await writeFile(join(data, `${part}-images-idx3-ubyte`), idx([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 28, 0, 0, 0, 28], pixels));
      await writeFile(
        join(data, `${part}-labels-idx1-ubyte`),
        idx(
          [0, 0, 8, 1, 0, 0, 0, n],
          Uint8Array.from({ length: n }, (_, i) => i % 10),
        ),
      );
    }
    const out = join(folder, "fashion.html");
    const line = `simulate fashion-mnist --model logistic --data ${data} --clients 10 --rounds 1 --no-compare --json --out ${out}`;
    const { code, stdout, stderr } = await typed(line);
    expect([code, stderr.split("\n")[0]]).toEqual([0, expect.stringMatching(/^logistic regression \(784-10\) on Fashion-MNIST, federated averaging, iid/)]);
    const result = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    expect(result.config).toMatchObject({ dataset: "fashion-mnist", target: 0.83, examples: { train: 200, test: 100 } });
    expect(result.config.command).toMatch(/^npx fedlane simulate fashion-mnist /);
    expect(await readFile(out, "utf8")).toContain("on Fashion-MNIST");
  });

  test("films from a folder: two runs, what they are compared with, the report", async () => {
    const data = await mkdtemp(join(folder, "films-"));
    await writeFile(join(data, "ratings.csv"), ratingsCsv(plantedRatings(40, 60, 15, 5)));
    const out = join(folder, "films.html");
    const line = `simulate movielens --data ${data} --rounds 3 --json --out ${out}`;
    const { code, stdout, stderr } = await typed(line);
    expect([code, stderr.split("\n")[0]]).toEqual([0, "Matrix factorisation on MovieLens: 600 ratings of 60 films by 40 users, each a client"]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((l) => JSON.parse(l));
    expect(lines.map((l) => [l.type, l.run])).toEqual([...Array(3).fill(["round", "ratings"]), ...Array(3).fill(["round", "ranking"]), ["result", undefined]]);
    const result = lines.at(-1);
    expect(result).toMatchObject({
      config: { dataset: "movielens", users: 40, items: 60, ratings: 600, seed: 1 },
      runs: {
        ratings: { rounds: 3, reason: "rounds", learningRate: 0.05, last: { round: 3, clients: 4 } },
        ranking: { learningRate: 0.25, last: { rmse: null } },
      },
      report: out,
    });
    expect(result.comparison.map((c: { name: string }) => c.name)).toEqual([
      "federated, for ratings",
      "in one place, for ratings",
      "federated, for ranking",
      "in one place, for ranking",
      "mean rating of the film",
      "popularity of the film",
    ]);
    // Forty passes in one place find the two kinds of users and items: within a kind ratings spread by 0.41 stars.
    expect(result.comparison[1].rmse).toBeLessThan(result.comparison[4].rmse);
    const html = await readFile(out, "utf8");
    for (const part of ["RMSE by round", "HR@10 by round", "NDCG@10 by round", "popularity of the film", "--objective both --factors 16"])
      expect(html).toContain(part);

    const other = await typed(`simulate movielens --data ${data} --objective ranking --rounds 3 --no-compare --out ${out}`);
    expect(other.code).toBe(0);
    expect(other.stdout).toMatch(/\n {25,}RMSE +HR@10 +NDCG@10\nfederated, for ranking +- +\d+\.\d % +0\.\d{4}\nmean rating of the film +\d\.\d{4} /);
  });

  const real = findMovielens();
  test.skipIf(real === undefined)("MovieLens: twenty rounds beat the mean rating and popularity", async () => {
    const { code, stdout } = await typed(`simulate movielens --data ${real} --rounds 20 --no-compare --json --out ${join(folder, "movielens.html")}`);
    expect(code).toBe(0);
    const result = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    const by = Object.fromEntries(result.comparison.map((c: { name: string }) => [c.name, c]));
    expect(by["federated, for ratings"].rmse).toBeLessThan(by["mean rating of the film"].rmse - 0.03);
    expect(by["federated, for ranking"].hitRate).toBeGreaterThan(by["popularity of the film"].hitRate + 0.03);
    expect(by["federated, for ranking"].ndcg).toBeGreaterThan(by["popularity of the film"].ndcg + 0.02);
  });

  describe("a small real slice of every long run", () => {
    test.each([
      ["the CNN", "--model cnn --clients 600 --fraction 0.002 --epochs 2", /CNN .* on MNIST, federated averaging, iid/],
      ["label shards", "--partition shards --fraction 0.1", /2NN .*, shards/],
      ["FedProx", "--model logistic --algorithm fedprox --fraction 0.02", /FedProx \(mu 0.01\)/],
      ["SCAFFOLD", "--model logistic --algorithm scaffold --fraction 0.02", /SCAFFOLD \(option II\)/],
      ["FedDyn", "--model logistic --algorithm feddyn --strength 0.1 --fraction 0.02", /FedDyn \(alpha 0.1\)/],
      ["per-example clipping", "--model logistic --example-clip 1 --fraction 0.02", /logistic/],
    ])("%s", async (name, line, title) => {
      const out = join(folder, `${name}.html`);
      const { code, stdout, stderr } = await typed(`simulate mnist ${line} --rounds 2 --no-compare --json --out ${out.replaceAll(" ", "-")}`);
      expect([code, stderr.split("\n")[0]]).toEqual([0, expect.stringMatching(title)]);
      const rounds = stdout
        .trimEnd()
        .split("\n")
        .map((text) => JSON.parse(text))
        .filter(({ type }) => type === "round");
      expect(rounds.length).toBe(2);
      expect(rounds[1].accuracy).toBeGreaterThan(0.25); // chance is 0.1
      expect(rounds[1].loss).toBeLessThan(rounds[0].loss);
    });
  });

  describe("a small real slice of a run in every mode of privacy", () => {
    test.each([
      ["central", "--clients 3000 --fraction 0.1"],
      ["local", "--clients 3000 --fraction 0.1"],
      ["distributed", "--clients 3000 --fraction 0.1"],
      ["dp-sgd", "--model logistic --clients 30 --fraction 0.1 --batch 200 --epochs 3 --learning-rate 0.5"],
    ])("%s", async (mode, line) => {
      const out = join(folder, `${mode}.html`);
      const { code, stdout, stderr } = await typed(`simulate mnist --dp ${mode} --epsilon 20 --delta 1e-6 ${line} --rounds 3 --json --out ${out}`);
      expect([code, stderr]).toEqual([0, expect.stringContaining("Simulated: the noise comes from a seed")]);
      const lines = stdout
        .trimEnd()
        .split("\n")
        .map((text) => JSON.parse(text));
      const rounds = lines.filter(({ type }) => type === "round");
      expect(rounds.length).toBe(3);
      expect(rounds[2].accuracy).toBeGreaterThan(0.3); // chance is 0.1
      expect(rounds[2].epsilon).toBeGreaterThan(19);
      expect(rounds[2].epsilon).toBeLessThanOrEqual(20);
      expect(lines.at(-1).main.privacy).toMatchObject({ mode, budget: 20, delta: 1e-6, private: false });
      expect(await readFile(out, "utf8")).toContain("Accuracy against epsilon spent");
    });

    test("stops when the budget is spent, and says so", async () => {
      const { code, stdout } = await typed(
        `simulate mnist --dp central --epsilon 6 --noise-multiplier 0.7 --clients 600 --epochs 1 --rounds 60 --out ${join(folder, "budget.html")}`,
      );
      expect(code).toBe(0);
      const [, rounds, epsilon] = /after (\d+) rounds in .*, epsilon ([\d.]+) of 6 spent .*; the budget was spent/.exec(stdout)!;
      expect(Number(rounds)).toBeLessThan(60);
      expect(Number(epsilon)).toBeLessThanOrEqual(6);
    });
  });

  test("clipping and noise come with the note", async () => {
    const out = join(folder, "noise.html");
    const { code, stdout } = await typed(`simulate mnist --model logistic --rounds 1 --no-compare --clip 1 --noise-multiplier 0.1 --out ${out}`);
    expect(code).toBe(0);
    expect(stdout).toContain("No privacy guarantee");
    expect(await readFile(out, "utf8")).toContain("No privacy guarantee");
  });

  test.skipIf(process.platform === "win32")("Ctrl-C stops cleanly and leaves the report", async () => {
    const out = join(folder, "stopped.html");
    let sent = false;
    const { code, stdout, stderr } = await fedlane(["simulate", "mnist", "--target", "1", "--rounds", "1000", "--json", "--out", out], (child, text) => {
      if (!sent && text.includes("\n")) sent = child.kill("SIGINT");
    });
    expect(code).toBe(130);
    expect(stderr).toContain("stopping after the current work");
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    expect(last).toMatchObject({ type: "result", main: { reason: "aborted" }, plain: null });
    expect(last.main.rounds).toBeLessThan(1000);
    expect(await readFile(out, "utf8")).toMatch(/Stopped by hand after \d+ round/);
  });

  test.skipIf(process.platform === "win32")("a second Ctrl-C exits at once", async () => {
    const out = join(folder, "twice.html");
    let sent = 0;
    const { code } = await fedlane(["simulate", "mnist", "--target", "1", "--rounds", "1000", "--epochs", "5", "--json", "--out", out], (child, text) => {
      if (sent++ > 0 || !text.includes("\n")) return;
      child.kill("SIGINT");
      child.stderr!.once("data", () => child.kill("SIGINT"));
    });
    expect(code).toBe(130);
  });
});
