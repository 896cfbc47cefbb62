"use strict";

// The batches that STAR curated: which case's, and whose.
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

// A row for each stratum: its candidates at a generation, against its quota where that is known.
function showStrata(body, words, { which, role }, generation) {
  const at = DATA.generations.indexOf(generation);
  const aim = DATA.aims[which]?.[role];
  const keys = KEYS.filter((key) => key.metric === "star_candidates" && key.role === role);
  const strata = keys.map((key) => ({
    name: partTitle(key),
    values: caseLine(which, key).values,
    quota: aim?.quotas.find(([label, group]) => label === key.label && group === key.group)?.[2],
  }));
  const most = Math.max(1, ...strata.flatMap(({ values, quota }) => [...values, quota]).filter((n) => n != null));
  body.replaceChildren(...strata.map((stratum) => stratumRow(stratum, at, most)));
  const candidates = strata.map(({ values }) => values[at]).filter((value) => value != null);
  const step = `${STEP[0].toUpperCase()}${STEP.slice(1)} ${DATA.steps[at]}`;
  words.textContent = `${step}: ${sentence(which, role, candidates, aim, at)}`;
}

function sentence(which, role, candidates, aim, at) {
  if (!candidates.length) return "no batch was curated.";
  const all = Math.round(candidates.reduce((sum, value) => sum + value, 0));
  const key = KEYS.find((each) => each.metric === "star_redrawn" && each.role === role);
  const redrawn = key && caseLine(which, key).values[at];
  const chosen = `a batch${aim ? ` of ${aim.batch}` : ""} was chosen from ${all} candidates`;
  if (redrawn == null) return `${chosen}.`;
  return `${chosen}; ${redrawn.toFixed(1)} of it had to be redrawn, because these did not fill its quotas.`;
}

function stratumRow({ name, values, quota }, at, most) {
  const value = values[at];
  const width = ((value ?? 0) / most) * 100;
  const bar = svg(
    "svg",
    { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" },
    svg("rect", { x: 0, y: 1, width, height: 8, class: value < quota ? "short" : "enough" }),
  );
  if (quota !== undefined) {
    const x = (quota / most) * 100;
    bar.append(svg("line", { x1: x, x2: x, y1: 0, y2: 10, class: "quota" }));
  }
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", { class: "bars" }, bar),
    el("td", { class: "number" }, value == null ? "none" : value.toFixed(1)),
    el("td", { class: "number" }, String(quota ?? "")),
    el("td", {}, history(values, at, most)),
  );
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
