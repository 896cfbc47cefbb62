"use strict";

// Sheets of pictures: those of every case that has some, of one seed, at one generation.
function seedsWithPictures() {
  const named = DATA.pictures ? DATA.runs.filter((run) => DATA.pictures.runs[run.name]) : [];
  return [...new Set(named.map((run) => run.seed))].sort((a, b) => a - b);
}

function showSamples(box, seed, generation) {
  const runs = DATA.runs.filter((run) => run.seed === seed && DATA.pictures.runs[run.name]);
  box.replaceChildren(...runs.map((run) => sample(run, generation)));
}

function sample(run, generation) {
  const found = DATA.pictures.runs[run.name][generation];
  const name = el("strong", {}, DATA.cases[run.case]);
  if (!found) return el("figure", {}, el("figcaption", {}, name, el("span", {}, `no pictures of generation ${generation}`)));
  const [sheet, words] = found;
  const alt = `Samples of generation ${generation}, ${DATA.cases[run.case]}, seed ${run.seed}. ${words}.`;
  return el("figure", {}, el("img", { src: DATA.pictures.sheets[sheet], alt }),
    el("figcaption", {}, name, el("span", {}, words)));
}
