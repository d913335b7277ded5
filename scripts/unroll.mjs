// A transform of the AssemblyScript compiler (asc --transform): replaces a loop `for (let u: usize = 0; u < unroll(8); u++) { ... }` by eight copies
// of its body, u a constant in each. In the copies a load from `pointer + (offset)` takes the offset, then constant, as its immediate.
//
// `break` and `continue` in a copy are those of the loop around: write the text so that it means the same with and without the transform.
// The specs in Wasm are compiled without it, what ships is compiled with it.
import { NodeKind, Source, Tokenizer } from "assemblyscript";
import { Transform } from "assemblyscript/transform";

const MARKED = /^for \(let (\w+): usize = 0; \1 < unroll\((\d+)\); \1\+\+\) \{/;
const LOAD = /\b(load<\w+>|v128\.load32_splat)\((\w+) \+ \(/g;

export default class Unroll extends Transform {
  afterParse(parser) {
    for (const source of parser.sources) if (source.text.includes("unroll(")) this.#visit(parser, source);
  }

  /** Replaces marked loops below an AST node. */
  #visit(parser, node) {
    for (const [key, child] of Object.entries(node)) {
      if (Array.isArray(child)) node[key] = child.map((each) => this.#unrolled(parser, each));
      else if (key !== "range") node[key] = this.#unrolled(parser, child);
    }
  }
  #unrolled(parser, node) {
    if (typeof node?.kind !== "number" || !node.range) return node;
    const [, name, times] = (node.kind === NodeKind.For && MARKED.exec(node.range.toString())) || [];
    if (times) {
      const body = node.body.range.toString().replace(LOAD, "$1($2, (");
      const copies = Array.from({ length: times }, (_, i) => `{ const ${name}: usize = ${i}; ${body} }`);
      const { sourceKind, normalizedPath } = node.range.source;
      return parser.parseStatement(new Tokenizer(new Source(sourceKind, normalizedPath, `{ ${copies.join("\n")} }`)));
    }
    this.#visit(parser, node);
    return node;
  }
}
