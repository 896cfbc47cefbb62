"""The publishers of the data sets: their pages, terms, and files for direct download."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFile:
    """A file on a publisher's server.

    address: of the folder, up to its last slash.
    sha256: of the content, unpacked if the name ends in .gz. None if it is unknown.
    """

    name: str
    address: str
    sha256: str | None = None


@dataclass(frozen=True)
class Publisher:
    """page: about the data, for readers. terms: the licence or conditions. files: empty without direct downloads."""

    page: str
    terms: str
    files: tuple[PublishedFile, ...] = ()


_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # a mirror: the authors' server is seldom available
_SVHN = "http://ufldl.stanford.edu/housenumbers/"
_COMPAS = "https://raw.githubusercontent.com/propublica/compas-analysis/master/"

PUBLISHERS = {
    "colored-mnist": Publisher(
        "http://yann.lecun.com/exdb/mnist/",
        "CC BY-SA 3.0",
        tuple(
            PublishedFile(f"{name}-ubyte.gz", _MNIST, sha256)
            for name, sha256 in {
                "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "t10k-images-idx3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "t10k-labels-idx1": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            }.items()
        ),
    ),
    "colored-svhn": Publisher(
        _SVHN,
        "for non-commercial use only",
        (PublishedFile("train_32x32.mat", _SVHN), PublishedFile("test_32x32.mat", _SVHN)),
    ),
    "celeba": Publisher(
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html", "for non-commercial research, under an agreement"
    ),
    "fairface": Publisher("https://github.com/joojs/fairface", "CC BY 4.0"),
    "adult": Publisher(
        "https://archive.ics.uci.edu/dataset/2/adult",
        "CC BY 4.0",
        (
            PublishedFile(
                "adult.data", f"{_UCI}/adult/", "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"
            ),
            PublishedFile(
                "adult.test", f"{_UCI}/adult/", "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05"
            ),
        ),
    ),
    "compas": Publisher(
        "https://github.com/propublica/compas-analysis",
        "no licence is stated",
        (PublishedFile("compas-scores-two-years.csv", _COMPAS),),
    ),
    "german": Publisher(
        "https://archive.ics.uci.edu/dataset/144/statlog+german+credit+data",
        "CC BY 4.0",
        (
            PublishedFile(
                "german.data",
                f"{_UCI}/statlog/german/",
                "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
            ),
        ),
    ),
    "acs": Publisher(
        "https://www.census.gov/programs-surveys/acs/microdata/access.html",
        "the Census Bureau's terms of service; tables of people, csv_pXX.zip, up to 2018 for folktables' tasks",
    ),
    "credit-default": Publisher(
        "https://archive.ics.uci.edu/dataset/350/default+of+credit+card+clients",
        "CC BY 4.0",
        (PublishedFile("data.csv", "https://archive.ics.uci.edu/static/public/350/"),),
    ),
    "law-school": Publisher(
        "https://github.com/tailequy/fairness_dataset",
        "no licence is stated",
        (
            PublishedFile(
                "law_school_clean.csv",
                "https://raw.githubusercontent.com/tailequy/fairness_dataset/main/experiments/data/",
                "23c1b173f3480beb7afc4957b107a9917dfc4a8dc9d87ea6034ec35222152452",
            ),
        ),
    ),
    "bias-in-bios": Publisher(
        "https://huggingface.co/datasets/LabHC/bias_in_bios",
        "MIT by its card, which is the licence of the authors' code; the texts are of real people",
    ),
    "civil-comments": Publisher(
        "https://wilds.stanford.edu/datasets/#civilcomments", "CC0; Kaggle: jigsaw-unintended-bias"
    ),
}
"""The publishers by the names of the data sets."""


def remedy(name: str) -> str:
    """The source of data set `name`, as the last words of an error about its files."""
    publisher = PUBLISHERS[name]
    if publisher.files:
        return f"`fairloop data fetch {name} --out DIR` downloads it from {publisher.page} ({publisher.terms})"
    return f"its publishers offer it at {publisher.page} ({publisher.terms})"
