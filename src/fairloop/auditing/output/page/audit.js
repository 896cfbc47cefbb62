"use strict";

// The page's state, what it looks like in the address, and the effects of each choice.
const OVERALL = "overall";
const TOGETHER = 12; // lines in one chart
const METRICS = [...new Set(SERIES.filter(({ group }) => DATA.groups.includes(group)).map(({ metric }) => metric))];
const DEFAULTS = { metric: METRICS.includes("tpr") ? "tpr" : METRICS[0], mode: "together", round: LAST, search: "",
  only: null, status: "", by: "", falling: false, at: "", groups: null }; // prettier-ignore
const state = { ...DEFAULTS };
let plots = { charts: [], groups: [] };

const of = (group) => FOUND.get(`${state.metric}\n${group}`);
const look = (k) => `c${k % COLOURS} d${Math.floor(k / COLOURS) % DASHES}`;
const chosen = () => state.groups ?? (DATA.groups.length <= COLOURS ? DATA.groups : farthest());

// The three lowest and the three highest groups in the last round in which they have values.
function farthest() {
  const place = ROUNDS.findLastIndex((_, i) => DATA.groups.some((group) => middle(of(group), i) !== null));
  const known = DATA.groups.filter((group) => place >= 0 && middle(of(group), place) !== null);
  known.sort((a, b) => middle(of(a), place) - middle(of(b), place));
  const some = known.length ? new Set([...known.slice(0, 3), ...known.slice(-3)]) : new Set(DATA.groups.slice(0, COLOURS));
  return DATA.groups.filter((group) => some.has(group));
}

function middle(series, i) {
  return series && bounded(series, i) ? (at(series, "lower", i) + at(series, "upper", i)) / 2 : series ? at(series, "value", i) : null;
}

function go(round) {
  state.round = round;
  for (const plot of [...plots.charts, ...plots.groups]) plot.mark(round);
  remember();
}

function drawCharts() {
  plots.charts = DATA.charts.map(([metric, group, title]) => {
    const lines = [{ name: title, series: FOUND.get(`${metric}\n${group}`), look: look(0) }];
    return new Plot({ title: capital(title), what: meaning(metric, group), lines, limits: limitsOn(metric, [group]), moved: go });
  });
  $("charts").replaceChildren(...plots.charts.map((plot) => plot.figure));
}

function drawGroups() {
  const groups = chosen().filter((group) => of(group));
  const overall = of(OVERALL);
  const quiet = overall ? [{ name: OVERALL, series: overall, look: "quiet", quiet: true }] : [];
  const title = capital(metricTitle(state.metric));
  $("metric-what").textContent = meaning(state.metric);
  const many = state.mode === "together" && groups.length > TOGETHER;
  const words = `${groups.length} of ${DATA.groups.length}${many ? `; in one chart only the first ${TOGETHER} are drawn` : ""}`;
  $("chosen").textContent = words;
  if (state.mode === "together") {
    const lines = groups.slice(0, TOGETHER).map((group, k) => ({ name: called(group), series: of(group), look: look(k) }));
    const limits = limitsOn(state.metric, [OVERALL, ...groups]);
    plots.groups = [new Plot({ title: `${title} of each group`, lines: [...quiet, ...lines], limits, moved: go })];
  } else plots.groups = small(groups, quiet);
  $("curves").className = `curves ${state.mode}`;
  $("curves").replaceChildren(...plots.groups.map((plot) => plot.figure));
  if (state.mode === "each" && groups.length) {
    const lines = groups.map((group) => ({ name: called(group), series: of(group) }));
    $("curves").append(tableOf(`${title} of each group`, lines));
  }
}

// A chart for each group, all on one scale, with everybody's line in grey.
function small(groups, quiet) {
  const limits = groups.map((group) => limitsOn(state.metric, [OVERALL, group]));
  const range = rangeOf([...groups.map((group) => ({ series: of(group) })), ...quiet], limits.flat());
  return groups.map((group, k) => {
    const lines = [...quiet, { name: called(group), series: of(group), look: look(0) }];
    return new Plot({ title: called(group), lines, limits: limits[k], options: { small: true, range }, moved: go, level: "h4" });
  });
}

function called(group) {
  return DATA.small.includes(DATA.groups.indexOf(group)) ? `${group}*` : group;
}

function paint(width) {
  for (const plot of [...plots.charts, ...plots.groups]) {
    plot.chart.draw(width?.(plot));
    plot.mark(state.round);
  }
}

function choose() {
  values.choose(state);
}

function fillBoxes() {
  const wanted = new Set(chosen());
  const words = $("find").value.toLowerCase();
  const boxes = DATA.groups.filter((group) => group.toLowerCase().includes(words)).map((group) => {
    const box = el("input", { type: "checkbox" });
    box.checked = wanted.has(group);
    box.addEventListener("change", () => {
      const now = new Set(chosen());
      now[box.checked ? "add" : "delete"](group);
      set({ groups: DATA.groups.filter((name) => now.has(name)) }, false);
    });
    return el("label", {}, box, called(group));
  });
  $("boxes").replaceChildren(...boxes);
}

// Changes the state, what depends on it, and the address.
function set(change, boxes = true) {
  Object.assign(state, change);
  if (["metric", "mode", "groups"].some((name) => name in change)) {
    drawGroups();
    if (boxes) fillBoxes();
    paint();
  }
  if (["search", "only", "status", "by", "falling"].some((name) => name in change)) choose();
  remember();
}

// The address holds what differs from the start.
function remember() {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (name === "groups") for (const group of value ?? []) parts.append("group", group);
    else if (value !== DEFAULTS[name]) parts.set(name, name === "round" || name === "only" ? ROUNDS[value] : String(value));
  }
  if (state.groups?.length === 0) parts.set("group", "");
  const hash = String(parts);
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

// The state that an address holds; names that this log does not have are ignored.
function recalled() {
  const hash = location.hash.slice(1);
  if (hash && !hash.includes("=")) return { ...DEFAULTS, at: hash };
  const parts = new URLSearchParams(hash);
  const place = (name, other) => (ROUNDS.includes(parts.get(name)) ? ROUNDS.indexOf(parts.get(name)) : other);
  const asked = new Set(parts.getAll("group"));
  return {
    metric: METRICS.includes(parts.get("metric")) ? parts.get("metric") : DEFAULTS.metric,
    mode: parts.get("mode") === "each" ? "each" : "together",
    round: place("round", LAST),
    search: parts.get("search") ?? "",
    only: place("only", null),
    status: DATA.statuses.includes(parts.get("status")) ? parts.get("status") : "",
    by: VALUE_COLUMNS.some(([name]) => name === parts.get("by")) ? parts.get("by") : "",
    falling: parts.get("falling") === "true",
    at: parts.get("at") ?? "",
    groups: parts.has("group") ? DATA.groups.filter((group) => asked.has(group)) : null,
  };
}

function restore() {
  Object.assign(state, recalled());
  $("metric").value = state.metric;
  $("mode").value = state.mode;
  $("search").value = state.search;
  $("only").value = state.only ?? "";
  $("status").value = state.status;
  drawGroups();
  fillBoxes();
  paint();
  choose();
  remember();
  if (state.at) $(state.at)?.scrollIntoView();
}

const options = (pairs) => pairs.map(([value, text]) => el("option", { value }, text));
const values = new Values((by, falling) => set({ by, falling }));
$("metric").replaceChildren(...options(METRICS.map((metric) => [metric, metricTitle(metric)])));
$("only").replaceChildren(...options([["", "all"], ...ROUNDS.map((name, i) => [i, name])]));
$("status").replaceChildren(...options([["", "all"], ...DATA.statuses.map((status) => [status, status])]));
$("find-label").hidden = DATA.groups.length <= TOGETHER;
$("metric").addEventListener("change", () => set({ metric: $("metric").value }));
$("mode").addEventListener("change", () => set({ mode: $("mode").value }));
$("search").addEventListener("input", () => set({ search: $("search").value }));
$("only").addEventListener("change", () => set({ only: $("only").value === "" ? null : Number($("only").value) }));
$("status").addEventListener("change", () => set({ status: $("status").value }));
$("find").addEventListener("input", fillBoxes);
$("all").addEventListener("click", () => set({ groups: DATA.groups }));
$("apart").addEventListener("click", () => set({ groups: farthest() }));
$("none").addEventListener("click", () => set({ groups: [] }));
for (const link of document.querySelectorAll("nav a, .skip"))
  link.addEventListener("click", (event) => {
    event.preventDefault();
    state.at = link.getAttribute("href").slice(1);
    $(state.at).scrollIntoView();
    $(state.at).focus({ preventScroll: true });
    remember();
  });
addEventListener("hashchange", restore);
addEventListener("beforeprint", () => paint((plot) => (plot.figure.classList.contains("small") ? 220 : 680)));
addEventListener("afterprint", () => paint());

drawCharts();
restore();
let width = document.body.clientWidth;
new ResizeObserver(() => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  paint();
}).observe(document.body);
