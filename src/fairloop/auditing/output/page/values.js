"use strict";

const PAGE = 100;
const VALUE_COLUMNS = [
  ["round", "round"], ["measure", "measure"], ["group", "group"], ["value", "value"], ["low", "95 % interval"],
  ["lower", "bounds"], ["labelled", "labelled"], ["people", "of people"], ["status", "status"], ["reason", "reason"],
]; // prettier-ignore
const NUMBERS = new Set(["value", "low", "lower", "labelled", "people"]);

// The table of all values: a row is [series, round].
class Values {
  constructor(changed) {
    this.changed = changed;
    this.all = SERIES.flatMap((series) => ROUNDS.map((_, i) => [series, i]));
    this.texts = SERIES.map(({ metric, group }) =>
      `${metric} ${metricTitle(metric)} ${group} ${groupTitle(group)}`.toLowerCase(),
    );
    this.heads = VALUE_COLUMNS.map(([name, title]) => {
      const button = el("button", { type: "button" }, title);
      button.addEventListener("click", () => this.sortBy(name));
      return el("th", { scope: "col", "aria-sort": "none" }, button);
    });
    $("columns").replaceChildren(...this.heads);
    $("previous").addEventListener("click", () => this.show(this.start - PAGE));
    $("next").addEventListener("click", () => this.show(this.start + PAGE));
    $("download").addEventListener("click", () => save(new Blob([this.csv()], { type: "text/csv" }), "values.csv"));
  }

  sortBy(name) {
    this.changed(name, this.by === name ? !this.falling : false);
  }

  // Rows that hold every word of `search`, of one round and one status; null for all.
  choose({ search, only, status, by, falling }) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const known = new Map();
    this.rows = this.all.filter(([series, i]) => {
      if (only !== null && i !== only) return false;
      const text = at(series, "status", i);
      if (status && text !== status) return false;
      if (!known.has(ROUNDS[i])) known.set(ROUNDS[i], ROUNDS[i].toLowerCase());
      return words.every((word) => this.texts[series.index].includes(word) || known.get(ROUNDS[i]).includes(word));
    });
    this.sort(by, falling);
    this.show(0);
  }

  cell([series, i], name) {
    if (name === "round") return i;
    if (name === "measure") return metricTitle(series.metric);
    if (name === "group") return groupTitle(series.group);
    return at(series, name, i);
  }

  sort(by, falling) {
    Object.assign(this, { by, falling });
    this.heads.forEach((head, k) => {
      const way = falling ? "descending" : "ascending";
      head.setAttribute("aria-sort", VALUE_COLUMNS[k][0] === by ? way : "none");
    });
    if (!by) return;
    const way = falling ? -1 : 1;
    const keyed = this.rows.map((row) => [this.cell(row, by), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // undefined values come last
      return way * (typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0);
    });
    this.rows = keyed.map(([, row]) => row);
  }

  show(start) {
    this.start = Math.max(0, Math.min(start, this.rows.length - 1));
    const page = this.rows.slice(this.start, this.start + PAGE);
    $("rows").replaceChildren(...page.map((row) => this.written(row)));
    const end = this.start + page.length;
    const [from, to, of, all] = [this.start + 1, end, this.rows.length, this.all.length].map((n) => n.toLocaleString("en"));
    const some = this.rows.length === this.all.length ? "" : ` (${all} in all)`;
    $("count").textContent = page.length ? `${from} to ${to} of ${of} values${some}` : `No value of ${all} fits.`;
    $("previous").disabled = this.start === 0;
    $("next").disabled = end >= this.rows.length;
  }

  written(row) {
    const [series, i] = row;
    const text = {
      round: ROUNDS[i],
      value: at(series, "value", i) === null ? "" : shown(at(series, "value", i)),
      low: interval(at(series, "low", i), at(series, "high", i)),
      lower: interval(at(series, "lower", i), at(series, "upper", i)),
    };
    const cells = VALUE_COLUMNS.map(([name]) => {
      const cell = text[name] ?? this.cell(row, name);
      return el("td", NUMBERS.has(name) ? { class: "number" } : {}, typeof cell === "number" ? cell.toLocaleString("en") : cell);
    });
    return el("tr", {}, ...cells);
  }

  // The chosen rows, with the numbers that this page has.
  csv() {
    const names = ["value", "low", "high", "lower", "upper", "labelled", "people", "status", "reason"];
    const lines = [["round", "metric", "group", ...names]];
    for (const [series, i] of this.rows) {
      const cells = names.map((name, k) => at(series, name, i) ?? (k < 5 ? NaN : null));
      lines.push([ROUNDS[i], series.metric, series.group, ...cells]);
    }
    return lines.map((cells) => `${cells.map(quoted).join(",")}\n`).join("");
  }
}
