import { createJob, createStream, DisposedError, type JobStreamOptions, ParameterError, PrivacyError, randomBytes } from "fedlane";
import { describe, expect, test } from "vitest";
import { expand, importSecret, lengthPrefixed } from "#dist/random/key.js";
import { makeEngine } from "../support/engines.ts";
import * as reference from "./chacha.reference.ts";

type Bytes = Uint8Array<ArrayBuffer>;
const fromHex = (hex: string): Bytes => Uint8Array.from(hex.match(/../g) ?? [], (h) => Number.parseInt(h, 16));
const hex = (bytes: Uint8Array) => [...bytes].map((v) => v.toString(16).padStart(2, "0")).join("");
const utf8 = (s: string): Bytes => new TextEncoder().encode(s);
const NO_SALT = new Uint8Array(0);

describe("HKDF-SHA256", () => {
  // RFC 5869, appendix A.
  const CASE_1 = {
    secret: new Uint8Array(22).fill(0x0b),
    salt: fromHex("000102030405060708090a0b0c"),
    info: fromHex("f0f1f2f3f4f5f6f7f8f9"),
    want: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  };
  const range = (from: number, to: number): Bytes => Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const CASE_2 = {
    secret: range(0x00, 0x4f),
    salt: range(0x60, 0xaf),
    info: range(0xb0, 0xff),
    want: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
  };
  const CASE_3 = {
    secret: new Uint8Array(22).fill(0x0b),
    salt: NO_SALT,
    info: NO_SALT,
    want: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  };

  test.each([CASE_1, CASE_2, CASE_3])("RFC 5869 case %#, and the twin", async ({ secret, salt, info, want }) => {
    expect(hex(await expand(await importSecret("test", secret), salt, info, want.length / 2))).toBe(want);
    expect(hex(await reference.hkdf(secret, salt, info, want.length / 2))).toBe(want);
  });

  test("a secret cannot be exported", async () => {
    const secret = await importSecret("test", utf8("secret"));
    expect(secret.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("raw", secret)).rejects.toThrow();
  });
});

test("fields with their lengths in front: no two lists give the same bytes", () => {
  const lists = [["ab", "c"], ["a", "bc"], ["abc"], ["", "abc"], ["abc", ""], ["a", "b", "c"], ["abc", "", ""], ["\0\0\0\u0001a"], ["a"], [], [""]];
  const bytes = lists.map((list) => hex(lengthPrefixed(list.map(utf8))));
  expect(new Set(bytes).size).toBe(lists.length);
  expect(bytes[0]).toBe("00000002616200000001" + "63");
});

describe("createStream", () => {
  test("a seeded key is HKDF of the seed under the purpose", async () => {
    const state = (await createStream({ purpose: "noise", unsafeSeed: 7 })).toState();
    expect(state.key).toEqual(await reference.hkdf(utf8("fedlane seed number:7"), NO_SALT, utf8("fedlane stream noise"), 32));
    expect(state.private).toBe(false);
  });

  test("a seed repeats; another seed, type or purpose does not; without a seed nothing repeats", async () => {
    const key = async (o: { purpose: string; unsafeSeed?: number | string }) => hex((await createStream(o)).toState().key);
    expect(await key({ purpose: "a", unsafeSeed: 1 })).toBe(await key({ purpose: "a", unsafeSeed: 1 }));
    const all = [
      await key({ purpose: "a", unsafeSeed: 1 }),
      await key({ purpose: "a", unsafeSeed: "1" }),
      await key({ purpose: "a", unsafeSeed: 2 }),
      await key({ purpose: "b", unsafeSeed: 1 }),
      await key({ purpose: "a" }),
      await key({ purpose: "a" }),
    ];
    expect(new Set(all).size).toBe(6);
    expect((await createStream({ purpose: "a" })).private).toBe(true);
  });

  // Parties and releases must agree on these bytes. Key recomputed with OpenSSL's HKDF-SHA256.
  test("the derivation is fixed: key by HKDF, nonce (0, 0, 0), forks (1, a, b)", async () => {
    const stream = await createStream({ purpose: "golden", unsafeSeed: 1 });
    const key = fromHex("c441842fd804e835302e7847f4f3253a0e28d14431027eebcf0efa25b40e5391");
    expect(stream.toState()).toEqual({ key, nonce: [0, 0, 0], counter: 0, private: false });
    expect(stream.fork(3, 7).toState()).toEqual({ key, nonce: [1, 3, 7], counter: 0, private: false });
  });

  test("bad options are refused", async () => {
    await expect(createStream({ purpose: "" })).rejects.toThrow(ParameterError);
    await expect(createStream({ purpose: "a", unsafeSeed: Number.NaN })).rejects.toThrow(ParameterError);
    await expect(createStream({ purpose: "a", seed: 1 } as never)).rejects.toThrow(ParameterError);
  });
});

describe("createJob", () => {
  const seeded = (id?: string) => createJob({ unsafeSeed: 1, ...(id === undefined ? {} : { id }) });

  // HKDF spelled out: lengths in front of the version, the role, the job and the worker's number (big-endian).
  test("a key is HKDF of the secret under role, job and worker", async () => {
    const stream = await (await seeded("j7")).stream({ role: "noise", worker: 258 });
    const info = fromHex(`0000000d${hex(utf8("fedlane job 1"))}00000005${hex(utf8("noise"))}00000002${hex(utf8("j7"))}0000000400000102`);
    const key = await reference.hkdf(utf8("fedlane seed number:1"), NO_SALT, info, 32);
    expect(stream.toState()).toEqual({ key, nonce: [0, 0, 0], counter: 0, private: false });
  });

  test("another role, worker, job or seed is another key, also where the text runs together; createStream's is another again", async () => {
    const key = async (job: Promise<{ stream(o: JobStreamOptions): Promise<{ toState(): { key: Uint8Array } }> }>, role: string, worker?: number) =>
      hex((await (await job).stream(worker === undefined ? { role } : { role, worker })).toState().key);
    const all = [
      await key(seeded(), "noise"),
      await key(seeded(), "noise", 1),
      await key(seeded(), "noise", 2 ** 32 - 1),
      await key(seeded(), "noise1"),
      await key(seeded("1"), "noise"),
      await key(seeded("e"), "nois"),
      await key(createJob({ unsafeSeed: "1" }), "noise"),
      await key(createJob({ unsafeSeed: 2 }), "noise"),
      await key(createJob({ id: "1" }), "noise"),
      await key(createJob({ id: "1" }), "noise"),
      hex((await createStream({ purpose: "noise", unsafeSeed: 1 })).toState().key),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(await key(seeded(), "noise")).toBe(all[0]);
    expect(await key(seeded(), "noise", 0), "worker 0 is the default").toBe(all[0]);
  });

  test("private unless seeded, with a name of its own; streams, forks and states say the same", async () => {
    const [first, second, unsafe] = [await createJob(), await createJob(), await seeded()];
    expect([first.private, second.private, unsafe.private]).toEqual([true, true, false]);
    expect(first.id).toMatch(/^[0-9a-f]{32}$/);
    expect(second.id).not.toBe(first.id);
    for (const job of [first, unsafe]) {
      const stream = await job.stream({ role: "noise" });
      expect([stream.private, stream.fork(1, 2).private, stream.toState().private]).toEqual(Array(3).fill(job.private));
    }
  });

  test("the same role and worker are refused twice, also at once; other pairs are not", async () => {
    const job = await createJob();
    await job.stream({ role: "noise", worker: 1 });
    await expect(job.stream({ role: "noise", worker: 1 })).rejects.toThrow(PrivacyError);
    await job.stream({ role: "noise", worker: 11 });
    await job.stream({ role: "1 noise", worker: 1 });
    await job.stream({ role: "shuffle", worker: 1 });
    const both = await Promise.allSettled([job.stream({ role: "noise" }), job.stream({ role: "noise", worker: 0 })]);
    expect(both.map((r) => r.status).sort()).toEqual(["fulfilled", "rejected"]);
    job.dispose();
  });

  test("dispose() wipes the streams given out and gives out no more, not even one that is on its way", async () => {
    const engine = await makeEngine();
    const job = await createJob();
    const stream = await job.stream({ role: "noise" });
    const fork = stream.fork(1, 2);
    const underway = job.stream({ role: "shuffle" });
    job.dispose();
    await expect(underway).rejects.toThrow(DisposedError);
    await expect(job.stream({ role: "rounding" })).rejects.toThrow(DisposedError);
    for (const dead of [stream, fork]) expect(() => randomBytes(engine.tensor("u8", 1), dead)).toThrow(DisposedError);
    job.dispose();
  });

  test("bad options are refused, and cost no pair", async () => {
    for (const bad of [{ unsafeSeed: Number.NaN }, { id: 1 }, { seed: 1 }, null]) await expect(createJob(bad as never)).rejects.toThrow(ParameterError);
    const job = await createJob();
    for (const worker of [-1, 0.5, 2 ** 32, Number.NaN, "0"])
      await expect(job.stream({ role: "noise", worker } as JobStreamOptions)).rejects.toThrow(ParameterError);
    for (const role of ["", undefined, 1]) await expect(job.stream({ role } as JobStreamOptions)).rejects.toThrow(ParameterError);
    await expect(job.stream({ role: "noise", job: "other" } as never)).rejects.toThrow(ParameterError);
    await job.stream({ role: "noise" });
  });
});
