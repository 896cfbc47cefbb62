"""The samples that a model trains on: as they come, curated towards a fairness ideal by STAR, or otherwise chosen."""

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
"""The former name of `CURATORS`, for one more release."""
