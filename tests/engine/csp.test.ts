// Chromium only: a real Content Security Policy, in a frame that loads the built package.
import { describe, expect, onTestFinished, test } from "vitest";

/** Runs createEngine() in a frame under the policy; gives what happened there. */
function underPolicy(policy: string): Promise<Record<string, unknown>> {
  const frame = document.createElement("iframe");
  onTestFinished(() => frame.remove());
  const entry = new URL("/dist/index.js", location.href).href;
  frame.srcdoc = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy}">
    <script type="module">
      const tell = (what) => parent.postMessage({ fromFrame: true, ...what }, "*");
      try {
        const { createEngine } = await import("${entry}");
        const engine = await createEngine();
        tell({ build: engine.build });
      } catch (error) {
        tell({ code: error.code, name: error.name, message: error.message });
      }
    </script>`;
  return new Promise((resolve) => {
    const listen = (event: MessageEvent) => {
      if (event.source !== frame.contentWindow || event.data?.fromFrame !== true) return;
      removeEventListener("message", listen);
      resolve(event.data);
    };
    addEventListener("message", listen);
    document.body.append(frame);
  });
}

describe.runIf(typeof document === "object")("under a Content Security Policy", () => {
  test("without 'wasm-unsafe-eval' the error names what is missing", async () => {
    const got = await underPolicy("script-src 'self' 'unsafe-inline'");
    expect(got).toMatchObject({ code: "UNSUPPORTED", name: "UnsupportedError" });
    expect(got["message"]).toContain("'wasm-unsafe-eval'");
  });

  test("with it, and no 'unsafe-eval', the engine runs", async () => {
    expect(await underPolicy("script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'")).toMatchObject({ build: "simd" });
  });

  test("a policy for everything else too: no network, no workers, no styles", async () => {
    expect(await underPolicy("default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'")).toMatchObject({ build: "simd" });
  });
});
