"""The claims about controlled changes, which ask why a study found what it found, mostly where its source disagrees."""

from __future__ import annotations

from docs.studies.claims import ACCURACY, EO, FALLS, NONE, VERIFIED, Claim


def _labels_by_the_annotator(falls: str) -> list[Claim]:
    """The claims about one change: the annotator labels the samples, in place of the classifier before."""
    return [
        Claim(f"{falls} if the annotator labels the samples", ACCURACY, -1,
              "seqgen-nonseqclass @end", "seqgen-nonseqclass @0"),
        Claim("labels by the annotator keep more accuracy than labels by the classifier before", ACCURACY, 1,
              "seqgen-nonseqclass @end", "seqgen-seqclass @end"),
    ]  # fmt: skip


WHY: dict[str, list[Claim]] = {
    "accumulate": [
        Claim(f"{FALLS} if data replace each other and all generators learn for 20 epochs", ACCURACY, -1,
              "20 epochs @end", "20 epochs @0"),
        Claim("20 epochs in place of 8 keep more accuracy, if data replace each other", ACCURACY, 1,
              "20 epochs @end", "8 epochs @end"),
    ],
    "fresh": [
        *(
            Claim(f"{FALLS} with {people} people if {words}", ACCURACY, -1,
                  f"{arm}, {people} people @end", f"{arm}, {people} people @0")
            for people in ("fresh", "fixed")
            for words, arm in (
                ("the annotator labels the samples", "seqgen-nonseqclass, 8 epochs"),
                ("all generators learn for 20 epochs", "seqgen-seqclass, 20 epochs"),
                ("both are changed", "seqgen-nonseqclass, 20 epochs"),
            )
        ),
        *(
            Claim(f"{words} with fresh people", ACCURACY, 1, f"{one}, fresh people @end", f"{other}, fresh people @end")
            for words, one, other in (
                ("labels by the annotator raise accuracy after 8 epochs",
                 "seqgen-nonseqclass, 8 epochs", "seqgen-seqclass, 8 epochs"),
                ("labels by the annotator raise accuracy after 20 epochs",
                 "seqgen-nonseqclass, 20 epochs", "seqgen-seqclass, 20 epochs"),
                ("20 epochs raise accuracy under labels by the classifier before",
                 "seqgen-seqclass, 20 epochs", "seqgen-seqclass, 8 epochs"),
                ("20 epochs raise accuracy under labels by the annotator",
                 "seqgen-nonseqclass, 20 epochs", "seqgen-nonseqclass, 8 epochs"),
            )
        ),
        Claim("fresh people keep more accuracy than fixed ones if both are changed", ACCURACY, 1,
              "seqgen-nonseqclass, 20 epochs, fresh people @end", "seqgen-nonseqclass, 20 epochs, fixed people @end"),
        Claim("the EO difference grows from the first to the last generation with fresh people if both are changed",
              EO, 1, *(f"seqgen-nonseqclass, 20 epochs, fresh people @{at}" for at in ("end", "0"))),
    ],
    "detector": _labels_by_the_annotator(f"{FALLS} with a good detector"),
    "finetune": _labels_by_the_annotator(FALLS),
    "verify": [
        *(
            Claim(f"an annotator that leaves out a tenth keeps more accuracy than {words}{when}", ACCURACY, 1,
                  f"verifier (keep 0.9) @{at}", f"{other} @{at}")
            for at, when in (("1", " in generation 1"), ("end", ""))
            for words, other in (("no curation", NONE), ("one that leaves out half", VERIFIED))
        ),
    ],
    "contamination": [
        Claim("samples of a G_0 with 40 epochs have a lower EO difference than those of one with 20",
              EO, -1, "40 in G_0 @0", "20 in G_0 @0"),
        Claim("samples of a G_0 with 5 epochs have a higher EO difference than those of one with 20",
              EO, 1, "5 in G_0 @0", "20 in G_0 @0"),
        Claim("STAR lowers the EO difference with a G_0 of 5 epochs", EO, -1,
              "5 in G_0, STAR @0", "5 in G_0 @0"),
    ],
    "strong-collapse": [
        Claim("half of samples spoils a part of the accuracy that more people add", ACCURACY, -1,
              "classifiers: 50% real people, 2375 people @end", "classifiers: 50% real people, 600 people @end",
              beyond=("classifiers: 100% real people, 2375 people @end",
                      "classifiers: 100% real people, 600 people @end")),
        *(
            Claim(f"half of samples lowers accuracy with {words} people", ACCURACY, -1,
                  *(f"classifiers: {share}% real people, {people} people @end" for share in (50, 100)))
            for words, people in (("2,375", 2375), ("600", 600))
        ),
        Claim("more people raise accuracy, with half of samples", ACCURACY, 1,
              *(f"classifiers: 50% real people, {people} people @end" for people in (2375, 600))),
    ],
}  # fmt: skip
"""By study; the rows lie beside the study's, as NAME-why."""
