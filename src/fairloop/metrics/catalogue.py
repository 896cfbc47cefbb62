"""The catalogue of measures: one entry for each measure in tables, figures and verdicts.

An entry gives a measure its name, its meaning, its range and its direction (is up good?). Tables, audits, comparisons,
summaries, figures, pages, the help of the command line and docs/metrics read these facts here.

**A new measure of classifiers is one function and one entry**: a function in `formulas` that takes confusion counts,
and an entry in `CATALOGUE` that names it. A measure that compares groups in measures of the catalogue needs no
function; its entry names those in `worst_of`. Its rows, its limits (`fairloop audit --fail-on`), its figure, its place
on the page and in docs/metrics follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import inf

from fairloop.metrics import formulas, of_people, of_texts
from fairloop.metrics.entry import AGGREGATES, PARTS, Entry

_MODELS = ("generator", "classifier", "label_annotator", "group_annotator")
_LEARNERS = ("generator", "classifier")
_DIVERGED = "the generator diverged, or a model that labels its samples"
_of_samples = partial(Entry, roles=("generator",), splits=("generated",), zero="none", one="all", undefined=_DIVERGED)
_of_batches = partial(Entry, roles=_LEARNERS, splits=("generated",), high=inf)
_ALONE = ("difference", "ratio")
_of_logs = partial(Entry, roles=("classifier",), splits=("log",))
_OF_SCORES = ("overall", "group", "difference", "min", "max")
_DISTANCES = ("overall", "group", "max")

_ENTRIES = (
    Entry(
        name="accuracy", title="accuracy", formula=formulas.accuracy, share=True, direction="up", benefit=True,
        sentence="The share of correct predictions among all people.",
        zero="all wrong", one="all right", undefined="no samples",
        headline=("overall", "difference"), judged=("overall", "difference"),
    ),
    Entry(
        name="selection_rate", title="selection rate", formula=formulas.selection_rate, share=True, benefit=True,
        sentence="The share of predictions of the beneficial label among all people.",
        zero="nobody", one="everybody", undefined="no samples", judged=("overall",),
    ),
    Entry(
        name="tpr", title="true positive rate", formula=formulas.tpr, share=True, direction="up", benefit=True,
        sentence="The share of predictions of the beneficial label among people with that label.",
        zero="none of them", one="all of them", undefined="nobody has the beneficial label", judged=("overall",),
    ),
    Entry(
        name="tnr", title="true negative rate", formula=formulas.tnr, share=True, direction="up",
        sentence="The share of predictions of other labels among people without the beneficial label.",
        zero="all of them selected", one="none selected", undefined="everybody has the beneficial label",
        detail="`1 - fpr`.",
    ),
    Entry(
        name="fpr", title="false positive rate", formula=formulas.fpr, share=True, direction="down",
        sentence="The share of predictions of the beneficial label among people without that label.",
        zero="none of them", one="all of them", undefined="everybody has the beneficial label", judged=("overall",),
    ),
    Entry(
        name="fnr", title="false negative rate", formula=formulas.fnr, share=True, direction="down",
        sentence="The share of predictions of other labels among people with the beneficial label.",
        zero="all of them selected", one="none selected", undefined="nobody has the beneficial label",
        detail="`1 - tpr`.",
    ),
    Entry(
        name="ppv", title="positive predictive value", formula=formulas.ppv, share=True, direction="up",
        sentence="The share of people with the beneficial label among people with that prediction.",
        zero="none of them has it", one="all of them have it", undefined="nobody is selected", detail="Precision.",
    ),
    Entry(
        name="count", title="count", formula=formulas.count, high=inf,
        sentence="The number of people.", zero="none", one="one person",
    ),
    Entry(
        name="generalized_entropy_index", title="generalized entropy index", parts=("overall", "group"), high=inf,
        formula=formulas.generalized_entropy_index, direction="to 0",
        sentence="The inequality of benefits between individual people: a wrongly given beneficial label has "
        "benefit 2, a right prediction 1, a wrongly denied beneficial label 0.",
        zero="all have the same benefit", undefined="no samples, or nobody has a benefit",
        detail="Half the variance of benefits over their squared mean (alpha = 2). It compares people, not groups; the "
        "value of a group is the inequality within it. With n people it is at most (n - 1) / 2.",
        source="Speicher et al., 2018, arXiv 1807.00787",
    ),
    Entry(
        name="demographic_parity", title="demographic parity", short="DP", parts=_ALONE, worst_of=("selection_rate",),
        sentence="The distance between the groups' selection rates; a difference of 0 and a ratio of 1 are parity.",
        headline=("difference",), judged=("difference",),
        source="Dwork et al., 2012, arXiv 1104.3913 (statistical parity)",
    ),
    Entry(
        name="equalized_odds", title="equalized odds", short="EO", parts=_ALONE, worst_of=("tpr", "fpr"),
        sentence="The distance between the groups' true and false positive rates, the larger of the two; a difference "
        "of 0 and a ratio of 1 are equal odds.",
        headline=("difference",), judged=("difference",),
        source="Hardt, Price and Srebro, 2016, arXiv 1610.02413",
    ),
    Entry(
        name="predictive_parity", title="predictive parity", parts=_ALONE, worst_of=("ppv",),
        sentence="The distance between the groups' positive predictive values; a difference of 0 and a ratio of 1 are "
        "parity.",
        source="Chouldechova, 2017, arXiv 1703.00056",
    ),
    _of_logs(
        name="fdr", title="false discovery rate", share=True, direction="down",
        sentence="The share of people without the beneficial label among people with that prediction.",
        zero="all of them have it", one="none of them has it", undefined="nobody is selected", detail="`1 - ppv`.",
    ),
    _of_logs(
        name="for", title="false omission rate", share=True, direction="down",
        sentence="The share of people with the beneficial label among people with other predictions.",
        zero="none of them has it", one="all of them have it", undefined="everybody is selected",
    ),
    _of_logs(
        name="auc", title="area under the ROC curve", short="AUC", parts=_OF_SCORES, share=True, direction="up",
        sentence="The probability that a person with the beneficial label has a higher score than a person without it.",
        zero="all pairs in the wrong order", one="all pairs in the right order",
        undefined="all people have one label", detail="Ties count half. Intervals on the logit scale.",
        source="DeLong, DeLong and Clarke-Pearson, 1988",
    ),
    _of_logs(
        name="brier", title="Brier score", parts=_OF_SCORES, share=True, direction="down",
        sentence="The mean squared distance of the score from the label, which is 0 or 1.",
        zero="all scores equal the labels", one="all scores are wrong with certainty", undefined="no labels",
        detail="For scores in [0, 1]. Normal intervals.", source="Brier, 1950",
    ),
    _of_logs(
        name="calibration_error", title="calibration error", parts=_OF_SCORES, low=-1, direction="to 0",
        sentence="The mean squared distance of scores from the share of the beneficial label, over ten bins of scores, "
        "less its bias.",
        zero="calibrated, or the error is its bias", undefined="no labels",
        detail="For scores in [0, 1]. It can be negative; its mean for calibrated scores is 0. Bins of one person "
        "are left out.",
        source="Kumar, Liang and Ma, 2019, arXiv 1909.10155",
    ),
    _of_logs(
        name="score_mean", title="mean score", parts=_OF_SCORES, low=-inf, high=inf, share=True,
        sentence="The mean score of all people, with or without a label.", undefined="no scores",
    ),
    _of_logs(
        name="score_ks", title="distance of scores (KS)", parts=_DISTANCES,
        sentence="The largest difference between the distribution functions of a group's scores and of the scores in "
        "the largest group.",
        zero="distributed alike", one="no overlap", undefined="no scores", detail="Of all people.",
        source="Kolmogorov, 1933; Smirnov, 1939",
    ),
    _of_logs(
        name="score_wasserstein", title="distance of scores (Wasserstein)", parts=_DISTANCES, high=inf,
        sentence="The area between the distribution functions of a group's scores and of the scores in the largest "
        "group.",
        zero="distributed alike", undefined="no scores", detail="Of all people; in the unit of scores.",
    ),
    _of_logs(
        name="score_shift_ks", title="shift of scores (KS)", parts=_DISTANCES,
        sentence="The largest difference between the distribution functions of scores in a round and in the first.",
        zero="distributed alike", one="no overlap", undefined="no scores", detail="Of all people.",
    ),
    _of_logs(
        name="score_shift_wasserstein", title="shift of scores (Wasserstein)", parts=_DISTANCES, high=inf,
        sentence="The area between the distribution functions of scores in a round and in the first.",
        zero="distributed alike", undefined="no scores", detail="Of all people; in the unit of scores.",
    ),
    _of_logs(
        name="mean_error", title="mean error", parts=_OF_SCORES, low=-inf, high=inf, share=True, direction="to 0",
        sentence="The mean of prediction less label, if both are numbers.", undefined="no labels",
        detail="With `--regression`. Student's intervals.",
    ),
    _of_logs(
        name="mean_absolute_error", title="mean absolute error", short="MAE", parts=_OF_SCORES, high=inf, share=True,
        direction="down", sentence="The mean size of prediction less label, if both are numbers.",
        zero="all exact", undefined="no labels", detail="With `--regression`. Student's intervals.",
    ),
    Entry(
        name="model_made_share", title="labels made by models", roles=("labeller",), splits=("log",),
        parts=("overall", "group"), share=True,
        sentence="The share of labels that a model made, among the labels with a known maker.",
        zero="none", one="all", undefined="no label has a known maker",
    ),
    Entry(
        name="loss", title="loss", roles=_MODELS, splits=(), parts=("overall",), low=-inf, high=inf, direction="down",
        sentence="The mean loss over the batches of an epoch of training.",
        undefined="the model diverged",
        detail="The model changes with each batch. The loss of classifiers and annotators is the cross entropy in nats "
        "per sample. [Models](models.md) has the losses of generators; for `conv-vae` it is the negative evidence "
        "lower bound in nats, summed over a batch.",
    ),
    Entry(
        name="diverged_at_batch", title="diverged at batch", roles=_MODELS, splits=(), parts=("overall",), high=inf,
        sentence="The batch at which the loss or the weights were no longer finite, and training ended.",
        undefined="the model was not trained",
        detail="Batches count from 0. The `loss` of this `epoch` is NaN. A value of NaN without an epoch means that a "
        "parent of the model diverged. The rows exist only after a divergence under `on_divergence: go_on`.",
    ),
    _of_batches(
        name="star_redrawn", title="redrawn by STAR", parts=("overall",), direction="to 0",
        sentence="The mean number of samples in a curated batch that its candidates lacked.",
        zero="the quotas filled every batch",
        detail="Mean over the epoch's curated batches. At most the number of curated samples in a batch.",
    ),
    _of_batches(
        name="star_candidates", title="candidates of STAR", parts=("stratum",),
        sentence="The mean number of candidates in a stratum, before the choice.",
        detail="Over all strata they sum to curated samples plus budget.",
    ),
    _of_batches(
        name="star_batch", title="batch of STAR", parts=("overall",),
        sentence="The number of samples that STAR curates in a batch.",
        detail="One value for a generation, without `epoch`. For a generator, the synthetic part of the batch.",
    ),
    _of_batches(
        name="star_quota", title="quota of STAR", parts=("stratum",),
        sentence="The number of places of a stratum in a curated batch of STAR.",
        detail="With `star.rounding=stochastic` the mean number. One value for a generation, without `epoch`.",
    ),
    _of_batches(
        name="curation_offered", title="offered to curations", parts=("stratum",),
        sentence="The mean number of samples in a stratum that the first step of a curation drew.",
        detail="Only with `curation.steps`.",
    ),
    _of_batches(
        name="curation_chosen", title="chosen by curations", parts=("stratum",),
        sentence="The mean number of samples in a stratum that the last step of a curation chose, by their "
        "weights.",
        detail="Only with `curation.steps`. Over all strata they sum to the draws of STAR, or to the batch.",
    ),
    Entry(
        name="origin_share", title="share of origins", roles=_LEARNERS, splits=("training",), parts=("origin",),
        sentence="The share of an epoch's samples with one generator (or real people) and one labeller.",
        detail="After curation. Models have these rows if their data policy, real people, kept samples, `labels` or "
        "`temperature` differ from the published ones, and generators also with a `synthetic_share` below 1. The real "
        "images of such a share count, so shares sum to 1.",
    ),
    Entry(
        name="minoritized", title="minoritized", roles=("group_annotator",), splits=(), parts=("group",),
        sentence="Whether the group is minoritized in the data set.", zero="no", one="yes",
        detail="Generation 0 only; no `epoch`.",
    ),
    _of_samples(
        name="label_share", title="share of labels", parts=("label",),
        sentence="The share of generated samples with a label, by the label annotator.",
    ),
    _of_samples(
        name="label_share_by_labeller", title="share of labels, by labeller", parts=("label",),
        sentence="The share of generated samples with a label, by the generation's labeller.",
        detail="This model labelled the samples that the generation learned from.",
    ),
    _of_samples(
        name="label_share_by_classifier", title="share of labels, by classifier", parts=("label",),
        sentence="The share of generated samples with a label, by the generation's classifier.",
    ),
    Entry(
        name="group_share", title="share of groups", roles=_LEARNERS, splits=("generated", "people"), parts=("group",),
        zero="none", one="all", undefined=_DIVERGED,
        sentence="The share of a group among generated samples, by the group annotator, or among real people.",
        detail="Role `generator`, split `generated`: among samples. Role `classifier`, split `people`: among the real "
        "people that models of this generation can draw, weighted by the probability of the draw. These rows exist "
        "with `policy.people` (for the first people of the training set, or the people of the generation) and with "
        "`response`. With `setting: people` the share is among the people of the round.",
    ),
    _of_samples(
        name="stratum_share", title="share of strata", parts=("stratum",),
        sentence="The share of generated samples in a stratum, by both annotators.",
    ),
    _of_samples(
        name="group_confidence", title="confidence in groups", parts=("group",), low=0.5,
        zero="", one="the annotator is certain",
        sentence="The mean margin between the group annotator's two largest probabilities, over samples of the group "
        "with a margin of .5 or more.",
        undefined="no such sample",
        source="Wyllie, Shumailov and Papernot, 2024, arXiv 2403.07857 (its figures leave out smaller margins)",
    ),
    *of_people.ENTRIES,
    *of_texts.ENTRIES,
)  # fmt: skip

CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""Every measure by its name, in the order of tables."""

OF_COUNTS = tuple(entry for entry in _ENTRIES if entry.formula is not None)
"""Measures of all people and of each group, from confusion counts."""

OF_CLASSIFIERS = tuple(entry for entry in _ENTRIES if entry.formula is not None or entry.worst_of)
"""These measures, and the measures that compare groups in several of them."""

HEADLINE = tuple((e.name, part) for part in PARTS for e in _ENTRIES if part in e.headline)
"""Name and part of the measures at the head of comparisons, summaries and pages about runs."""

JUDGED = tuple((e.name, part) for part in PARTS for e in _ENTRIES if part in e.judged)
"""Name and part of the measures that every audit judges."""

LIMITS = {
    entry.name if part == "overall" else f"{entry.name}_{part}": (entry.name, part)
    for entry in _ENTRIES
    if "log" in entry.splits
    for part in entry.parts
    if part != "group"
}
"""The names that `fairloop audit --fail-on` takes, each with its measure and part."""


def in_words(mark: str = "") -> str:
    """The names that `--fail-on` takes, as short text for help and docs. mark: around each name."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for entry in _ENTRIES:
        if "log" in entry.splits:
            kinds.setdefault(entry.parts, []).append(f"{mark}{entry.name}{mark}")
    return "; ".join(f"{', '.join(names)}{_endings(parts, mark)}" for parts, names in kinds.items())


def _endings(parts: tuple[str, ...], mark: str) -> str:
    endings = [f"{mark}_{part}{mark}" for part in parts if part in AGGREGATES]
    if "overall" not in parts:
        return f" with {' or '.join(endings)}"
    also = [*([f"with {', '.join(endings)}"] if endings else []), *(["of one [GROUP]"] if "group" in parts else [])]
    return f" (also {' or '.join(also)})" if also else ""
