"""Access to runs and sweeps from Python: stored tables and models, fresh samples, and tables of runs in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from torch import Tensor

from fairloop._util.directories import claim_alone, claim_file, kind_of
from fairloop._util.escape import table_for_csv
from fairloop._util.files import replacing, replacing_folder
from fairloop._util.lookup import meant
from fairloop.data import Population
from fairloop.data.columns import decode
from fairloop.errors import InputError
from fairloop.loop.generations import Generation, generations
from fairloop.loop.history import Annotators
from fairloop.loop.inputs import labelling_of
from fairloop.loop.own.loop import OwnLoop
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.report import notebook
from fairloop.report.comparison import Comparison, compared
from fairloop.report.table import of_rows, own_columns, plain, tidy
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Batch, join
from fairloop.sources.origin import ANNOTATOR, Origin
from fairloop.sources.source import Source, chunk
from fairloop.spec.files import with_files_read
from fairloop.spec.people import PEOPLE
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory, find_runs
from fairloop.store.interface import M, Trained
from fairloop.store.models import DirectoryModels
from fairloop.training.recipe import MATHS_VERSION, Recipe
from fairloop.training.streams import Streams


def load(path: str | Path) -> RecordedRun | RecordedSweep:
    """The run or the sweep in directory `path`. Raises InputError if there is neither.

    >>> load("run")  # made by `fairloop run --out run`
    <run seqgen-seqclass.none.seed-0...: 2 of 2 generations, in run>
    """
    if kind_of(Path(path)) == "a sweep":
        return RecordedSweep(find_runs([Path(path)]))
    return RecordedRun(RunDirectory(Path(path)))


def table_of(spec: RunSpec | OwnLoop, generations: Iterable[Generation]) -> pd.DataFrame:
    """The tidy table of the generations that `simulate(spec)` yielded. spec: of a run, or of a loop of your own
    objects.

    >>> from fairloop import preset
    >>> from fairloop.loop.generations import simulate
    >>> spec = preset("lending", generations=2, people={"arrivals": 50})
    >>> table = table_of(spec, simulate(spec))
    >>> table.query("metric == 'selection_rate' and group == 'overall' and split == 'true'")["value"].round(2).tolist()
    [0.54, 0.48]
    """
    own = spec.own_columns if isinstance(spec, OwnLoop) else own_columns(with_files_read(spec))
    rows = [row for generation in generations for row in generation.rows]
    table: pd.DataFrame = plain(of_rows(rows, own)).to_pandas()
    return table


class RecordedSweep(Mapping[str, "RecordedRun"]):
    """A mapping from names of runs, as in the column `run` of `table()`, to the runs of a sweep.

    An unknown name raises KeyError.

    >>> sweep = load("sweep")  # made by `fairloop sweep ... --out sweep`
    >>> len(sweep), all(run.spec.setting == "people" for run in sweep.values())
    (4, True)
    >>> sweep.table()["seed"].unique().tolist()
    [0, 1]
    >>> sweep.compare(split="true").against
    'people, people.rule=demographic-parity'
    """

    def __init__(self, directories: Sequence[RunDirectory]) -> None:
        self._runs = {directory.spec().identity: RecordedRun(directory) for directory in directories}

    def __getitem__(self, name: str) -> RecordedRun:
        if name not in self._runs:
            raise KeyError(f"'{name}' is not a run of this sweep ({', '.join(self._runs)}){meant(name, self._runs)}")
        return self._runs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<sweep of {len(self)} runs: {', '.join(self._runs)}>"

    def _repr_html_(self) -> str:
        """The runs' cases, from the first to the last generation, for a notebook."""
        return notebook.block(f"A sweep of {len(self)} runs", *notebook.ends(self.table()), note=notebook.ENDS)

    def compare(self, against: str | None = None, split: str | None = None) -> Comparison:
        """Each case less the case `against` (default: the first), paired by seed; `fairloop compare` explains them.

        split: the data that classifiers are measured on; default: `test`.

        Raises InputError if there are not two cases with a seed in common, or none is called `against`.
        """
        return compared(self.table(), against, split)

    def table(self) -> pd.DataFrame:
        """The tidy table of all runs, as `fairloop export` writes it."""
        table: pd.DataFrame = plain(tidy([run.directory for run in self._runs.values()])).to_pandas()
        return table


class RecordedRun:
    """One run: its `spec`, its `table()`, its models G_i and C_i, its annotators, its galleries.

    >>> run = load("run")  # made by `fairloop run ... --out run`
    >>> run.spec.generations, run.population.group_names
    (2, ('green', 'red'))
    >>> run.table().query("metric == 'accuracy' and group == 'overall' and split == 'test'")["role"].tolist()
    ['label_annotator', 'group_annotator', 'classifier', 'classifier']
    >>> samples = run.generator(1).sample(8, seed=0)
    >>> samples.shape, run.classifier(1)(samples).shape
    (torch.Size([8, 3, 28, 28]), torch.Size([8, 2]))
    >>> run.samples(1, 4).labels.shape, len(run.annotators)
    (torch.Size([4]), 2)
    >>> run.log()
    Traceback (most recent call last):
    ...
    fairloop.errors.InputError: run: ...
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self._models = DirectoryModels(directory.root / directory.provenance().models)
        self.spec: RunSpec = directory.spec()
        self._made_again: dict[int, Generation] = {}

    def __repr__(self) -> str:
        done = self.directory.committed()
        return f"<run {self.spec.identity}: {done} of {self.spec.generations} generations, in {self.directory.root}>"

    def _repr_html_(self) -> str:
        """The run's main measures, in the first and in the last generation, for a notebook."""
        return notebook.block(repr(self)[1:-1], *notebook.ends(self.table()), note=notebook.ENDS)

    def table(self) -> pd.DataFrame:
        """The tidy table, as `fairloop export` writes it."""
        table: pd.DataFrame = plain(tidy([self.directory])).to_pandas()
        return table

    def generator(self, generation: int) -> Generator:
        """G_i, in evaluation mode; it samples by a seed, too: `generator.sample(8, seed=0)`.

        Raises InputError if it was not kept.
        """
        self._check(generation)
        if self.spec.setting == PEOPLE:
            raise InputError(f"{self.directory.root}: setting=people has no generators, and no samples")
        found = self._trainer.kept_generator(generation)
        if found is None and (again := self._again(self._trainer.plan.generators[generation])) is not None:
            found = again.generator
        kept = self._kept(found, f"G_{generation}")
        kept.sample = _SampleBySeed(kept, generation, self._trainer.numerics.device)  # type: ignore[method-assign]
        return kept

    def classifier(self, generation: int) -> Classifier:
        """C_i, in evaluation mode. Raises InputError if it was not kept."""
        self._check(generation)
        if not self._trainer.plan.classifiers:
            raise InputError(f"{self.directory.root}: people.rule decides in all rounds; there are no classifiers")
        found = self._trainer.kept_classifier(generation)
        if found is None and (again := self._again(self._trainer.plan.classifiers[generation])) is not None:
            found = again.classifier
        return self._kept(found, f"C_{generation}")

    @cached_property
    def annotators(self) -> Annotators:
        """A_L and A_S. Raises InputError if they were not kept."""
        self._check_maths()
        if self.spec.setting == PEOPLE and len(self._trainer.plan.annotators) < 2:
            raise InputError(f"{self.directory.root}: trains no A_S, since the groups of people are known")
        plan = self._trainer.plan
        recipes = plan.label_annotator, plan.group_annotator
        if not all(self._models.has(recipe) or self._fits_again(recipe) for recipe in recipes):
            raise self._absent("A_L or A_S")
        return self._trainer.annotators()

    def log(self) -> pd.DataFrame:
        """The decision maker's log of a run with rounds of people; `fairloop.audit` takes the run's directory, too.

        Raises InputError if the run has none.
        """
        frame: pd.DataFrame = plain(self.directory.decisions()).to_pandas()
        return frame

    @property
    def population(self) -> Population:
        """The real data of the run."""
        return self._trainer.population

    def samples(self, generation: int, n: int) -> Batch:
        """Draw n fresh samples of G_i: labels come from the labeller of generation i, groups from A_S.

        Raises InputError if the run has no such generation, or lacks one of these models.
        """
        self._check(generation)
        if n < 1:
            raise InputError(f"n={n}: give 1 or more samples")
        self.generator(generation)
        by = self.spec.rules.labeller(generation)
        label, group = self.annotators
        named = label if by == ANNOTATOR else self._trainer.kept_classifier(by)
        if any(kept and kept.diverged for kept in (self._trainer.kept_generator(generation), named, group)):
            raise InputError(f"generation={generation}: its generator, labeller or grouper diverged; it has no samples")
        labeller = label.module if by == ANNOTATOR else self.classifier(by)
        now, numerics = self.spec.at(generation), self._trainer.numerics
        origin = Origin(generation, by)
        labelling = labelling_of(now.labels, label)
        source = Source(
            self.generator(generation), numerics, labeller, group.module, labelling, now.temperature, origin
        )
        rng = Streams(self.spec.seed, generation, ModelRole.GENERATOR, numerics.device).at(Role.EXPORT)
        size = chunk(self.population.shape)
        return join(*(source.draw(min(n - start, size), rng) for start in range(0, n, size)))

    @cached_property
    def _trainer(self) -> ModelTrainer:
        sessions = self.directory.provenance().sessions
        held = sessions[-1].numerics if sessions else None
        return ModelTrainer(self.spec, self._models, Numerics(**held.model_dump()) if held else None)

    def _fits_again(self, recipe: Recipe) -> bool:
        """Whether the recipe is of an estimator, which the store may have been unable to keep."""
        return self.spec.keep == "all" and self._trainer.is_estimator(recipe)

    def _again(self, recipe: Recipe) -> Generation | None:
        """The generation of `recipe`, fitted again from the stored models; None if its model should be in the store."""
        if not self._fits_again(recipe):
            return None
        if recipe.generation not in self._made_again:
            made = next(iter(generations(self._trainer, recipe.generation)))
            self._made_again[recipe.generation] = made
        return self._made_again[recipe.generation]

    def _check(self, generation: int) -> None:
        last = self.directory.committed() - 1
        if last < 0:
            raise InputError(f"generation={generation}: {self.directory.root} holds no generation yet")
        if not 0 <= generation <= last:
            raise InputError(f"generation={generation}: {self.directory.root} holds generations 0 to {last}")
        self._check_maths()

    def _check_maths(self) -> None:
        """Raise InputError if this version makes other models from the run's recipes than its table has."""
        if others := self.directory.provenance().maths - {MATHS_VERSION}:
            raise InputError(
                f"{self.directory.root}: its models are of another version of fairloop (maths {max(others)}, not "
                f"{MATHS_VERSION}), which built or trained them differently; open them with that version, or run the "
                "spec again in a new --out. The table and the pictures of this run can be read"
            )

    def _kept(self, trained: Trained[M] | None, name: str) -> M:
        if trained is None:
            raise self._absent(name)
        return trained.module

    def _absent(self, what: str) -> InputError:
        return InputError(
            f"{self.directory.root}: the model {what} is not in {self._models.root}; "
            f"a run with keep=all keeps it (this one has keep={self.spec.keep}), in a new --out"
        )


@dataclass(frozen=True, eq=False)
class _SampleBySeed:
    """`sample(n, rng=None, *, seed=0)` of a generator: without `rng`, the seed gives the random numbers."""

    generator: Generator
    generation: int
    device: str

    def __call__(self, n: int, rng: torch.Generator | None = None, *, seed: int = 0) -> Tensor:
        if rng is None:
            rng = Streams(seed, self.generation, ModelRole.GENERATOR, self.device).at(Role.EXPORT)
        return type(self.generator).sample(self.generator, n, rng)


def write_samples(run: RecordedRun, generation: int, n: int, out: Path) -> None:
    """Write n labelled samples of G_i: one parquet file, or a directory of PNG files with samples.csv.

    The columns are `label` and `group` (names) and, in parquet, `image` as the hub's image features are; for
    tabular data the data's own columns, in parquet or in samples.csv.

    A file or directory is written completely or not at all. A directory of an earlier call is replaced as a whole.

    Raises InputError for a directory that holds anything else.
    """
    if out.suffix and out.suffix != ".parquet":
        raise InputError(f"--out: {out} is neither a .parquet file nor a directory")
    if out.suffix:
        claim_file(out)
    else:
        claim_alone(out, "samples")
    batch = run.samples(generation, n)
    if not out.suffix:
        claim_alone(out, "samples")  # files that came there meanwhile stay
    names = run.population
    columns: dict[str, list[Any]] = {
        "label": [names.label_names[code] for code in batch.labels.tolist()],
        "group": [names.group_names[code] for code in batch.groups.tolist()],
    }
    pictures = _encoded(batch) if batch.inputs.dim() > 2 else None
    files = [f"{i:06d}.png" for i in range(n)]
    if out.suffix:
        with replacing(out) as temporary:
            pq.write_table(
                _rows(batch, names, columns) if pictures is None else _images(files, pictures, columns), temporary
            )
        return
    with replacing_folder(out) as folder:
        for file, picture in zip(files, pictures or (), strict=False):
            (folder / file).write_bytes(picture)
        table = _rows(batch, names, columns) if pictures is None else pa.table({"file": files, **columns})
        pa.csv.write_csv(table_for_csv(table), folder / "samples.csv")


def _images(files: list[str], pictures: list[bytes], said: dict[str, list[Any]]) -> pa.Table:
    """Pictures in a table, then `label` and `group`."""
    images = [{"bytes": picture, "path": file} for file, picture in zip(files, pictures, strict=True)]
    return pa.table({"image": images, **said})


def _rows(batch: Batch, names: Population, said: dict[str, list[Any]]) -> pa.Table:
    """Samples of tabular data: the columns that they were made of, or `text`, then `label` and `group`."""
    if names.tokens is not None:
        return pa.table({"text": names.tokens.decode(batch.inputs.cpu().numpy()), **said})
    features = batch.inputs.float().cpu().numpy()
    columns = names.columns
    values = decode(features, columns) if columns else {f"feature_{i}": c.tolist() for i, c in enumerate(features.T)}
    clear = {f"{name} (feature)" if name in said else name: value for name, value in values.items()}
    return pa.table({**clear, **said})


def _encoded(batch: Batch) -> list[bytes]:
    from PIL import Image

    encoded = []
    for pixels in (batch.inputs * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy():
        content = io.BytesIO()
        Image.fromarray(pixels.squeeze()).save(content, format="PNG")
        encoded.append(content.getvalue())
    return encoded
