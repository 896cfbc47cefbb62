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

function showStrata(body, words, { which, role }, generation) {
  const at = DATA.generations.indexOf(generation);
  const keys = KEYS.filter((key) => key.metric === "star_candidates" && key.role === role);
  const strata = keys.map((key) => ({ key, values: caseLine(which, key).values })).filter(({ values }) => values.some((v) => v !== null));
  const aim = DATA.aims[which]?.[role];
  const quotas = strata.map(({ key }) => aim?.quotas.find(([label, group]) => label === key.label && group === key.group)?.[2] ?? null);
  const most = Math.max(1, ...quotas, ...strata.flatMap(({ values }) => values));
  body.replaceChildren(...strata.map((stratum, i) => stratumRow(stratum, quotas[i], at, most)));
  words.textContent = sentence(which, role, strata.map(({ values }) => values[at]), aim, at);
}

function sentence(which, role, candidates, aim, at) {
  const generation = DATA.generations[at];
  if (candidates.every((value) => value === null)) return `Generation ${generation}: no batch was curated.`;
  const all = candidates.reduce((sum, value) => sum + value, 0);
  const key = KEYS.find((each) => each.metric === "star_redrawn" && each.role === role);
  const redrawn = key ? caseLine(which, key).values[at] : null;
  const batch = aim ? `A batch of ${aim.batch} was` : "A batch was";
  const rest = redrawn === null ? "" : `; ${redrawn.toFixed(1)} of it had to be redrawn, because these did not fill its quotas`;
  return `Generation ${generation}: ${batch.toLowerCase()} chosen from ${Math.round(all)} candidates${rest}.`;
}

function stratumRow({ key, values }, quota, at, most) {
  const value = values[at];
  const bar = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" },
    svg("rect", { x: 0, y: 1, width: ((value ?? 0) / most) * 100, height: 8, class: quota !== null && value < quota ? "short" : "enough" }));
  if (quota !== null) bar.append(svg("line", { x1: (quota / most) * 100, x2: (quota / most) * 100, y1: 0, y2: 10, class: "quota" }));
  return el("tr", {}, el("th", { scope: "row" }, partTitle(key)), el("td", { class: "bars" }, bar),
    el("td", { class: "number" }, value === null ? "none" : value.toFixed(1)),
    el("td", { class: "number" }, quota === null ? "" : String(quota)), el("td", {}, history(values, at, most)));
}

// A small curve over all generations, with a dot at the chosen one.
function history(values, at, most) {
  const x = (i) => 3 + (i / Math.max(1, values.length - 1)) * 90, y = (value) => 21 - (value / most) * 18;
  const points = values.map((value, i) => (value === null ? null : `${x(i).toFixed(1)} ${y(value).toFixed(1)}`)).filter(Boolean);
  const drawn = svg("svg", { viewBox: "0 0 96 24", class: "history", "aria-hidden": "true" },
    svg("path", { d: points.length ? `M${points.join("L")}` : "" }));
  if (values[at] !== null) drawn.append(svg("circle", { cx: x(at), cy: y(values[at]), r: 2.5 }));
  return drawn;
}
