// The packed tarball, installed into an empty project, runs the README's example in every way a user may load it.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { build as esbuild } from "esbuild";
import { chromium } from "playwright";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import webpack from "webpack";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const WANT = /updated: true, updates: 1, totalWeight: 4/;
const npm = (args: string[], cwd: string) => run("npm", args, { cwd, shell: process.platform === "win32", timeout: 240_000 });

let project: string;
let example: string;

/** The example as CommonJS: require for import, an async function for the top level. */
function commonJs(source: string): string {
  const body = source.replace(/^import (\{[^}]+\}) from ("[^"]+");/gm, "const $1 = require($2);");
  return `(async () => {\n${body}\n})();\n`;
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "fedlane-package-"));
  const { stdout } = await npm(["pack", "--json", "--ignore-scripts", "--pack-destination", project], root);
  const [{ filename }] = JSON.parse(stdout);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "empty", private: true }));
  await npm(["install", "--no-audit", "--no-fund", `./${filename}`], project);
  const readme = await readFile(join(root, "README.md"), "utf8");
  const block = /```js\n([\s\S]*?)```/.exec(readme);
  example = block![1]!;
}, 300_000);
afterAll(() => rm(project, { recursive: true, force: true }));

describe("the packed package", () => {
  test("the README's example is examples/00-one-round.mjs", async () => {
    expect(example).toBe(await readFile(join(root, "examples/00-one-round.mjs"), "utf8"));
  });

  test("holds what it should and nothing else", async () => {
    const top = await readdir(join(project, "node_modules/fedlane"));
    expect(top.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "dist", "package.json"]);
    for (const build of ["scalar", "simd", "relaxed"]) expect(existsSync(join(project, `node_modules/fedlane/dist/wasm/${build}.wasm`))).toBe(true);
  });

  test("Node, ES modules", async () => {
    await writeFile(join(project, "esm.mjs"), example);
    expect((await run(process.execPath, ["esm.mjs"], { cwd: project })).stdout).toMatch(WANT);
  });

  test("Node, CommonJS", async () => {
    await writeFile(join(project, "common.cjs"), commonJs(example));
    expect((await run(process.execPath, ["common.cjs"], { cwd: project })).stdout).toMatch(WANT);
  });

  test("esbuild bundle in Node", async () => {
    await writeFile(join(project, "entry.mjs"), example);
    await esbuild({
      entryPoints: [join(project, "entry.mjs")],
      bundle: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["import"],
      outfile: join(project, "esbuild.mjs"),
      logLevel: "error",
    });
    expect((await run(process.execPath, ["esbuild.mjs"], { cwd: project })).stdout).toMatch(WANT);
  });

  // Bundles for a page also start the workers of "fedlane/worker".
  const page = `
    import { simulate } from "fedlane/worker";
    import { dense } from "fedlane";
    const log = console.log;
    console.log = (value) => { document.title = "example: " + JSON.stringify(value); log(value); };
    async function main() {
      await example();
      const x = Float32Array.of(0, 1, 2, 3), labels = Int32Array.of(0, 0, 1, 1);
      const data = { train: { x, labels }, test: { x, labels } };
      const { rounds } = await simulate(data, { layers: [dense(1, 2)], partition: [Uint32Array.of(0, 1, 2, 3)], clientFraction: 1, epochs: 1, batchSize: 2, learningRate: 0.1, rounds: 2, unsafeSeed: 1 }, { workers: 1 });
      document.title += " simulated " + rounds.length;
    }
    main().catch((error) => { document.title = "error: " + error.stack; });
  `;
  const pageSource = () => {
    const imports = [...example.matchAll(/^import .*$/gm)].map(([line]) => line);
    const body = example.replace(/^import .*$/gm, "");
    const names = imports.join("\n").replace("dense, ", ""); // the page imports dense itself
    return `${names}\n${page}\nasync function example() {\n${body}\n}\n`;
  };

  async function titleOf(folder: string): Promise<string> {
    const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
    const server = createServer(async (request, response) => {
      const path = new URL(request.url!, "http://localhost").pathname;
      try {
        const body = await readFile(join(folder, path === "/" ? "index.html" : path));
        response.writeHead(200, { "content-type": types[extname(path === "/" ? ".html" : path)] ?? "text/html" }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const executablePath = process.env["FEDLANE_CHROMIUM"];
    const browser = await chromium.launch({
      ...(executablePath ? { executablePath } : {}),
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
    try {
      const tab = await browser.newPage();
      await tab.goto(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
      await tab.waitForFunction(() => /simulated|error/.test(document.title), undefined, { timeout: 30_000 });
      return await tab.title();
    } finally {
      await browser.close();
      server.close();
    }
  }
  const DONE = /^example: \{"updated":true,"updates":1,"totalWeight":4\} simulated 2$/;

  test("Vite bundle in Chromium, with its worker", async () => {
    await writeFile(join(project, "page.js"), pageSource());
    await writeFile(join(project, "index.html"), '<!doctype html><title>wait</title><script type="module" src="./page.js"></script>');
    await vite({ root: project, logLevel: "error", build: { outDir: join(project, "vite"), target: "es2022" }, worker: { format: "es" } });
    expect(await titleOf(join(project, "vite"))).toMatch(DONE);
  }, 120_000);

  test("webpack bundle in Chromium, with its worker", async () => {
    await writeFile(join(project, "page.js"), pageSource());
    await new Promise<void>((done, fail) =>
      webpack(
        {
          mode: "production",
          context: project,
          entry: "./page.js",
          output: { path: join(project, "webpack"), filename: "main.js" },
          performance: { hints: false },
        },
        (error, stats) => (error || stats?.hasErrors() ? fail(error ?? new Error(stats!.toString("errors-only"))) : done()),
      ),
    );
    await writeFile(join(project, "webpack/index.html"), '<!doctype html><title>wait</title><script type="module" src="./main.js"></script>');
    expect(await titleOf(join(project, "webpack"))).toMatch(DONE);
  }, 120_000);

  test("the second example simulates a federation", async () => {
    await writeFile(join(project, "simulate.mjs"), await readFile(join(root, "examples/01-simulate.mjs"), "utf8"));
    expect((await run(process.execPath, ["simulate.mjs"], { cwd: project, timeout: 60_000 })).stdout).toMatch(
      /^target after \d+ rounds: 9\d\.\d % with \d+ bytes sent up/,
    );
  });

  test("the command is installed", async () => {
    const { stdout } = await run(process.execPath, ["node_modules/fedlane/dist/cli/main.js", "--version"], { cwd: project });
    expect(stdout.trim()).toBe(JSON.parse(await readFile(join(root, "package.json"), "utf8")).version);
  });
});
