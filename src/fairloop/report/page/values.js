"use strict";

const PAGE = 25;
const COLUMNS = [
  "metric",
  "group",
  "label",
  "split",
  "generation",
  "value",
  "standard_error",
  "case",
  "seed",
  "role",
  "epoch",
];

// Every value as a row that can be sorted, searched and downloaded. A row is (place of its series, place in it).
class Values {
  constructor({ body, head, count, page, only }) {
    Object.assign(this, { body, head, count, page, only, start: 0, by: null, falling: false });
    this.texts = DATA.series.map(([run, key]) => {
      const { role, split, label, group, metric } = KEYS[key];
      const { name, seed, fields } = DATA.runs[run];
      return [DATA.cases[DATA.runs[run].case], name, `seed=${seed}`, role, split, label, group, metric, ...fields]
        .join(" ")
        .toLowerCase();
    });
    this.head.replaceChildren(
      ...COLUMNS.map((name) => el("th", { scope: "col", "aria-sort": "none" }, this.sorter(name))),
    );
  }

  sorter(name) {
    const button = el("button", { type: "button" }, name.replace("_", " "));
    button.addEventListener("click", () => {
      this.falling = this.by === name && !this.falling;
      this.by = name;
      this.sort();
      this.show(0);
    });
    return button;
  }

  cell([place, i], name) {
    const [run, key, span, values, errors, epochs] = DATA.series[place];
    switch (name) {
      case "case":
        return DATA.cases[DATA.runs[run].case];
      case "run":
        return DATA.runs[run].name;
      case "seed":
        return DATA.runs[run].seed;
      case "generation":
        return DATA.spans[span][i];
      case "epoch":
        return Array.isArray(epochs) ? epochs[i] : epochs;
      case "value":
        return values[i];
      case "standard_error":
        return errors ? errors[i] : null;
      default:
        return KEYS[key][name];
    }
  }

  // The rows whose names hold every word of `search`; of one generation only, unless that is null.
  choose(search, generation) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    this.rows = [];
    DATA.series.forEach(([, , span, values], place) => {
      if (!words.every((word) => this.texts[place].includes(word))) return;
      DATA.spans[span].forEach((at, i) => {
        if (generation === null || at === generation) this.rows.push([place, i]);
      });
    });
    this.sort();
    this.show(0);
  }

  sort() {
    COLUMNS.forEach((name, i) => {
      this.head.children[i].setAttribute(
        "aria-sort",
        name !== this.by ? "none" : this.falling ? "descending" : "ascending",
      );
    });
    if (this.by === null) return;
    const keyed = this.rows.map((row) => [this.cell(row, this.by), row]);
    const way = this.falling ? -1 : 1;
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // undefined and empty values come last
      return way * (typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0);
    });
    this.rows = keyed.map(([, row]) => row);
  }

  show(start) {
    this.start = Math.max(0, Math.min(start, this.rows.length - 1));
    const page = this.rows.slice(this.start, this.start + PAGE);
    this.body.replaceChildren(...page.map((row) => el("tr", {}, ...COLUMNS.map((name) => this.written(row, name)))));
    const end = this.start + page.length;
    const [from, to, of] = [this.start + 1, end, this.rows.length].map((n) => n.toLocaleString("en"));
    this.count.textContent = page.length ? `${from} to ${to} of ${of} values` : "No value has all these words.";
    this.page.previous.disabled = this.start === 0;
    this.page.next.disabled = end >= this.rows.length;
  }

  written(row, name) {
    const value = this.cell(row, name);
    if (name === "generation") return el("td", { class: "number" }, STEPS.get(value));
    if (name === "value") return el("td", { class: "number" }, value === null ? "undefined" : String(value));
    return el("td", typeof value === "number" ? { class: "number" } : {}, value === null ? "" : String(value));
  }

  // The chosen rows, in the columns of the tidy table.
  csv() {
    const own = ["generation", "epoch", "role", "split", "label", "group", "metric", "value", "standard_error"];
    const named = DATA.steps.some((step, i) => step !== String(DATA.generations[i]));
    const [first, further] = [DATA.fields.slice(0, 3), DATA.fields.slice(3)];
    const lines = [["run", ...first, "seed", ...own, ...(named ? ["round"] : []), ...further]];
    for (const row of this.rows) {
      const { name, seed, fields } = DATA.runs[DATA.series[row[0]][0]];
      const cells = own.map(
        (column) => this.cell(row, column) ?? (/^(value|standard_error)$/.test(column) ? NaN : null),
      );
      const step = named ? [STEPS.get(this.cell(row, "generation"))] : [];
      lines.push([name, ...fields.slice(0, 3), seed, ...cells, ...step, ...fields.slice(3)]);
    }
    return lines.map((cells) => `${cells.map(quoted).join(",")}\n`).join("");
  }
}
