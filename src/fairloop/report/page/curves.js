"use strict";

const DASHES = [[], [9, 4], [2, 4], [9, 3, 2, 3]];
const COLOURS = 6;
const MOST = 8; // lines whose values are shown under the pointer
const STRAIGHT_LABELS = 0.3; // of the chart's width; longer names become letters, which the table below explains

// The chart: a line for each of `lines`, a mark at the chosen generation, names at the lines' ends.
class Chart {
  constructor(box, tip, choose) {
    Object.assign(this, { box, tip, choose, lines: [], generation: 0, plot: null });
    new ResizeObserver(() => this.fit()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show(this.lines));
  }

  style(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  height() {
    return Math.round(Math.min(420, Math.max(260, this.box.clientWidth * 0.45)));
  }

  fit() {
    const width = this.box.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.show(this.lines);
  }

  mark(generation) {
    this.generation = generation;
    this.plot?.redraw(false);
  }

  show(lines) {
    this.lines = lines;
    this.drawn = lines.filter((line) => !line.hidden);
    this.plot?.destroy();
    this.box.replaceChildren();
    this.tip.hidden = true;
    if (!this.box.clientWidth) return;
    this.lettered = this.widest((line) => line.name) > STRAIGHT_LABELS * this.box.clientWidth;
    this.box.closest("section").classList.toggle("lettered", this.lettered);
    const [series, data, bands] = [[{}], [DATA.generations], []];
    for (const line of this.drawn) {
      series.push({
        stroke: line.colour,
        width: line.width,
        dash: line.dash,
        points: { show: DATA.generations.length <= 25 && line.width > 1, size: 5, fill: line.colour },
      });
      data.push(line.values.map((value) => value ?? null));
    }
    for (const line of this.drawn.filter((each) => each.lows)) {
      bands.push({ series: [data.length + 1, data.length], fill: `${line.colour}29` });
      for (const values of [line.lows, line.highs]) {
        series.push({ stroke: "transparent", points: { show: false } });
        data.push(values.map((value) => value ?? null));
      }
    }
    this.plot = new uPlot(this.options(series, bands), data, this.box);
    this.plot.over.addEventListener("click", () => {
      const i = this.plot.cursor.idx;
      if (i !== null && i !== undefined) this.choose(DATA.generations[i]);
    });
  }

  options(series, bands) {
    const font = `13px ${this.style("--sans")}`;
    const grid = { stroke: this.style("--rule"), width: 1 };
    const common = { stroke: this.style("--soft"), font, ticks: { show: false }, grid };
    const room = (_, texts) => 16 + 8 * Math.max(4, ...(texts ?? []).map((text) => text.length));
    const named = (_, splits) => splits.map((value) => STEPS.get(value) ?? "");
    const widest = Math.max(...DATA.steps.map((step) => step.length));
    return {
      width: this.box.clientWidth,
      height: this.height(),
      series,
      bands,
      legend: { show: false },
      padding: [12, 16 + this.widest((line) => this.label(line)), 0, 0],
      scales: {
        x: { time: false, range: (_, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
        y: { range: (_, low, high) => this.range(...this.withSpread(low, high)) },
      },
      axes: [
        {
          ...common,
          grid: { show: false },
          values: named,
          space: 20 + 8 * widest,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
          label: STEP,
          labelFont: font,
          labelSize: 22,
          size: 30,
        },
        { ...common, size: room, values: (_, splits) => splits.map((value) => this.tick(value, splits)) },
      ],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      hooks: { draw: [(plot) => this.annotate(plot)], setCursor: [(plot) => this.point(plot)] },
    };
  }

  // `low` and `high`, or the ends of bars beyond them.
  withSpread(low, high) {
    const ends = this.drawn.flatMap((line) => (line.spread ?? []).flatMap((pair) => pair ?? []));
    return low === null || high === null ? [low, high] : [Math.min(low, ...ends), Math.max(high, ...ends)];
  }

  // A little room around the values; a flat line is not blown up.
  range(low, high) {
    if (low === null || high === null) return [0, 1];
    const room = Math.max(high - low, 0.02 * Math.max(1, Math.abs(high))) * 0.06;
    const spare = Math.max(0, 0.02 - (high - low)) / 2;
    return [low - room - spare, high + room + spare];
  }

  tick(value, splits) {
    const step = splits.length > 1 ? splits[1] - splits[0] : 1;
    const digits = [0, 1, 2, 3, 4, 5, 6].find((n) => Math.abs(step * 10 ** n - Math.round(step * 10 ** n)) < 1e-6) ?? 6;
    return value.toFixed(digits).replace("-", "\u2212");
  }

  label(line) {
    return this.lettered ? line.letter : line.name;
  }

  widest(text) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `600 13px ${this.style("--sans")}`;
    return Math.max(0, ...this.lines.filter((line) => line.labelled).map((line) => pen.measureText(text(line)).width));
  }

  annotate(plot) {
    const pen = plot.ctx;
    const scale = devicePixelRatio;
    const x = Math.round(plot.valToPos(this.generation, "x", true));
    pen.save();
    this.bars(plot, pen, scale);
    pen.strokeStyle = this.style("--ink");
    pen.globalAlpha = 0.55;
    pen.setLineDash([]);
    pen.lineWidth = scale;
    pen.beginPath();
    pen.moveTo(x, plot.bbox.top);
    pen.lineTo(x, plot.bbox.top + plot.bbox.height);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.font = `600 ${13 * scale}px ${this.style("--sans")}`;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    for (const { line, x: left, y } of this.ends(plot, scale)) {
      pen.fillStyle = line.colour;
      pen.fillText(this.label(line), left + 8 * scale, y);
    }
    pen.restore();
  }

  // From the lowest seed to the highest, where there are too few for a band.
  bars(plot, pen, scale) {
    pen.lineWidth = scale;
    pen.setLineDash([]);
    pen.globalAlpha = 0.6;
    for (const line of this.drawn.filter((each) => each.spread)) {
      pen.strokeStyle = line.colour;
      pen.beginPath();
      line.spread.forEach((ends, i) => {
        if (!ends) return;
        const x = plot.valToPos(DATA.generations[i], "x", true);
        pen.moveTo(x, plot.valToPos(ends[0], "y", true));
        pen.lineTo(x, plot.valToPos(ends[1], "y", true));
      });
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  // Where the names of lines go: at their last values, moved apart where they would touch.
  ends(plot, scale) {
    const ends = [];
    const apart = 16 * scale;
    for (const line of this.drawn.filter((each) => each.labelled)) {
      const i = line.values.findLastIndex((value) => value != null);
      if (i < 0) continue;
      ends.push({
        line,
        x: plot.valToPos(DATA.generations[i], "x", true),
        y: plot.valToPos(line.values[i], "y", true),
      });
    }
    ends.sort((a, b) => a.y - b.y);
    const bottom = plot.bbox.top + plot.bbox.height;
    ends.forEach((end, i) => {
      end.y = Math.max(end.y, i ? ends[i - 1].y + apart : plot.bbox.top);
    });
    for (let i = ends.length - 1, limit = bottom; i >= 0; i -= 1, limit -= apart)
      ends[i].y = Math.min(ends[i].y, limit);
    return ends;
  }

  // The values under the pointer.
  point(plot) {
    const { idx, left } = plot.cursor;
    this.tip.hidden = idx === null || idx === undefined || left < 0;
    if (this.tip.hidden) return;
    const known = this.drawn.filter((line) => line.values[idx] != null);
    known.sort((a, b) => b.values[idx] - a.values[idx]);
    const rows = known.slice(0, MOST).map((line) => {
      const value = el("td", { class: "number" }, shown(line.values[idx]));
      return el("tr", {}, el("td", {}, swatch(line)), el("td", {}, line.name), value);
    });
    const rest = known.length > MOST ? [el("p", {}, `and ${known.length - MOST} more, in the table below`)] : [];
    this.tip.replaceChildren(
      el("strong", {}, `${STEP} ${DATA.steps[idx]}`),
      el("table", {}, el("tbody", {}, ...rows)),
      ...rest,
    );
    const room = this.box.clientWidth - this.tip.offsetWidth;
    const beside = left + plot.over.offsetLeft + 16;
    this.tip.style.left = `${Math.max(0, beside > room ? beside - this.tip.offsetWidth - 32 : beside)}px`;
  }
}

// A line as the legend shows it.
function swatch(line) {
  const stroke = {
    stroke: line.colour,
    "stroke-width": Math.max(2, line.width),
    "stroke-dasharray": line.dash.join(" "),
  };
  return svg(
    "svg",
    { viewBox: "0 0 34 10", class: "swatch", "aria-hidden": "true" },
    svg("line", { x1: 1, x2: 33, y1: 5, y2: 5, ...stroke }),
  );
}
