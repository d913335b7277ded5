// Checks of pages.
import { expect } from "vitest";

/** Every tag is closed in order. */
export function checkNesting(html: string): void {
  const empty = ["meta", "line", "rect", "path"];
  const open: string[] = [];
  for (const [, close, name, rest] of html.replace(/<!doctype html>|<style>[\s\S]*?<\/style>/g, "").matchAll(/<(\/?)([a-z0-9]+)([^<>]*)>/g)) {
    if (close) expect(open.pop()).toBe(name);
    else if (!rest!.endsWith("/") && !empty.includes(name!)) open.push(name!);
  }
  expect(open).toEqual([]);
}
