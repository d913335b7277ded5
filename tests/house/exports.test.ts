// The package by its own name, as ESM and by require(), in a fresh process; and inside a worker thread.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { createEngine, ParameterError } from "fedlane";
import { describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = new URL("../../", import.meta.url).pathname;

async function node(type: "commonjs" | "module", code: string): Promise<string> {
  const { stdout } = await run(process.execPath, [`--input-type=${type}`, "-e", code], { cwd: root });
  return stdout.trim();
}
const USE = `f.createEngine().then((engine) => console.log(engine.build, f.squaredNorm(engine.tensor("f32", 3, [1, 2, 3]))))`;

describe("package exports", () => {
  test("import", async () => expect(await node("module", `import * as f from "fedlane"; ${USE}`)).toBe("simd 14"));
  test("require()", async () => expect(await node("commonjs", `const f = require("fedlane"); ${USE}`)).toBe("simd 14"));
  test("createRequire from elsewhere", async () => {
    const code = `import { createRequire } from "node:module"; const f = createRequire("${root}package.json")("fedlane"); ${USE}`;
    expect(await node("module", code)).toBe("simd 14");
  });
  test("require and import give one module: no second set of classes", async () => {
    expect(await node("commonjs", `const f = require("fedlane"); import("fedlane").then((g) => console.log(f.ShapeError === g.ShapeError))`)).toBe("true");
  });
  test("fedlane/node brings the ledger's file", async () => {
    expect(await node("module", `import { openLedgerFile } from "fedlane/node"; console.log(typeof openLedgerFile)`)).toBe("function");
  });
  test("raw modules and package.json are reachable, internals are not", async () => {
    const resolves = (id: string) => node("commonjs", `try { require.resolve("${id}"); console.log("yes") } catch (error) { console.log(error.code) }`);
    for (const build of ["scalar", "simd", "relaxed"]) expect(await resolves(`fedlane/wasm/${build}.wasm`)).toBe("yes");
    expect(await resolves("fedlane/package.json")).toBe("yes");
    expect(await resolves("fedlane/dist/engine/arena.js")).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
    expect(await resolves("fedlane/engine")).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });
});

describe("wasm from a file URL", () => {
  const url = (name: string) => new URL(`../../dist/wasm/${name}.wasm`, import.meta.url);
  test.each(["scalar", "simd", "relaxed"] as const)("%s", async (build) => {
    for (const wasm of [url(build), url(build).href]) expect((await createEngine({ wasm, build })).build).toBe(build);
  });
  test("a missing file is a ParameterError that names it", async () => {
    await expect(createEngine({ wasm: url("nowhere") })).rejects.toThrow(ParameterError);
    await expect(createEngine({ wasm: url("nowhere") })).rejects.toThrow(/nowhere\.wasm/);
  });
});

describe("in a worker thread", () => {
  test("makes an engine from the module of the main thread and computes", async () => {
    const { createEngine } = await import("fedlane");
    const code = `import { parentPort, workerData } from "node:worker_threads";
      import { createEngine, squaredNorm } from ${JSON.stringify(`file://${root}dist/index.js`)};
      const got = [];
      for (const options of [{}, { wasm: workerData }]) {
        const engine = await createEngine(options);
        got.push(engine.build, squaredNorm(engine.tensor("f32", 5, [1, 2, 3, 4, 5])));
      }
      parentPort.postMessage(got);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: (await createEngine()).module });
    try {
      const got = await new Promise((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      });
      expect(got).toEqual(["simd", 55, "simd", 55]);
    } finally {
      await worker.terminate();
    }
  });
});
