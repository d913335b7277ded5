// npm run mutate: plants the faults of tests/mutations.mjs one by one in a copy of the repository, runs the tests that should see
// each, and prints the table. Fails when a fault is not caught, does not apply or does not build.
//   --only TEXT   faults whose name holds TEXT
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MUTATIONS } from "../tests/mutations.mjs";
import { findBrowser } from "./browser.mjs";

const { only = "" } = parseArgs({ options: { only: { type: "string" } } }).values;
const chosen = MUTATIONS.filter(({ name }) => name.includes(only));
const browser = findBrowser(); // the projects of vitest's configuration name it, though none of these tests opens it

const copy = mkdtempSync(join(tmpdir(), "fedlane-mutate-"));
for (const path of ["assembly", "src", "tests", "scripts", "bench", "asconfig.json", "package.json", "tsconfig.json", "vitest.config.ts"])
  cpSync(path, join(copy, path), { recursive: true });
symlinkSync(join(process.cwd(), "node_modules"), join(copy, "node_modules"));

function run(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, FEDLANE_CHROMIUM: browser, CI: "true" },
  });
  return { ok: status === 0, output: stdout + stderr };
}
const build = () => run(["scripts/build.mjs"]).ok;
const test = (files) => run(["node_modules/vitest/vitest.mjs", "run", "--project", "node", "--bail", "1", ...files]);

const table = [];
let bad = 0;
function row(name, verdict, by = "") {
  if (verdict !== "caught") bad++;
  table.push(`| ${name} | ${verdict} | ${by} |`);
  console.log(table.at(-1));
}

try {
  // A fault counts as caught only by tests that pass without it.
  const files = [...new Set(chosen.flatMap(({ tests }) => tests))];
  if (!build() || !test(files).ok) throw new Error(`mutate: expected ${files.join(" ")} to pass without a fault, got a failure`);
  console.log("| fault | verdict | by |\n|---|---|---|");
  for (const { name, file, from, to, tests } of chosen) {
    const path = join(copy, file);
    const text = readFileSync(path, "utf8");
    if (text.split(from).length !== 2) {
      row(name, `does not apply: expected the text once in ${file}`);
      continue;
    }
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
    if (!build()) row(name, "does not build");
    else {
      const { ok, output } = test(tests);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of the summary
      const by = / FAIL .*?(tests\/.*)/.exec(output.replace(/\x1b\[\d+m/g, ""))?.[1] ?? "";
      if (ok) row(name, "SURVIVED");
      else row(name, by === "" ? "broke before any test" : "caught", by.trim());
    }
    writeFileSync(path, text);
  }
  if (chosen.length === 0) throw new Error(`mutate: expected a fault whose name holds "${only}", got none`);
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`\n${table.length - bad} of ${table.length} faults caught`);
process.exit(bad === 0 ? 0 : 1);
