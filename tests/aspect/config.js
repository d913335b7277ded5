// as-pect: every *.spec.ts is compiled with asserts on and run inside WebAssembly, once scalar and once with SIMD.
export default {
  entries: ["tests/**/*.spec.ts"],
  include: [],
  disclude: [/node_modules/],
  async instantiate(memory, createImports, instantiate, binary) {
    return instantiate(binary, createImports({ env: { memory } }));
  },
  outputBinary: false,
};
