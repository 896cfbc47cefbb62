"""Curation of the samples that a model trains on: none, STAR towards a fairness ideal, or other curators."""

CURATORS = {
    "verifier": "fairloop.curation.choices:Verifier",
    "confident": "fairloop.curation.choices:Confident",
    "best-of": "fairloop.curation.choices:BestOf",
    "detector": "fairloop.curation.choices:Detector",
    "oversample": "fairloop.curation.balance:Oversample",
    "reweigh": "fairloop.curation.balance:Reweigh",
    "group-balanced": "fairloop.curation.balance:GroupBalanced",
}
"""The curators that `curation.steps` can name."""

CURATIONS = CURATORS
"""The former name of `CURATORS`. The next release removes it."""
