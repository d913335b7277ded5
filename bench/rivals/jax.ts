// jax-js on its wasm backend, every function jitted. One thread: Node has no global Worker and the page is not cross-origin isolated.
import * as jax from "@jax-js/jax";
import type { Case, Numbers } from "../kit.ts";

export type Jax = typeof jax;
export type JaxArray = jax.Array;

export async function loadJax(): Promise<Jax> {
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return jax;
}

/** A typed array as an f32 array of the given shape. */
export function jaxArray(values: Float32Array, shape: readonly number[] = [values.length]): JaxArray {
  return jax.numpy.array(values.slice()).reshape([...shape]);
}

/** Jits f over arrays that stay (each call takes a reference) and reads the value back. */
export function jaxCase(f: (...args: JaxArray[]) => JaxArray, ...args: JaxArray[]): Case {
  const jitted = jax.jit(f);
  let last: Numbers = [];
  return {
    run: () => {
      last = jitted(...args.map((a) => a.ref)).dataSync();
    },
    result: () => last,
  };
}

/** As jaxCase, for functions that draw: the first argument is a new key each time. */
export function jaxRandomCase(f: (key: JaxArray, ...args: JaxArray[]) => JaxArray, ...args: JaxArray[]): Case {
  const jitted = jax.jit(f);
  let last: Numbers = [];
  let seed = 0;
  return {
    run: () => {
      last = jitted(jax.random.key(seed++), ...args.map((a) => a.ref)).dataSync();
    },
    result: () => last,
  };
}
