// Kernels that do nothing: a Wasm module with the names and numbers of parameters of the real one, so that a call costs what it costs.
import type { Engine } from "fedlane";

export async function hollow(kernels: Engine["kernels"]): Promise<Engine["kernels"]> {
  const functions = Object.entries(kernels).filter(([, kernel]) => typeof kernel === "function");
  const arities = functions.map(([, kernel]) => kernel.length);
  const types = Array.from({ length: Math.max(...arities) + 1 }, (_, n) => [0x60, n, ...Array(n).fill(0x7c), 1, 0x7c]); // n x f64 -> f64
  const names = functions.map(([name], i) => [...vector([...name].map((c) => [c.charCodeAt(0)])), 0, ...leb(i)]);
  const zero = [11, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b]; // length, no locals, f64.const 0, end
  const sections: [id: number, entries: number[][]][] = [
    [1, types],
    [3, arities.map((n) => [n])],
    [7, names],
    [10, arities.map(() => zero)],
  ];
  const body = sections.flatMap(([id, entries]) => [id, ...leb(vector(entries).length), ...vector(entries)]);
  const { instance } = await WebAssembly.instantiate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, ...body));
  return instance.exports as unknown as Engine["kernels"];
}

const vector = (entries: readonly number[][]): number[] => [...leb(entries.length), ...entries.flat()];

/** Unsigned LEB128. */
function leb(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)];
}
