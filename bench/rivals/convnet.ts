// convnetjs: plain JavaScript, one example at a time, numbers in float64.
import convnetjs from "convnetjs";
import type { Case } from "../kit.ts";
import { layersOf, PIXELS, SIDE, type Start } from "../network.ts";
import type { Network } from "../shapes.ts";

/** One SGD step of a network. */
export function convnetStep(network: Network, m: number, lr: number, { parts, x, labels }: Start): Case {
  const layers = layersOf(network);
  const [side, depth] = layers[0]!.type === "conv" ? [SIDE, 1] : [1, PIXELS];
  const definition: object[] = [{ type: "input", out_sx: side, out_sy: side, out_depth: depth }];
  for (const layer of layers) {
    const { outputs } = layer;
    if (layer.type === "dense" && !layer.relu) definition.push({ type: "softmax", num_classes: outputs });
    else if (layer.type === "dense") definition.push({ type: "fc", num_neurons: outputs, activation: "relu" });
    else {
      definition.push({ type: "conv", sx: layer.kernel, pad: (layer.kernel - 1) / 2, filters: outputs, activation: "relu" });
      definition.push({ type: "pool", sx: 2, stride: 2 });
    }
  }
  const net = new convnetjs.Net();
  net.makeLayers(definition);

  // A filter is a column of our kernel seen as a matrix [rows, outputs].
  const weighted = net.layers.filter((layer) => layer.filters);
  for (const [l, { filters, biases }] of weighted.entries()) {
    const [kernel, bias] = [parts[2 * l]!.values, parts[2 * l + 1]!.values];
    for (const [o, { w }] of filters.entries()) for (let row = 0; row < w.length; row++) w[row] = kernel[row * filters.length + o]!;
    biases.w.set(bias);
  }
  const flat = () => {
    const all = weighted.flatMap(({ filters, biases }) => {
      const rows = filters[0]!.w.length;
      return [...Array.from({ length: rows * filters.length }, (_, at) => filters[at % filters.length]!.w[Math.floor(at / filters.length)]!), ...biases.w];
    });
    return [loss, ...all];
  };

  const trainer = new convnetjs.Trainer(net, { method: "sgd", learning_rate: lr, momentum: 0, batch_size: m });
  const images = Array.from({ length: m }, (_, i) => {
    const image = new convnetjs.Vol(side, side, depth, 0);
    image.w.set(x.subarray(i * PIXELS, (i + 1) * PIXELS));
    return image;
  });
  let loss = Number.NaN;
  return {
    run: () => {
      loss = 0;
      for (const [i, image] of images.entries()) loss += trainer.train(image, labels[i]!).loss / m;
    },
    result: flat,
  };
}
