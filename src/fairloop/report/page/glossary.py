"""What readers who do not know the tables call a metric, and what it is. `docs/vocabulary.md` defines each fully."""

from fairloop.metrics import statistics
from fairloop.report import compare

METRICS = {
    "accuracy": ("accuracy", "Share of people whose label is predicted right."),
    "selection_rate": ("selection rate", "Share of people who are given the beneficial label."),
    "tpr": ("true positive rate", "Share given the beneficial label, of those who have it."),
    "fnr": ("false negative rate", "Share denied the beneficial label, of those who have it."),
    "fpr": ("false positive rate", "Share given the beneficial label, of those who do not have it."),
    "tnr": ("true negative rate", "Share denied the beneficial label, of those who do not have it."),
    "count": ("count", "Number of people measured."),
    "demographic_parity": (
        "demographic parity",
        "How far apart groups' selection rates are. As a difference 0 is parity, as a ratio 1.",
    ),
    "equalized_odds": (
        "equalized odds",
        "How far apart groups' true and false positive rates are, the worse of the two. As a difference 0 is equal "
        "odds, as a ratio 1.",
    ),
    "loss": ("loss", "Mean training loss in the generation's last epoch."),
    "star_redrawn": ("redrawn by STAR", "Mean number of samples in a curated batch that its candidates lacked."),
    "star_candidates": ("candidates of STAR", "Mean number of candidates in a stratum, before any was chosen."),
    "star_batch": ("batch of STAR", "Number of samples that STAR curates in a batch."),
    "star_quota": ("quota of STAR", "Number of samples of a stratum that STAR wants in a curated batch."),
    "curation_offered": ("offered to curations", "Mean number of samples in a stratum that the first step drew."),
    "curation_chosen": ("chosen by curations", "Mean number that the last step let through, by their weights."),
    "origin_share": ("share of origins", "Share of what a model learned from, by who made it and who labelled it."),
    "diverged_at_batch": (
        "diverged at batch",
        "The batch at which loss or weights stopped being finite.",
    ),
    "label_share": ("share of labels", "Share of generated samples with a label, as the label annotator names it."),
    "label_share_by_labeller": (
        "share of labels, by labeller",
        "The same, as named by who labelled what the generation learned from.",
    ),
    "label_share_by_classifier": ("share of labels, by classifier", "The same, as the generation's classifier says."),
    "model_made_share": ("labels made by models", "Share of labels that a model made, of those whose maker is known."),
    "minoritized": ("minoritized", "Whether the data set calls a group minoritized: 1 if it does, 0 if not."),
    "group_share": (
        "share of groups",
        "Share of a group of generated samples, as the annotator names it, or of people.",
    ),
    "stratum_share": ("share of strata", "Share of generated samples of a label and group, as the annotators say."),
    "group_confidence": (
        "confidence in groups",
        "Mean margin by which the group annotator is sure, over samples where it is .5 or more.",
    ),
}
"""By its name in tables: title, and one sentence."""

ROLES = {
    "classifier": "classifiers",
    "generator": "generators and their samples",
    "label_annotator": "label annotator",
    "group_annotator": "group annotator",
    "labeller": "who made the labels",
}

READING = (
    (
        "difference between groups",
        "Of the group with the largest value and the group with the smallest. 0 is not good news by itself: a "
        "classifier that treats everyone alike because it has learned nothing has it, too.",
    ),
)
"""Terms on every page, and what they mean."""

READING_OF_RUNS = (
    (
        "generation",
        "One round of the loop: a generator and a classifier are trained on what the round before left behind.",
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
    ("labels and groups of generated samples", "Nobody stands behind a generated sample. These are models' opinions."),
)
"""Terms on pages about runs."""
