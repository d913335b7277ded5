// The rule of the stem: one name finds kernel, wrapper, tests and benchmark of an operation.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
const abi = readFileSync(`${root}assembly/index.ts`, "utf8");
const stems = [...abi.matchAll(/^export \{[^}]+\} from "\.\/(\w+\/\w+)";$/gm)].map(([, stem]) => stem!);

/** Every file below a folder, as paths from the root. */
function walk(folder: string): string[] {
  if (!existsSync(root + folder)) return [];
  return readdirSync(root + folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(root + path).isDirectory() ? walk(path) : [path];
  });
}

const companions = (stem: string) => [
  `assembly/${stem}.ts`,
  `src/${stem}.ts`,
  `tests/${stem}.spec.ts`,
  `tests/${stem}.reference.ts`,
  `tests/${stem}.test.ts`,
  `bench/${stem}.bench.ts`,
];

describe("the rule of the stem", () => {
  test("the ABI is nothing but named re-exports, each stem once", () => {
    const statements = abi
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("//"))
      .filter((line) => !/^export \{[^}]+\} from "\.\/\w+\/\w+";$/.test(line));
    expect(statements, "lines of assembly/index.ts that are no re-export").toEqual([]);
    expect(new Set(stems).size).toBe(stems.length);
    expect(stems.length).toBeGreaterThanOrEqual(16);
  });

  test.each(stems)("%s has all its companions", (stem) => {
    const missing = companions(stem).filter((path) => !existsSync(root + path));
    expect(missing, `the operation ${stem} is exported from assembly/index.ts but lacks`).toEqual([]);
  });

  test("every kernel file but the lanes is in the ABI, or says of which stem it is part, and that stem alone imports it", () => {
    const kernels = walk("assembly").filter((path) => /^assembly\/(?!lanes\/)\w+\/\w+\.ts$/.test(path));
    const text = (path: string) => readFileSync(root + path, "utf8");
    const strangers = kernels.filter((path) => {
      const name = path.slice("assembly/".length, -".ts".length);
      if (stems.includes(name)) return false;
      const whole = /^\/\/ Part of (\w+\/\w+):/.exec(text(path))?.[1];
      const users = kernels.filter((other) => new RegExp(`from "\\.{1,2}/(${name.replace("/", "/)?")}"`).test(text(other)));
      return whole === undefined || !stems.includes(whole) || users.join() !== `assembly/${whole}.ts`;
    });
    expect(strangers, "kernel files that neither assembly/index.ts exports nor one stem imports").toEqual([]);
    expect(kernels.length).toBeGreaterThanOrEqual(stems.length);
  });

  test("no companion without its operation", () => {
    const orphans = [...walk("tests"), ...walk("bench")].filter((path) => {
      const kernel = /^tests\/(\w+\/\w+)\.spec\.ts$/.exec(path)?.[1];
      const timed = /^bench\/(\w+\/\w+)\.bench\.ts$/.exec(path)?.[1]; // a composition without a kernel may be timed too
      const twin = /^tests\/(\w+\/\w+)\.reference\.ts$/.exec(path)?.[1];
      if (kernel) return !existsSync(`${root}assembly/${kernel}.ts`);
      if (timed) return !existsSync(`${root}src/${timed}.ts`);
      return twin !== undefined && !existsSync(`${root}tests/${twin}.test.ts`);
    });
    expect(orphans, "a spec without its kernel, a benchmark without its source, or a twin without its test").toEqual([]);
  });

  test("every test file is about a file of the source", () => {
    const rooms = new Set(walk("src").map((path) => path.split("/")[1]));
    const strangers = walk("tests")
      .filter((path) => path.endsWith(".test.ts"))
      .filter((path) => !rooms.has(path.split("/")[1]!) && !/^tests\/(house|package|bench|support)\//.test(path));
    expect(strangers, "tests outside the rooms of src").toEqual([]);
  });
});
