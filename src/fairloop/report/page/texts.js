"use strict";

// Generated texts: those of every case that has some, of one seed, at one generation, with the words of a search.
function textsOf(run) {
  return named(DATA.texts.runs, run.name);
}

function seedsWithTexts() {
  return [...new Set(DATA.runs.filter(textsOf).map((run) => run.seed))].sort((a, b) => a - b);
}

function showTexts(box, count, seed, generation, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const runs = DATA.runs.filter((run) => run.seed === seed && textsOf(run));
  const found = runs.map((run) => [run, textsOf(run)[generation] ?? []]);
  const chosen = found.map(([run, rows]) => [run, rows.filter((row) => holds(row.join(" ").toLowerCase(), words))]);
  box.replaceChildren(...chosen.map(([run, rows]) => listOf(run, rows, words, generation)));
  const [shown, all] = [chosen, found].map((some) => some.reduce((sum, [, rows]) => sum + rows.length, 0));
  count.textContent = words.length ? `${shown} of ${all} texts` : `${all} texts`;
}

function holds(text, words) {
  return words.every((word) => text.includes(word));
}

function listOf(run, rows, words, generation) {
  const title = el("h3", {}, DATA.cases[run.case]);
  if (!rows.length) {
    const why = words.length ? "no such text" : `no texts of ${STEP} ${STEPS.get(generation)}`;
    return el("div", {}, title, el("p", { class: "scope" }, why));
  }
  const items = rows.map(([text, label, group]) =>
    el("li", {}, ...marked(text || "(an empty text)", words), el("span", { class: "scope" }, ` A_L: ${label}, A_S: ${group}`)),
  );
  return el("div", {}, title, el("ol", {}, ...items));
}

// The text as nodes, with the words of the search in <mark>.
function marked(text, words) {
  if (!words.length) return [text];
  const low = text.toLowerCase();
  if (low.length !== text.length) return [text]; // a letter that lower case makes longer
  const parts = [];
  for (let at = 0; at < text.length; ) {
    const next = words
      .map((word) => [low.indexOf(word, at), word.length])
      .filter(([place]) => place >= 0)
      .sort((a, b) => a[0] - b[0] || b[1] - a[1])[0];
    if (!next) return [...parts, text.slice(at)];
    parts.push(text.slice(at, next[0]), el("mark", {}, text.slice(next[0], next[0] + next[1])));
    at = next[0] + next[1];
  }
  return parts;
}
