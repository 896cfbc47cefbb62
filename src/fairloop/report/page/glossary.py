"""The words of the page: names of measures and roles, and terms with their meaning. docs/vocabulary.md has more
terms.
"""

from fairloop.metrics import statistics
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.entry import AGGREGATES, GOOD
from fairloop.report import compare

METRICS = {
    entry.name: [entry.title, entry.sentence, {part: GOOD[entry.good(part)] for part in (*AGGREGATES, "overall")}]
    for entry in CATALOGUE.values()
}
"""Title, sentence and good direction (by part) of each measure, for the page's script."""

ROLES = {
    "classifier": "classifiers",
    "generator": "generators and their samples",
    "label_annotator": "label annotator",
    "group_annotator": "group annotator",
    "labeller": "makers of labels",
    "people": "people and their response",
}

READING = (
    (
        "difference between groups",
        "Of the group with the largest value and the group with the smallest. 0 is not good news by itself: a "
        "classifier that treats all people alike because it has learned nothing has it, too.",
    ),
)
"""Terms on every page, and their meaning."""

READING_OF_ROUNDS = (
    (
        "round of people",
        "With setting=people a generation is a round: people come, the classifier before decides about them, they "
        "respond, and a classifier learns from the outcomes that are known. Measures of classifiers are those of the "
        "decisions in the round.",
    ),
    (
        "splits true and observed",
        "All people of the round with true outcomes; and the people with known outcomes, the data of the decision "
        "maker.",
    ),
)
"""Terms on pages about rounds of people."""

READING_OF_RUNS = (
    (
        "generation",
        "One round of the loop: a generator and a classifier are trained on data of the round before.",
    ),
    ("case", "Runs that differ in their seed only. Lines and numbers are means over the seeds that have a value."),
    (
        "95 % interval",
        f"Of the mean over seeds, Student's t, for {statistics.FEWEST_SEEDS} seeds or more; each holds alone, not "
        "all at once. It is about seeds, not about other data. Without an interval, or where it holds 0, a change "
        "or difference is not distinguishable from none. With fewer seeds the lowest and the highest seed's value "
        "are shown.",
    ),
    (
        "band that a measure is outside of",
        "It lies around no difference, paired by seed: a case's own band around its first generation, another "
        "case's around that case at the same generation. It holds at all generations at once: if there is no "
        "difference, it is left at any generation in at most 5 % of studies. Signs of whole curves are flipped by "
        f"seed to find its width; fewer than {statistics.FEWEST_IN_BAND} seeds cannot attain that level, and have "
        "none.",
    ),
    (
        "paired by seed",
        "Runs of the same seed share their random numbers, so they are subtracted seed by seed before anything is "
        "averaged.",
    ),
    (
        "collapse",
        f"The first generation with an accuracy below {compare.ACCURACY_BELOW:g}, or a share of minoritized groups "
        f"below {compare.SHARE_BELOW:g}: the median over seeds, in brackets the range. fairloop compare takes other "
        "limits.",
    ),
    ("STAR", "Stratified sampling reparation: batches are chosen from spare candidates, to fill each stratum's quota."),
    ("stratum", "People or samples of one label and one group."),
    ("labels and groups of generated samples", "Opinions of models: no person stands behind a generated sample."),
)
"""Terms on pages about runs."""
