// What the text output of each build must not contain (DESIGN.md, sections 1 and 5).

/** Rooms whose kernels may fuse in the relaxed build. */
const MAY_FUSE = ["linalg", "nn", "optim"];

/** @returns sentences, one a fault */
export function checkText(build, text) {
  const faults = [];
  const fault = (what) => faults.push(`build/${build}.wat: ${what}`);
  if (/memory\.grow/.test(text)) fault("memory.grow: kernels never allocate");
  if (/^\s*\(data/m.test(text)) fault("a data segment: kernels hold no tables or strings");
  if (/\(mut /.test(text)) fault("a mutable global: kernels keep no state");
  const imports = [...text.matchAll(/\(import "(\w+)" "(\w+)"/g)].map(([, module, name]) => `${module}.${name}`);
  if (imports.join() !== "env.memory") fault(`imports ${imports.join()}: expected env.memory only`);
  if (build === "scalar" && /v128|[if]\d+x\d+\./.test(text)) fault("vector instructions in the scalar build");
  if (build !== "scalar" && !/v128/.test(text)) fault("no vector instructions");
  let relaxed = 0;
  for (const [, name, body] of text.matchAll(/\n \(func \$(\S+)([\s\S]*?)(?=\n \(func |\n\)\s*$)/g)) {
    if (!/relaxed/.test(body)) continue;
    relaxed++;
    const room = /assembly\/(\w+)\//.exec(name)?.[1];
    if (build !== "relaxed") fault(`relaxed instructions in ${name}`);
    else if (!MAY_FUSE.includes(room)) fault(`relaxed instructions in ${name}, outside ${MAY_FUSE.join(", ")}`);
  }
  if (build === "relaxed" && relaxed === 0) fault("no relaxed instructions");
  return faults;
}
