// jax-js on its wasm backend, every function jitted. One thread: Node has no global Worker and the page is not cross-origin isolated.
import * as jax from "@jax-js/jax";
import type { Case, Numbers } from "../kit.ts";
import { CLASSES, type Layer, layersOf, PIXELS, SIDE, type Start } from "../network.ts";
import type { Network } from "../shapes.ts";

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

/** One SGD step of a network, the loss read back. With `clip`, the gradients of the examples by vmap(grad). Convolutions as jax-js has them: NCHW, OIHW. */
export function jaxStep(network: Network, m: number, lr: number, { parts, x, onehot }: Start, clip?: number): Case {
  const { numpy: np, lax, nn } = jax;
  const layers = layersOf(network);
  const convolves = layers[0]!.type === "conv";

  const loss = (w: JaxArray[], from: JaxArray, to: JaxArray) => {
    const rows = to.shape[0]!;
    let h = from;
    for (const [l, layer] of layers.entries()) {
      const [kernel, bias] = [w[2 * l]!, w[2 * l + 1]!];
      if (layer.type === "conv") {
        h = nn.relu(lax.conv(h, kernel, [1, 1], "SAME").add(bias.reshape([layer.outputs, 1, 1])));
        h = np.max(h.reshape([rows, layer.outputs, layer.side / 2, 2, layer.side / 2, 2]), [3, 5]);
      } else {
        h = np.matmul(h.reshape([rows, layer.inputs]), kernel).add(bias);
        if (layer.relu) h = nn.relu(h);
      }
    }
    return nn
      .logSoftmax(h)
      .mul(to)
      .sum()
      .mul(-1 / rows);
  };

  const plain = (w: JaxArray[], from: JaxArray, to: JaxArray) => {
    const refs = w.map((v) => v.ref);
    const [value, g] = jax.valueAndGrad(loss)(refs, from, to) as unknown as [JaxArray, JaxArray[]];
    return [value, w.map((v, j) => v.sub(g[j]!.mul(lr)))] as [JaxArray, JaxArray[]];
  };
  const clipped = (w: JaxArray[], from: JaxArray, to: JaxArray) => {
    const one = (v: JaxArray[], a: JaxArray, b: JaxArray) => jax.valueAndGrad(loss)(v, np.expandDims(a, 0), np.expandDims(b, 0)) as unknown as JaxArray[];
    const refs = w.map((v) => v.ref);
    const [values, g] = jax.vmap(one, [null, 0, 0] as never)(refs, from, to) as unknown as [JaxArray, JaxArray[]];
    const squares = g.map((v) => np.square(v.ref).reshape([m, -1]).sum(1));
    const factors = np.minimum(1, np.divide(clip!, np.sqrt(squares.reduce((s, v) => s.add(v)))));
    const sums = g.map((v) => np.tensordot(factors.ref, v, 1));
    factors.dispose();
    return [values.mean(), w.map((v, j) => v.sub(sums[j]!.mul(lr / m)))] as [JaxArray, JaxArray[]];
  };
  const train = jax.jit(clip === undefined ? plain : clipped);

  let w = parts.map(({ values, shape }, j) => toJax(jaxArray(values, shape), layers, j));
  const images = jaxArray(x, convolves ? [m, 1, SIDE, SIDE] : [m, PIXELS]);
  const labels = jaxArray(onehot, [m, CLASSES]);
  let last = Number.NaN;
  return {
    run: () => {
      const [value, next] = train(w, images.ref, labels.ref) as [JaxArray, JaxArray[]];
      last = value.dataSync()[0]!;
      w = next;
    },
    result: () => [last, ...w.flatMap((v, j) => [...fromJax(v.ref, layers, j).dataSync()])],
  };
}

/** Array j of the flat vector in the order of NCHW: kernels OIHW, and the rows of the first dense kernel channel by channel. */
function toJax(array: JaxArray, layers: readonly Layer[], j: number): JaxArray {
  const [layer, before] = [layers[j >> 1]!, layers[(j >> 1) - 1]];
  if (j % 2 === 1) return array;
  if (layer.type === "conv") return jax.numpy.transpose(array, [3, 2, 0, 1]);
  if (before?.type !== "conv") return array;
  const { side, outputs } = before;
  return jax.numpy.transpose(array.reshape([(side / 2) ** 2, outputs, layer.outputs]), [1, 0, 2]).reshape([layer.inputs, layer.outputs]);
}
function fromJax(array: JaxArray, layers: readonly Layer[], j: number): JaxArray {
  const [layer, before] = [layers[j >> 1]!, layers[(j >> 1) - 1]];
  if (j % 2 === 1) return array;
  if (layer.type === "conv") return jax.numpy.transpose(array, [2, 3, 1, 0]);
  if (before?.type !== "conv") return array;
  const { side, outputs } = before;
  return jax.numpy.transpose(array.reshape([outputs, (side / 2) ** 2, layer.outputs]), [1, 0, 2]).reshape([layer.inputs, layer.outputs]);
}
