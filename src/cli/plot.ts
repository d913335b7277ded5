// Charts as SVG text: lines and horizontal bars. Colours and fonts come from the page's CSS classes.

/** Text made safe for HTML and SVG, in elements and attributes. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high], about `count` of them. */
export function linearTicks(low: number, high: number, count = 6): number[] {
  if (!(Number.isFinite(low) && Number.isFinite(high))) return [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (!(high - low > Math.max(1e-9 * size, 1e-90))) {
    const pad = size > 1e-80 ? size * 0.1 : 0.5;
    return linearTicks(low - pad, high + pad, count);
  }
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * (1 - 1e-9)) ?? 10 * power;
  const digits = Math.max(0, Math.min(100, 1 - Math.floor(Math.log10(step))));
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(digits)));
}

/** 1, 2 and 5 times powers of ten that cover [low, high], low > 0; powers of ten alone over more than four decades. */
export function logTicks(low: number, high: number): number[] {
  if (!(low > 0 && Number.isFinite(low) && Number.isFinite(high) && high >= low)) return [1, 10];
  const decades = Math.log10(high / low);
  const multiples = decades > 4 ? [1] : [1, 2, 5];
  const all: number[] = [];
  for (let e = Math.floor(Math.log10(low)) - 1; e <= Math.ceil(Math.log10(high)) + 1; e++) for (const m of multiples) all.push(Number(`${m}e${e}`));
  // Past the ends of float range there is no tick: the outermost one stands in.
  const ticks = all.filter((t) => t > 0 && Number.isFinite(t));
  const from = Math.max(
    0,
    ticks.findLastIndex((t) => t <= low * (1 + 1e-9)),
  );
  const above = ticks.findIndex((t) => t >= high * (1 - 1e-9));
  const to = above < 0 ? ticks.length - 1 : above;
  if (from < to) return ticks.slice(from, to + 1);
  return from + 1 < ticks.length ? [ticks[from]!, ticks[from + 1]!] : [ticks[from - 1]!, ticks[from]!];
}

export interface Axis {
  readonly label: string;
  readonly format: (value: number) => string;
  readonly log?: boolean;
  /** Values the axis must show, besides the data. */
  readonly include?: readonly number[];
  /** The axis ends here even if a round tick lies beyond. */
  readonly limit?: number;
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChart {
  /** What the chart shows, for those who do not see it. */
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** At most three: that many colours are told apart. */
  readonly series: readonly Series[];
  /** A horizontal line with a name. */
  readonly guide?: { readonly y: number; readonly label: string };
}

const WIDTH = 760;
const HEIGHT = 370;
const LEFT = 72;
const RIGHT = 34;
const TOP = 40;
const BOTTOM = 56;

interface Scale {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

function scale(axis: Axis, values: readonly number[], from: number, to: number): Scale {
  const all = [...values, ...(axis.include ?? [])].filter((v) => Number.isFinite(v) && (!axis.log || v > 0));
  const low = all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const limit = axis.limit ?? Number.POSITIVE_INFINITY;
  const ticks = (axis.log ? logTicks(low, high) : linearTicks(low, high)).filter((t) => t <= limit);
  const map = axis.log ? Math.log : (v: number) => v;
  const first = map(ticks[0]!);
  const span = map(Math.min(limit, Math.max(ticks.at(-1)!, high))) - first || 1;
  return { ticks, at: (value) => from + ((map(value) - first) / span) * (to - from) };
}

const round = (v: number) => String(Math.round(v * 10) / 10);

/** Points that are not finite (or not above 0 on a log axis) leave a gap; a point alone becomes a dot. */
export function lineChart(chart: LineChart): string {
  const { x, y, series, guide } = chart;
  const drawable = ([px, py]: readonly [number, number]) => Number.isFinite(px) && Number.isFinite(py) && (!x.log || px > 0) && (!y.log || py > 0);
  const points = series.flatMap((s) => s.points.filter(drawable));
  const sx = scale(
    x,
    points.map((p) => p[0]),
    LEFT,
    WIDTH - RIGHT,
  );
  const sy = scale(y, points.map((p) => p[1]).concat(guide ? [guide.y] : []), HEIGHT - BOTTOM, TOP);
  const parts = axes(chart, sx, sy);
  if (points.length === 0) parts.push(`<text class="tick" x="${WIDTH / 2}" y="${HEIGHT / 2}" text-anchor="middle">no data</text>`);
  if (guide) {
    const at = round(sy.at(guide.y));
    parts.push(`<line class="guide" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text class="guide-label" x="${LEFT + 6}" y="${round(sy.at(guide.y) + 15)}">${escapeText(guide.label)}</text>`);
  }
  series.forEach((s, i) => {
    let path = "";
    let pen = false;
    for (const point of s.points) {
      const draw = drawable(point);
      if (draw) path += `${pen ? "L" : "M"}${round(sx.at(point[0]))} ${round(sy.at(point[1]))}`;
      pen = draw;
    }
    if (path) parts.push(`<path class="line s${i}" d="${path}"/>`);
    for (const point of s.points.filter(drawable)) {
      const alone = s.points.length === 1 ? " alone" : "";
      const says = escapeText(`${s.name}: ${x.label} ${x.format(point[0])}, ${y.format(point[1])}`);
      parts.push(`<circle class="dot s${i}${alone}" cx="${round(sx.at(point[0]))}" cy="${round(sy.at(point[1]))}" r="4"><title>${says}</title></circle>`);
    }
  });
  return svg(chart.title, HEIGHT, [...parts, ...legend(series)]);
}

function axes({ x, y }: LineChart, sx: Scale, sy: Scale): string[] {
  const bottom = HEIGHT - BOTTOM;
  const parts: string[] = [];
  for (const t of sy.ticks) {
    const at = sy.at(t);
    parts.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(at)}" y2="${round(at)}"/>`);
    parts.push(`<text class="tick" x="${LEFT - 8}" y="${round(at + 4)}" text-anchor="end">${escapeText(y.format(t))}</text>`);
  }
  for (const t of sx.ticks) {
    const at = round(sx.at(t));
    parts.push(`<line class="axis" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}"/>`);
    parts.push(`<text class="tick" x="${at}" y="${bottom + 20}" text-anchor="middle">${escapeText(x.format(t))}</text>`);
  }
  parts.push(`<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>`);
  parts.push(`<text class="label" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escapeText(x.label)}</text>`);
  const middle = (TOP + bottom) / 2;
  parts.push(`<text class="label" x="16" y="${middle}" text-anchor="middle" transform="rotate(-90 16 ${middle})">${escapeText(y.label)}</text>`);
  return parts;
}

function legend(series: readonly Series[]): string[] {
  let at = LEFT;
  return series.map((s, i) => {
    const entry = `<line class="line s${i}" x1="${at}" x2="${at + 26}" y1="16" y2="16"/><text class="key" x="${at + 33}" y="20">${escapeText(s.name)}</text>`;
    at += 33 + s.name.length * 7.2 + 26;
    return entry;
  });
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** What stands at its end. */
  readonly text: string;
  /** Drawn in grey: not of the same kind as the others. */
  readonly muted?: boolean;
}

/** Horizontal bars from zero, one a row, each with its text; lengths that are not finite or negative count as zero. */
export function barChart(title: string, axis: Axis, bars: readonly Bar[]): string {
  const row = 30;
  const left = 190;
  const right = WIDTH - 130;
  const bottom = 8 + bars.length * row;
  const values = bars.map((b) => (Number.isFinite(b.value) && b.value > 0 ? b.value : 0));
  const s = scale({ ...axis, include: [0] }, values, left, right);
  const parts = s.ticks.flatMap((t) => {
    const at = round(s.at(t));
    return [
      `<line class="grid" x1="${at}" x2="${at}" y1="8" y2="${bottom}"/>`,
      `<text class="tick" x="${at}" y="${bottom + 18}" text-anchor="middle">${escapeText(axis.format(t))}</text>`,
    ];
  });
  bars.forEach((bar, i) => {
    const y = 8 + i * row;
    const end = s.at(values[i]!);
    parts.push(`<text class="key" x="${left - 10}" y="${y + 19}" text-anchor="end">${escapeText(bar.label)}</text>`);
    parts.push(`<rect class="bar${bar.muted ? " muted" : ""}" x="${left}" y="${y + 5}" width="${round(Math.max(1, end - left))}" height="20" rx="2"/>`);
    parts.push(`<text class="value" x="${round(end + 8)}" y="${y + 19}">${escapeText(bar.text)}</text>`);
  });
  parts.push(`<line class="axis" x1="${left}" x2="${left}" y1="8" y2="${bottom}"/>`);
  parts.push(`<text class="label" x="${(left + right) / 2}" y="${bottom + 42}" text-anchor="middle">${escapeText(axis.label)}</text>`);
  return svg(title, bottom + 54, parts);
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">\n${parts.join("\n")}\n</svg>`;
}
