"""The claims that each study checks, about its source and about the groups, as differences paired by seed."""

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
    """A clause, and the difference that decides it.

    clause: a sentence that can be read alone. way: 1 if a difference above 0 supports the clause, -1 if one below 0
    does. one, other: an arm and a generation, `NAME @2`; `@end` is the last one. source: whether the study's source
    found this, found no such effect, found it in some cases, or is silent. beyond: a second difference, which is
    subtracted from the first.
    """

    clause: str
    measure: Measure
    way: Literal[1, -1]
    one: str
    other: str
    source: Literal["yes", "no", "mixed", ""] = ""
    beyond: tuple[str, str] | None = None


def _star(arm: str, generation: str, clause: str) -> Claim:
    """The claim that STAR lowers the EO difference of an arm."""
    return Claim(clause, EO, -1, f"{arm}, STAR @{generation}", f"{arm} @{generation}")


def _both_groups(one: str, other: str, cause: str, way: Literal[1, -1]) -> list[Claim]:
    verb = "raises" if way > 0 else "lowers"
    return [
        Claim(f"{cause} {verb} the accuracy of green", GREEN, way, one, other),
        Claim(f"{cause} {verb} the accuracy of red", RED, way, one, other),
    ]


_ENDS = (("0", "generation 0"), ("end", "the last generation"))
FALLS = "accuracy falls from the first to the last generation"
_THAN_REAL = "have a higher EO difference than real people alone in"
NONE, _HALF = "no curation", "classifiers: 50% real people"
_REAL, _SAMPLES = "classifiers: 100% real people", "classifiers: 0% real people"
_GOOD = "detector (true positive rate 0.9, false positive rate 0.1)"
_POOR = "detector (true positive rate 0.5, false positive rate 0.3)"
VERIFIED = "verifier (keep 0.5)"
_ALONE = "generators: 0% real people, fixed people, temperature 1"
_FIXED = "generators: 50% real people, fixed people, temperature 1"
_FRESH = "generators: 50% real people, fresh people, temperature 1"
_NARROW = "generators: 0% real people, fixed people, temperature 0.7"
_TASTE = "best-of (k 4, reward majoritized, temperature 2.0)"
_SURE = "best-of (k 4, reward confidence)"
_STAY = "0% of labels by people, all return"
_LEAVE = "0% of labels by people, 50% of rejected people return"
_HUMAN = "50% of labels by people, 50% of rejected people return"
_MANY, _FEW = "2375 people", "600 people"
_PLAIN, _STRONG = "P(green | label) [0.3, 0.7]", "P(green | label) [0.1, 0.9]"
_TUNED, _SCRATCH = "generator fine-tuned", "from scratch"
_GENERATORS = (  # in words, and as an arm
    ("the usual generators", "usual"),
    ("1.5 times the epochs", "1.5 times the epochs"),
    ("1.5 times the widths", "1.5 times the widths"),
)

CLAIMS: dict[str, list[Claim]] = {
    "accumulate": [
        Claim("accuracy falls less when data accumulate than when data replace each other", ACCURACY, 1,
              "accumulate @end", "accumulate @0", "yes", ("replace @end", "replace @0")),
        Claim("accuracy falls less when data accumulate and are subsampled than when data replace each other",
              ACCURACY, 1, "accumulate-subsample @end", "accumulate-subsample @0", "yes",
              ("replace @end", "replace @0")),
        Claim("accumulating data end with more accuracy than data that replace each other", ACCURACY, 1,
              "accumulate @end", "replace @end"),
        Claim(f"{FALLS} when data replace each other", ACCURACY, -1,
              "replace @end", "replace @0", "yes"),
        Claim(f"{FALLS} when data accumulate", ACCURACY, -1, "accumulate @end", "accumulate @0", "mixed"),
        Claim(f"{FALLS} when data accumulate and are subsampled", ACCURACY, -1,
              "accumulate-subsample @end", "accumulate-subsample @0", "yes"),
        *_both_groups("accumulate @end", "replace @end", "accumulation in place of replacement", 1),
        *(
            Claim(f"the EO difference grows from the first to the last generation when data {words}", EO, 1,
                  f"{arm} @end", f"{arm} @0")
            for words, arm in (
                ("replace each other", "replace"),
                ("accumulate", "accumulate"),
                ("accumulate and are subsampled", "accumulate-subsample"),
            )
        ),
        Claim("accumulation has a lower EO difference than replacement", EO, -1, "accumulate @end", "replace @end"),
        *(
            _star("accumulate-subsample", at,
                  f"STAR lowers the EO difference of data that accumulate and are subsampled in {when}")
            for at, when in _ENDS
        ),
    ],
    "verify": [
        Claim("verification by the annotator keeps more accuracy than no curation", ACCURACY, 1,
              f"{VERIFIED} @end", f"{NONE} @end", "yes"),
        Claim("verification by the annotator keeps more accuracy than no curation in generation 1",
              ACCURACY, 1, f"{VERIFIED} @1", f"{NONE} @1", "yes"),
        Claim("verification by the labeller itself lowers accuracy", ACCURACY, -1,
              "verifier (keep 0.5, by labeller) @end", f"{NONE} @end"),
        Claim("verification by an annotator that ranks 3 samples in 10 by their labels, and the others at random, "
              "keeps more accuracy than no curation", ACCURACY, 1,
              "verifier (keep 0.5, quality 0.3) @end", f"{NONE} @end"),
        *_both_groups("verifier (keep 0.5, by labeller) @end", f"{NONE} @end",
                      "verification by the labeller itself", -1),
        *(
            Claim(f"verification by the annotator raises the EO difference in {when}", EO, 1,
                  f"{VERIFIED} @{at}", f"{NONE} @{at}")
            for at, when in _ENDS
        ),
        *(
            _star(VERIFIED, at, f"STAR after verification by the annotator lowers the EO difference in {when}")
            for at, when in _ENDS
        ),
    ],
    "contamination": [
        Claim(f"samples alone {_THAN_REAL} generation 0", EO, 1,
              f"{_SAMPLES} @0", f"{_REAL} @0", "mixed"),
        Claim(f"half samples {_THAN_REAL} generation 0", EO, 1, f"{_HALF} @0", f"{_REAL} @0", "mixed"),
        Claim(f"samples alone {_THAN_REAL} the last generation", EO, 1, f"{_SAMPLES} @end", f"{_REAL} @end"),
        Claim(f"half samples {_THAN_REAL} the last generation", EO, 1, f"{_HALF} @end", f"{_REAL} @end"),
        *_both_groups(f"{_SAMPLES} @end", f"{_REAL} @end", "learning from samples alone", -1),
        _star(_REAL, "0", "STAR lowers the EO difference of real people alone in generation 0"),
        _star(_SAMPLES, "0", "STAR lowers the EO difference of samples alone in generation 0"),
        _star(_SAMPLES, "end", "STAR lowers the EO difference of samples alone in the last generation"),
    ],
    "baselines": [
        *(
            Claim(f"{name} lowers the EO difference in {when}", EO, -1, f"{arm} @{at}", f"{NONE} @{at}")
            for at, when in _ENDS
            for name, arm in (
                ("reweighing", "reweigh"),
                ("oversampling", "oversample"),
                ("the group-balanced loss", "group-balanced"),
                ("STAR", f"{NONE}, STAR"),
            )
        ),
        *(
            Claim(f"STAR {words} {name} in the last generation", measure, way, f"{NONE}, STAR @end", f"{arm} @end")
            for name, arm in (("reweighing", "reweigh"), ("oversampling", "oversample"))
            for words, measure, way in (
                ("has a lower EO difference than", EO, -1),
                ("keeps more accuracy than", ACCURACY, 1),
            )
        ),
        *_both_groups(f"{NONE}, STAR @end", f"{NONE} @end", "STAR", 1),
        *_both_groups("reweigh @end", f"{NONE} @end", "reweighing", 1),
        *_both_groups("oversample @end", f"{NONE} @end", "oversampling", -1),
    ],
    "budget": [
        *(
            Claim(f"STAR with {words} lowers the EO difference in generation 0", EO, -1, f"{arm} @0", "no STAR @0")
            for words, arm in (
                ("budget 0", "budget 0"),
                ("budget 16", "budget 16"),
                ("budget 96", "budget 96"),
            )
        ),
        *(
            Claim(f"STAR with {arm} lowers the EO difference in the last generation", EO, -1,
                  f"{arm} @end", "no STAR @end")
            for arm in ("budget 0", "budget 16", "budget 96")
        ),
        *(
            Claim(f"{more} has a lower EO difference than {less} in {when}", EO, -1, f"{more} @{at}", f"{less} @{at}")
            for at, when in _ENDS
            for more, less in (("budget 16", "budget 0"), ("budget 96", "budget 16"))
        ),
        *_both_groups("budget 16 @end", "no STAR @end", "STAR with budget 16", 1),
    ],
    "fresh": [
        Claim(f"{FALLS} without real people", ACCURACY, -1,
              f"{_ALONE} @end", f"{_ALONE} @0", "yes"),
        Claim(f"{FALLS} with fixed people", ACCURACY, -1, f"{_FIXED} @end", f"{_FIXED} @0", "yes"),
        Claim(f"{FALLS} with fresh people", ACCURACY, -1, f"{_FRESH} @end", f"{_FRESH} @0", "no"),
        Claim("fresh people keep more accuracy than fixed ones", ACCURACY, 1,
              f"{_FRESH} @end", f"{_FIXED} @end", "yes"),
        Claim("fixed people keep more accuracy than no people", ACCURACY, 1, f"{_FIXED} @end", f"{_ALONE} @end", "yes"),
        Claim("a temperature of 0.7 lowers accuracy", ACCURACY, -1, f"{_NARROW} @end", f"{_ALONE} @end"),
        *(
            Claim(f"the accuracy of {group} falls from the first to the last generation with fresh people",
                  measure, -1, f"{_FRESH} @end", f"{_FRESH} @0")
            for group, measure in (("green", GREEN), ("red", RED))
        ),
        *_both_groups(f"{_FRESH} @end", f"{_ALONE} @end", "adding fresh people", 1),
        *_both_groups(f"{_NARROW} @end", f"{_ALONE} @end", "a temperature of 0.7", -1),
        Claim("a temperature of 0.7 lowers the share of red among samples",
              SHARE, -1, f"{_NARROW} @end", f"{_ALONE} @end"),
    ],
    "subgroups": [
        Claim("the EO difference grows over the generations with the published bias",
              EO, 1, f"{_PLAIN} @end", f"{_PLAIN} @0"),
        Claim("the EO difference grows over the generations with the stronger bias",
              EO, 1, f"{_STRONG} @end", f"{_STRONG} @0"),
        _star(_PLAIN, "end", "STAR lowers the EO difference with the published bias"),
        _star(_STRONG, "end", "STAR lowers the EO difference with the stronger bias"),
        *(
            Claim(f"the EO difference grows over the generations with the {words} bias and STAR",
                  EO, 1, f"{arm}, STAR @end", f"{arm}, STAR @0")
            for words, arm in (("published", _PLAIN), ("stronger", _STRONG))
        ),
        *(
            Claim(f"{FALLS} with the {words} bias{ending}", ACCURACY, -1, f"{arm}{star} @end", f"{arm}{star} @0")
            for words, arm in (("published", _PLAIN), ("stronger", _STRONG))
            for ending, star in (("", ""), (" and STAR", ", STAR"))
        ),
        *(
            Claim(f"STAR lowers accuracy with the {words} bias", ACCURACY, -1, f"{arm}, STAR @end", f"{arm} @end")
            for words, arm in (("published", _PLAIN), ("stronger", _STRONG))
        ),
    ],
    "finetune": [
        Claim(f"{FALLS} with half real people and fine-tuning", ACCURACY,
              -1, f"generators: 50% real people, {_TUNED} @end", f"generators: 50% real people, {_TUNED} @0", "no"),
        Claim("half real people keep more accuracy than no people, with fine-tuning", ACCURACY, 1,
              f"generators: 50% real people, {_TUNED} @end", f"generators: 0% real people, {_TUNED} @end", "yes"),
        Claim("fine-tuned generators keep more accuracy than those from scratch, without real people", ACCURACY, 1,
              f"generators: 0% real people, {_TUNED} @end", f"generators: 0% real people, {_SCRATCH} @end"),
        Claim("fine-tuned generators keep more accuracy than those from scratch, with half real people", ACCURACY, 1,
              f"generators: 50% real people, {_TUNED} @end", f"generators: 50% real people, {_SCRATCH} @end"),
        *_both_groups(f"generators: 50% real people, {_TUNED} @end", f"generators: 50% real people, {_SCRATCH} @end",
                      "fine-tuning with half real people", 1),
        _star(f"generators: 50% real people, {_TUNED}", "end",
              "STAR lowers the EO difference with half real people and fine-tuning"),
    ],
    "best-of": [
        Claim("a taste for the majoritized group lowers the share of red among samples", SHARE, -1,
              f"{_TASTE} @end", f"{NONE} @end", "yes"),
        Claim("a reward for confidence lowers the share of red among samples",
              SHARE, -1, f"{_SURE} @end", f"{NONE} @end"),
        Claim("a taste for the majoritized group lowers the accuracy of red",
              RED, -1, f"{_TASTE} @end", f"{NONE} @end"),
        Claim("a taste for the majoritized group raises the EO difference", EO, 1, f"{_TASTE} @end", f"{NONE} @end"),
        Claim("a reward for confidence lowers accuracy", ACCURACY, -1, f"{_SURE} @end", f"{NONE} @end"),
        Claim("a reward for confidence raises the EO difference", EO, 1, f"{_SURE} @end", f"{NONE} @end"),
        _star(_TASTE, "end", "STAR on the classifier lowers the EO difference with a taste for the majoritized group"),
    ],
    "detector": [
        Claim(f"{FALLS} with a good detector", ACCURACY, -1, f"{_GOOD} @end", f"{_GOOD} @0", "no"),
        Claim("a good detector keeps more accuracy than no detector",
              ACCURACY, 1, f"{_GOOD} @end", f"{NONE} @end", "yes"),
        Claim("a poor detector keeps more accuracy than no detector", ACCURACY, 1, f"{_POOR} @end", f"{NONE} @end"),
        *_both_groups(f"{_GOOD} @end", f"{NONE} @end", "a good detector", 1),
        Claim("a good detector raises the EO difference", EO, 1, f"{_GOOD} @end", f"{NONE} @end"),
        Claim("a good detector raises the share of red among samples", SHARE, 1, f"{_GOOD} @end", f"{NONE} @end"),
        _star(_GOOD, "end", "STAR lowers the EO difference with a good detector"),
        *(
            Claim(f"a {words} detector {verb} than no detector, both with STAR",
                  measure, way, f"{arm}, STAR @end", f"{NONE}, STAR @end")
            for words, arm in (("good", _GOOD), ("poor", _POOR))
            for verb, measure, way in (("keeps more accuracy", ACCURACY, 1), ("has a lower EO difference", EO, -1))
        ),
    ],
    "leaving": [
        Claim("the share of red among people falls from the first to the last generation if rejected people leave",
              LEFT, -1, f"{_LEAVE} @end", f"{_LEAVE} @0"),
        Claim("accuracy is lower if rejected people leave than if all return",
              ACCURACY, -1, f"{_LEAVE} @end", f"{_STAY} @end"),
        *_both_groups(f"{_LEAVE} @end", f"{_STAY} @end", "the leaving of rejected people", -1),
        Claim("the EO difference is higher if rejected people leave than if all return",
              EO, 1, f"{_LEAVE} @end", f"{_STAY} @end"),
        Claim("STAR raises the share of red among people if rejected people leave",
              LEFT, 1, f"{_LEAVE}, STAR @end", f"{_LEAVE} @end"),
        Claim("labels by people for half of the samples raise the share of red among people", LEFT, 1,
              f"{_HUMAN} @end", f"{_LEAVE} @end"),
        _star(_LEAVE, "end", "STAR lowers the EO difference if rejected people leave"),
        _star(_HUMAN, "end",
              "STAR lowers the EO difference if rejected people leave and people label half of the samples"),
        *_both_groups(f"{_LEAVE}, STAR @end", f"{_LEAVE} @end", "STAR, where rejected people leave,", 1),
    ],
    "strong-collapse": [
        Claim("a tenth of samples spoils a part of the accuracy that more people add", ACCURACY, -1,
              f"classifiers: 90% real people, {_MANY} @end", f"classifiers: 90% real people, {_FEW} @end", "yes",
              (f"{_REAL}, {_MANY} @end", f"{_REAL}, {_FEW} @end")),
        Claim("more people raise accuracy, with real people alone", ACCURACY, 1,
              f"{_REAL}, {_MANY} @end", f"{_REAL}, {_FEW} @end"),
        Claim("a tenth of samples lowers accuracy with 2,375 people", ACCURACY, -1,
              f"classifiers: 90% real people, {_MANY} @end", f"{_REAL}, {_MANY} @end", "yes"),
        Claim("a tenth of samples lowers accuracy with 600 people", ACCURACY, -1,
              f"classifiers: 90% real people, {_FEW} @end", f"{_REAL}, {_FEW} @end"),
        Claim("a tenth of samples raises the EO difference with 2,375 people", EO, 1,
              f"classifiers: 90% real people, {_MANY} @end", f"{_REAL}, {_MANY} @end"),
        _star(f"classifiers: 90% real people, {_MANY}", "end",
              "STAR lowers the EO difference with a tenth of samples and 2,375 people"),
    ],
    "generators": [
        *(
            Claim(f"accuracy falls less with {arm} than with the usual generators", ACCURACY, 1,
                  f"{arm} @end", f"{arm} @0", beyond=("usual @end", "usual @0"))
            for _, arm in _GENERATORS[1:]
        ),
        *(
            Claim(f"{FALLS} with {words}", ACCURACY, -1, f"{arm} @end", f"{arm} @0")
            for words, arm in _GENERATORS
        ),
        *(
            Claim(f"{arm} {verb}", measure, way, f"{arm} @{at}", f"usual @{at}")
            for _, arm in _GENERATORS[1:]
            for verb, measure, way, at in (
                ("raise accuracy in generation 0", ACCURACY, 1, "0"),
                ("raise accuracy in the last generation", ACCURACY, 1, "end"),
                ("lower the EO difference in the last generation", EO, -1, "end"),
            )
        ),
        *(_star(arm, "end", f"STAR lowers the EO difference with {words}") for words, arm in _GENERATORS),
        *(
            Claim(f"STAR lowers the EO difference more with {arm} than with the usual generators", EO, -1,
                  f"{arm}, STAR @end", f"{arm} @end", beyond=("usual, STAR @end", "usual @end"))
            for _, arm in _GENERATORS[1:]
        ),
        *(
            Claim(f"STAR lowers the accuracy of red with {words}", RED, -1, f"{arm}, STAR @end", f"{arm} @end")
            for words, arm in _GENERATORS
        ),
        *(
            Claim(f"STAR lowers the accuracy of red less with {arm} than with the usual generators", RED, 1,
                  f"{arm}, STAR @end", f"{arm} @end", beyond=("usual, STAR @end", "usual @end"))
            for _, arm in _GENERATORS[1:]
        ),
    ],
}  # fmt: skip


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
    "generators": "none (do the findings depend on weak generators?)",
}
"""The papers that gave each study its question, as `docs/evidence/papers.md` lists them."""
