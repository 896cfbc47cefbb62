"use strict";

// The batches that STAR curated: their cases and roles.
function curated() {
  const found = new Map();
  for (const key of KEYS.filter((each) => each.metric === "star_candidates")) {
    for (const { run } of SERIES[key.index]) {
      const which = DATA.runs[run].case;
      found.set(`${which}/${key.role}`, { which, role: key.role, name: `${DATA.cases[which]}: ${key.role}s` });
    }
  }
  return [...found.values()];
}

// The records of a role's curated batches in the runs of a case, by generation; of the whole batch, or of a stratum.
function recorded(which, role, metric, { label, group } = { label: null, group: "overall" }) {
  const key = KEYS.find(
    (each) => each.metric === metric && each.role === role && each.label === label && each.group === group,
  );
  return key ? caseLine(which, key).values : DATA.generations.map(() => undefined);
}

// A row for each stratum: its candidates at a generation, against the quota that the run stored.
function showStrata(body, words, { which, role }, generation) {
  const at = DATA.generations.indexOf(generation);
  const keys = KEYS.filter((key) => key.metric === "star_candidates" && key.role === role);
  const strata = keys.map((key) => ({
    name: partTitle(key),
    values: caseLine(which, key).values,
    quotas: recorded(which, role, "star_quota", key),
  }));
  const most = Math.max(1, ...strata.flatMap(({ values, quotas }) => [...values, ...quotas]).filter((n) => n != null));
  body.replaceChildren(...strata.map((stratum) => stratumRow(stratum, at, most)));
  const candidates = strata.map(({ values }) => values[at]).filter((value) => value != null);
  const step = `${STEP[0].toUpperCase()}${STEP.slice(1)} ${DATA.steps[at]}`;
  words.textContent = `${step}: ${sentence(which, role, candidates, at)}`;
}

function sentence(which, role, candidates, at) {
  if (!candidates.length) return "no batch was curated.";
  const all = Math.round(candidates.reduce((sum, value) => sum + value, 0));
  const [batch, redrawn] = ["star_batch", "star_redrawn"].map((metric) => recorded(which, role, metric)[at]);
  const chosen = `a batch${batch == null ? "" : ` of ${batch}`} was chosen from ${all} candidates`;
  const missing =
    redrawn == null ? "" : `; ${redrawn.toFixed(1)} of it had to be redrawn, because these did not fill its quotas`;
  const unknown = batch == null ? " Its quotas are unknown: the version that made the run stored none." : "";
  return `${chosen}${missing}.${unknown}`;
}

function stratumRow({ name, values, quotas }, at, most) {
  const [value, quota] = [values[at], quotas[at]];
  const width = ((value ?? 0) / most) * 100;
  const bar = svg(
    "svg",
    { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" },
    svg("rect", { x: 0, y: 1, width, height: 8, class: value < quota ? "short" : "enough" }),
  );
  if (quota != null) {
    const x = (quota / most) * 100;
    bar.append(svg("line", { x1: x, x2: x, y1: 0, y2: 10, class: "quota" }));
  }
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", { class: "bars" }, bar),
    el("td", { class: "number" }, value == null ? "none" : value.toFixed(1)),
    el("td", { class: "number" }, quota == null ? "" : shortly(quota)),
    el("td", {}, history(values, at, most)),
  );
}

// A whole number as it is; a mean of quotas that are rounded at random with one decimal.
function shortly(quota) {
  return Number.isInteger(quota) ? String(quota) : quota.toFixed(1);
}

// A small curve over all generations, with a dot at the chosen one.
function history(values, at, most) {
  const x = (i) => 3 + (i / Math.max(1, values.length - 1)) * 90;
  const y = (value) => 21 - (value / most) * 18;
  const points = values.flatMap((value, i) => (value == null ? [] : [`${x(i).toFixed(1)} ${y(value).toFixed(1)}`]));
  const drawn = svg(
    "svg",
    { viewBox: "0 0 96 24", class: "history", "aria-hidden": "true" },
    svg("path", { d: points.length ? `M${points.join("L")}` : "" }),
  );
  if (values[at] != null) drawn.append(svg("circle", { cx: x(at), cy: y(values[at]), r: 2.5 }));
  return drawn;
}
