// Deliberate faults in what keeps privacy, each with the tests that must see it. `npm run mutate` plants them and prints the table.
// `from` stands exactly once in the file.

const grid = "tests/privacy/grid.test.ts";
const noise = "tests/privacy/grid_gaussian.test.ts";
const key = "tests/random/key.test.ts";
const rdp = "tests/privacy/accounting/rdp.test.ts";
const pld = "tests/privacy/accounting/pld.test.ts";
const gaussian = "tests/privacy/accounting/gaussian.test.ts";
const ledger = "tests/privacy/ledger.test.ts";
const plan = "tests/federated/privacy.test.ts";
const simulation = "tests/workers/privacy.test.ts";
const trainer = "tests/nn/trainer.test.ts";
const clip = "tests/privacy/clip.test.ts";
const quantile = "tests/privacy/quantile.test.ts";
const discrete = "tests/privacy/discrete_gaussian.test.ts";
const pipeline = "tests/privacy/distributed_gaussian.test.ts";

export const MUTATIONS = [
  // Noise
  {
    name: "sigma squared in the grid noise",
    file: "src/privacy/grid.ts",
    from: "this.scale = sigma / this.spacing;",
    to: "this.scale = sigma ** 2 / this.spacing;",
    tests: [grid, noise],
  },
  {
    name: "32-bit uniforms in the tail",
    file: "assembly/privacy/gaussian.ts",
    from: "d.mul_add<T>(d.ld_u32<T>(high), d.splat<T>(4294967296.0), half)",
    to: "d.mul_add<T>(d.ld_u32<T>(high), d.splat<T>(4294967296.0), d.splat<T>(2147483648.0))",
    tests: [noise],
  },
  {
    name: "floor instead of nearest on the grid",
    file: "assembly/privacy/grid.ts",
    from: "d.mul<T>(d.ld_f32<T>(x), d.splat<T>(factor))",
    to: "d.floor<T>(d.mul<T>(d.ld_f32<T>(x), d.splat<T>(factor)))",
    tests: [grid],
  },
  {
    name: "grid coarser by two than sigma says",
    file: "src/privacy/grid.ts",
    from: "2 ** (ceilLog2(sigma) - 20)",
    to: "2 ** (ceilLog2(sigma) - 19)",
    tests: [grid],
  },
  {
    name: "noise divided twice",
    file: "src/privacy/grid_sum.ts",
    from: "this.#released = true;",
    to: "this.#released = false;",
    tests: [grid],
  },
  {
    name: "a release before its noise",
    file: "src/privacy/grid_sum.ts",
    from: "if (this.#noise === undefined) throw",
    to: "if (this.#noise === undefined) this.#noise = false;\n    if (this.#count < 0) throw",
    tests: [grid],
  },
  {
    name: "noise of DP-SGD after the division",
    file: "src/nn/trainer.ts",
    from: "const expected = noise ? 1 : batch;",
    to: "const expected = batch;",
    tests: [trainer],
  },
  {
    name: "no noise on an empty batch",
    file: "src/nn/trainer.ts",
    from: "if (noise) noiseOnGrid",
    to: "if (noise && m > 0) noiseOnGrid",
    tests: [trainer],
  },
  {
    name: "discrete Gaussian: zero has two signs",
    file: "assembly/random/discrete.ts",
    from: "m == 0 ? negative :",
    to: "m == 0 ? 0 :",
    tests: [discrete],
  },
  {
    name: "a client's share of noise as if it were alone",
    file: "src/privacy/distributed_gaussian.ts",
    from: "(noiseMultiplier * clip) / Math.sqrt(clients)",
    to: "(noiseMultiplier * clip) / clients",
    tests: [pipeline, plan],
  },
  // Keys
  {
    name: "the same key on two workers",
    file: "src/random/key.ts",
    from: "jobInfo(role, this.id, worker)",
    to: "jobInfo(role, this.id, 0 * worker)",
    tests: [key],
  },
  {
    name: "one stream given out twice",
    file: "src/random/key.ts",
    from: "this.#given.add(pair);",
    to: "this.#given.delete(pair);",
    tests: [key],
  },
  {
    name: "the counter goes back after a draw",
    file: "src/random/chacha.ts",
    from: "this.#counter = from + (body(from, key, nonce, scratch) ?? blocks);",
    to: "body(from, key, nonce, scratch);\n      this.#counter = from;",
    tests: ["tests/random/chacha.test.ts"],
  },
  {
    name: "the counter may wrap",
    file: "src/random/chacha.ts",
    from: "if (this.#counter + blocks > BLOCKS_PER_NONCE)",
    to: "if (this.#counter + blocks > 2 * BLOCKS_PER_NONCE)",
    tests: ["tests/random/chacha.test.ts"],
  },
  {
    name: "key and noise stay in memory",
    file: "src/random/chacha.ts",
    from: "engine.wipeScratch(bytes);",
    to: "engine.scratch(bytes);",
    tests: [key, "tests/random"],
  },
  {
    name: "a seeded stream calls itself private",
    file: "src/random/key.ts",
    from: "private: unsafeSeed === undefined });",
    to: "private: true });",
    tests: [key, ledger],
  },
  // Bounds
  {
    name: "NaN skips the clip",
    file: "assembly/privacy/clip.ts",
    from: "if (!(norm < Infinity)) return norm;",
    to: "if (norm == Infinity) return norm;",
    tests: [clip],
  },
  {
    name: "NaN reaches the grid",
    file: "assembly/privacy/grid.ts",
    from: "if (!(norm < Infinity)) return norm;",
    to: "if (norm == Infinity) return norm;",
    tests: [grid],
  },
  {
    name: "the integer norm is not verified",
    file: "assembly/privacy/grid.ts",
    from: "round_all(n, factor, x, k) > <u64>bound",
    to: "round_all(n, factor, x, k) > <u64>(bound * 4.0)",
    tests: [grid],
  },
  {
    name: "the sensitivity forgets the rounding to the grid",
    file: "src/privacy/grid.ts",
    from: "(clipNorm + (this.spacing * Math.sqrt(size)) / 2)",
    to: "clipNorm",
    tests: [grid],
  },
  {
    name: "a broken example keeps its factor",
    file: "assembly/privacy/per_example.ts",
    from: "      f = 0;\n",
    to: "      f = 1;\n",
    tests: ["tests/privacy/per_example.test.ts"],
  },
  {
    name: "the adaptive bound moves the wrong way",
    file: "src/privacy/quantile.ts",
    from: "Math.exp(-step)",
    to: "Math.exp(step)",
    tests: [quantile],
  },
  {
    name: "the noise split with the wrong sign",
    file: "src/privacy/quantile.ts",
    from: "Math.sqrt((1 - part) * (1 + part))",
    to: "Math.sqrt((1 + part) * (1 + part))",
    tests: [quantile],
  },
  {
    name: "modular wrap off by one",
    file: "src/aggregate/modular.ts",
    from: "BigInt(upper - lower)",
    to: "BigInt(upper - lower - 1)",
    tests: ["tests/aggregate/modular.test.ts"],
  },
  // Sampling
  {
    name: "Poisson sampling at half the rate's complement",
    file: "assembly/random/poisson.ts",
    from: "load<u64>(scratch + (i << 3)) < threshold",
    to: "load<u64>(scratch + (i << 3)) >= threshold",
    tests: ["tests/random/poisson.test.ts"],
  },
  {
    name: "shuffled batches accepted as sampled",
    file: "src/privacy/accounting/event.ts",
    from: 'if ((sampling.type as string) === "shuffled") {',
    to: 'if ((sampling.type as string) === "shuffled") return;\n  if (sampling.type === undefined) {',
    tests: [rdp, pld, ledger],
  },
  // Accounting
  {
    name: "wrong adjacency in the analytic Gaussian",
    file: "src/privacy/accounting/gaussian.ts",
    from: 'adjacency === "replace-one" ? 2 * sensitivity : sensitivity',
    to: 'adjacency === "add-remove" ? 2 * sensitivity : sensitivity',
    tests: [gaussian],
  },
  {
    name: "replace-one not doubled by the tight accountant",
    file: "src/privacy/accounting/loss.ts",
    from: 'adjacency === "replace-one" ? 2 : 1;',
    to: 'adjacency === "replace-one" ? 1 : 1;',
    tests: [pld],
  },
  {
    name: "one direction of the neighbours only",
    file: "src/privacy/accounting/pld.ts",
    from: 'Math.max(removed, this.#answer(question, "add", removed))',
    to: "removed",
    tests: [pld],
  },
  {
    name: "sigma not squared in the moments",
    file: "src/privacy/accounting/sampled_gaussian.ts",
    from: "logSubExp((k * (k - 1)) / (2 * sigma * sigma), 0)",
    to: "logSubExp((k * (k - 1)) / (2 * sigma), 0)",
    tests: [rdp],
  },
  {
    name: "the tight conversion without its logarithm",
    file: "src/privacy/accounting/rdp.ts",
    from: "rdp + Math.log1p(-1 / a) - (Math.log(delta) + Math.log(a)) / (a - 1)",
    to: "rdp + Math.log1p(-1 / a) - (Math.log(delta) + 2 * Math.log(a)) / (a - 1)",
    tests: [rdp],
  },
  {
    name: "a charge beyond the budget",
    file: "src/privacy/ledger.ts",
    from: "if (epsilon <= budget) {",
    to: "if (epsilon <= 1.1 * budget) {",
    tests: [ledger],
  },
  {
    name: "charged in memory, not in the store",
    file: "src/privacy/ledger.ts",
    from: "await this.#store.append(",
    to: "if (this.#broken) await this.#store.append(",
    tests: [ledger],
  },
  {
    name: "a participation that is not charged",
    file: "src/federated/protection.ts",
    from: "if ((round - 1) % this.plan.cycle !== 0) return true;",
    to: "if (round > 1) return true;",
    tests: [simulation],
  },
  {
    name: "the accountant told C, not the effective sensitivity of DP-SGD",
    file: "src/federated/privacy.ts",
    from: "(sigma / (clipNorm + slack))",
    to: "(sigma / (clipNorm + 0 * slack))",
    tests: [plan],
  },
  {
    name: "the mean divided by who came, not by who was expected",
    file: "src/federated/protection.ts",
    from: "clientFraction * examples.length);",
    to: "Math.max(1, this.#sum.count));",
    tests: [simulation],
  },
];
