// Chromium only: the engine in a module worker made from a blob. tests/house/worker.test.ts does the same in Node.
import { describe, expect, onTestFinished, test } from "vitest";

describe.runIf(typeof document === "object")("in a module worker", () => {
  test("makes an engine and computes, nothing configured", async () => {
    const entry = new URL("/dist/index.js", location.href).href;
    const code = `import { createEngine, squaredNorm } from "${entry}";
      const engine = await createEngine();
      postMessage([engine.build, squaredNorm(engine.tensor("f32", 5, [1, 2, 3, 4, 5]))]);`;
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module" });
    onTestFinished(() => {
      worker.terminate();
      URL.revokeObjectURL(url);
    });
    const got = await new Promise((resolve, reject) => {
      worker.onmessage = (event) => resolve(event.data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
    expect(got).toEqual(["simd", 55]);
  });
});
