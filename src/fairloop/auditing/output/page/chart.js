"use strict";

const COLOURS = 6;
const DASHES = 4;
const DOTS = 40; // with more rounds, lines have no dots
const INK = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-weight", "font-family"];
let charts = 0; // names patterns

// One chart: lines over rounds, in an SVG whose colours come from the style sheet.
// lines: { name, series, look, quiet }. limits: as `limitsOn` gives them. options: { height, small, range }.
class Chart {
  constructor(host, lines, limits, options = {}) {
    Object.assign(this, { host, lines, limits, options, id: `p${(charts += 1)}` });
    this.width = 0;
    this.round = LAST;
  }

  // Draws anew, as wide as the host, or as `width` says.
  draw(width = this.host.clientWidth) {
    if (!width) return;
    this.width = width;
    const { small } = this.options;
    this.height = this.options.height ?? (small ? 150 : Math.round(Math.min(360, Math.max(230, width * 0.42))));
    this.labels = small || this.lines.length < 2 ? [] : this.lines;
    const [low, high] = this.options.range ?? rangeOf(this.lines, this.limits);
    this.ticks = ticks(low, high, small ? 3 : 5);
    this.left = 10 + 7.5 * Math.max(...this.ticks.map((value) => written(value, this.ticks).length));
    this.right = width - (this.labels.length ? Math.min(150, width * 0.25) : 12);
    this.top = !small && DATA.marks.some(Boolean) ? 22 : 10;
    this.bottom = this.height - 24;
    const room = (high - low) * 0.04;
    this.y = (value) => this.bottom - ((value - low + room) / (high - low + 2 * room)) * (this.bottom - this.top);
    this.x = (i) => (LAST ? this.left + 8 + (i / LAST) * (this.right - this.left - 16) : (this.left + this.right) / 2);
    this.svg = svg("svg", { viewBox: `0 0 ${width} ${this.height}`, width, height: this.height, "aria-hidden": "true" });
    if (this.lines.length > 4) this.svg.setAttribute("class", "many");
    this.svg.append(this.patterns(), ...this.marks(), ...this.axes(), ...this.lines.flatMap((line) => this.line(line)));
    this.svg.append(...this.limitLines(), ...this.names());
    this.cursor = svg("line", { class: "cursor", y1: this.top, y2: this.bottom });
    this.svg.append(this.cursor);
    this.host.replaceChildren(this.svg);
    this.mark(this.round);
  }

  mark(round) {
    this.round = round;
    this.cursor?.setAttribute("x1", this.x(round));
    this.cursor?.setAttribute("x2", this.x(round));
  }

  // The round at a place on the screen.
  roundAt(clientX) {
    const box = this.svg.getBoundingClientRect();
    const x = ((clientX - box.left) / box.width) * this.width;
    const place = ((x - this.left - 8) / (this.right - this.left - 16)) * LAST;
    return Math.max(0, Math.min(LAST, Math.round(place)));
  }

  patterns() {
    const hatch = (name, look, path) =>
      svg(
        "pattern",
        { id: `${this.id}-${name}`, class: look, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
        svg("path", { d: path, class: name === "marked" ? "hatch-mark" : "hatch" }),
      );
    const looks = [...new Set(this.lines.filter((line) => !line.quiet).map((line) => line.look))];
    return svg(
      "defs",
      {},
      hatch("marked", "", "M0 6L6 0"),
      ...looks.map((look, k) => hatch(look.split(" ")[0], look, k % 2 ? "M0 6L6 0" : "M0 0L6 6")),
    );
  }

  // Rounds without labels or not mature, as shaded columns with their reason above.
  marks() {
    const half = LAST ? (this.x(1) - this.x(0)) / 2 : 20;
    let free = 0; // from where on there is room for words
    return spans(DATA.marks).flatMap(([from, to, mark]) => {
      const x = Math.max(this.left, this.x(from) - half);
      const width = Math.min(this.right, this.x(to) + half) - x;
      const long = 6.5 * mark.length;
      const start = Math.min(x + width / 2 - long / 2, this.width - long - 2);
      const box = { x, width, y: this.top, height: this.bottom - this.top };
      const words = this.options.small || start < free ? [] : [svg("text", { x: start, y: 14, class: "mark-name" }, mark)];
      if (words.length) free = start + long + 6;
      return [svg("rect", { ...box, class: "marked", fill: `url(#${this.id}-marked)` }), ...words];
    });
  }

  axes() {
    const found = this.ticks.flatMap((value) => [
      svg("line", { class: "grid", x1: this.left, x2: this.right, y1: this.y(value), y2: this.y(value) }),
      svg("text", { class: "tick end", x: this.left - 6, y: this.y(value) + 4 }, written(value, this.ticks)),
    ]);
    const longest = 12 + 7.2 * Math.max(...ROUNDS.map((name) => Math.min(name.length, 14)));
    const most = Math.max(2, Math.floor((this.right - this.left) / longest));
    for (const i of spread(ROUNDS.length, this.options.small ? 2 : most)) {
      const side = i === 0 && LAST ? "start" : i === LAST && LAST ? "end" : "middle";
      const x = side === "middle" ? this.x(i) : this.x(i) + (side === "start" ? -8 : 8);
      found.push(svg("text", { class: `tick ${side}`, x, y: this.bottom + 17 }, clipped(ROUNDS[i], 14)));
    }
    return found;
  }

  // The band of intervals, the line, its dots; where the value is open, its bounds.
  line({ series, look, quiet }) {
    const found = [];
    for (const [from, to, kind] of spans(ROUNDS.map((_, i) => kindOf(series, i)))) {
      const places = Array.from({ length: to - from + 1 }, (_, k) => from + k);
      if (kind === "bounded") {
        found.push(this.area(series, places, "low", "high", `band open ${look}`));
        if (!quiet) found.push(this.area(series, places, "lower", "upper", `bounds ${look}`));
        if (!quiet) found.at(-1).setAttribute("fill", `url(#${this.id}-${look.split(" ")[0]})`);
        found.push(this.path(series, places, "lower", `end-of ${look}`));
        found.push(this.path(series, places, "upper", `end-of ${look}`));
      } else if (kind === "known") {
        const sure = places.filter((i) => at(series, "low", i) !== null);
        if (sure.length) found.push(this.area(series, sure, "low", "high", `band ${look}`));
        found.push(this.path(series, places, "value", `line ${look}`));
        found.push(...this.dots(series, places, look));
      }
    }
    return found;
  }

  dots(series, places, look) {
    const shown = ROUNDS.length > DOTS ? places.filter((_, k) => places.length === 1 && k === 0) : places;
    return shown.map((i) => {
      const hollow = at(series, "status", i) === "weighted" ? " hollow" : "";
      return svg("circle", { class: `dot ${look}${hollow}`, cx: this.x(i), cy: this.y(at(series, "value", i)), r: 3 });
    });
  }

  area(series, places, low, high, style) {
    const [a, b] = [places[0], places.at(-1)].map(this.x);
    const side = (name, order) => order.map((i) => `${this.x(i)} ${this.y(at(series, name, i))}`);
    const [under, over] = [side(low, places), side(high, [...places].reverse())];
    if (places.length === 1) {
      const [bottom, top] = [low, high].map((name) => this.y(at(series, name, places[0])));
      return svg("path", { class: style, d: `M${a - 4} ${bottom}H${b + 4}V${top}H${a - 4}Z` });
    }
    return svg("path", { class: style, d: `M${[...under, ...over].join("L")}Z` });
  }

  path(series, places, name, style) {
    const points = places.map((i) => `${this.x(i)} ${this.y(at(series, name, i))}`);
    if (points.length > 1) return svg("path", { class: style, d: `M${points.join("L")}` });
    const y = this.y(at(series, name, places[0]));
    return svg("path", { class: style, d: `M${this.x(places[0]) - 4} ${y}h8` });
  }

  limitLines() {
    return this.limits.flatMap(({ bound, group, verdict, words: said }) => {
      const y = this.y(bound);
      const whose = this.lines.length > 1 && this.lines.some((line) => line.series.group === group) ? ` (${group})` : "";
      const words = this.options.small ? [] : [`${said}${clipped(whose, 24)}`];
      const beyond = y - 15 < this.top ? 15 : -6;
      return [
        svg("line", { class: `limit ${verdict.toLowerCase()}`, x1: this.left, x2: this.right, y1: y, y2: y }),
        ...words.map((text) => svg("text", { class: "limit-name", x: this.left + 6, y: y + beyond }, text)),
      ];
    });
  }

  // Names at the ends of lines, moved apart where they would touch.
  names() {
    const ends = this.labels.flatMap((line) => {
      const i = ROUNDS.findLastIndex((_, place) => kindOf(line.series, place) !== "");
      if (i < 0) return [];
      const open = bounded(line.series, i);
      const middle = open ? (at(line.series, "lower", i) + at(line.series, "upper", i)) / 2 : at(line.series, "value", i);
      return [{ line, y: this.y(middle) }];
    });
    ends.sort((a, b) => a.y - b.y);
    ends.forEach((end, k) => {
      end.y = Math.max(end.y, k ? ends[k - 1].y + 15 : this.top + 6);
    });
    for (let k = ends.length - 1, limit = this.bottom; k >= 0; k -= 1, limit -= 15) ends[k].y = Math.min(ends[k].y, limit);
    const most = Math.floor((this.width - this.right - 12) / 7);
    return ends.map(({ line, y }) =>
      svg("text", { class: `name ${line.look}`, x: this.right + 8, y: y + 4 }, clipped(line.name, most)),
    );
  }
}

// "known" if there is a value, "bounded", or "" if there is nothing to draw.
function kindOf(series, i) {
  return identified(series, i) ? "known" : bounded(series, i) ? "bounded" : "";
}

// Stretches of equal words: [from, to, word], without the empty ones.
function spans(words) {
  const found = [];
  words.forEach((word, i) => {
    if (found.length && found.at(-1)[2] === word) found.at(-1)[1] = i;
    else found.push([i, i, word]);
  });
  return found.filter(([, , word]) => word);
}

// The lowest and the highest number that is drawn; a flat line is not blown up.
function rangeOf(lines, limits) {
  const names = ["value", "low", "high", "lower", "upper"];
  let [low, high] = [Infinity, -Infinity];
  for (const { series } of lines)
    for (const name of names)
      for (let i = 0; i <= LAST; i += 1) {
        const value = at(series, name, i);
        if (value !== null) [low, high] = [Math.min(low, value), Math.max(high, value)];
      }
  for (const { bound } of limits) [low, high] = [Math.min(low, bound), Math.max(high, bound)];
  if (low > high) return [0, 1];
  const spare = Math.max(0, 0.02 - (high - low)) / 2;
  return [low - spare, high + spare];
}

// About `most` round numbers from `low` to `high`.
function ticks(low, high, most) {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((n) => n * power >= raw) * power;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) found.push(k * step);
  return found.length ? found : [low];
}

function written(value, all) {
  const step = all.length > 1 ? Math.abs(all[1] - all[0]) : 0.001;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return (Math.abs(value) < 1e-12 ? 0 : value).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "\u2212");
}

// At most `most` places of `n`, as evenly as can be, the first and the last among them.
function spread(n, most) {
  if (n <= most) return Array.from({ length: n }, (_, i) => i);
  const step = Math.ceil((n - 1) / Math.max(1, most - 1));
  const found = [];
  for (let i = 0; i <= n - 1 - step; i += step) found.push(i);
  return n - 1 - found.at(-1) < step && found.length > 1 ? [...found.slice(0, -1), n - 1] : [...found, n - 1];
}

function clipped(text, most) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, Math.max(1, most - 1)).join("")}\u2026` : text;
}

// The chart as a PNG file, with its title and its key, in the colours of the screen.
async function savePng(chart, title, key) {
  const scale = 2;
  const [paper, ink, soft] = ["--paper", "--ink", "--soft"].map((name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim(),
  );
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(inked(chart.svg)))}`;
  await picture.decode();
  const canvas = el("canvas", { width: chart.width * scale, height: (chart.height + 64) * scale });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = paper;
  pen.fillRect(0, 0, chart.width, chart.height + 64);
  pen.drawImage(picture, 0, 34, chart.width, chart.height);
  pen.fillStyle = ink;
  pen.font = "600 15px sans-serif";
  pen.fillText(title, 10, 22, chart.width - 20);
  pen.fillStyle = soft;
  pen.font = "12px sans-serif";
  pen.fillText(key, 10, chart.height + 52, chart.width - 20);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  save(blob, `${title.replaceAll(/[^\p{L}\p{N}]+/gu, "-").slice(0, 80)}.png`);
}

// A copy of an SVG that needs no style sheet.
function inked(original) {
  const copy = original.cloneNode(true);
  const [from, to] = [original, copy].map((root) => [...root.querySelectorAll("*")]);
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    const anchor = style.getPropertyValue("text-anchor");
    for (const name of INK) {
      const own = element.getAttribute("fill");
      to[i].setAttribute(name, name === "fill" && own?.startsWith("url") ? own : style.getPropertyValue(name));
    }
    to[i].setAttribute("text-anchor", anchor);
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return copy;
}
