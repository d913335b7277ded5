// npm test: build, lint, types, as-pect inside Wasm (scalar and SIMD), then vitest in Node, Node with a growing memory, and Chromium.
// Ends with the line `N passed, N failed`; the exit code is 0 only where nothing failed.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { findBrowser } from "./browser.mjs";

let passed = 0;
let failed = 0;

function run(title, args, env = {}) {
  console.log(`\n== ${title}`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
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

async function vitest(browser) {
  mkdirSync("build", { recursive: true });
  rmSync("build/vitest.json", { force: true });
  const { code } = await run(
    "vitest: Node, Node with growing memory, Chromium",
    ["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", "--outputFile.json=build/vitest.json"],
    {
      FEDLANE_CHROMIUM: browser,
    },
  );
  const report = JSON.parse(readFileSync("build/vitest.json", "utf8"));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  if (report.numTotalTests === 0 || (code !== 0 && report.numFailedTests === 0)) failed++; // a file that did not load, an unhandled error
}

try {
  const browser = findBrowser();
  if (await check("build", ["scripts/build.mjs"])) {
    await check("lint and format", ["node_modules/@biomejs/biome/bin/biome", "ci", "."]);
    await check("types of tests, benches and examples", ["node_modules/typescript/bin/tsc", "-p", "tests"]);
    await aspect("scalar");
    await aspect("simd");
    await vitest(browser);
  }
} catch (error) {
  console.error(error.message);
  failed++;
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
