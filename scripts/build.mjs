// npm run build: kernels (three builds from one text), their checks, inlined modules, TypeScript.
//   --accept   write the generated typings instead of failing when they drift
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { checkText } from "./check_text.mjs";

const run = promisify(execFile);
const BUILDS = ["scalar", "simd", "relaxed"];
const ASC = ["node_modules/assemblyscript/bin/asc.js", "--config", "asconfig.json", "--transform", "./scripts/unroll.mjs"];
const accept = process.argv.includes("--accept");

await mkdir("build", { recursive: true });
await Promise.all(BUILDS.map((target) => run(process.execPath, [...ASC, "--target", target])));

const typings = await Promise.all(BUILDS.map((b) => readFile(`build/${b}.d.ts`, "utf8")));
if (typings.some((t) => t !== typings[0])) fail("the three builds do not export the same ABI: compare build/*.d.ts");
await generated("src/generated/kernels.d.ts", `// Written by the compiler (npm run build -- --accept). Do not edit.\n${typings[0]}`);
const rooms = [...typings[0].matchAll(/\* assembly\/(\w+)\/\w+\/(\w+)\n/g)].map(([, room, kernel]) => `  ${kernel}: "${room}",\n`);
await generated(
  "src/generated/rooms.ts",
  `// Written by npm run build -- --accept. Do not edit.\n/** The room of every kernel. */\nexport const ROOMS: Readonly<Record<string, string>> = {\n${rooms.join("")}};\n`,
);

for (const b of BUILDS) {
  const faults = checkText(b, await readFile(`build/${b}.wat`, "utf8"));
  if (faults.length > 0) fail(faults.join("\n"));
  const bytes = await readFile(`build/${b}.wasm`);
  await writeFile(`src/generated/${b}.wasm.ts`, `export default "${bytes.toString("base64")}";\n`);
}

await run(process.execPath, ["node_modules/typescript/bin/tsc"]).catch((error) => fail(error.stdout));
await cp("src/generated/kernels.d.ts", "dist/generated/kernels.d.ts");
await mkdir("dist/wasm", { recursive: true });
for (const b of BUILDS) await cp(`build/${b}.wasm`, `dist/wasm/${b}.wasm`);

async function generated(path, text) {
  const now = await readFile(path, "utf8").catch(() => "");
  if (now === text) return;
  if (!accept) fail(`${path} does not match the kernels: run \`npm run build -- --accept\` and commit it`);
  await writeFile(path, text);
}

function fail(message) {
  console.error(`build: ${message}`);
  process.exit(1);
}
