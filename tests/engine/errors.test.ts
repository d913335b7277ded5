import * as fedlane from "fedlane";
import { FedlaneError } from "fedlane";
import { describe, expect, test } from "vitest";
import { deserialiseError, serialiseError } from "#dist/engine/errors.js";
import { countCases } from "../support/count.ts";

const CODES = {
  ShapeError: "SHAPE",
  DTypeError: "DTYPE",
  ParameterError: "PARAMETER",
  OutOfMemoryError: "OUT_OF_MEMORY",
  DisposedError: "DISPOSED",
  EngineMismatchError: "ENGINE_MISMATCH",
  UnsupportedError: "UNSUPPORTED",
  FrameError: "FRAME",
  PrivacyError: "PRIVACY",
  WorkerError: "WORKER",
} as const;
type Name = keyof typeof CODES;
const NAMES = Object.keys(CODES) as Name[];
const CLASSES = new Map<string, unknown>(Object.entries(fedlane));

describe("errors", () => {
  const ran = countCases(10);
  test.each(NAMES)("%s has its code and survives a structured clone", (name) => {
    ran();
    const Class = CLASSES.get(name) as typeof fedlane.ShapeError;
    const error = new Class("op: expected a, got b", { argument: "x", shape: [2, 3], value: 0.5 });
    expect(error).toBeInstanceOf(FedlaneError);
    expect([error.code, error.name]).toEqual([CODES[name], name]);
    const back = deserialiseError(structuredClone(serialiseError(error))) as FedlaneError;
    expect(back).toBeInstanceOf(Class);
    expect([back.code, back.name, back.message, back.stack]).toEqual([error.code, error.name, error.message, error.stack]);
    expect(back.details).toEqual({ argument: "x", shape: [2, 3], value: 0.5 });
  });

  test("every error class of the package is in the table", () => {
    const exported = Object.entries(fedlane).filter(([, value]) => typeof value === "function" && value.prototype instanceof FedlaneError);
    expect(exported.map(([name]) => name).sort()).toEqual([...NAMES].sort());
  });

  test("details default to nothing", () => {
    expect(new fedlane.ShapeError("x").details).toEqual({});
  });

  test("foreign errors keep name, message and stack", () => {
    const error = new RangeError("too far");
    const back = deserialiseError(structuredClone(serialiseError(error)));
    expect(back).not.toBeInstanceOf(FedlaneError);
    expect([back.name, back.message, back.stack]).toEqual(["RangeError", "too far", error.stack]);
  });

  test.each(["text", 7, null, undefined])("a thrown %s becomes an Error", (thrown) => {
    const back = deserialiseError(structuredClone(serialiseError(thrown)));
    expect(back).toBeInstanceOf(Error);
    expect(back.message).toBe(String(thrown));
  });

  test.each(["NEW_CODE", "constructor", "toString", "__proto__"])("the unknown code %s becomes a plain Error", (code) => {
    const back = deserialiseError({ code, name: "NewError", message: "m" });
    expect(back).toBeInstanceOf(Error);
    expect(back).not.toBeInstanceOf(FedlaneError);
    expect([back.name, back.message]).toEqual(["NewError", "m"]);
  });
});
