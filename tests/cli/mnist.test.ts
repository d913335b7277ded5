// IDX files: sound ones, and every way they can be unsound.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataError } from "#dist/cli/data.js";
import { debianFolder, loadMnist, readIdx, readImages } from "#dist/cli/mnist.js";

function idx(magic: number, dims: readonly number[], payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dims.length + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  dims.forEach((d, i) => {
    view.setUint32(4 + 4 * i, d);
  });
  bytes.set(payload, 4 + 4 * dims.length);
  return bytes;
}
const images = (n: number) =>
  idx(
    0x803,
    [n, 28, 28],
    Uint8Array.from({ length: n * 784 }, (_, i) => i % 251),
  );
const labels = (...values: number[]) => idx(0x801, [values.length], Uint8Array.from(values));
const names = { images: "img", labels: "lab" };

describe("IDX", () => {
  test("reads images and labels", () => {
    const { x, labels: y } = readImages(images(2), labels(3, 9), names);
    expect(x.length).toBe(2 * 784);
    expect(x[252]).toBe(1);
    expect(y).toEqual(Int32Array.of(3, 9));
  });

  test("reads from inside a larger buffer", () => {
    const padded = new Uint8Array(7 + labels(1).length);
    padded.set(labels(1), 7);
    expect(readIdx(padded.subarray(7), "lab", "labels")).toEqual(Uint8Array.of(1));
  });

  const bad: [string, () => unknown, RegExp][] = [
    ["empty", () => readIdx(new Uint8Array(0), "img", "images"), /^img: expected an IDX header of 16 bytes, got a file of 0$/],
    ["short header", () => readIdx(images(1).subarray(0, 15), "img", "images"), /header of 16 bytes, got a file of 15/],
    ["labels for images", () => readIdx(labels(...new Array(30).fill(0)), "img", "images"), /0x00000803 of images, got 0x00000801/],
    ["images for labels", () => readIdx(images(1), "lab", "labels"), /0x00000801 of labels, got 0x00000803/],
    ["another type", () => readIdx(idx(0xd03, [1, 28, 28], new Uint8Array(784)), "img", "images"), /got 0x00000d03/],
    ["no images", () => readIdx(images(0), "img", "images"), /one or more images, got none/],
    ["another size", () => readIdx(idx(0x803, [1, 32, 28], new Uint8Array(896)), "img", "images"), /28 x 28 pixels, got 32 x 28/],
    ["cut off", () => readIdx(images(2).subarray(0, -1), "img", "images"), /1584 bytes for 2 images, got 1583/],
    ["too long", () => readIdx(idx(0x801, [1], new Uint8Array(2)), "lab", "labels"), /9 bytes for 1 labels, got 10/],
    ["a count beyond any file", () => readIdx(idx(0x803, [2 ** 32 - 1, 28, 28], new Uint8Array(784)), "img", "images"), /got 800/],
    ["different counts", () => readImages(images(2), labels(1, 2, 3), names), /^lab: expected 2 labels, as many as img has images, got 3$/],
    ["a label out of range", () => readImages(images(2), labels(1, 10), names), /labels 0 to 9, got 10 at index 1/],
  ];
  test.each(bad)("refuses: %s", (_, read, sentence) => {
    expect(read).toThrow(DataError);
    expect(read).toThrow(sentence);
  });
});

describe("folders", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fedlane-mnist-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("plain and gzip, missing and broken", async () => {
    await expect(loadMnist("mnist", folder)).rejects.toThrow(/ubyte: expected it, or it with .gz, in /);
    await writeFile(join(folder, "train-images-idx3-ubyte"), images(3));
    await writeFile(join(folder, "train-labels-idx1-ubyte.gz"), gzipSync(labels(0, 1, 2)));
    await writeFile(join(folder, "t10k-images-idx3-ubyte.gz"), gzipSync(images(1)));
    await writeFile(join(folder, "t10k-labels-idx1-ubyte"), labels(7));
    const { train, test: held } = await loadMnist("mnist", folder);
    expect([train.labels.length, held.labels[0]]).toEqual([3, 7]);
    await writeFile(join(folder, "t10k-images-idx3-ubyte.gz"), gzipSync(images(1)).subarray(0, 40));
    await expect(loadMnist("mnist", folder)).rejects.toThrow(DataError);
    await expect(loadMnist("mnist", folder)).rejects.toThrow(/sound gzip file/);
  });

  test("the npm package", async () => {
    const { train, test: held } = await loadMnist("mnist");
    expect([train.labels.length, held.labels.length, train.x.length]).toEqual([60000, 10000, 60000 * 784]);
    expect([...train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
  });

  test("Fashion-MNIST is read from a folder by the same rules", async () => {
    const own = await mkdtemp(join(folder, "fashion-"));
    await expect(loadMnist("fashion-mnist", own)).rejects.toThrow(/ubyte: expected it, or it with .gz, in /);
    for (const [part, classes] of [
      ["train", [9, 0, 0, 3]],
      ["t10k", [2, 1]],
    ] as const) {
      await writeFile(join(own, `${part}-images-idx3-ubyte.gz`), gzipSync(images(classes.length)));
      await writeFile(join(own, `${part}-labels-idx1-ubyte.gz`), gzipSync(labels(...classes)));
    }
    const { train, test: held } = await loadMnist("fashion-mnist", own);
    expect([...train.labels, ...held.labels]).toEqual([9, 0, 0, 3, 2, 1]);
    expect([train.x.length, held.x.length]).toEqual([4 * 784, 2 * 784]);
  });

  test("Fashion-MNIST without a folder is Debian's package, or a sentence that says how to get it", async () => {
    expect(debianFolder(folder)).toBe(folder);
    expect(() => debianFolder(join(folder, "absent"))).toThrow(DataError);
    expect(() => debianFolder(join(folder, "absent"))).toThrow(/^Fashion-MNIST is not here: run `apt-get install dataset-fashion-mnist`.* with --data$/);
  });

  test.skipIf(!existsSync("/usr/share/datasets/fashion-mnist"))("Debian's package", async () => {
    const { train, test: held } = await loadMnist("fashion-mnist");
    expect([train.labels.length, held.labels.length]).toEqual([60000, 10000]);
    expect([...train.labels.subarray(0, 5)]).toEqual([9, 0, 0, 3, 0]); // ankle boot, two T-shirts, a dress, a T-shirt: figure of the README
  });
});
