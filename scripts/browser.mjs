// Finds a Chromium for the tests, or gets one. Prints nothing; returns a path, or undefined for Playwright's own.
import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "microsoft-edge-stable", "chrome.exe", "msedge.exe"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  ...["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"].flatMap((variable) => {
    const base = process.env[variable];
    return base ? [join(base, "Google/Chrome/Application/chrome.exe"), join(base, "Microsoft/Edge/Application/msedge.exe")] : [];
  }),
];

function installed() {
  const given = process.env.FEDLANE_CHROMIUM;
  if (given) return given;
  const folders = (process.env.PATH ?? "").split(process.platform === "win32" ? ";" : ":").filter(Boolean);
  const candidates = [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...PLACES, chromium.executablePath()];
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @returns the path of a browser that can run the tests; throws one sentence when there is none and none can be installed */
export function findBrowser() {
  const found = installed();
  if (found) return found;
  console.log("No Chromium, Chrome or Edge found: trying Playwright's installer.");
  spawnSync(process.execPath, ["node_modules/playwright/cli.js", "install", "chromium"], { stdio: "inherit", timeout: 300_000 });
  if (installed()) return installed();
  if (process.getuid?.() === 0 && existsSync("/etc/debian_version")) {
    console.log("Trying apt-get install chromium.");
    try {
      execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
      execFileSync("apt-get", ["install", "-y", "-qq", "chromium"], { stdio: "inherit", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    } catch (error) {
      console.log(`apt-get failed: ${error.message}`);
    }
    if (installed()) return installed();
  }
  throw new Error("The browser tests need Chromium, Chrome or Edge: install one, or set FEDLANE_CHROMIUM to its executable.");
}
