"use strict";

// Sheets of pictures: those of every case that has some, of one seed, at one generation.
function picturesOf(run) {
  return named(DATA.pictures.runs, run.name);
}

function seedsWithPictures() {
  return [...new Set(DATA.runs.filter(picturesOf).map((run) => run.seed))].sort((a, b) => a - b);
}

function showSamples(box, seed, generation) {
  const runs = DATA.runs.filter((run) => run.seed === seed && picturesOf(run));
  box.replaceChildren(...runs.map((run) => sample(run, generation)));
}

function sample(run, generation) {
  const name = el("strong", {}, DATA.cases[run.case]);
  const [sheet, words] = picturesOf(run)[generation] ?? [null, `no pictures of ${STEP} ${STEPS.get(generation)}`];
  const caption = el("figcaption", {}, name, el("span", {}, words));
  if (sheet === null) return el("figure", {}, caption);
  const alt = `Samples of ${STEP} ${STEPS.get(generation)}, ${DATA.cases[run.case]}, seed ${run.seed}. ${words}.`;
  return el("figure", {}, el("img", { src: DATA.pictures.sheets[sheet], alt }), caption);
}
