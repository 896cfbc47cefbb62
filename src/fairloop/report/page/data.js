"use strict";

// The data behind all other scripts.
const DATA = JSON.parse($("data").textContent);

// The name of a generation by its number, and the word for all of them.
const STEP = DATA.step;
const STEPS = new Map(DATA.generations.map((generation, i) => [generation, DATA.steps[i]]));

// A keyed value is { role, split, label, group, metric }; null where it does not apply.
const KEYS = DATA.keys.map(([role, split, label, group, metric], index) => ({
  index,
  role,
  split,
  label,
  group,
  metric,
}));

// The series of each key, one a run, with one value a generation.
const SERIES = KEYS.map(() => []);
for (const [run, key, span, values, errors, epochs] of DATA.series) {
  if (typeof epochs !== "number") SERIES[key].push({ run, span: DATA.spans[span], values, errors });
}

const BANDS = new Map(
  DATA.bands.map(([which, key, span, lows, highs]) => [`${which}/${key}`, { span: DATA.spans[span], lows, highs }]),
);

// `values`, given for the generations of `span`, laid out along all generations of the page.
// Null: undefined there. Undefined: not measured there.
function along(span, values) {
  const at = new Map(span.map((generation, i) => [generation, values[i]]));
  return DATA.generations.map((generation) => at.get(generation));
}

function mean(values) {
  const known = values.filter((value) => value != null);
  if (!known.length) return values.includes(null) ? null : undefined;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

// One line for a case: the mean over the seeds that have a value, how many have, and the band, or the spread where
// these are too few for a band.
function caseLine(which, key) {
  const mine = SERIES[key.index].filter((series) => DATA.runs[series.run].case === which);
  const all = mine.map((series) => along(series.span, series.values));
  const at = (i) => all.map((values) => values[i]);
  const band = BANDS.get(`${which}/${key.index}`);
  const spread = DATA.generations.map((_, i) => {
    const known = at(i).filter((value) => value != null);
    return DATA.shown[known.length] === "spread" ? [Math.min(...known), Math.max(...known)] : null;
  });
  return {
    spread: spread.some(Boolean) ? spread : null,
    values: DATA.generations.map((_, i) => mean(at(i))),
    seeds: DATA.generations.map((_, i) => at(i).filter((value) => value != null).length),
    lows: band ? along(band.span, band.lows) : null,
    highs: band ? along(band.span, band.highs) : null,
    errors: mine.length === 1 && mine[0].errors ? along(mine[0].span, mine[0].errors) : null,
    present: mine.length > 0,
  };
}

function runLine(run, key) {
  const mine = SERIES[key.index].find((series) => series.run === run);
  const values = mine ? along(mine.span, mine.values) : DATA.generations.map(() => undefined);
  return {
    values,
    seeds: values.map((value) => (value == null ? 0 : 1)),
    spread: null,
    lows: null,
    highs: null,
    errors: mine?.errors ? along(mine.span, mine.errors) : null,
    present: Boolean(mine),
  };
}

function metricTitle(metric) {
  return named(DATA.metrics, metric)?.[0] ?? metric.replaceAll("_", " ");
}

// The meaning of a metric, and which values of the part are good.
function metricMeaning({ metric, group }) {
  const [, sentence, good] = named(DATA.metrics, metric) ?? [];
  return [sentence, named(good ?? {}, group) ?? good?.overall].filter(Boolean).join(" ");
}

// A part of a metric: a group, a label, a stratum, or one over all groups.
function partTitle({ label, group }) {
  if (label === null) return named(DATA.parts, group) ?? group;
  return group === "overall" ? label : `${label}, ${group}`;
}

function shown(value, sign = "") {
  if (value == null) return value === null ? "undefined" : "none";
  const size = Math.abs(value);
  const digits = size < 10 ? value.toFixed(3) : size < 1000 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
  return (sign && value > 0 ? sign : "") + digits.replace("-", "\u2212");
}

// Fills a menu, and keeps its choice where the new options have it.
function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
  const values = options.map(([value]) => String(value));
  if (values.length) select.value = values.includes(String(chosen)) ? chosen : values[0];
  select.parentElement.hidden = options.length < 2;
}
