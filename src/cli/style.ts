/** The report's style sheet. Two series colours told apart in both modes and by dash as well. */
export const STYLE = `
:root { --page: #f9f9f7; --surface: #fcfcfb; --text: #0b0b0b; --second: #52514e; --grid: #e1e0d9; --axis: #8f8e88; --edge: #e1e0d9;
  --s0: #2a78d6; --s1: #d9541f; --s2: #1b8f63; --muted: #a9a8a2; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d0d0d; --surface: #1a1a19; --text: #ffffff; --second: #c3c2b7; --grid: #2f2f2c; --axis: #7d7c76; --edge: #2f2f2c;
    --s0: #5a9cec; --s1: #f08a5b; --s2: #3bb488; --muted: #6d6c67; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 36px 20px 60px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 8px; }
h2 { font-size: 17px; margin: 34px 0 8px; }
.lead { font-size: 17px; color: var(--second); margin: 0 0 20px; }
.note { border-left: 4px solid var(--s1); padding: 8px 14px; background: var(--surface); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 24px; }
.tiles div { flex: 1 1 130px; background: var(--surface); border: 1px solid var(--edge); border-radius: 8px; padding: 10px 14px; }
.tiles dt { color: var(--second); font-size: 13px; }
.tiles dd { margin: 0; font-size: 22px; font-weight: 600; }
figure { margin: 0 0 20px; padding: 16px 20px 10px; background: var(--surface); border: 1px solid var(--edge); border-radius: 8px; }
figure h2 { margin: 0; }
figure p { margin: 2px 0 10px; color: var(--second); font-size: 14px; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
.grid { stroke: var(--grid); stroke-width: 1; }
.axis { stroke: var(--axis); stroke-width: 1; }
.tick { fill: var(--second); font-size: 12px; font-variant-numeric: tabular-nums; }
.label { fill: var(--second); font-size: 13px; }
.key, .value { fill: var(--text); font-size: 13px; }
.guide { stroke: var(--axis); stroke-width: 1.5; stroke-dasharray: 2 4; }
.guide-label { fill: var(--second); font-size: 12px; paint-order: stroke; stroke: var(--surface); stroke-width: 4px; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.s0 { stroke: var(--s0); } .line.s1 { stroke: var(--s1); stroke-dasharray: 7 5; } .line.s2 { stroke: var(--s2); stroke-dasharray: 2 5; }
.dot { opacity: 0; } .dot:hover, .dot.alone { opacity: 1; }
.dot.s0 { fill: var(--s0); } .dot.s1 { fill: var(--s1); } .dot.s2 { fill: var(--s2); }
.bar { fill: var(--s0); } .bar.muted { fill: var(--muted); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--edge); vertical-align: top; }
.config th { width: 150px; font-weight: 400; color: var(--second); }
.rounds { font-variant-numeric: tabular-nums; font-size: 13px; margin-top: 10px; }
.rounds th, .rounds td { text-align: right; } .rounds :is(th, td):first-child { text-align: left; }
pre { background: var(--surface); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 14px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
details { margin-top: 28px; } summary { cursor: pointer; font-weight: 600; }
`;
