// Parts of a report's page, whatever it reports.
import { escapeText } from "./plot.ts";
import { STYLE } from "./style.ts";

/** One HTML file that needs nothing else, no network and no script. The parts of the body are HTML. */
export function page(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.join("\n")}
</main>
</body>
</html>
`;
}

/** Prose made safe for HTML, with numbers kept on one line with their units. */
export function prose(text: string): string {
  return escapeText(text).replace(/(\d) (%|s\b|ms\b|[kMGT]?B\b)/g, "$1&nbsp;$2");
}

/** @param chart SVG */
export function figure(heading: string, text: string, chart: string): string {
  return `<figure><h2>${escapeText(heading)}</h2><p>${prose(text)}</p>${chart}</figure>`;
}

type Words = readonly (readonly [name: string, value: string])[];

/** The few numbers that matter most. */
export function tileList(items: Words): string {
  return `<dl class="tiles">${items.map(([k, v]) => `<div><dt>${escapeText(k)}</dt><dd>${escapeText(v)}</dd></div>`).join("")}</dl>`;
}

/** Names with what they stand for. */
export function wordTable(rows: Words): string {
  return `<table class="config">${rows.map(([k, v]) => `<tr><th scope="row">${escapeText(k)}</th><td>${escapeText(v)}</td></tr>`).join("")}</table>`;
}

/** Numbers in columns. */
export function roundTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const body = rows.map((cells) => `<tr>${cells.map((c) => `<td>${escapeText(String(c))}</td>`).join("")}</tr>`);
  return `<table class="rounds"><thead><tr>${head.map((h) => `<th scope="col">${escapeText(h)}</th>`).join("")}</tr></thead><tbody>${body.join("\n")}</tbody></table>`;
}
