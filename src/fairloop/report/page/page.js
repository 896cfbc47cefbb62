"use strict";

// The page's state, and the effects of each choice.
const state = { generation: DATA.generations.at(-1), hidden: new Set() };
const MEASURES = [...new Map(KEYS.map((key) => [`${key.role}/${key.metric}`, key])).values()];
const SEVERAL_SEEDS = DATA.runs.length > DATA.cases.length;

const chart = new Chart($("chart"), $("tip"), (generation) => go(generation));

function keysOfMeasure() {
  const { role, metric } = MEASURES[$("measure").value];
  return KEYS.filter((key) => key.role === role && key.metric === metric);
}

function keysOfSplit() {
  return keysOfMeasure().filter((key) => String(key.split) === $("split").value);
}

// A group, a label or a stratum; not something over all groups.
function isPart(key) {
  return key.label !== null || !Object.hasOwn(DATA.parts, key.group);
}

function chosenKeys() {
  const keys = keysOfSplit();
  return $("part").value === "each" ? keys.filter(isPart) : keys.filter((key) => String(key.index) === $("part").value);
}

function fillMeasures() {
  const groups = new Map();
  MEASURES.forEach(({ role, metric }, value) => {
    if (!groups.has(role)) groups.set(role, el("optgroup", { label: named(DATA.roles, role) ?? role }));
    groups.get(role).append(el("option", { value }, metricTitle(metric)));
  });
  $("measure").replaceChildren(...groups.values());
}

function fillSplits(chosen) {
  const splits = [...new Set(keysOfMeasure().map((key) => String(key.split)))];
  fill(
    $("split"),
    splits.map((split) => [split, split]),
    chosen,
  );
}

function fillParts(chosen) {
  const keys = keysOfSplit();
  const parts = keys.filter(isPart);
  const kind = parts[0]?.label == null ? "group" : parts[0].group === "overall" ? "label" : "stratum";
  const options = keys.map((key) => [key.index, partTitle(key)]);
  if (parts.length > 1) options.push(["each", `each ${kind}`]);
  const same = keys.find((key) => chosen && key.label === chosen.label && key.group === chosen.group);
  const overall = keys.find((key) => key.group === "overall" && key.label === null);
  const otherwise = (same ?? overall)?.index ?? (parts.length > 1 ? "each" : null);
  fill($("part"), options, chosen === "each" ? "each" : otherwise);
}

// Choose the measure, split and part of the curves; a part that the measure lacks becomes one that it has.
function measure(role, metric, split, part) {
  const place = MEASURES.findIndex((key) => key.role === role && key.metric === metric);
  $("measure").value = Math.max(0, place);
  fillSplits(split);
  fillParts(part);
  redraw();
}

// A line for each case or run, and for each group, label or stratum of it. Where there are both, colours tell cases
// apart and dashes the rest.
function lines() {
  const keys = chosenKeys();
  const runs = $("by").value === "run";
  const things = runs
    ? DATA.runs.map((run, i) => ({ name: `${DATA.cases[run.case]}, seed ${run.seed}`, i, look: run.case }))
    : DATA.cases.map((name, i) => ({ name, i, look: i }));
  const all = things.flatMap((thing) => keys.map((key, part) => ({ ...thing, key, part })));
  const found = all.map(({ name, i, look, key, part }) => {
    const alone = things.length === 1 && keys.length > 1;
    const full = alone ? partTitle(key) : keys.length > 1 ? `${name}: ${partTitle(key)}` : name;
    return {
      ...(runs ? runLine(i, key) : caseLine(i, key)),
      name: full,
      hidden: state.hidden.has(full),
      labelled: !runs || alone,
      width: runs ? 1 : 2,
      colour: chart.style(`--c${(alone ? part : look) % COLOURS}`),
      dash: DASHES[(keys.length > 1 ? part : look) % DASHES.length],
    };
  });
  const present = found.filter((line) => line.present);
  present.forEach((line, i) => {
    line.letter = i < 26 ? String.fromCharCode(65 + i) : String(i + 1);
  });
  return present;
}

function redraw() {
  const key = chosenKeys()[0];
  state.part = $("part").value === "each" ? "each" : key;
  const of = $("part").value === "each" ? $("part").selectedOptions[0].textContent : partTitle(key);
  const title = metricTitle(key.metric);
  const split = key.split ? `, split ${key.split}` : "";
  $("curves-title").textContent = `${title[0].toUpperCase()}${title.slice(1)}, ${of}${split}`;
  $("curves-what").textContent = metricMeaning(key);
  const drawn = lines();
  chart.show(drawn);
  const words = drawn.slice(0, 8).map((line) => {
    const known = line.values.filter((value) => value != null);
    return `${line.name}: from ${shown(known[0])} to ${shown(known.at(-1))}`;
  });
  $("chart").setAttribute("aria-label", `${$("curves-title").textContent}, over ${STEP}s. ${words.join("; ")}.`);
  readout(drawn);
}

// The legend, with the values at the chosen generation.
function readout(drawn) {
  const at = DATA.generations.indexOf(state.generation);
  const kinds = { lows: "95 % interval", spread: "lowest to highest seed", errors: "standard error" };
  const present = Object.keys(kinds).filter((kind) => drawn.some((line) => line[kind]?.[at] != null));
  $("spread").textContent = present.map((kind) => kinds[kind]).join(" or ") || "standard error";
  $("readout").replaceChildren(...drawn.map((line) => readoutRow(line, at, drawn)));
}

function readoutRow(line, at, drawn) {
  const box = el("input", { type: "checkbox", "aria-label": `show ${line.name}` });
  box.checked = !line.hidden;
  box.addEventListener("change", () => {
    state.hidden[box.checked ? "delete" : "add"](line.name);
    line.hidden = !box.checked;
    chart.show(drawn);
  });
  const first = line.values.find((value) => value != null);
  const change = line.values[at] == null ? "" : shown(line.values[at] - first, "+");
  const numbers = [shown(line.values[at]), spread(line, at), change];
  if (SEVERAL_SEEDS) numbers.push(String(line.seeds[at]));
  return el(
    "tr",
    {},
    el("td", {}, box),
    el("td", { class: "letter" }, line.labelled ? line.letter : ""),
    el("td", {}, swatch(line)),
    el("th", { scope: "row" }, line.name),
    ...numbers.map((text) => el("td", { class: "number" }, text)),
  );
}

function spread(line, at) {
  if (line.lows?.[at] != null) return `[${shown(line.lows[at])}, ${shown(line.highs[at])}]`;
  if (line.spread?.[at]) return line.spread[at].map((value) => shown(value)).join(" to ");
  if (line.errors?.[at] != null) return `\u00b1 ${shown(line.errors[at])}`;
  return "";
}

// Move everything to a generation.
function go(generation) {
  state.generation = generation;
  $("generation").value = DATA.generations.indexOf(generation);
  $("generation").setAttribute("aria-valuetext", `${STEP} ${STEPS.get(generation)}`);
  for (const place of document.querySelectorAll("[data-generation]")) place.textContent = STEPS.get(generation);
  chart.mark(generation);
  markSparks(DATA.generations.indexOf(generation));
  readout(chart.lines);
  if ($("samples")) showSamples($("sheets"), Number($("seed").value), generation);
  if ($("texts")) readTexts();
  if ($("strata")) showStrata($("strata-rows"), $("strata-words"), batches[$("curated").value], generation);
  if ($("only").checked) values.choose($("search").value, generation);
}

function readTexts() {
  const [seed, search] = [Number($("texts-seed").value), $("texts-search").value];
  showTexts($("written"), $("texts-count"), seed, state.generation, search);
}

// The mark in the small curves of the summary, which run from the page's first generation to its last.
function markSparks(at) {
  const [first, last] = [DATA.generations[0], DATA.generations.at(-1)];
  for (const mark of document.querySelectorAll(".spark .mark")) {
    const [left, right] = [mark.dataset.left, mark.dataset.right].map(Number);
    const x = left + ((DATA.generations[at] - first) / Math.max(1, last - first)) * (right - left);
    mark.setAttribute("x1", x);
    mark.setAttribute("x2", x);
  }
}

function play() {
  if (state.timer) return stop();
  if (state.generation === DATA.generations.at(-1)) go(DATA.generations[0]);
  $("play").textContent = "Pause";
  state.timer = setInterval(() => {
    const next = DATA.generations[DATA.generations.indexOf(state.generation) + 1];
    if (next === undefined) stop();
    else go(next);
  }, 700);
}

function stop() {
  clearInterval(state.timer);
  state.timer = null;
  $("play").textContent = "Play";
}

const values = new Values({
  body: $("rows"),
  head: $("columns"),
  count: $("count"),
  page: { previous: $("previous"), next: $("next") },
});
const batches = curated();
$("seeds").hidden = !SEVERAL_SEEDS;
const choose = () => values.choose($("search").value, $("only").checked ? state.generation : null);

fillMeasures();
fill(
  $("by"),
  SEVERAL_SEEDS
    ? [
        ["case", "mean over seeds"],
        ["run", "every run"],
      ]
    : [["case", "runs"]],
);
if ($("samples"))
  fill(
    $("seed"),
    seedsWithPictures().map((seed) => [seed, seed]),
  );
if ($("texts"))
  fill(
    $("texts-seed"),
    seedsWithTexts().map((seed) => [seed, seed]),
  );
if ($("strata"))
  fill(
    $("curated"),
    batches.map(({ name }, i) => [i, name]),
  );
$("measure").addEventListener("change", () => {
  fillSplits($("split").value);
  fillParts(state.part);
  redraw();
});
$("split").addEventListener("change", () => {
  fillParts(state.part);
  redraw();
});
for (const id of ["part", "by"]) $(id).addEventListener("change", redraw);
$("generation").addEventListener("input", () => {
  stop();
  go(DATA.generations[$("generation").value]);
});
$("play").addEventListener("click", play);
for (const id of ["seed", "curated"]) $(id)?.addEventListener("change", () => go(state.generation));
$("texts-seed")?.addEventListener("change", readTexts);
$("texts-search")?.addEventListener("input", readTexts);
$("search").addEventListener("input", choose);
$("only").addEventListener("change", choose);
$("previous").addEventListener("click", () => values.show(values.start - PAGE));
$("next").addEventListener("click", () => values.show(values.start + PAGE));
$("download").addEventListener("click", () => save(new Blob([values.csv()], { type: "text/csv" }), "values.csv"));
for (const button of document.querySelectorAll("[data-measure]")) {
  button.addEventListener("click", () => {
    const [role, split, label, group, metric] = JSON.parse(button.dataset.measure);
    measure(role, metric, split, { label, group });
    $("curves").scrollIntoView();
    $("measure").focus({ preventScroll: true });
  });
}
addEventListener("beforeprint", () => {
  document.documentElement.dataset.print = "yes";
  chart.show(chart.lines);
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.print;
  chart.show(chart.lines);
});

const [role, split, label, group, metric] = DATA.first;
measure(role, metric, split, { label, group });
go(state.generation);
choose();
