// House rules that a machine can check.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
function walk(folder: string): string[] {
  if (!existsSync(root + folder)) return [];
  return readdirSync(root + folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(root + path).isDirectory() ? [`${path}/`, ...walk(path)] : [path];
  });
}
const read = (path: string) => readFileSync(root + path, "utf8");
const sources = ["src", "assembly"].flatMap(walk).filter((path) => path.endsWith(".ts") && !path.startsWith("src/generated/"));

describe("sources", () => {
  test("there are some", () => expect(sources.length).toBeGreaterThan(40));

  test("use no Math.random: randomness is keyed", () => {
    expect(sources.filter((path) => /Math\s*\.\s*random/.test(read(path)))).toEqual([]);
  });

  test("kernels use no Math.* and no Mathf.*: their tables become data segments", () => {
    expect(sources.filter((path) => path.startsWith("assembly/") && /\bMathf?\./.test(read(path).replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "")))).toEqual([]);
  });

  test("are at most 400 lines a file", () => {
    const long = sources.map((path) => [path, read(path).split("\n").length] as const).filter(([, lines]) => lines > 400);
    expect(long).toEqual([]);
  });

  test("import @assemblyscript/loader in one file, comlink in the workers only, node modules in the cli only", () => {
    const importing = (what: RegExp) => sources.filter((path) => path.startsWith("src/") && what.test(read(path)));
    expect(importing(/from "@assemblyscript\/loader"/)).toEqual(["src/engine/create.ts"]);
    expect(importing(/from "comlink/).filter((path) => !path.startsWith("src/workers/"))).toEqual([]);
    expect(importing(/(?:from|import) "node:/).filter((path) => !/^src\/(cli|node)\//.test(path))).toEqual([]);
  });

  test("have no top-level await: require() of the package depends on it", () => {
    expect(
      sources.filter((path) => path.startsWith("src/") && !/^src\/(cli|node)\//.test(path) && /^(?:const .*= |export .*= )?await /m.test(read(path))),
    ).toEqual([]);
  });
});

describe("folders", () => {
  test("none is empty and no room is a stub", () => {
    const folders = ["src", "assembly", "tests", "bench", "examples", "docs"].flatMap(walk).filter((path) => path.endsWith("/"));
    const empty = folders.filter((folder) => readdirSync(root + folder).length === 0);
    // Version control keeps no empty folder, so only one made by hand on this machine can be here: it is a plan, not a room.
    expect(empty, "empty folders").toEqual([]);
    for (const path of sources) expect(read(path).trim().length, path).toBeGreaterThan(40);
    for (const room of ["secure", "adapters"]) {
      for (const side of ["src", "assembly", "tests", "bench"]) {
        if (existsSync(`${root}${side}/${room}`)) expect(walk(`${side}/${room}`).length, `${side}/${room}`).toBeGreaterThan(0);
      }
    }
  });
});

describe("package-lock.json", () => {
  test("names no registry: it installs from wherever npm is pointed", () => {
    const lock = read("package-lock.json");
    expect(lock).not.toMatch(/"resolved":/);
    expect(lock).not.toMatch(/https?:\/\/[^"]*(registry|npmjs|artifactory|nexus|\/api\/npm)[^"]*\.tgz/i);
    expect(lock).not.toMatch(/"https?:\/\/[^"]+\.tgz/);
    expect(JSON.parse(lock).packages["node_modules/@assemblyscript/loader"].integrity).toMatch(/^sha512-/);
  });
});
