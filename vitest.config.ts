// One suite, three projects: Node, Node with a memory that grows on every allocation, and headless Chromium from the same files.
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const nodeOnly = ["tests/cli/**", "tests/node/**", "tests/package/**", "tests/house/**", "tests/bench/**"];
const alias = [
  { find: /^fedlane\/worker$/, replacement: new URL("./dist/workers/index.js", import.meta.url).pathname },
  { find: /^fedlane\/node$/, replacement: new URL("./dist/node/index.js", import.meta.url).pathname },
  { find: /^fedlane$/, replacement: new URL("./dist/index.js", import.meta.url).pathname },
];
// Node before 22 runs relaxed SIMD only behind this flag.
const relaxed = Number(process.versions.node.split(".")[0]) < 22 ? ["--experimental-wasm-relaxed-simd"] : [];

// npm run test:nightly: the large sizes of tests/support/runs.ts.
const nightly = { __NIGHTLY__: JSON.stringify(process.env["FEDLANE_NIGHTLY"] === "1") };

const base = { include: ["tests/**/*.test.ts"], setupFiles: ["tests/support/setup.ts"], testTimeout: 60_000, hookTimeout: 60_000, execArgv: relaxed };

export default defineConfig({
  test: {
    projects: [
      { resolve: { alias }, define: { __GROW__: "false", ...nightly }, test: { ...base, name: "node" } },
      { resolve: { alias }, define: { __GROW__: "true", ...nightly }, test: { ...base, name: "node-grow", exclude: nodeOnly } },
      {
        resolve: { alias },
        define: { __GROW__: "false", ...nightly },
        optimizeDeps: { include: ["@assemblyscript/loader", "comlink", "fast-check"] },
        test: {
          ...base,
          name: "chromium",
          exclude: nodeOnly,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...(process.env["FEDLANE_CHROMIUM"] ? { executablePath: process.env["FEDLANE_CHROMIUM"] } : {}),
                args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
