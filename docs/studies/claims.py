"""The claims that each study checks: those of its source, and who is concerned, as differences paired by seed."""

from __future__ import annotations

from typing import Literal, NamedTuple

from fairloop.report.figures.measures import Measure, of_classifier

ACCURACY = of_classifier("accuracy")
RED = of_classifier("accuracy", "red", called="accuracy of red")
GREEN = of_classifier("accuracy", "green", called="accuracy of green")
EO = of_classifier("equalized_odds", "difference")
SHARE = Measure("share of red", "", "generator", "generated", "red", "group_share")
LEFT = Measure("red among people", "", "classifier", "people", "red", "group_share")


class Claim(NamedTuple):
    """A clause, and the difference that decides whether it holds.

    way: 1 if the clause holds where the difference is above 0, -1 where it is below. one, other: an arm and a
    generation, `NAME @2`; `@end` is the last one. source: whether the study's source says so, says the contrary, or is
    silent. beyond: a second difference, which is taken from the first.
    """

    clause: str
    measure: Measure
    way: Literal[1, -1]
    one: str
    other: str
    source: Literal["yes", "no", ""] = ""
    beyond: tuple[str, str] | None = None


def _star(arm: str, generation: str, clause: str) -> Claim:
    """The claim that STAR lowers the EO difference of an arm."""
    return Claim(clause, EO, -1, f"{arm}, STAR @{generation}", f"{arm} @{generation}")


def _both_groups(one: str, other: str, cause: str, way: Literal[1, -1]) -> list[Claim]:
    verb = "gain" if way > 0 else "lose"
    return [
        Claim(f"green {verb} accuracy by {cause}", GREEN, way, one, other),
        Claim(f"red {verb} accuracy by {cause}", RED, way, one, other),
    ]


_NONE, _HALF = "no curation", "classifiers: 50% real people"
_REAL, _SAMPLES = "classifiers: 100% real people", "classifiers: 0% real people"
_GOOD = "detector (true positive rate 0.9, false positive rate 0.1)"
_POOR = "detector (true positive rate 0.5, false positive rate 0.3)"
_KEPT = "verifier (keep 0.5)"
_ALONE = "generators: 0% real people, fixed people, temperature 1"
_FIXED = "generators: 50% real people, fixed people, temperature 1"
_FRESH = "generators: 50% real people, fresh people, temperature 1"
_NARROW = "generators: 0% real people, fixed people, temperature 0.7"
_TASTE = "best-of (k 4, reward majoritized, temperature 2.0)"
_SURE = "best-of (k 4, reward confidence)"
_STAY = "0% of labels by people, all return"
_LEAVE = "0% of labels by people, who returns: [[0.5, 1.0], [0.5, 1.0]]"
_HUMAN = "50% of labels by people, who returns: [[0.5, 1.0], [0.5, 1.0]]"
_MANY, _FEW = "2375 people", "600 people"
_PLAIN, _STRONG = "P(green | label) [0.3, 0.7]", "P(green | label) [0.1, 0.9]"
_TUNED, _SCRATCH = "generator fine-tuned", "from scratch"

CLAIMS: dict[str, list[Claim]] = {
    "accumulate": [
        Claim("accumulating data keep more accuracy than data that replace each other", ACCURACY, 1,
              "accumulate @end", "replace @end", "yes"),
        Claim("accuracy falls from the first to the last generation when data replace each other", ACCURACY, -1,
              "replace @end", "replace @0", "yes"),
        Claim("accuracy falls when data accumulate", ACCURACY, -1, "accumulate @end", "accumulate @0", "no"),
        Claim("accuracy falls when as many data as one generation makes are drawn from all so far", ACCURACY, -1,
              "accumulate-subsample @end", "accumulate-subsample @0", "yes"),
        *_both_groups("accumulate @end", "replace @end", "accumulation in place of replacement", 1),
        Claim("accumulation has a lower EO difference than replacement", EO, -1, "accumulate @end", "replace @end"),
        _star("accumulate", "0", "STAR lowers the EO difference of accumulating data in generation 0"),
        _star("accumulate", "end", "STAR lowers the EO difference of accumulating data in the last generation"),
    ],
    "verify": [
        Claim("verification by the annotator keeps more accuracy than no curation", ACCURACY, 1,
              f"{_KEPT} @end", f"{_NONE} @end", "yes"),
        Claim("it does so at first, in generation 1", ACCURACY, 1, f"{_KEPT} @1", f"{_NONE} @1", "yes"),
        Claim("verification by the labeller itself costs accuracy", ACCURACY, -1,
              "verifier (keep 0.5, by labeller) @end", f"{_NONE} @end", "yes"),
        Claim("an annotator that judges 3 samples in 10 keeps more accuracy than no curation", ACCURACY, 1,
              "verifier (keep 0.5, quality 0.3) @end", f"{_NONE} @end"),
        *_both_groups("verifier (keep 0.5, by labeller) @end", f"{_NONE} @end", "the labeller's own verification", -1),
        Claim("the annotator's verification raises the EO difference", EO, 1, f"{_KEPT} @end", f"{_NONE} @end"),
        _star(_KEPT, "end", "STAR after the annotator's verification lowers the EO difference"),
    ],
    "contamination": [
        Claim("in the single step samples alone raise the EO difference, less real people alone", EO, 1,
              f"{_SAMPLES} @0", f"{_REAL} @0", "no"),
        Claim("in the single step half samples raise it", EO, 1, f"{_HALF} @0", f"{_REAL} @0", "no"),
        Claim("in the last generation samples alone raise it", EO, 1, f"{_SAMPLES} @end", f"{_REAL} @end"),
        Claim("in the last generation half samples raise it", EO, 1, f"{_HALF} @end", f"{_REAL} @end"),
        *_both_groups(f"{_SAMPLES} @end", f"{_REAL} @end", "samples alone", -1),
        _star(_REAL, "0", "STAR lowers the EO difference of the single step with real people"),
        _star(_SAMPLES, "0", "STAR lowers the EO difference of the single step with samples alone"),
        _star(_SAMPLES, "end", "STAR lowers the EO difference of the last generation with samples alone"),
    ],
    "baselines": [
        *(
            Claim(f"{name} lowers the EO difference of {when}", EO, -1, f"{arm} @{at}", f"{_NONE} @{at}", source)
            for at, when in (("0", "generation 0"), ("end", "the last generation"))
            for name, arm, source in (
                ("reweighing", "reweigh", "yes"),
                ("oversampling", "oversample", ""),
                ("the group-balanced loss", "group-balanced", ""),
                ("STAR", f"{_NONE}, STAR", "yes"),
            )
        ),
        *_both_groups(f"{_NONE}, STAR @end", f"{_NONE} @end", "STAR", 1),
        *_both_groups("reweigh @end", f"{_NONE} @end", "reweighing", 1),
    ],
    "budget": [
        *(
            Claim(f"STAR with {words} lowers the EO difference of generation 0", EO, -1, f"{arm} @0", "no STAR @0")
            for words, arm in (
                ("no extra candidate", "budget 0"),
                ("half a batch more", "budget 16"),
                ("three batches more", "budget 96"),
            )
        ),
        Claim("three batches more lower it further than none", EO, -1, "budget 96 @0", "budget 0 @0"),
        Claim("in the last generation STAR with half a batch more lowers it", EO, -1, "budget 16 @end", "no STAR @end"),
        Claim("in the last generation three batches more lower it further than none", EO, -1,
              "budget 96 @end", "budget 0 @end"),
        *_both_groups("budget 16 @end", "no STAR @end", "STAR with half a batch more", 1),
    ],
    "fresh": [
        Claim("accuracy falls from the first to the last generation without real people", ACCURACY, -1,
              f"{_ALONE} @end", f"{_ALONE} @0", "yes"),
        Claim("fresh people keep more accuracy than fixed ones", ACCURACY, 1,
              f"{_FRESH} @end", f"{_FIXED} @end", "yes"),
        Claim("fixed people keep more accuracy than none", ACCURACY, 1, f"{_FIXED} @end", f"{_ALONE} @end", "yes"),
        Claim("samples nearer to the middle cost accuracy", ACCURACY, -1, f"{_NARROW} @end", f"{_ALONE} @end"),
        *_both_groups(f"{_FRESH} @end", f"{_ALONE} @end", "fresh people in place of none", 1),
        *_both_groups(f"{_NARROW} @end", f"{_ALONE} @end", "samples nearer to the middle", -1),
        Claim("they lower the share of red among samples", SHARE, -1, f"{_NARROW} @end", f"{_ALONE} @end"),
    ],
    "subgroups": [
        Claim("the EO difference grows with the published bias", EO, 1, f"{_PLAIN} @end", f"{_PLAIN} @0"),
        Claim("it grows with the stronger bias", EO, 1, f"{_STRONG} @end", f"{_STRONG} @0"),
        _star(_PLAIN, "end", "STAR lowers the EO difference of the published bias"),
        _star(_STRONG, "end", "STAR lowers the EO difference of the stronger bias"),
        Claim("it grows with the published bias under STAR", EO, 1, f"{_PLAIN}, STAR @end", f"{_PLAIN}, STAR @0"),
        Claim("STAR costs accuracy with the stronger bias", ACCURACY, -1, f"{_STRONG}, STAR @end", f"{_STRONG} @end"),
    ],
    "finetune": [
        Claim("with half real people and fine-tuning accuracy falls from the first to the last generation", ACCURACY,
              -1, f"generators: 50% real people, {_TUNED} @end", f"generators: 50% real people, {_TUNED} @0", "no"),
        Claim("half real people keep more accuracy than none, with fine-tuning", ACCURACY, 1,
              f"generators: 50% real people, {_TUNED} @end", f"generators: 0% real people, {_TUNED} @end", "yes"),
        Claim("fine-tuned generators keep more accuracy than those from scratch, without real people", ACCURACY, 1,
              f"generators: 0% real people, {_TUNED} @end", f"generators: 0% real people, {_SCRATCH} @end"),
        Claim("they do so with half real people", ACCURACY, 1,
              f"generators: 50% real people, {_TUNED} @end", f"generators: 50% real people, {_SCRATCH} @end"),
        *_both_groups(f"generators: 50% real people, {_TUNED} @end", f"generators: 50% real people, {_SCRATCH} @end",
                      "fine-tuning with half real people", 1),
        _star(f"generators: 50% real people, {_TUNED}", "end", "STAR lowers the EO difference there"),
    ],
    "best-of": [
        Claim("a taste for the majoritized group lowers the share of red among samples", SHARE, -1,
              f"{_TASTE} @end", f"{_NONE} @end", "yes"),
        Claim("a reward for confidence lowers it", SHARE, -1, f"{_SURE} @end", f"{_NONE} @end"),
        Claim("the taste for the majoritized group costs red accuracy", RED, -1, f"{_TASTE} @end", f"{_NONE} @end"),
        Claim("it raises the EO difference", EO, 1, f"{_TASTE} @end", f"{_NONE} @end"),
        Claim("the reward for confidence costs accuracy", ACCURACY, -1, f"{_SURE} @end", f"{_NONE} @end"),
        _star(_TASTE, "end", "STAR on the classifier lowers the EO difference under that taste"),
    ],
    "detector": [
        Claim("a good detector keeps more accuracy than none", ACCURACY, 1, f"{_GOOD} @end", f"{_NONE} @end", "yes"),
        Claim("a poor one does so", ACCURACY, 1, f"{_POOR} @end", f"{_NONE} @end"),
        *_both_groups(f"{_GOOD} @end", f"{_NONE} @end", "the good detector", 1),
        Claim("the good detector raises the EO difference", EO, 1, f"{_GOOD} @end", f"{_NONE} @end"),
        Claim("it changes the share of red among samples for the better", SHARE, 1, f"{_GOOD} @end", f"{_NONE} @end"),
    ],
    "leaving": [
        Claim("red become fewer among people from the first to the last generation where those who were refused leave",
              LEFT, -1, f"{_LEAVE} @end", f"{_LEAVE} @0"),
        Claim("accuracy is lower there than where all return", ACCURACY, -1, f"{_LEAVE} @end", f"{_STAY} @end"),
        *_both_groups(f"{_LEAVE} @end", f"{_STAY} @end", "others' leaving", -1),
        Claim("the EO difference is higher there than where all return", EO, 1, f"{_LEAVE} @end", f"{_STAY} @end"),
        Claim("STAR keeps more red among people where they leave", LEFT, 1, f"{_LEAVE}, STAR @end", f"{_LEAVE} @end"),
        Claim("people who label half of the samples keep more red among people", LEFT, 1,
              f"{_HUMAN} @end", f"{_LEAVE} @end"),
        Claim("STAR in every round lowers the EO difference where people leave", EO, -1,
              f"{_LEAVE}, STAR @end", f"{_LEAVE} @end", "no"),
    ],
    "strong-collapse": [
        Claim("a tenth of samples spoils a part of the accuracy that more people bring", ACCURACY, -1,
              f"classifiers: 90% real people, {_MANY} @end", f"classifiers: 90% real people, {_FEW} @end", "yes",
              (f"{_REAL}, {_MANY} @end", f"{_REAL}, {_FEW} @end")),
        Claim("more people bring accuracy, with real people alone", ACCURACY, 1,
              f"{_REAL}, {_MANY} @end", f"{_REAL}, {_FEW} @end"),
        Claim("a tenth of samples costs accuracy with many people", ACCURACY, -1,
              f"classifiers: 90% real people, {_MANY} @end", f"{_REAL}, {_MANY} @end", "yes"),
        Claim("it does so with few", ACCURACY, -1,
              f"classifiers: 90% real people, {_FEW} @end", f"{_REAL}, {_FEW} @end"),
        Claim("a tenth of samples raises the EO difference with many people", EO, 1,
              f"classifiers: 90% real people, {_MANY} @end", f"{_REAL}, {_MANY} @end"),
        _star(f"classifiers: 90% real people, {_MANY}", "end", "STAR lowers it there"),
    ],
    "generators": [
        *(
            Claim(f"{words} {verb}", measure, way, f"{arm} @{at}", f"usual @{at}")
            for words, arm in (("twice the epochs", "twice the epochs"), ("twice the widths", "twice the widths"))
            for verb, measure, way, at in (
                ("raise accuracy in generation 0", ACCURACY, 1, "0"),
                ("raise accuracy in the last generation", ACCURACY, 1, "end"),
                ("lower the EO difference in the last generation", EO, -1, "end"),
            )
        ),
        *(
            Claim(f"STAR costs red accuracy with {words}", RED, -1, f"{arm}, STAR @end", f"{arm} @end")
            for words, arm in (
                ("the usual generators", "usual"),
                ("twice the epochs", "twice the epochs"),
                ("twice the widths", "twice the widths"),
            )
        ),
    ],
}  # fmt: skip

WHY: dict[str, list[Claim]] = {
    "verify": [
        Claim("the annotator keeps more accuracy than no curation where it leaves out a tenth in place of half",
              ACCURACY, 1, "verifier (keep 0.9) @end", f"{_NONE} @end"),
        Claim("it keeps more accuracy than with half left out", ACCURACY, 1,
              "verifier (keep 0.9) @end", f"{_KEPT} @end"),
    ],
    "contamination": [
        Claim("samples of a generator that learned twice as long have a lower EO difference than usual ones",
              EO, -1, "16 in G_0 @0", "8 in G_0 @0"),
        Claim("samples of one that learned for a quarter of the epochs have a higher one", EO, 1,
              "2 in G_0 @0", "8 in G_0 @0"),
        Claim("STAR lowers the EO difference where the generator learned for a quarter of the epochs", EO, -1,
              "2 in G_0, STAR @0", "2 in G_0 @0"),
    ],
}  # fmt: skip
"""Controlled changes where a study and its source disagree; their rows stand beside the study's, as NAME-why."""


def _arxiv(number: str) -> str:
    return f"arXiv [{number}](https://arxiv.org/abs/{number})"


PAPERS = {
    "accumulate": f"Gerstgrasser et al., {_arxiv('2404.01413')}; Kazdan et al., {_arxiv('2410.16713')}",
    "verify": f"Feng et al., {_arxiv('2406.07515')}; Yi and Liu et al., {_arxiv('2510.16657')}",
    "contamination": f"Chen et al., {_arxiv('2404.03242')}",
    "fresh": f"Alemohammad et al., {_arxiv('2307.01850')}",
    "subgroups": f"Zhang et al., {_arxiv('2410.10160')}",
    "finetune": f"Bertrand et al., {_arxiv('2310.00429')}",
    "best-of": f"Ferbach et al., {_arxiv('2407.09499')}",
    "detector": f"Drayson et al., {_arxiv('2502.15654')}",
    "leaving": f"Xie and Zhang, {_arxiv('2405.08027')}",
    "strong-collapse": f"Dohmatob et al., {_arxiv('2410.04840')}",
    "baselines": "Kamiran and Calders, 2012 (reweighing)",
    "budget": "Wyllie et al., arXiv 2403.07857 (the budget)",
    "generators": "none: are the findings those of weak generators?",
}
"""The papers that gave each study its question, as `docs/evidence/papers.md` lists them."""
