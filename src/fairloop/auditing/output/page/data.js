"use strict";

// The data behind all other scripts.
const DATA = JSON.parse($("data").textContent);
const ROUNDS = DATA.rounds;
const LAST = ROUNDS.length - 1;
const COLUMNS_OF_SERIES = ["value", "low", "high", "lower", "upper", "labelled", "people", "status", "reason"];

// A measure in every round: `at(series, "value", i)`.
const SERIES = DATA.series.map(([metric, group, ...columns], index) => ({ index, metric, group, columns }));
const FOUND = new Map(SERIES.map((series) => [`${series.metric}\n${series.group}`, series]));

function at(series, name, i) {
  const column = series.columns[COLUMNS_OF_SERIES.indexOf(name)];
  const value = Array.isArray(column) ? column[i] : column;
  if (name === "status") return DATA.statuses[value];
  return name === "reason" ? DATA.reasons[value] : value;
}

const identified = (series, i) => at(series, "value", i) !== null;
const bounded = (series, i) => at(series, "status", i) === "bounded" && at(series, "lower", i) !== null;

function metricTitle(metric) {
  return named(DATA.metrics, metric)?.[0] ?? metric.replaceAll("_", " ");
}

function groupTitle(group) {
  return named(DATA.parts, group) ?? group;
}

// The meaning of a metric, and which values of the part are good.
function meaning(metric, group = "overall") {
  const [, sentence, good, ofDifference, ofRatio] = named(DATA.metrics, metric) ?? ["", "", "", "", ""];
  return [sentence, group === "difference" ? ofDifference : group === "ratio" ? ofRatio : good].filter(Boolean).join(" ");
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function shown(value) {
  if (value === null) return "\u2013";
  const size = Math.abs(value);
  const digits = size < 10 ? value.toFixed(3) : size < 1000 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
  return (Number.isInteger(value) && size >= 10 ? value.toLocaleString("en") : digits).replace("-", "\u2212");
}

function whole(n) {
  return n.toLocaleString("en");
}

function interval(low, high) {
  return low === null || high === null ? "" : `${shown(low)} to ${shown(high)}`;
}

// A value in words: "0.512 (0.480 to 0.544)", "between 0.2 and 0.9", "undefined".
function told(series, i) {
  const around = interval(at(series, "low", i), at(series, "high", i));
  if (bounded(series, i)) return `between ${shown(at(series, "lower", i))} and ${shown(at(series, "upper", i))}`;
  if (identified(series, i)) return shown(at(series, "value", i)) + (around && ` (${around})`);
  return at(series, "status", i);
}

// Limits on a measure: { group, verdict, bound, words }.
function limitsOn(metric, groups) {
  const found = DATA.limits.filter(([of, group]) => of === metric && groups.includes(group));
  return found.map(([, group, verdict, bound, words]) => ({ group, verdict, bound, words }));
}
