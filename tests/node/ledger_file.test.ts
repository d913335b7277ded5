// The ledger's file: durable, locked, and true after kill -9 at any moment.
import { spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createStream, PrivacyError, type PrivacyEvent, PrivacyLedger } from "fedlane";
import { openLedgerFile } from "fedlane/node";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fedlane-ledger-"));
});
afterAll(() => rm(folder, { recursive: true }));

const RULES = { budget: { epsilon: 50, delta: 1e-5 }, unit: "client", adjacency: "add-remove", accountant: "rdp" } as const;
const EVENT: PrivacyEvent = { mechanism: { type: "gaussian", noiseMultiplier: 10 }, sampling: { type: "all" } };
const stream = () => createStream({ purpose: "noise" });

test("charges are in the file when they resolve, and open again", async () => {
  const path = join(folder, "plain");
  const store = await openLedgerFile(path);
  const ledger = await PrivacyLedger.open({ ...RULES, store });
  for (let i = 1; i <= 5; i++) {
    await ledger.charge(EVENT, await stream());
    expect((await readFile(path, "utf8")).split("\n").length).toBe(i + 2); // the rules, i lines, and what follows the last break
  }
  await store.close();
  const again = await openLedgerFile(path);
  const { entries, head } = await PrivacyLedger.open({ ...RULES, store: again, head: ledger.head });
  expect(entries.length).toBe(5);
  expect(head).toEqual(ledger.head);
  await again.close();
});

test("a torn last line is cut off, and counts when only its line break is missing", async () => {
  const path = join(folder, "torn");
  let store = await openLedgerFile(path);
  const ledger = await PrivacyLedger.open({ ...RULES, store });
  await ledger.charge(EVENT, await stream());
  await ledger.charge(EVENT, await stream());
  await store.close();
  const text = await readFile(path, "utf8");
  for (const [lost, count] of [
    [1, 2],
    [2, 1],
    [60, 1],
  ] as const) {
    await writeFile(path, text.slice(0, -lost));
    store = await openLedgerFile(path);
    const opened = await PrivacyLedger.open({ ...RULES, store });
    expect(opened.entries.length).toBe(count);
    await opened.charge(EVENT, await stream());
    await store.close();
    store = await openLedgerFile(path);
    expect((await PrivacyLedger.open({ ...RULES, store })).entries.length).toBe(count + 1);
    await store.close();
  }
});

test("a second writer is kept out, a dead one's lock is taken over, an intruder is noticed", async () => {
  const path = join(folder, "lock");
  const store = await openLedgerFile(path);
  const ledger = await PrivacyLedger.open({ ...RULES, store });
  await expect(openLedgerFile(path)).rejects.toThrow(PrivacyError);
  await expect(openLedgerFile(path)).rejects.toThrow(new RegExp(`process ${process.pid}`));
  await appendFile(path, "intruder\n");
  await expect(ledger.charge(EVENT, await stream())).rejects.toThrow(/somebody else writes/);
  await store.close();
  await expect(stat(`${path}.lock`)).rejects.toThrow(/ENOENT/);

  await rm(path);
  const dead = spawn(process.execPath, ["-e", ""]);
  await new Promise((done) => dead.on("exit", done));
  await writeFile(`${path}.lock`, `${dead.pid} ${hostname()}`);
  await (await openLedgerFile(path)).close();
  await writeFile(`${path}.lock`, `${dead.pid} another-machine`);
  await expect(openLedgerFile(path)).rejects.toThrow(/another-machine/);
});

test("killed 40 times in the middle of charge and release: spent is at least released, every time", async () => {
  const [path, released] = [join(folder, "crash"), join(folder, "released")];
  const at = (file: string) => fileURLToPath(new URL(`../../dist/${file}`, import.meta.url));
  const code = `
    import { writeSync, openSync } from "node:fs";
    import { createStream, PrivacyLedger } from ${JSON.stringify(at("index.js"))};
    import { openLedgerFile } from ${JSON.stringify(at("node/ledger_file.js"))};
    const out = openSync(${JSON.stringify(released)}, "a");
    const store = await openLedgerFile(${JSON.stringify(path)});
    const ledger = await PrivacyLedger.open({ ...${JSON.stringify(RULES)}, store });
    const stream = await createStream({ purpose: "noise" });
    process.stdout.write("ready");
    for (;;) {
      await ledger.charge(${JSON.stringify(EVENT)}, stream);
      writeSync(out, "x"); // the release
    }`;
  let [most, cut] = [0, 0];
  for (let i = 0; i < 40; i++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((ready) => child.stdout.once("data", ready));
    await new Promise((wait) => setTimeout(wait, (i * 7) % 31));
    child.kill("SIGKILL");
    await new Promise((done) => child.on("exit", done));
    const store = await openLedgerFile(path);
    const spent = (await PrivacyLedger.open({ ...RULES, store })).entries.length;
    await store.close();
    const { size } = await stat(released);
    expect(spent, `after kill ${i + 1}`).toBeGreaterThanOrEqual(size);
    if (spent > most) cut++;
    most = spent;
  }
  expect(cut).toBeGreaterThan(20); // most runs got somewhere before they died
}, 120_000);
