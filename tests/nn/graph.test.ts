import { type DenseLayer, dense, embedding, input, type LayerNode, node, ParameterError, ShapeError } from "fedlane";
import { expect, test } from "vitest";
import { forEachBuild } from "../support/engines.ts";

forEachBuild("nn/graph", (engine) => {
  const model = (...layers: LayerNode[]) => engine().model(layers);

  test("an input stands before the first dense layer; an activation is a layer of its own with its layer's name", () => {
    const { nodes } = model(dense(3, 4, "relu"), dense(4, 2)).graph;
    expect(nodes.map(({ name, from }) => [name, ...from])).toEqual([["input0"], ["dense0", 0], ["dense0/relu", 1], ["dense1", 2]]);
    expect(nodes.map((n) => n.output)).toEqual([[3], [4], [4], [2]]);
  });

  test("from names earlier layers, several inputs are several tensors", () => {
    const m = model(node(input([5]), { name: "a" }), node(dense(5, 3, "relu"), { name: "body" }), node(dense(3, 2), { from: "body" }));
    expect(m.graph.nodes.at(-1)!.from).toEqual([2]); // the activation of "body"
    expect(m.layout.map((entry) => entry.name)).toEqual(["body/kernel", "body/bias", "dense1/kernel", "dense1/bias"]);
    expect(m.inputNodes.map((n) => n.name)).toEqual(["a"]);
  });

  test("ids go to embeddings and to nothing else", () => {
    expect(model(input([2], "u32"), embedding(9, 4)).outputShape).toEqual([2, 4]);
    expect(() => model(input([2], "u32"), dense(2, 3))).toThrow(/dense0: expected f32 values, got u32 of input0/);
    expect(() => model(input([2]), embedding(9, 4))).toThrow(/embedding0: expected ids, an input of "u32", got f32 of input0/);
  });

  test("a graph that does not hold together is refused, naming the layer", () => {
    const a = node(dense(3, 3), { name: "a" });
    expect(() => model(a, node(dense(3, 3), { name: "a" }))).toThrow(/a name of its own for every layer, got "a" twice/);
    expect(() => model(a, node(dense(3, 3), { from: "b" }))).toThrow(/from to name layers before it \(input0, a\), got "b"/);
    expect(() => model(a, node(dense(3, 3), { from: ["a", "a"] }))).toThrow(ShapeError);
    expect(() => model(a, node(dense(3, 3), { name: "b" }), node(dense(3, 3), { from: "a" }))).toThrow(/every layer but the last to feed another, got b/);
    expect(() => model(input([3]))).toThrow(/expected a layer after the inputs/);
    expect(() => model(input([3, 3]), dense(3, 3))).toThrow(/flatten/);
    for (const name of ["", 5, null]) expect(() => model({ ...dense(3, 3), name } as unknown as DenseLayer)).toThrow(ParameterError);
    for (const shape of [[], [0], [1.5], 3, null]) expect(() => input(shape as number[])).toThrow(ParameterError);
    expect(() => input([3], "f64" as "f32")).toThrow(/"f32" or "u32"/);
  });

  test("summary prints layers, shapes, parameters, bytes and the peak of a step", () => {
    const lines: string[] = [];
    const m = model(dense(784, 200, "relu"), dense(200, 10));
    const text = m.summary({ batchSize: 10, print: (line) => lines.push(line) });
    expect(lines).toEqual([text]);
    expect(text).toMatch(/dense0 \(dense\) +\[200\] +157,000 +628,000/);
    expect(text).toMatch(/parameters: 159,010; 636,040 bytes/);
    expect(text).toMatch(/peak of a training step, batch 10: [\d,]+ bytes/);
    expect(() => m.summary({ batchSize: 0 })).toThrow(ParameterError);
  });
});
