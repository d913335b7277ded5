// npm run bench:browser: the same benchmarks in headless Chromium. Options as in bench/run.ts; FEDLANE_CHROMIUM names another executable.
// The page is not cross-origin isolated: no shared memory, so every contender has one thread.
import { existsSync } from "node:fs";
import { chromium } from "playwright";
import { createServer } from "vite";
import { environment, options } from "./environment.ts";
import type { Outcome } from "./kit.ts";
import { compileLimits } from "./limits.ts";
import type { Plan } from "./measure.ts";
import type { Page } from "./page.ts";
import { line, write } from "./report.ts";

declare const bench: Page; // in the page

const { mode, only, slow } = options(process.argv.slice(2));
const root = new URL("../", import.meta.url).pathname;
const args = ["--no-sandbox", "--disable-gpu"];
const system = "/usr/bin/chromium";
const executablePath = process.env["FEDLANE_CHROMIUM"] ?? (existsSync(system) ? system : undefined);

const server = await createServer({
  root,
  configFile: false,
  logLevel: "error",
  cacheDir: `${root}node_modules/.vite-bench`,
  server: { port: 0, host: "127.0.0.1", hmr: false, watch: null },
  resolve: { alias: [{ find: /^fedlane$/, replacement: `${root}dist/index.js` }] },
  optimizeDeps: {
    entries: ["bench/page.ts"],
    include: ["@assemblyscript/loader", "tinybench", "@jax-js/jax", "convnetjs", "@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"],
  },
  plugins: [
    {
      name: "bench page",
      configureServer: (dev) => {
        dev.middlewares.use("/bench.html", (_, response) => {
          response.setHeader("content-type", "text/html");
          response.end(`<!doctype html><title>bench</title><script type="module" src="/bench/page.ts"></script>`);
        });
      },
    },
  ],
});
await server.listen();
const browser = await chromium.launch({ args, ...(executablePath ? { executablePath } : {}) });
let failed = true;
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.exposeFunction("report", (outcome: Outcome) => console.log(line(outcome)));
  await page.goto(`${server.resolvedUrls!.local[0]}bench.html`);
  await page.waitForFunction(() => "bench" in globalThis, undefined, { timeout: 120_000 });
  const modules = mode === "check" ? {} : await compileLimits(await page.evaluate(() => bench.builds()));
  // A page's clock steps by 100 microseconds, so a sample takes a hundred steps.
  const plan: Plan = { mode, slow, wasmPath: "/node_modules/@tensorflow/tfjs-backend-wasm/dist/", sampleMs: 10 };
  const { limits, outcomes } = await page.evaluate(([p, text, m]) => bench.run(p, text, m), [plan, only, modules] as const);
  const { jsVersion } = await (await page.context().newCDPSession(page)).send("Browser.getVersion");
  if (limits) write("chromium", environment(`chromium ${browser.version()}`, jsVersion, args), limits, outcomes, only === "" && mode === "full");
  const wrong = outcomes.filter(({ status }) => status === "wrong");
  const ours = wrong.filter(({ contender }) => contender.startsWith("ours"));
  console.log(`${outcomes.length} answers checked, ${wrong.length} wrong, ${ours.length} of them ours`);
  failed = outcomes.length === 0 || ours.length > 0;
} finally {
  await browser.close();
  await server.close();
}
process.exit(failed ? 1 : 0);
