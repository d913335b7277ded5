// checkText() has teeth: it passes the real builds and finds what is planted in them.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
const { checkText } = (await import(`${root}scripts/check_text.mjs`)) as { checkText(build: string, text: string): string[] };
const BUILDS = ["scalar", "simd", "relaxed"] as const;
type Build = (typeof BUILDS)[number];
const text = Object.fromEntries(BUILDS.map((b) => [b, readFileSync(`${root}build/${b}.wat`, "utf8")])) as Record<Build, string>;

/** Puts a line at the start of the body of a kernel. */
function plant(wat: string, kernel: string, line: string): string {
  const changed = wat.replace(new RegExp(`(\\n \\(func \\$assembly/${kernel}[^\\n]*\\n)`), `$1  ${line}\n`);
  expect(changed, `${kernel} is in the text`).not.toBe(wat);
  return changed;
}
/** Puts a line among the fields of the module. */
const declare = (wat: string, line: string) => wat.replace("\n (memory ", `\n ${line}\n (memory `).replace("\n (export ", `\n ${line}\n (export `);

const RELAXED = "(drop (f32x4.relaxed_madd (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0)))";

describe("checkText", () => {
  test.each(BUILDS)("passes the real %s build", (build) => {
    expect(text[build].length).toBeGreaterThan(10_000);
    expect(checkText(build, text[build])).toEqual([]);
  });

  describe.each(BUILDS)("finds in %s", (build) => {
    test("memory.grow", () => {
      expect(checkText(build, plant(text[build], "optim/sgd/sgd_f32", "(drop (memory.grow (i32.const 1)))"))).toEqual([expect.stringContaining("memory.grow")]);
    });
    test("a data segment", () => {
      expect(checkText(build, declare(text[build], '(data $0 (i32.const 1036) "\\1c")'))).toEqual(
        expect.arrayContaining([expect.stringContaining("data segment")]),
      );
    });
    test("a mutable global", () => {
      const faults = checkText(build, declare(text[build], "(global $~lib/rt/__rtId (mut i32) (i32.const 0))"));
      expect(faults).toEqual(expect.arrayContaining([expect.stringContaining("mutable global")]));
    });
    test("an import beyond the memory", () => {
      const faults = checkText(build, declare(text[build], '(import "env" "abort" (func $abort (param i32 i32 i32 i32)))'));
      expect(faults).toEqual(expect.arrayContaining([expect.stringContaining("env.abort")]));
    });
    test("a relaxed instruction in a privacy kernel", () => {
      const faults = checkText(build, plant(text[build], "privacy/clip/clip_l2_f32", RELAXED));
      expect(faults).toEqual(expect.arrayContaining([expect.stringMatching(/relaxed instructions in assembly\/privacy\/clip/)]));
    });
  });

  test("finds vector instructions in the scalar build", () => {
    expect(checkText("scalar", plant(text.scalar, "optim/sgd/sgd_f32", "(drop (v128.const i32x4 0 0 0 0))"))).toEqual([expect.stringContaining("vector")]);
    expect(checkText("scalar", plant(text.scalar, "optim/sgd/sgd_f32", "f32x4.splat"))).toEqual([expect.stringContaining("vector")]);
    expect(checkText("scalar", text.simd).length).toBeGreaterThan(0);
  });

  test("finds relaxed instructions in the simd build, even where the relaxed one may have them", () => {
    expect(checkText("simd", plant(text.simd, "optim/sgd/sgd_f32", RELAXED))).toEqual([expect.stringMatching(/relaxed instructions in assembly\/optim/)]);
    expect(checkText("relaxed", plant(text.relaxed, "optim/sgd/sgd_f32", RELAXED))).toEqual([]);
  });

  test("finds a vector build without vectors, and a relaxed one without relaxed instructions", () => {
    expect(checkText("simd", text.scalar)).toEqual([expect.stringContaining("no vector")]);
    expect(checkText("relaxed", text.simd)).toEqual([expect.stringContaining("no relaxed")]);
  });
});

describe("the ABI of the three builds", () => {
  const read = (path: string) => readFileSync(root + path, "utf8");
  test("is one, and is the committed one", () => {
    const typings = BUILDS.map((b) => read(`build/${b}.d.ts`));
    expect(typings[1]).toBe(typings[0]);
    expect(typings[2]).toBe(typings[0]);
    const [header, ...rest] = read("src/generated/kernels.d.ts").split("\n");
    expect(header).toMatch(/^\/\/ Written by the compiler/);
    expect(rest.join("\n"), "src/generated/kernels.d.ts: run npm run build -- --accept").toBe(typings[0]);
    expect(read("dist/generated/kernels.d.ts")).toBe(read("src/generated/kernels.d.ts"));
  });

  test("is what the modules export", async () => {
    const { ROOMS } = (await import("#dist/generated/rooms.js")) as { ROOMS: Record<string, string> };
    for (const b of BUILDS) {
      const module = await WebAssembly.compile(readFileSync(`${root}dist/wasm/${b}.wasm`)).catch((error: Error) => error);
      if (module instanceof Error) throw module;
      const kernels = WebAssembly.Module.exports(module).filter(({ kind }) => kind === "function");
      expect(kernels.map(({ name }) => name).sort()).toEqual(Object.keys(ROOMS).sort());
      expect(WebAssembly.Module.imports(module).map(({ module, name, kind }) => `${module}.${name} ${kind}`)).toEqual(["env.memory memory"]);
    }
  });
});
