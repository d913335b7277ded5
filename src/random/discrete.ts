// Draws from exact laws on the integers: the host's side of discrete_i32.
import { checkTensor } from "../engine/check.ts";
import { PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkStream, type RandomStream } from "./chacha.ts";
import { compile, decide, type Law } from "./law.ts";

/** Where discrete_i32 leaves word in scratch. */
const DRY = 24;
const TAKEN = 28;
const UNDECIDED = 32;
const WORDS_PER_BLOCK = 8;
/** A law with rejection takes 2.03 words a sample on average; that it takes 3 and the slack besides has probability below 2^-1000. */
const WORDS = 3;
const SLACK = 64;

/** A law and how often it is added. */
export interface Part {
  readonly law: Law;
  readonly times: number;
}

/**
 * @internal x_i <- x_i + sum of independent samples of the parts, modulo 2^32. Nothing is written when it throws.
 * @throws {@link PrivacyError} when the stream has too few blocks left, or its bits are not random and no sample comes of them
 */
export function addSamples(op: string, x: Tensor<"i32">, parts: readonly Part[], stream: RandomStream): Tensor<"i32"> {
  checkTensor(op, "x", x, "i32");
  checkStream(op, stream);
  if (x.size === 0) return x;
  const { arena, kernels } = x.engine;
  const room = arena.allocate(4 * x.size);
  try {
    new Int32Array(arena.memory.buffer, room, x.size).fill(0);
    for (const { law, times } of parts) {
      const table = compiled(law);
      const address = arena.allocate(table.length);
      try {
        new Uint8Array(arena.memory.buffer, address, table.length).set(table);
        for (let i = 0; i < times; i++) draw(op, x, law, address, room, stream);
      } finally {
        arena.free(address);
      }
    }
    kernels.add_i32(x.size, room, x.address);
  } finally {
    arena.free(room, { wipe: true });
  }
  return x;
}

/** room_i <- room_i + one sample; `table` is the law in the engine's memory. */
function draw(op: string, x: Tensor<"i32">, law: Law, table: number, room: number, stream: RandomStream): void {
  const { engine, size: n } = x;
  const { kernels, arena } = engine;
  const bound = Math.ceil((n * (law.shift === 0 ? 1 : WORDS)) / WORDS_PER_BLOCK) + SLACK;
  stream.use(engine, bound, kernels.discrete_scratch_i32(), (counter, key, nonce, scratch) => {
    const record = new DataView(arena.memory.buffer, scratch, kernels.discrete_scratch_i32());
    let [done, used, cell] = [0, 0, -1];
    for (;;) {
      done += kernels.discrete_i32(n - done, bound - used, cell, law.shift, counter + used, key, nonce, table, room + 4 * done, scratch);
      used += record.getUint32(TAKEN, true);
      if (done === n) return used;
      if (record.getUint32(DRY, true) === 1) throw notRandom(op, bound);
      let left = 0;
      cell = decide(law, record.getBigUint64(UNDECIDED, true), () => {
        if (left === 0) {
          if (used === bound) throw notRandom(op, bound);
          kernels.chacha20_u8(1, counter + used++, key, nonce, scratch);
          left = WORDS_PER_BLOCK;
        }
        return record.getBigUint64(8 * (WORDS_PER_BLOCK - left--), true);
      });
    }
  });
}

function notRandom(op: string, blocks: number): PrivacyError {
  return new PrivacyError(`${op}: expected random bits in the stream, got ${blocks} blocks of which the samples could not be made`);
}

/** The law's table: made once (milliseconds), kept as long as the law is. */
const tables = new WeakMap<Law, Uint8Array>();
function compiled(law: Law): Uint8Array {
  let table = tables.get(law);
  if (!table) {
    table = compile(law);
    tables.set(law, table);
  }
  return table;
}

const KEPT = 16;
/** @internal Keeps the sixteen laws made last, so that equal parameters give the same object and its table is made once. */
export function memoise(make: (parameter: number) => Law): (parameter: number) => Law {
  const made = new Map<number, Law>();
  return (parameter) => {
    let law = made.get(parameter);
    if (!law) {
      law = make(parameter);
      if (made.size === KEPT) made.delete(made.keys().next().value!);
      made.set(parameter, law);
    }
    return law;
  };
}
