"use strict";

// A chart with its title, key, reading line and the table behind it.
class Plot {
  // title: of the figure. lines, limits, options: as in Chart. moved: what to call when a reader chooses a round.
  constructor({ title, what = "", lines, limits, options = {}, moved, level = "h3" }) {
    Object.assign(this, { title, lines, limits });
    this.host = el("div", { class: "plot", tabindex: 0, role: "img", "aria-label": this.words() });
    this.reading = el("p", { class: "readout-line" });
    this.chart = new Chart(this.host, lines, limits, options);
    const png = el("button", { type: "button", class: "png", "aria-label": `Save as PNG: ${title}` }, "PNG");
    png.addEventListener("click", () => savePng(this.chart, title, keyWords(lines, limits)));
    this.figure = el("figure", { class: options.small ? "small" : "" });
    const head = el("figcaption", {}, el(level, {}, title), png);
    if (what) head.append(el("p", { class: "scope" }, what));
    this.figure.append(head, this.host, this.reading);
    if (!options.small) this.figure.append(key(lines, limits), tableOf(title, lines));
    this.listen(moved);
  }

  listen(moved) {
    const to = (event) => moved(this.chart.roundAt(event.clientX));
    this.host.addEventListener("pointermove", (event) => event.pointerType === "mouse" && to(event));
    this.host.addEventListener("click", to);
    this.host.addEventListener("focus", () => this.reading.setAttribute("aria-live", "polite"));
    this.host.addEventListener("blur", () => this.reading.removeAttribute("aria-live"));
    this.host.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: this.chart.round - 1, ArrowRight: this.chart.round + 1, Home: 0, End: LAST };
      const round = named(steps, event.key);
      if (round === undefined) return;
      event.preventDefault();
      moved(Math.max(0, Math.min(LAST, round)));
    });
  }

  mark(round) {
    this.chart.mark(round);
    const note = DATA.marks[round] ? `${DATA.marks[round]}; ` : "";
    const values = this.lines.filter((line) => !line.quiet).slice(0, 12).map((line) => {
      const name = this.lines.length > 1 && !this.figure.classList.contains("small") ? `${line.name} ` : "";
      const of = at(line.series, "people", round);
      const known = at(line.series, "labelled", round);
      return `${name}${told(line.series, round)}${of === known ? "" : `, ${whole(known)} of ${whole(of)} labelled`}`;
    });
    this.reading.replaceChildren(el("b", {}, ROUNDS[round]), `: ${note}${values.join("; ")}`);
  }

  // What the chart shows, for people who do not see it.
  words() {
    const lines = this.lines.filter((line) => !line.quiet).slice(0, 8).map((line) => {
      const [first, last] = [told(line.series, 0), told(line.series, LAST)];
      return `${this.lines.length > 1 ? `${line.name}: ` : ""}${LAST ? `${first} in ${ROUNDS[0]}, ` : ""}${last} in ${ROUNDS[LAST]}`;
    });
    const limits = this.limits.map(({ words, verdict }) => `Limit: ${words}; ${verdict}.`);
    return `${this.title}, over ${ROUNDS.length} rounds. ${lines.join("; ")}. ${limits.join(" ")} Arrow keys read rounds.`;
  }
}

// The signs that a chart has: [sign, words].
function signs(lines, limits) {
  const own = lines.filter((line) => !line.quiet);
  const has = (test) => own.some(({ series }) => ROUNDS.some((_, i) => test(series, i)));
  const found = [];
  const look = own[0]?.look ?? "c0 d0";
  if (has((s, i) => identified(s, i) && at(s, "low", i) !== null)) found.push(["band", "value with 95 % interval", look]);
  if (has((s, i) => at(s, "status", i) === "weighted" && identified(s, i))) found.push(["hollow", "weighted by propensities", look]);
  if (has(bounded)) found.push(["bounds", "bounds: labels leave the value open; paler: their 95 % interval", look]);
  if (DATA.marks.some(Boolean)) found.push(["marked", [...new Set(DATA.marks.filter(Boolean))].join(" or "), ""]);
  if (limits.length) found.push(["limit", "limit", ""]);
  if (lines.some((line) => line.quiet)) found.push(["quiet", "overall", "quiet"]);
  return found;
}

function keyWords(lines, limits) {
  const words = { band: "band: 95 % interval", hollow: "hollow: weighted by propensities", bounds: "hatched: bounds",
    limit: "dashed: limit" }; // prettier-ignore
  return signs(lines, limits)
    .map(([sign, text]) => words[sign] ?? (sign === "marked" ? `shaded: ${text}` : ""))
    .filter(Boolean)
    .join(" \u00b7 ");
}

function key(lines, limits) {
  const entries = signs(lines, limits).map(([sign, text, look]) => {
    const picture = svg("svg", { viewBox: "0 0 30 14", width: 30, height: 14, "aria-hidden": "true" });
    picture.append(...sample(sign, look));
    return el("li", {}, picture, text);
  });
  return el("ul", { class: "key" }, ...entries);
}

function sample(sign, look) {
  const middle = { x1: 1, x2: 29, y1: 7, y2: 7 };
  const line = svg("path", { class: `line ${look}`, d: "M1 7H29" });
  const box = { x: 1, y: 1, width: 28, height: 12 };
  if (sign === "band") return [svg("rect", { ...box, class: `band ${look}` }), line];
  if (sign === "hollow") return [line, svg("circle", { class: `dot hollow ${look}`, cx: 15, cy: 7, r: 3 })];
  if (sign === "bounds")
    return [
      svg("rect", { ...box, class: `band ${look}` }),
      svg("path", { class: `hatch ${look}`, d: "M4 13L16 1M11 13L23 1M18 13L28 3" }),
      svg("path", { class: `end-of ${look}`, d: "M1 3H29M1 11H29" }),
    ];
  if (sign === "marked") return [svg("rect", { ...box, class: "marked" }), svg("path", { class: "hatch-mark", d: "M4 13L16 1M11 13L23 1M18 13L28 3" })];
  return [svg("line", { ...middle, class: sign === "limit" ? "limit" : "line quiet" })];
}

// The table behind a chart: a row for each round, a column for each line.
function tableOf(title, lines) {
  const own = lines.filter((line) => !line.quiet);
  const head = el("tr", {}, el("th", { scope: "col" }, "round"), ...own.map((line) => el("th", { scope: "col" }, line.name)));
  const rows = () =>
    ROUNDS.map((name, i) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, name, ...(DATA.marks[i] ? [` (${DATA.marks[i]})`] : [])),
        ...own.map((line) => el("td", { class: "number" }, told(line.series, i))),
      ),
    );
  const body = el("tbody");
  const table = el("table", {}, el("caption", { class: "away" }, title), el("thead", {}, head), body);
  const scroll = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table of ${title}` }, table);
  const details = el("details", { class: "behind" }, el("summary", {}, "Table of this chart"), scroll);
  details.addEventListener("toggle", () => body.childElementCount || body.append(...rows()));
  return details;
}
